/* SPDX-License-Identifier: Apache-2.0 */
/* routes: see routes.h. */
#include "emqxd/routes/routes.h"
#include "emqxd/routes/forward.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/wbuf.h"

/* One kind of frame, and whose it is. */
struct routed {
	struct routes *routes;
	unsigned frame;
};

struct known {
	struct link_peer *ctl, *data; /* NULL: not up */
	bool is_known;                /* it was up once, and is not forgotten */
	uint64_t fence;               /* that it was asked for last */
	owner_forgot_fn *forgot;
	void *forgot_arg;
};

struct routes {
	struct link_house *house;
	struct owner *owner;
	struct forward *forward;
	struct fence *fence;
	struct known known[NODES_MAX];
	struct routed to_owner[OWNER_FRAME_N], to_forward[FORWARD_FRAME_N];
};

static const enum link_kind owner_kind[OWNER_FRAME_N] = {
	[OWNER_SNAP] = LINK_OWNER_SNAP,
	[OWNER_ROWS] = LINK_OWNER_ROWS,
	[OWNER_DONE] = LINK_OWNER_DONE,
	[OWNER_ACK] = LINK_OWNER_ACK,
	[OWNER_AGAIN] = LINK_OWNER_AGAIN,
};

static const enum link_kind forward_kind[FORWARD_FRAME_N] = {
	[FORWARD_BATCH] = LINK_FORWARD,
	[FORWARD_PART] = LINK_FORWARD_PART,
	[FORWARD_ACK] = LINK_FORWARD_ACK,
	[FORWARD_BEGIN] = LINK_FORWARD_BEGIN,
	[FORWARD_MARK] = LINK_FORWARD_MARK,
	[FORWARD_DONE] = LINK_FORWARD_DONE,
	[FORWARD_OWED] = LINK_FORWARD_OWED,
};

static const struct router_remote remote = { owner_changed, forward_nodes, forward_group,
	owner_settle };

/* ---- to links */

static em_err
send_owner(void *arg, unsigned place, enum owner_frame frame, struct slice body)
{
	struct link_peer *p = ((struct routes *)arg)->known[place].ctl;

	return p != NULL ? link_send(p, LINK_CTL, owner_kind[frame], body)
			 : EM_UNREACHABLE;
}

static em_err
send_forward(void *arg, unsigned place, enum forward_frame frame, struct slice body)
{
	struct known *k = &((struct routes *)arg)->known[place];
	bool is_ctl =
	    frame == FORWARD_ACK || frame == FORWARD_DONE || frame == FORWARD_OWED;
	struct link_peer *p = is_ctl ? k->ctl : k->data;

	if (p == NULL)
		return EM_UNREACHABLE;
	return link_send(p, is_ctl ? LINK_CTL : LINK_DATA, forward_kind[frame], body);
}

static em_err
room_forward(void *arg, unsigned place, enum forward_frame frame, size_t n, uint8_t **out)
{
	struct link_peer *p = ((struct routes *)arg)->known[place].data;

	return p != NULL ? link_room(p, LINK_DATA, forward_kind[frame], n, out)
			 : EM_UNREACHABLE;
}

static uint64_t
pending_rows(void *arg, unsigned place)
{
	struct link_peer *p = ((struct routes *)arg)->known[place].ctl;

	return p != NULL ? link_pending(p, LINK_CTL) : 0;
}

static uint64_t
pending_messages(void *arg, unsigned place)
{
	struct link_peer *p = ((struct routes *)arg)->known[place].data;

	return p != NULL ? link_pending(p, LINK_DATA) : 0;
}

static void
hold(void *arg, unsigned place, bool is_held)
{
	struct link_peer *p = link_peer_at(((struct routes *)arg)->house, place);

	if (p != NULL)
		link_hold(p, is_held);
}

/* ---- fences */

static void
on_fence_reply(struct link_peer *p, em_err err, struct slice body, void *arg)
{
	struct routes *r = arg;
	unsigned place = link_peer_place(p);

	(void)body;
	/* Else its mark comes on DATA; when it does not, the fence's own time is up. */
	if (err == EM_OK || err == EM_TIMEOUT || place == 0 || place >= NODES_MAX)
		return;
	fence_on_none(r->fence, place, r->known[place].fence);
}

static bool
ask_for_mark(struct routes *r, struct link_peer *p, struct slice number)
{
	return p != NULL && link_request(p, LINK_FENCE, number, FENCE_PATIENCE,
				on_fence_reply, r) == EM_OK;
}

static uint64_t
ask_for_marks(void *arg, uint64_t number)
{
	struct routes *r = arg;
	uint8_t bytes[8];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);
	uint64_t asked = 0;

	wbuf_u64(&w, number);
	for (unsigned i = 1; i < NODES_MAX; i++) {
		r->known[i].fence = number;
		if (ask_for_mark(r, r->known[i].ctl, wbuf_slice(&w)))
			asked |= UINT64_C(1) << i;
	}
	return asked;
}

static void
send_mark(void *arg, unsigned place, uint64_t number)
{
	forward_mark(((struct routes *)arg)->forward, place, number);
}

static void
on_mark(void *arg, unsigned place, uint64_t number)
{
	fence_on_mark(((struct routes *)arg)->fence, place, number);
}

