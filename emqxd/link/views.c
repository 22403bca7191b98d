/* SPDX-License-Identifier: Apache-2.0 */
/*
 * views: see views.h.
 *
 *	frame	u64 lag + 1 (0: not known), u16 n, n times: u64 site that says it, u64 of
 *		which site, u8 bits; a newer version may say more behind them
 */
#include "emqxd/link/views.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>

#define PERIOD span_s(1)
/* Who lost a node, or knows it newly, judges the network no sooner: a neighbour may take two
 * beats longer to see the same, and a period to say it. */
#define SETTLED span_s(3)
/* One that pings each second, and has not for so long, may stand still: what it said last may
 * be older than what is asked about. */
#define AWAKE span_s(2)

struct row {
	uint64_t by, of, bits; /* no padding: they are compared */
};

struct view {
	int64_t lag;
	uint64_t n;
	struct row row[VIEWS_MAX];
};

struct views {
	struct link_house *house;
	views_lag_fn *lag;
	struct timer timer;
	struct view *of[NODES_MAX]; /* NULL: it has not said; 0: what was told last */
};

/* ---- this node's */

static unsigned
bits_of(const struct link_peer *p)
{
	struct link_peer_info info;

	link_peer_info(p, &info);
	return (info.is_up_to[0] ? VIEWS_TO : 0u) |
	       (info.is_up_from[0] ? VIEWS_FROM : 0u) | (info.is_deaf ? VIEWS_DEAF : 0u);
}

static void
add(struct view *v, uint64_t by, uint64_t of, unsigned bits)
{
	if (v->n < VIEWS_MAX)
		v->row[v->n++] = (struct row){ by, of, bits };
}

/* What that peer says of itself is passed on. */
static void
add_of_peer(const struct views *all, struct view *v, const struct link_peer *p)
{
	const struct view *theirs =
	    link_peer_place(p) < NODES_MAX ? all->of[link_peer_place(p)] : NULL;

	for (unsigned i = 0; theirs != NULL && i < theirs->n; i++)
		if (theirs->row[i].by == link_peer_site(p))
			add(v, theirs->row[i].by, theirs->row[i].of,
			    (unsigned)theirs->row[i].bits);
}

static void
look(const struct views *all, struct view *v)
{
	struct link_peer *p = NULL;

	v->lag = all->lag();
	while ((p = link_peer_next(all->house, p)) != NULL)
		if (!link_peer_is_reachable(p))
			add(v, nodes_site(), link_peer_site(p), bits_of(p));
	while ((p = link_peer_next(all->house, p)) != NULL)
		if (link_peer_is_reachable(p))
			add_of_peer(all, v, p);
}

/* ---- to others */

static void
send(struct link_peer *p, const struct view *v)
{
	uint8_t bytes[10 + 17 * VIEWS_MAX];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, (uint64_t)(v->lag + 1));
	wbuf_u16(&w, (uint16_t)v->n);
	for (unsigned i = 0; i < v->n; i++) {
		wbuf_u64(&w, v->row[i].by);
		wbuf_u64(&w, v->row[i].of);
		wbuf_u8(&w, (uint8_t)v->row[i].bits);
	}
	/* One that does not go is said again when the link is back. */
	(void)!link_send(p, LINK_CTL, LINK_VIEW, wbuf_slice(&w));
}

/* What those said whom this node does not hear any more. */
static void
forget_unheard(struct views *all)
{
	for (unsigned i = 1; i < NODES_MAX; i++) {
		const struct link_peer *p = link_peer_at(all->house, i);
		struct link_peer_info info = { .is_up_from = { false } };

		if (p != NULL)
			link_peer_info(p, &info);
		if (!info.is_up_from[LINK_CTL])
			MEM_FREE(all->of[i]);
	}
}

static void
on_time(struct timer *t)
{
	struct views *all = LIST_OWNER(t, struct views, timer);
	struct view *now = MEM_NEW(struct view);
	struct link_peer *p = NULL;

	timer_arm(t, PERIOD, on_time);
	forget_unheard(all);
	look(all, now);
	if (memcmp(now, all->of[0], sizeof *now) == 0) {
		mem_free(now);
		return;
	}
	mem_free(all->of[0]);
	all->of[0] = now;
	while ((p = link_peer_next(all->house, p)) != NULL)
		if (link_peer_is_reachable(p))
			send(p, now);
}

/* ---- from others */

