/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner: who is told what, and when.
 *
 * A change is posted by the worker that made it, under the router's lock and at once: so
 * changes of a row arrive in their order, and what a worker posts behind them (a settle)
 * finds them numbered.  The deltas of a turn are one frame, for all peers the same.
 */
#include "emqxd/routes/owner.h"
#include "emqxd/routes/owner_inside.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/limit/quota.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"

#define AGAIN_EVERY span_ms(500)
#define A_TURN 64u /* steps of walks, unless the turn is late before */

static struct owner *
owner_here(void)
{
	return worker_slot(ROOM_OWNER);
}

em_err
owner_send(struct owner_peer *p, enum owner_frame frame, struct slice body)
{
	const struct owner_links *links = &p->owner->conf.links;

	return links->send(links->arg, p->place, frame, body);
}

static void
hurry(struct owner *o)
{
	o->has_work = true;
	loop_hurry(worker_self()->loop);
}

/* ---- deltas */

static bool
gets_deltas(const struct owner_peer *p)
{
	return p->out == OWNER_OUT_ROUTES || p->out == OWNER_OUT_CLIENTS ||
	       p->out == OWNER_OUT_WHOLE;
}

/* The deltas so far, to everybody who has a snapshot or is getting one. */
static void
send_deltas(struct owner *o)
{
	if (o->n == o->n_sent)
		return;
	for (unsigned i = 0; i < NODES_MAX; i++) {
		struct owner_peer *p = o->peer[i];

		if (p == NULL || !gets_deltas(p))
			continue;
		if (o->deltas.err != EM_OK ||
		    owner_send(p, OWNER_ROWS, wbuf_slice(&o->deltas)) != EM_OK)
			owner_walk_begin_snap(p);
	}
	o->n_sent = o->n;
	o->deltas.n = 0;
	o->deltas.err = EM_OK;
}

static void
add_delta(struct owner *o, const struct owner_row *row)
{
	if (o->n == o->n_sent)
		wbuf_u64(&o->deltas, o->n + 1);
	o->n++;
	owner_rows_put(&o->deltas, row);
	if (o->deltas.n >= OWNER_FRAME_BYTES)
		send_deltas(o);
	hurry(o);
}

/* What was lost is in a new snapshot for everybody. */
static void
begin_all_anew(struct owner *o)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (o->peer[i] != NULL && gets_deltas(o->peer[i]))
			owner_walk_begin_snap(o->peer[i]);
	hurry(o);
}

/* ---- changes of this node, by letter */

struct change {
	struct letter letter;
	uint32_t online, offline;
	uint32_t group_n, filter_n;
	uint8_t text[];
};

static void
on_change(struct letter *l)
{
	struct change *c = LIST_OWNER(l, struct change, letter);
	struct owner *o = owner_here();
	struct owner_row row = { .kind =
				     c->group_n > 0 ? OWNER_ROW_SHARED : OWNER_ROW_ROUTE,
		.online = c->online,
		.offline = c->offline,
		.group = slice_of(c->text, c->group_n),
		.filter = slice_of(c->text + c->group_n, c->filter_n) };

	if (o != NULL)
		add_delta(o, &row);
	mem_free(c);
}

/* There was no memory for a letter; the thread will see it in its next turn. */
static void
lose_change(void)
{
	struct owner *o = worker_link()->slot[ROOM_OWNER];

	if (o != NULL)
		atomic_store(&o->has_lost, true);
}

void
owner_changed(struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	struct change *c = mem_try(sizeof *c + group.n + filter.n);

	if (c == NULL) {
		lose_change();
		return;
	}
	*c = (struct change){ .letter = { .open = on_change },
		.online = online,
		.offline = offline,
		.group_n = (uint32_t)group.n,
		.filter_n = (uint32_t)filter.n };
	if (group.n > 0)
		memcpy(c->text, group.p, group.n);
	memcpy(c->text + group.n, filter.p, filter.n);
	worker_post_now(worker_link(), &c->letter);
}

/* ---- who waits until others know */

static void
on_settled(struct letter *l)
{
	struct router_settle *s = LIST_OWNER(l, struct router_settle, letter);

	s->done(s);
}

static void
settled(struct router_settle *s)
{
	s->letter = (struct letter){ .open = on_settled };
	worker_post(worker_get(s->from), &s->letter);
}

