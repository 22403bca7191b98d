/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_peer: members as the links see them: dialled until they answer, let in, lost,
 * dialled again; alive as long as they answer a ping a second.
 *
 * A peer has two ways (CTL, then DATA once CTL stands) that we dial, and two of its own
 * that come from it.  When a CTL ends, the DATA of the same direction ends with it.
 */
#include "emqxd/link/link_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "ipc/base/rbuf.h"

#include <stdio.h>

#define REST_MIN span_ms(100)
#define REST_MAX span_s(2)
#define STRANGE_FOR span_s(3) /* then its row is not just on its way */

/* ---- the table */

static void
copy(char *out, size_t size, struct slice s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1;

	CHECK(out != NULL);
	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

struct link_peer *
link_peer_find(struct link_house *h, struct slice name)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (h->member[i] != NULL && slice_eq_str(name, h->member[i]->name))
			return h->member[i];
	return NULL;
}

struct link_peer *
link_peer_at(struct link_house *h, unsigned place)
{
	for (unsigned i = 0; i < NODES_MAX && place < NODES_MAX; i++)
		if (h->member[i] != NULL && h->member[i]->place == place)
			return h->member[i];
	return NULL;
}

struct link_peer *
link_peer_next(struct link_house *h, const struct link_peer *p)
{
	for (unsigned i = p != NULL ? p->index + 1 : 0; i < NODES_MAX; i++)
		if (h->member[i] != NULL)
			return h->member[i];
	return NULL;
}

struct link_peer *
link_peer_new(struct link_house *h, struct slice name)
{
	struct link_peer *p = MEM_NEW(struct link_peer);

	*p = (struct link_peer){ .house = h, .place = NODES_MAX, .since = clock_mono() };
	copy(p->name, sizeof p->name, name);
	for (unsigned i = 0; i < 2; i++)
		p->way[i] = (struct link_way){
			.peer = p, .channel = (enum link_channel)i, .rest = REST_MIN
		};
	return p;
}

const char *
link_peer_name(const struct link_peer *p)
{
	return p->name;
}

unsigned
link_peer_place(const struct link_peer *p)
{
	return p->place;
}

uint64_t
link_peer_site(const struct link_peer *p)
{
	return p->site;
}

unsigned
link_peer_protocol(const struct link_peer *p)
{
	return p->protocol;
}

uint64_t
link_peer_incarnation(const struct link_peer *p)
{
	return p->incarnation;
}

bool
link_peer_is_guest(const struct link_peer *p)
{
	return p->is_guest;
}

bool
link_peer_is_reachable(const struct link_peer *p)
{
	return p->is_reachable;
}

void
link_peer_info(const struct link_peer *p, struct link_peer_info *out)
{
	*out = (struct link_peer_info){ .name = p->name,
		.address = p->address,
		.place = p->place,
		.site = p->site,
		.incarnation = p->incarnation,
		.protocol = p->protocol,
		.table = p->table,
		.is_reachable = p->is_reachable,
		.since = p->since,
		.heard =
		    p->from[LINK_CTL] != NULL ? p->from[LINK_CTL]->heard : (mono_t){ 0 },
		.is_deaf = p->is_deaf,
		.has_clock = p->has_clock,
		.rtt = p->rtt,
		.offset = p->offset,
		.err = p->err };
	snprintf(out->product, sizeof out->product, "%s", p->product);
	snprintf(out->why, sizeof out->why, "%s", p->why);
	for (unsigned i = 0; i < 2; i++) {
		out->is_up_to[i] = p->way[i].conn != NULL;
		out->is_up_from[i] = p->from[i] != NULL;
		out->pending[i] = link_pending(p, (enum link_channel)i);
	}
}

/* ---- what it says of itself */

void
link_peer_learn(struct link_peer *p, const struct link_conn *c)
{
	const struct link_facts *facts = &c->hello->theirs;

	p->site = facts->site;
	p->incarnation = facts->incarnation;
	p->table = facts->table;
	p->protocol = link_hello_protocol(c->hello);
	snprintf(p->product, sizeof p->product, "%s", facts->product);
}

static void
end_all(struct link_peer *p, const char *why)
{
	for (unsigned i = 0; i < 2; i++) {
		if (p->way[i].conn != NULL)
			link_conn_fail(p->way[i].conn, EM_UNREACHABLE, "%s", why);
		if (p->from[i] != NULL)
			link_conn_fail(p->from[i], EM_UNREACHABLE, "%s", why);
	}
}