static void
on_frame(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct views *all = arg;
	struct rbuf r = rbuf_of(body);
	struct view *v = MEM_NEW(struct view);
	unsigned place = link_peer_place(from), n;

	(void)ask;
	/* Calculated as it was sent: any number has a lag. */
	v->lag = (int64_t)(rbuf_u64(&r) - 1);
	n = rbuf_u16(&r);
	for (unsigned i = 0; i < n && r.err == EM_OK; i++) {
		uint64_t by = rbuf_u64(&r), of = rbuf_u64(&r);

		add(v, by, of, rbuf_u8(&r));
	}
	if (r.err != EM_OK || place == 0 || place >= NODES_MAX) {
		LOG(WARN, "view_malformed", "node", link_peer_name(from));
		mem_free(v);
		return;
	}
	mem_free(all->of[place]);
	all->of[place] = v;
}

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	struct views *all = arg;

	if (event == LINK_CTL_UP)
		send(p, all->of[0]);
}

/* ---- questions */

bool
views_find(const struct views *all, uint64_t by, uint64_t of, unsigned *bits)
{
	struct link_peer *p = NULL;

	*bits = VIEWS_WELL;
	for (unsigned i = 1; i < NODES_MAX; i++) {
		const struct view *v = all->of[i];

		for (unsigned k = 0; v != NULL && k < v->n; k++)
			if (v->row[k].by == by && v->row[k].of == of) {
				*bits = (unsigned)v->row[k].bits;
				return true;
			}
	}
	/* Who has said something and nothing of that one is well with it. */
	while ((p = link_peer_next(all->house, p)) != NULL)
		if (link_peer_site(p) == by && link_peer_place(p) < NODES_MAX)
			return all->of[link_peer_place(p)] != NULL;
	return false;
}

/* What is known of the direction. */
static const char *
direction(const struct views *all, const struct link_peer_info *info)
{
	unsigned theirs = VIEWS_WELL;

	(void)!views_find(all, info->site, nodes_site(), &theirs);
	if (info->is_deaf)
		return "this node hears it, but it does not hear this node";
	if ((theirs & VIEWS_DEAF) != 0)
		return "it hears this node, but this node does not hear it";
	if (info->is_up_to[0])
		return "this node reaches it, but it does not reach this node";
	if (info->is_up_from[0])
		return "it reaches this node, but this node does not reach it";
	return info->why;
}

static bool
is_awake(const struct link_peer *p)
{
	struct link_peer_info info;

	link_peer_info(p, &info);
	return info.is_reachable && mono_since(clock_mono(), info.heard).ns < AWAKE.ns;
}

/* A new member is not let in where its row has not come yet. */
static const char *
why_just_now(const struct link_peer_info *info)
{
	if (info->why[0] != '\0' && info->err != EM_NOTMEMBER)
		return info->why;
	return "not reached, for less than 3 s";
}

void
views_hint(const struct views *all, const struct link_peer *p, char *out, size_t n)
{
	const struct link_peer *other = NULL;
	struct link_peer_info info;
	const char *text;
	unsigned asked = 0, bits;

	link_peer_info(p, &info);
	if (mono_since(clock_mono(), info.since).ns < SETTLED.ns) {
		snprintf(out, n, "%s", why_just_now(&info));
		return;
	}
	text = direction(all, &info);
	while (text[0] != '\0' && (other = link_peer_next(all->house, other)) != NULL) {
		if (!is_awake(other) ||
		    !views_find(all, link_peer_site(other), info.site, &bits))
			continue;
		asked++;
		if (bits != VIEWS_WELL)
			continue;
		snprintf(out, n, "%s; %s reaches it: look at the network between the two",
		    text, link_peer_name(other));
		return;
	}
	snprintf(out, n, "%s%s", text,
	    asked > 0 ? "; no other node that is heard reaches it either" : "");
}

void
views_hint_alone(unsigned heard, unsigned n, char *out, size_t size)
{
	if (heard * 2 > n)
		snprintf(out, size, "no leader is known at the moment");
	else
		snprintf(out, size,
		    "no quorum: %u of %u members are heard: start the others, or if most "
		    "are lost for good: cluster force-leave NODE --recover; clients are "
		    "served, what all must agree on cannot be changed",
		    heard, n);
}

int64_t
views_lag(const struct views *all, unsigned place)
{
	const struct view *v = place < NODES_MAX ? all->of[place] : NULL;

	return v != NULL ? v->lag : -1;
}

/* ---- life */

struct views *
views_new(struct link_house *h, views_lag_fn *lag)
{
	struct views *all = MEM_NEW(struct views);

	all->house = h;
	all->lag = lag;
	all->of[0] = MEM_NEW(struct view);
	all->of[0]->lag = -1;
	link_on(h, LINK_VIEW, on_frame, all);
	link_on_peer(h, on_event, all);
	timer_arm(&all->timer, PERIOD, on_time);
	return all;
}

void
views_free(struct views **vp)
{
	struct views *all = *vp;

	timer_cancel(&all->timer);
	for (unsigned i = 0; i < NODES_MAX; i++)
		mem_free(all->of[i]);
	MEM_FREE(*vp);
}