/* What all have that can be reached. */
static uint64_t
acked_by_all(const struct owner *o)
{
	uint64_t least = o->n;

	for (unsigned i = 0; i < NODES_MAX; i++) {
		const struct owner_peer *p = o->peer[i];

		if (p != NULL && p->is_up && p->is_reachable && p->acked < least)
			least = p->acked;
	}
	return least;
}

static void on_settle_timer(struct timer *t);

static void
settle(struct owner *o)
{
	uint64_t acked = acked_by_all(o);
	struct router_settle *s;

	while ((s = o->settling) != NULL &&
	       (s->number <= acked || s->until.ns <= clock_mono().ns)) {
		o->settling = s->next;
		s->is_late = s->number > acked;
		settled(s);
	}
	if (o->settling == NULL)
		o->settling_end = &o->settling;
	else if (!timer_is_armed(&o->settle_timer))
		timer_arm(&o->settle_timer, mono_since(o->settling->until, clock_mono()),
		    on_settle_timer);
}

static void
on_settle_timer(struct timer *t)
{
	settle(LIST_OWNER(t, struct owner, settle_timer));
}

static void
on_settle(struct letter *l)
{
	struct router_settle *s = LIST_OWNER(l, struct router_settle, letter);
	struct owner *o = owner_here();

	s->from = l->from;
	s->is_late = false;
	if (o == NULL || acked_by_all(o) >= o->n) {
		settled(s);
		return;
	}
	s->number = o->n;
	s->until = mono_add(clock_mono(), o->conf.suback_wait);
	s->next = NULL;
	*o->settling_end = s;
	o->settling_end = &s->next;
	settle(o);
}

void
owner_settle(struct router_settle *s)
{
	s->letter = (struct letter){ .open = on_settle };
	worker_post_now(worker_link(), &s->letter);
}

/* ---- clients */

void
owner_client(struct owner *o, uint64_t hash, bool is_here)
{
	uint64_t places = hashes_get(&o->clients, hash);
	struct owner_row row = {
		.kind = OWNER_ROW_CLIENT, .online = is_here, .hash = hash
	};

	if ((places & 1) == is_here)
		return;
	owner_rows_apply(o, 0, &row);
	add_delta(o, &row);
}

uint64_t
owner_client_places(const struct owner *o, uint64_t hash)
{
	return hashes_get(&o->clients, hash);
}

void
owner_on_twin(struct owner *o, owner_twin_fn *fn, void *arg)
{
	o->on_twin = fn;
	o->twin_arg = arg;
}

size_t
owner_clients(const struct owner *o)
{
	return o->clients.live;
}

/* ---- frames */

static void
on_snap(struct owner_peer *p, struct rbuf *r)
{
	uint64_t incarnation = rbuf_u64(r), n = rbuf_u64(r);

	if (r->err != EM_OK || p->forgot != NULL)
		return;
	hashes_fini(&p->seen);
	p->seen_all = p->in == OWNER_IN_NONE; /* there is nothing that could go */
	p->is_whole = p->must_ack = p->wants_again = false;
	p->incarnation = incarnation;
	p->heard = n;
	p->in = OWNER_IN_SNAP;
}

/* The snapshot, or a delta since, names it (or no longer). */
static void
see(struct owner_peer *p, const struct owner_row *row)
{
	bool is_there = row->online > 0 || row->offline > 0;

	if (p->in != OWNER_IN_SNAP && p->in != OWNER_IN_SWEEP)
		return;
	if (row->kind != 0 && !p->seen_all &&
	    !hashes_set(&p->seen, owner_rows_key(row), is_there))
		p->seen_all = true;
}

static bool
takes_rows(struct owner_peer *p, uint64_t first)
{
	bool knows = p->in != OWNER_IN_NONE && p->in != OWNER_IN_PURGE;

	if (knows && (first == 0 || first == p->heard + 1))
		return true;
	p->wants_again = true;
	return false;
}

static void
on_rows(struct owner_peer *p, struct rbuf *r)
{
	uint64_t first = rbuf_u64(r), n = 0;
	struct owner_row row;

	if (r->err != EM_OK || !takes_rows(p, first))
		return;
	for (; owner_rows_next(r, &row); n++) {
		see(p, &row);
		owner_rows_apply(p->owner, p->place, &row);
	}
	if (p->has_refused && p->rows < p->owner->conf.rows_max / 10 * 9) {
		p->has_refused = false;
		p->wants_again = true;
	}
	if (first == 0)
		return;
	p->heard += n;
	p->must_ack = p->is_whole;
}