em_err
link_peer_meet(struct link_peer *p, struct link_conn *c)
{
	const struct link_facts *facts = &c->hello->theirs;

	if (strcmp(facts->name, p->name) != 0)
		return EM_NOTFOUND;
	if (p->site != 0 && facts->site != p->site)
		return EM_NAMETAKEN;
	if (p->incarnation != 0 && facts->incarnation != p->incarnation)
		end_all(p, "the node has started anew");
	if (p->is_deleted)
		return EM_CANCELLED;
	link_peer_learn(p, c);
	return EM_OK;
}

/* ---- dialling */

static void dial(struct link_way *w);

static void
on_retry(struct timer *t)
{
	dial(LIST_OWNER(t, struct link_way, retry));
}

static void
rest(struct link_way *w)
{
	span_t r = w->rest;

	if (w->peer->is_deleted || w->dial != NULL || w->conn != NULL)
		return;
	if (w->channel == LINK_DATA && w->peer->way[LINK_CTL].conn == NULL)
		return; /* CTL leads */
	w->rest = span_ns(2 * r.ns < REST_MAX.ns ? 2 * r.ns : REST_MAX.ns);
	/* Nodes that lost each other do not all come at once. */
	timer_arm(
	    &w->retry, span_ns(r.ns / 2 + (int64_t)rand_below((uint64_t)r.ns)), on_retry);
}

/* Who has just joined is no member yet for those that have not got its row. */
static bool
is_news(struct link_peer *p, em_err err)
{
	if (p->err != err)
		p->strange = err == EM_NOTMEMBER ? clock_mono() : (mono_t){ 0 };
	if (err != EM_NOTMEMBER)
		return p->err != err;
	if (p->strange.ns == 0 ||
	    mono_since(clock_mono(), p->strange).ns < STRANGE_FOR.ns)
		return false;
	p->strange = (mono_t){ 0 };
	return true;
}

static void
note_failure(struct link_peer *p, em_err err, const char *text)
{
	bool is_told = !p->is_deleted && is_news(p, err);

	if (p->is_deleted)
		return;
	p->err = err;
	snprintf(p->why, sizeof p->why, "%s", text);
	if (is_told)
		LOG(WARN, "cluster_link_failed", "node", p->name, "address", p->address,
		    "error", err_name(err), "text", text);
}

static void
reachable(struct link_peer *p)
{
	bool is = p->way[LINK_CTL].conn != NULL && p->from[LINK_CTL] != NULL;

	if (is == p->is_reachable)
		return;
	p->is_reachable = is;
	p->since = clock_mono();
	p->is_deaf = p->is_deaf && !is;
	LOG(INFO, is ? "cluster_node_reachable" : "cluster_node_unreachable", "node",
	    p->name);
	link_emit(p, is ? LINK_REACHABLE : LINK_UNREACHABLE);
}

static void
way_up(struct link_way *w, struct link_conn *c)
{
	struct link_peer *p = w->peer;

	c->peer = p;
	w->conn = c;
	w->rest = REST_MIN;
	timer_cancel(&w->retry);
	p->err = EM_OK;
	p->why[0] = '\0';
	if (w->channel == LINK_CTL) {
		link_peer_beat_one(p);
		dial(&p->way[LINK_DATA]);
	}
	link_emit(p, w->channel == LINK_CTL ? LINK_CTL_UP : LINK_DATA_UP);
	if (!p->is_deleted)
		reachable(p);
}

static void
on_dialled(struct link_conn *c, const struct fault *f, void *arg)
{
	struct link_way *w = arg;
	struct link_peer *p = w->peer;
	char name[NODES_NAME_MAX + 1];
	em_err err;

	w->dial = NULL;
	if (c == NULL) {
		note_failure(p, f->err, f->text != NULL ? f->text : err_text(f->err));
		rest(w);
		return;
	}
	snprintf(name, sizeof name, "%s", c->hello->theirs.name);
	err = link_peer_meet(p, c);
	if (err == EM_OK) {
		way_up(w, c);
		return;
	}
	if (err == EM_NOTFOUND)
		link_conn_fail(c, err, "%s is the address of %s, not of %s", p->address,
		    name, p->name);
	else
		link_conn_fail(c, err, "%s: another node has that name now", p->name);
	note_failure(
	    p, err, err == EM_NOTFOUND ? "another node answers there" : err_text(err));
	rest(w);
}

static void
dial(struct link_way *w)
{
	struct link_peer *p = w->peer;

	if (p->is_deleted || p->is_guest || p->house->is_stopped || w->dial != NULL ||
	    w->conn != NULL)
		return;
	timer_cancel(&w->retry);
	w->dial = link_dial_start(p->house, p->address, w->channel, "", on_dialled, w);
}