static void
on_fence_asked(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct routes *r = arg;
	unsigned place = link_peer_place(from);
	struct rbuf in = rbuf_of(body);
	uint64_t number = rbuf_u64(&in);
	bool is_good = in.err == EM_OK && place > 0 && place < NODES_MAX;

	link_reply(ask, is_good ? EM_OK : EM_MALFORMED, SLICE_NONE);
	if (is_good)
		fence_on_ask(r->fence, place, number);
}

/* ---- from links */

static void
on_owner_frame(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct routed *to = arg;
	unsigned place = link_peer_place(from);

	(void)ask;
	if (place > 0 && place < NODES_MAX)
		owner_on_frame(
		    to->routes->owner, place, (enum owner_frame)to->frame, body);
}

static void
on_forward_frame(
    struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	struct routed *to = arg;
	unsigned place = link_peer_place(from);

	(void)ask;
	if (place > 0 && place < NODES_MAX)
		forward_on_frame(
		    to->routes->forward, place, (enum forward_frame)to->frame, body);
}

static void
on_event(struct link_peer *p, enum link_event event, void *arg)
{
	struct routes *r = arg;
	unsigned place = link_peer_place(p);
	struct known *k;

	if (place == 0 || place >= NODES_MAX)
		return;
	k = &r->known[place];
	switch (event) {
	case LINK_CTL_UP:
		router_remote_use(&remote);
		k->is_known = true;
		k->ctl = p;
		owner_up(r->owner, place);
		forward_ctl(r->forward, place, true);
		break;
	case LINK_CTL_DOWN:
		k->ctl = NULL;
		owner_down(r->owner, place);
		forward_ctl(r->forward, place, false);
		break;
	case LINK_DATA_UP:
		k->data = p;
		forward_up(r->forward, place, true);
		break;
	case LINK_DATA_DOWN:
		k->data = NULL;
		forward_up(r->forward, place, false);
		break;
	case LINK_REACHABLE: owner_reachable(r->owner, place, true); break;
	case LINK_UNREACHABLE:
		owner_reachable(r->owner, place, false);
		forward_lost(r->forward, place);
		fence_on_down(r->fence, place);
		break;
	case LINK_GUEST_GONE: break;
	}
}

/* ---- members that left */

static void
on_forgot(void *arg, unsigned place)
{
	struct routes *r = arg;
	struct known k = r->known[place];
	bool is_alone = true;

	r->known[place] = (struct known){ .ctl = NULL };
	for (unsigned i = 0; i < NODES_MAX; i++)
		is_alone &= !r->known[i].is_known;
	if (is_alone)
		router_remote_use(NULL);
	if (k.forgot != NULL)
		k.forgot(k.forgot_arg, place);
}

void
routes_forget(struct routes *r, unsigned place, owner_forgot_fn *done, void *arg)
{
	r->known[place].forgot = done;
	r->known[place].forgot_arg = arg;
	forward_up(r->forward, place, false);
	forward_lost(r->forward, place);
	forward_ctl(r->forward, place, false);
	forward_forget(r->forward, place);
	owner_forget(r->owner, place, on_forgot, r);
}

void
routes_dead(struct routes *r, unsigned place)
{
	forward_dead(r->forward, place);
}

struct owner *
routes_owner(struct routes *r)
{
	return r->owner;
}

struct fence *
routes_fence(struct routes *r)
{
	return r->fence;
}

/* ---- life */

static void
listen_to(struct routes *r)
{
	for (unsigned i = 0; i < OWNER_FRAME_N; i++) {
		r->to_owner[i] = (struct routed){ r, i };
		link_on(r->house, owner_kind[i], on_owner_frame, &r->to_owner[i]);
	}
	for (unsigned i = 0; i < FORWARD_FRAME_N; i++) {
		r->to_forward[i] = (struct routed){ r, i };
		link_on(r->house, forward_kind[i], on_forward_frame, &r->to_forward[i]);
	}
	link_on(r->house, LINK_FENCE, on_fence_asked, r);
	link_on_peer(r->house, on_event, r);
}

struct routes *
routes_new(struct link_house *house, const struct routes_conf *conf)
{
	struct routes *r = MEM_NEW(struct routes);
	const struct owner_conf owner = { .links = { send_owner, pending_rows, r },
		.incarnation = conf->incarnation,
		.node_down_timeout = conf->node_down_timeout,
		.suback_wait = conf->suback_wait,
		.rows_max = conf->rows_max,
		.buffer = conf->buffer };
	const struct forward_conf forward = {
		.links = { send_forward, room_forward, pending_messages, hold, r },
		.incarnation = conf->incarnation,
		.buffer = conf->buffer,
		.frame_max = LINK_FRAME_MAX,
		.on_mark = on_mark,
	};

	r->house = house;
	r->owner = owner_new(&owner);
	r->forward = forward_new(&forward);
	r->fence = fence_new(
	    &(struct fence_links){ ask_for_marks, send_mark, r }, conf->incarnation);
	listen_to(r);
	return r;
}

void
routes_free(struct routes **rp)
{
	struct routes *r = *rp;

	router_remote_use(NULL);
	owner_free(&r->owner);
	fence_free(&r->fence);
	forward_free(&r->forward);
	MEM_FREE(*rp);
}
