/* SPDX-License-Identifier: Apache-2.0 */
/* wills_wire: see wills_wire.h. */
#include "emqxd/wills/wills_wire.h"
#include "emqxd/core/worker.h"
#include "emqxd/link/link.h"
#include "emqxd/model/nodes.h"
#include "emqxd/routes/routes.h"
#include "emqxd/wills/wills.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

#define ASK_WAIT span_s(2)

/* The node's slot is the struct wills itself, which workers know too. */
struct wired {
	struct link_house *house;
	struct routes *routes;
	unsigned frame[WILLS_FRAME_N], place[NODES_MAX]; /* [i] is i: arguments */
};

static const enum link_kind kind[WILLS_FRAME_N] = {
	[WILLS_SET] = LINK_WILLS_SET,
	[WILLS_GONE] = LINK_WILLS_GONE,
	[WILLS_ALL] = LINK_WILLS_ALL,
	[WILLS_DONE] = LINK_WILLS_DONE,
};

static struct wills *
wills(void)
{
	return node_slot(ROOM_WILLS);
}

static struct wired *
self(void)
{
	return worker_slot(ROOM_WILLS);
}

/* ---- out */

static em_err
on_send(void *arg, unsigned place, enum wills_frame frame, struct slice body)
{
	struct link_peer *p = link_peer_at(self()->house, place);

	(void)arg;
	return p != NULL ? link_send(p, LINK_CTL, kind[frame], body) : EM_UNREACHABLE;
}

static void
on_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	const unsigned *about = arg;

	if (self() != NULL)
		wills_on_reached(wills(), link_peer_place(p), *about,
		    err == EM_OK && body.n == 1 && body.p[0] != 0);
}

static em_err
on_ask(void *arg, unsigned place, uint64_t site, unsigned about)
{
	struct link_peer *p = link_peer_at(self()->house, place);
	uint8_t bytes[8];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	(void)arg;
	wbuf_u64(&w, site);
	if (p == NULL)
		return EM_UNREACHABLE;
	return link_request(p, LINK_WILLS_REACHES, wbuf_slice(&w), ASK_WAIT, on_reply,
	    &self()->place[about]);
}

static uint64_t
on_places(void *arg, uint64_t hash)
{
	(void)arg;
	return owner_client_places(routes_owner(self()->routes), hash);
}

static uint64_t
on_pending(void *arg, unsigned place)
{
	struct link_peer *p = link_peer_at(self()->house, place);

	(void)arg;
	return p != NULL ? link_pending(p, LINK_CTL) : 0;
}

static void
on_dead(void *arg, unsigned place)
{
	(void)arg;
	routes_dead(self()->routes, place);
}

/* ---- in */

static void
on_frame(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	unsigned place = link_peer_place(from);
	const unsigned *frame = arg;

	(void)ask;
	if (place > 0 && place < NODES_MAX)
		wills_on_frame(wills(), place, (enum wills_frame) * frame, body);
}

static void
on_asked(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct rbuf r = rbuf_of(body);
	uint8_t yes = wills_reaches(rbuf_u64(&r));

	(void)from;
	(void)arg;
	link_reply(ask, r.err, r.err == EM_OK ? slice_of(&yes, sizeof yes) : SLICE_NONE);
}

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	unsigned place = link_peer_place(p);

	(void)arg;
	if (place == 0 || place >= NODES_MAX)
		return;
	if (event == LINK_REACHABLE)
		wills_on_up(wills(), place, link_peer_incarnation(p));
	else if (event == LINK_UNREACHABLE)
		wills_on_down(wills(), place);
}

/* ---- life */

void
wills_wire_birth(void)
{
	node_slot_set(ROOM_WILLS, wills_new());
}

void
wills_wire_death(void)
{
	struct wills *w = wills();

	node_slot_set(ROOM_WILLS, NULL);
	wills_free(&w);
}

void
wills_wire_start(const struct wills_wire_conf *conf)
{
	struct wired *me = MEM_NEW(struct wired);
	const struct wills_conf of = { .links = { on_send, on_ask, on_places, on_pending,
					   on_dead, NULL },
		.incarnation = conf->incarnation,
		.node_down_timeout = conf->node_down_timeout,
		.memory = conf->memory };

	me->house = conf->house;
	me->routes = conf->routes;
	worker_self()->slot[ROOM_WILLS] = me;
	for (unsigned i = 0; i < NODES_MAX; i++)
		me->place[i] = i;
	for (unsigned i = 0; i < WILLS_FRAME_N; i++) {
		me->frame[i] = i;
		link_on(me->house, kind[i], on_frame, &me->frame[i]);
	}
	link_on(me->house, LINK_WILLS_REACHES, on_asked, NULL);
	link_on_peer(me->house, on_event, NULL);
	wills_start(wills(), &of);
}

void
wills_wire_stop(void)
{
	struct wired *me = self();

	wills_stop(wills());
	worker_self()->slot[ROOM_WILLS] = NULL;
	mem_free(me);
}

void
wills_wire_removed(struct slice name)
{
	unsigned place = nodes_find(name);

	if (self() != NULL && place < NODES_MAX)
		wills_on_removed(wills(), place);
}