/* ---- members come and go */

em_err
link_peer_add(struct link_house *h, struct slice name, struct slice address,
    uint64_t site, unsigned place, struct link_peer **out)
{
	struct link_peer *p;
	unsigned i = 0;

	*out = NULL;
	if (name.n == 0 || name.n > NODES_NAME_MAX || address.n > LINK_ADDRESS_MAX)
		return EM_TOOBIG;
	if (link_peer_find(h, name) != NULL || slice_eq_str(name, h->mine.name))
		return EM_EXISTS;
	while (i < NODES_MAX && h->member[i] != NULL)
		i++;
	if (i == NODES_MAX)
		return EM_FULL;
	p = link_peer_new(h, name);
	p->index = i;
	p->site = site;
	p->place = place;
	copy(p->address, sizeof p->address, address);
	h->member[i] = p;
	dial(&p->way[LINK_CTL]);
	*out = p;
	return EM_OK;
}

void
link_peer_del(struct link_peer **pp)
{
	struct link_peer *p = *pp;
	struct link_house *h = p->house;

	*pp = NULL;
	CHECK(!p->is_guest);
	if (p->is_deleted)
		return;
	p->is_deleted = true;
	for (unsigned i = 0; i < 2; i++) {
		timer_cancel(&p->way[i].retry);
		link_dial_cancel(&p->way[i].dial);
	}
	end_all(p, "the node is no member any more");
	link_raft_end_all(p);
	h->member[p->index] = NULL;
	p->next_dead = h->dead_peers;
	h->dead_peers = p;
}

void
link_peer_move(struct link_peer *p, struct slice address)
{
	if (slice_eq_str(address, p->address))
		return;
	copy(p->address, sizeof p->address, address);
	if (p->way[LINK_CTL].conn == NULL) {
		link_dial_cancel(&p->way[LINK_CTL].dial);
		dial(&p->way[LINK_CTL]);
	}
}

void
link_peer_bury(struct link_house *h)
{
	while (h->dead_peers != NULL) {
		struct link_peer *p = h->dead_peers;

		h->dead_peers = p->next_dead;
		mem_free(p);
	}
}

/* ---- those that come to us */

em_err
link_peer_admit(struct link_conn *c)
{
	const struct link_facts *theirs = &c->hello->theirs;
	struct link_house *h = c->house;
	em_err err = link_hello_judge(&h->mine, theirs);
	struct link_peer *p;

	if (err != EM_OK)
		return err;
	if (theirs->channel >= LINK_CHANNEL_N)
		return EM_UNSUPPORTED;
	c->channel = (enum link_channel)theirs->channel;
	if (c->channel == LINK_JOIN)
		return link_guest_has_room(h) ? EM_OK : EM_BUSY;
	p = link_peer_find(h, slice_str(theirs->name));
	if (p == NULL)
		return EM_NOTMEMBER;
	if (c->channel == LINK_RAFT &&
	    (h->on_raft == NULL || h->rafts_n >= LINK_RAFTS_MAX))
		return EM_BUSY;
	return link_peer_meet(p, c);
}

void
link_peer_enter(struct link_conn *c)
{
	struct link_peer *p;

	if (c->channel == LINK_JOIN) {
		(void)link_guest_enter(c);
		return;
	}
	p = link_peer_find(c->house, slice_str(c->hello->theirs.name));
	CHECK(p != NULL);
	c->peer = p;
	link_refused_forget(&c->house->refused, slice_str(p->name));
	if (c->channel == LINK_RAFT) {
		link_raft_enter(c);
		return;
	}
	if (p->from[c->channel] != NULL)
		link_conn_fail(p->from[c->channel], EM_UNREACHABLE,
		    "%s has opened another connection in its place", p->name);
	if (p->is_deleted || c->step == LINK_CONN_ENDED)
		return;
	p->from[c->channel] = c;
	c->is_held = c->channel == LINK_DATA && p->is_held;
	if (c->channel != LINK_CTL)
		return;
	/* It is there: no rest any more. */
	if (p->way[LINK_CTL].dial != NULL)
		link_dial_again(p->way[LINK_CTL].dial);
	else
		dial(&p->way[LINK_CTL]);
	reachable(p);
}

/* ---- and are lost */