static void
on_done(struct owner_peer *p)
{
	if (p->in != OWNER_IN_SNAP)
		return;
	p->is_whole = p->must_ack = true;
	if (p->seen_all)
		p->in = OWNER_IN_WHOLE;
	else
		owner_walk_begin_sweep(p);
}

static void
on_ack(struct owner_peer *p, struct rbuf *r)
{
	uint64_t incarnation = rbuf_u64(r), n = rbuf_u64(r);

	if (r->err != EM_OK || incarnation != p->owner->conf.incarnation ||
	    n > p->owner->n_sent)
		return;
	p->acked = n;
	settle(p->owner);
}

static void
on_again(struct owner_peer *p)
{
	if (p->out == OWNER_OUT_WHOLE)
		owner_walk_begin_snap(p);
}

static struct owner_peer *peer_of(struct owner *o, unsigned place);

void
owner_on_frame(struct owner *o, unsigned place, enum owner_frame frame, struct slice body)
{
	struct owner_peer *p = peer_of(o, place);
	struct rbuf r = rbuf_of(body);

	switch (frame) {
	case OWNER_SNAP: on_snap(p, &r); break;
	case OWNER_ROWS: on_rows(p, &r); break;
	case OWNER_DONE: on_done(p); break;
	case OWNER_ACK: on_ack(p, &r); break;
	case OWNER_AGAIN: on_again(p); break;
	case OWNER_FRAME_N: UNREACHABLE();
	}
	if (r.err != EM_OK) {
		o->malformed++;
		p->wants_again = true;
		LOG(WARN, "owner_frame_malformed", "node", nodes_name(place), "frame",
		    (unsigned)frame);
	}
	hurry(o);
}

/* ---- peers */

static struct owner_peer *
peer_of(struct owner *o, unsigned place)
{
	CHECK(place > 0 && place < NODES_MAX);
	if (o->peer[place] == NULL) {
		o->peer[place] = MEM_NEW(struct owner_peer);
		o->peer[place]->owner = o;
		o->peer[place]->place = place;
	}
	return o->peer[place];
}

void
owner_up(struct owner *o, unsigned place)
{
	struct owner_peer *p = peer_of(o, place);

	p->is_up = true;
	/* It may have told all while we could not answer, and its rows have gone since. */
	p->wants_again |= p->in == OWNER_IN_NONE || p->in == OWNER_IN_PURGE;
	owner_walk_begin_snap(p);
	hurry(o);
}

void
owner_down(struct owner *o, unsigned place)
{
	struct owner_peer *p = peer_of(o, place);

	p->is_up = false;
	p->out = OWNER_OUT_NONE;
	p->acked = 0;
	settle(o);
}

static void
on_down_for_long(struct timer *t)
{
	struct owner_peer *p = LIST_OWNER(t, struct owner_peer, down);

	LOG(INFO, "owner_rows_dropped", "node", nodes_name(p->place));
	owner_walk_begin_purge(p);
	hurry(p->owner);
}

void
owner_reachable(struct owner *o, unsigned place, bool is_reachable)
{
	struct owner_peer *p = peer_of(o, place);

	p->is_reachable = is_reachable;
	if (is_reachable)
		timer_cancel(&p->down);
	else if (p->in != OWNER_IN_NONE)
		timer_arm(&p->down, o->conf.node_down_timeout, on_down_for_long);
	settle(o);
}

void
owner_forget(struct owner *o, unsigned place, owner_forgot_fn *done, void *arg)
{
	struct owner_peer *p = peer_of(o, place);

	CHECK(p->forgot == NULL);
	owner_reachable(o, place, false);
	owner_down(o, place);
	timer_cancel(&p->down);
	p->forgot = done;
	p->forgot_arg = arg;
	owner_walk_begin_purge(p);
	hurry(o);
}

