/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures: see figures.h.
 *
 *	frame	u64 each, in the order of the struct; a newer version may say more behind them
 */
#include "emqxd/figures/figures.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/timer.h"
#include "emqxd/model/metrics.h"
#include "emqxd/retain/retain.h"
#include "emqxd/router/router.h"
#include "emqxd/session/registry.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#include <stdlib.h>

#define PERIOD span_s(1)

_Static_assert(
    sizeof(struct figures) == 8 * sizeof(uint64_t), "put and get know them all");

struct figures_all {
	struct link_house *house;
	struct timer timer;
	mono_t counted;          /* when */
	uint64_t received, sent; /* in all, then */
	bool is_told;            /* all that can be reached have the row */
	struct figures row[NODES_MAX];
	bool is_known[NODES_MAX];
};

/* ---- this node's */

static uint64_t
rate(uint64_t now, uint64_t was, span_t between)
{
	return between.ns > 0
		   ? (uint64_t)((double)(now - was) * 1e9 / (double)between.ns + 0.5)
		   : 0;
}

static void
count_rates(struct figures_all *f, struct figures *row)
{
	uint64_t received = metrics_read(METRIC_MESSAGES_RECEIVED);
	uint64_t sent = metrics_read(METRIC_MESSAGES_SENT);
	mono_t now = clock_mono();
	span_t between = mono_since(now, f->counted);

	row->received = rate(received, f->received, between);
	row->sent = rate(sent, f->sent, between);
	f->received = received;
	f->sent = sent;
	f->counted = now;
}

static void
count_what_there_is(struct figures *row)
{
	double load = 0;

	row->connections = registry_online_all();
	row->sessions = registry_count_all();
	row->subscriptions = router_subscriptions_count();
	row->retained = retain_count_shared();
	row->routes = router_filters();
	row->load = getloadavg(&load, 1) == 1 ? (uint64_t)(load * 100 + 0.5) : 0;
}

/* ---- to others */

/* False: it did not go. */
static bool
send(struct link_peer *p, const struct figures *row)
{
	uint8_t bytes[sizeof *row];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, row->connections);
	wbuf_u64(&w, row->sessions);
	wbuf_u64(&w, row->subscriptions);
	wbuf_u64(&w, row->retained);
	wbuf_u64(&w, row->routes);
	wbuf_u64(&w, row->received);
	wbuf_u64(&w, row->sent);
	wbuf_u64(&w, row->load);
	return link_send(p, LINK_CTL, LINK_FIGURES, wbuf_slice(&w)) == EM_OK;
}

static void
on_time(struct timer *t)
{
	struct figures_all *f = LIST_OWNER(t, struct figures_all, timer);
	struct figures was = f->row[0];

	timer_arm(t, PERIOD, on_time);
	count_rates(f, &f->row[0]);
	count_what_there_is(&f->row[0]);
	if (f->is_told && memcmp(&was, &f->row[0], sizeof was) == 0)
		return;
	f->is_told = true;
	for (struct link_peer *p = link_peer_next(f->house, NULL); p != NULL;
	     p = link_peer_next(f->house, p))
		if (link_peer_is_reachable(p))
			f->is_told &= send(p, &f->row[0]);
}

/* ---- from others */

static void
on_frame(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct figures_all *f = arg;
	struct rbuf r = rbuf_of(body);
	struct figures row;

	(void)ask;
	row.connections = rbuf_u64(&r);
	row.sessions = rbuf_u64(&r);
	row.subscriptions = rbuf_u64(&r);
	row.retained = rbuf_u64(&r);
	row.routes = rbuf_u64(&r);
	row.received = rbuf_u64(&r);
	row.sent = rbuf_u64(&r);
	row.load = rbuf_u64(&r);
	if (r.err != EM_OK) {
		LOG(WARN, "figures_malformed", "node", link_peer_name(from));
		return;
	}
	if (link_peer_place(from) >= NODES_MAX)
		return;
	f->row[link_peer_place(from)] = row;
	f->is_known[link_peer_place(from)] = true;
}

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	struct figures_all *f = arg;

	if (event == LINK_CTL_UP)
		f->is_told &= send(p, &f->row[0]);
	else if (event == LINK_UNREACHABLE && link_peer_place(p) < NODES_MAX)
		f->is_known[link_peer_place(p)] = false;
}

/* ---- life */

struct figures_all *
figures_new(struct link_house *h)
{
	struct figures_all *f = MEM_NEW(struct figures_all);

	f->house = h;
	f->is_known[0] = true;
	f->counted = clock_mono();
	link_on(h, LINK_FIGURES, on_frame, f);
	link_on_peer(h, on_event, f);
	timer_arm(&f->timer, PERIOD, on_time);
	return f;
}

void
figures_free(struct figures_all **fp)
{
	timer_cancel(&(*fp)->timer);
	MEM_FREE(*fp);
}

bool
figures_of(const struct figures_all *f, unsigned place, struct figures *out)
{
	if (place >= NODES_MAX || !f->is_known[place])
		return false;
	*out = f->row[place];
	/* Not into the row: the others would never hear of it. */
	if (place == 0)
		count_what_there_is(out);
	return true;
}