static void
way_down(struct link_way *w, em_err err, const struct fault *f)
{
	struct link_peer *p = w->peer;
	const char *text = f != NULL && f->text != NULL ? f->text : err_text(err);

	w->conn = NULL;
	if (w->channel == LINK_CTL) {
		note_failure(p, err != EM_OK ? err : EM_UNREACHABLE, text);
		p->has_clock = false;
		if (p->way[LINK_DATA].conn != NULL)
			link_conn_end(p->way[LINK_DATA].conn, err, f);
		link_dial_cancel(&p->way[LINK_DATA].dial);
		timer_cancel(&p->way[LINK_DATA].retry);
	}
	link_emit(p, w->channel == LINK_CTL ? LINK_CTL_DOWN : LINK_DATA_DOWN);
	rest(w);
}

void
link_peer_lost(struct link_conn *c, em_err err, const struct fault *f)
{
	struct link_peer *p = c->peer;

	if (p->is_guest) {
		link_guest_lost(c);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (p->from[i] == c)
			p->from[i] = NULL;
		if (p->way[i].conn == c)
			way_down(&p->way[i], err, f);
	}
	if (!c->is_dialled && c->channel == LINK_CTL && p->from[LINK_DATA] != NULL)
		link_conn_end(p->from[LINK_DATA], err, f);
	reachable(p);
}

/* ---- the heartbeat */

static bool
is_silent(const struct link_conn *c, span_t more)
{
	return mono_since(clock_mono(), c->heard).ns > LINK_SILENCE.ns + more.ns;
}

static void
end_silent(struct link_conn *c, const struct link_peer *p)
{
	link_conn_fail(c, EM_TIMEOUT, "%s has not been heard of for %lld s", p->name,
	    (long long)span_to_s(LINK_SILENCE));
}

void
link_peer_beat_one(struct link_peer *p)
{
	struct link_conn *to = p->way[LINK_CTL].conn, *from = p->from[LINK_CTL];
	struct wbuf w;
	uint8_t *room;

	if (from != NULL && is_silent(from, span_ms(0))) {
		/* It may hear us, where only one direction is cut. */
		if (!p->is_guest)
			(void)!link_conn_room(from, LINK_DEAF, 0, &room);
		end_silent(from, p);
	}
	if (to == NULL || to->step == LINK_CONN_ENDED)
		return;
	if (is_silent(to, p->is_guest ? span_ms(0) : LINK_LAST_WORD)) {
		end_silent(to, p);
		return;
	}
	if (!to->is_dialled || link_conn_room(to, LINK_PING, 8, &room) != EM_OK)
		return;
	w = wbuf_fixed(room, 8);
	wbuf_u64(&w, (uint64_t)clock_mono().ns);
}

void
link_peer_beat(struct timer *t)
{
	struct link_house *h = LIST_OWNER(t, struct link_house, beat);

	timer_arm(t, LINK_BEAT, link_peer_beat);
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (h->member[i] != NULL)
			link_peer_beat_one(h->member[i]);
	for (unsigned i = 0; i < LINK_GUESTS_MAX; i++)
		if (h->guest[i] != NULL)
			link_peer_beat_one(h->guest[i]);
}

void
link_peer_on_deaf(struct link_conn *c)
{
	if (c->is_dialled)
		c->peer->is_deaf = true;
}

void
link_peer_on_ping(struct link_conn *c, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	uint64_t theirs = rbuf_u64(&r);
	struct wbuf w;
	uint8_t *room;

	/* A newer version may say more. */
	if (r.err != EM_OK) {
		link_conn_fail(c, r.err, "%s sent a ping that is none", c->where);
		return;
	}
	if (link_conn_room(c, LINK_PONG, 16, &room) != EM_OK)
		return;
	w = wbuf_fixed(room, 16);
	wbuf_u64(&w, theirs);
	wbuf_u64(&w, (uint64_t)clock_wall().ns);
}

void
link_peer_on_pong(struct link_conn *c, struct slice body)
{
	struct rbuf r = rbuf_of(body);
	int64_t sent = (int64_t)rbuf_u64(&r), wall = (int64_t)rbuf_u64(&r);
	int64_t now = clock_mono().ns;
	struct link_peer *p = c->peer;

	/* Its own clock comes back: one that we have not sent is a lie. */
	if (r.err != EM_OK || sent < 0 || sent > now ||
	    now - sent > 2 * LINK_SILENCE.ns) {
		link_conn_fail(c, EM_MALFORMED, "%s sent a pong that is none", c->where);
		return;
	}
	p->rtt = span_ns(now - sent);
	/* Two clocks of any values: the difference is told, not calculated with. */
	p->offset = span_ns(
	    (int64_t)((uint64_t)wall - (uint64_t)(clock_wall().ns - p->rtt.ns / 2)));
	p->has_clock = true;
}