void
owner_info(const struct owner *o, unsigned place, struct owner_info *out)
{
	const struct owner_peer *p = o->peer[place];

	*out = (struct owner_info){ .sent = o->n_sent };
	if (p == NULL)
		return;
	out->incarnation = p->incarnation;
	out->heard = p->heard;
	out->acked = p->acked;
	out->is_whole =
	    p->is_whole && p->in == OWNER_IN_WHOLE && p->out == OWNER_OUT_WHOLE;
	out->is_purging = p->in == OWNER_IN_PURGE;
}

uint64_t
owner_malformed(const struct owner *o)
{
	return o->malformed;
}

/* ---- turns */

static void
ask_again(struct owner_peer *p)
{
	mono_t now = clock_mono();

	if (now.ns >= p->again_after.ns &&
	    owner_send(p, OWNER_AGAIN, SLICE_NONE) == EM_OK) {
		p->wants_again = false;
		p->again_after = mono_add(now, AGAIN_EVERY);
	} else if (!timer_is_armed(&p->owner->rest)) {
		timer_arm(&p->owner->rest, span_ms(100), p->owner->rest.fn);
	}
}

static void
answer(struct owner_peer *p)
{
	uint8_t bytes[16];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	if (!p->is_up)
		return;
	if (p->wants_again)
		ask_again(p);
	if (!p->must_ack)
		return;
	wbuf_u64(&w, p->incarnation);
	wbuf_u64(&w, p->heard);
	if (owner_send(p, OWNER_ACK, wbuf_slice(&w)) == EM_OK)
		p->must_ack = false;
}

/* A step for each peer that has something to do; true: there is more. */
static bool
step(struct owner *o)
{
	bool has_more = false;

	for (unsigned i = 0; i < NODES_MAX; i++) {
		struct owner_peer *p = o->peer[i];

		if (p == NULL)
			continue;
		has_more |= owner_walk_out(p);
		has_more |= owner_walk_in(p);
	}
	return has_more;
}

/* At LOOP_DELIVER: letters and frames of the turn were taken. */
static void
turn(void *arg)
{
	struct owner *o = arg;
	bool has_more;

	if (atomic_exchange_explicit(&o->has_lost, false, memory_order_relaxed))
		begin_all_anew(o);
	if (!o->has_work)
		return;
	o->has_work = false;
	quota_set_elsewhere(o->elsewhere);
	send_deltas(o);
	for (unsigned i = 0; i < NODES_MAX; i++)
		if (o->peer[i] != NULL)
			answer(o->peer[i]);
	has_more = true;
	for (unsigned i = 0; has_more && i < A_TURN && (i == 0 || !loop_is_late()); i++)
		has_more = step(o);
	if (has_more)
		hurry(o);
}

static void
on_rest(struct timer *t)
{
	hurry(LIST_OWNER(t, struct owner, rest));
}

struct owner *
owner_new(const struct owner_conf *conf)
{
	struct owner *o = MEM_NEW(struct owner);

	CHECK(owner_here() == NULL);
	o->conf = *conf;
	o->deltas = wbuf_growing(OWNER_ROWS_MAX);
	o->rows = wbuf_growing(OWNER_ROWS_MAX);
	o->settling_end = &o->settling;
	o->rest.fn = on_rest;
	loop_at_turn(worker_self()->loop, LOOP_DELIVER, turn, o);
	worker_self()->slot[ROOM_OWNER] = o;
	return o;
}

void
owner_configure(struct owner *o, span_t node_down_timeout, span_t suback_wait)
{
	o->conf.node_down_timeout = node_down_timeout;
	o->conf.suback_wait = suback_wait;
}

static void
peer_free(struct owner_peer *p)
{
	if (p == NULL)
		return;
	timer_cancel(&p->down);
	hashes_fini(&p->seen);
	str_fini(&p->out_after);
	str_fini(&p->in_after);
	mem_free(p);
}

void
owner_free(struct owner **op)
{
	struct owner *o = *op;

	worker_self()->slot[ROOM_OWNER] = NULL;
	quota_set_elsewhere(0);
	while (o->settling != NULL) {
		struct router_settle *s = o->settling;

		o->settling = s->next;
		settled(s);
	}
	timer_cancel(&o->settle_timer);
	timer_cancel(&o->rest);
	for (unsigned i = 0; i < NODES_MAX; i++)
		peer_free(o->peer[i]);
	hashes_fini(&o->clients);
	wbuf_fini(&o->deltas);
	wbuf_fini(&o->rows);
	MEM_FREE(*op);
}
