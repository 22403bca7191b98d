/* SPDX-License-Identifier: Apache-2.0 */
/* takeover_wire: see takeover_wire.h. */
#include "emqxd/takeover/takeover_wire.h"
#include "emqxd/core/worker.h"
#include "emqxd/routes/routes.h"
#include "emqxd/takeover/exclusive_wire.h"
#include "emqxd/takeover/takeover.h"
#include "emqxd/link/link.h"
#include "ipc/base/mem.h"

struct takeover_wire {
	struct link_house *house;
	struct owner *owner;
	struct routes *routes;
	struct takeover *takeover;
};

static struct takeover_wire *
self(void)
{
	return node_slot(ROOM_TAKEOVER);
}

/* ---- out */

static enum link_kind
kind_of(enum takeover_frame frame)
{
	switch (frame) {
	case TAKEOVER_TAKE: return LINK_TAKEOVER_TAKE;
	case TAKEOVER_NOTHING: return LINK_TAKEOVER_NOTHING;
	case TAKEOVER_PART: return LINK_TAKEOVER_PART;
	case TAKEOVER_MORE: return LINK_TAKEOVER_MORE;
	case TAKEOVER_LEAVE: return LINK_TAKEOVER_LEAVE;
	case TAKEOVER_STOP: return LINK_TAKEOVER_STOP;
	case TAKEOVER_TWIN: return LINK_TAKEOVER_TWIN;
	case TAKEOVER_FRAME_N: break;
	}
	UNREACHABLE();
}

static em_err
on_send(void *arg, unsigned place, enum takeover_frame frame, struct slice body)
{
	struct takeover_wire *w = arg;
	struct link_peer *p = link_peer_at(w->house, place);

	if (p == NULL)
		return EM_UNREACHABLE;
	return link_send(
	    p, frame == TAKEOVER_PART ? LINK_DATA : LINK_CTL, kind_of(frame), body);
}

static uint64_t
on_places(void *arg, uint64_t hash)
{
	struct takeover_wire *w = arg;

	return owner_client_places(w->owner, hash);
}

static void
on_changed(void *arg, uint64_t hash, bool is_here)
{
	struct takeover_wire *w = arg;

	owner_client(w->owner, hash, is_here);
}

static void
on_fence(void *arg, struct fence_wait *wait)
{
	struct takeover_wire *w = arg;

	fence_begin(routes_fence(w->routes), wait);
}

/* ---- in */

static void
take(struct link_peer *from, enum takeover_frame frame, struct slice body)
{
	if (link_peer_place(from) < NODES_MAX)
		takeover_on_frame(self()->takeover, link_peer_place(from), frame, body);
}

#define ON_FRAME(name_, frame_)                                                        \
	static void name_(                                                             \
	    struct link_peer *from, struct link_ask ask, struct slice body, void *arg) \
	{                                                                              \
		(void)ask;                                                             \
		(void)arg;                                                             \
		take(from, frame_, body);                                              \
	}
ON_FRAME(on_take, TAKEOVER_TAKE)
ON_FRAME(on_nothing, TAKEOVER_NOTHING)
ON_FRAME(on_part, TAKEOVER_PART)
ON_FRAME(on_more, TAKEOVER_MORE)
ON_FRAME(on_leave, TAKEOVER_LEAVE)
ON_FRAME(on_stop, TAKEOVER_STOP)
ON_FRAME(on_twin_frame, TAKEOVER_TWIN)
#undef ON_FRAME

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	(void)arg;
	if (link_peer_place(p) >= NODES_MAX)
		return;
	takeover_wire_members();
	if (event == LINK_REACHABLE)
		exclusive_wire_reachable(p);
	if (event == LINK_CTL_DOWN || event == LINK_DATA_DOWN ||
	    event == LINK_UNREACHABLE)
		takeover_on_down(self()->takeover, link_peer_place(p));
}

static void
on_twin(void *arg, uint64_t hash)
{
	struct takeover_wire *w = arg;

	takeover_on_twin(w->takeover, hash);
}

/* ---- life */

void
takeover_wire_birth(void)
{
	struct takeover_wire *w = MEM_NEW(struct takeover_wire);

	w->takeover = takeover_new(
	    &(struct takeover_links){ on_send, on_places, on_changed, on_fence, w });
	node_slot_set(ROOM_TAKEOVER, w);
}

void
takeover_wire_death(void)
{
	struct takeover_wire *w = self();

	if (w == NULL)
		return;
	takeover_free(&w->takeover);
	mem_free(w);
	node_slot_set(ROOM_TAKEOVER, NULL);
}

void
takeover_wire_start(struct link_house *house, struct routes *routes)
{
	static link_frame_fn *const fn[TAKEOVER_FRAME_N] = { on_take, on_nothing, on_part,
		on_more, on_leave, on_stop, on_twin_frame };
	struct takeover_wire *w = self();

	w->house = house;
	w->routes = routes;
	w->owner = routes_owner(routes);
	for (unsigned i = 0; i < TAKEOVER_FRAME_N; i++)
		link_on(house, kind_of((enum takeover_frame)i), fn[i], NULL);
	link_on_peer(house, on_event, NULL);
	exclusive_wire_start(house);
	owner_on_twin(w->owner, on_twin, w);
}

void
takeover_wire_stop(void)
{
	exclusive_wire_stop();
	takeover_stop(self()->takeover);
}

void
takeover_wire_members(void)
{
	takeover_use(self()->takeover, nodes_count() > 1);
	exclusive_wire_use(nodes_count() > 1);
}

void
takeover_wire_worker_birth(void)
{
	takeover_worker_birth(self()->takeover);
}

void
takeover_wire_worker_death(void)
{
	takeover_worker_death();
}
