/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_walk: what goes over all rows: the snapshot for a peer, and the dropping of rows
 * that it no longer has.  In steps of a bounded size, by the place where the last one
 * ended, so that what changes between them does no harm.
 */
#include "emqxd/routes/owner_inside.h"
#include "emqxd/core/qsbr.h"

#define A_STEP 256u             /* filters or clients looked at */
#define PENDING_MAX (2u << 20)  /* bytes on the way to it, at most: the snapshot rests */
#define RETIRED_MAX (32u << 20) /* bytes that wait to be freed: the purge rests */

/* ---- out */

void
owner_walk_begin_snap(struct owner_peer *p)
{
	p->out = OWNER_OUT_BEGIN;
}

static void
begin_rows(struct owner *o)
{
	o->rows.n = 0;
	o->rows.err = EM_OK;
	wbuf_u64(&o->rows, 0);
}

static void
send_rows(struct owner_peer *p)
{
	struct owner *o = p->owner;

	if (o->rows.err == EM_OK && o->rows.n > sizeof(uint64_t) && !o->rows_failed)
		o->rows.err = owner_send(p, OWNER_ROWS, wbuf_slice(&o->rows));
	o->rows_failed |= o->rows.err != EM_OK;
	begin_rows(o);
}

/* The step's rows are on their way; false: not all, and it begins anew later. */
static bool
end_rows(struct owner_peer *p)
{
	struct owner *o = p->owner;
	bool failed;

	send_rows(p);
	failed = o->rows_failed;
	o->rows_failed = false;
	if (failed)
		owner_walk_begin_snap(p);
	return !failed;
}

static void
add_row(struct owner_peer *p, const struct owner_row *row)
{
	owner_rows_put(&p->owner->rows, row);
	if (p->owner->rows.n >= OWNER_FRAME_BYTES)
		send_rows(p);
}

static void
add_route(
    void *arg, struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	add_row(arg,
	    &(struct owner_row){ .kind = group.n > 0 ? OWNER_ROW_SHARED : OWNER_ROW_ROUTE,
		.online = online,
		.offline = offline,
		.group = group,
		.filter = filter });
}

static void
walk_routes(struct owner_peer *p)
{
	bool has_more;

	begin_rows(p->owner);
	has_more = router_remote_own(&p->out_after, A_STEP, add_route, p);
	if (end_rows(p) && !has_more)
		p->out = OWNER_OUT_CLIENTS;
}

static void
walk_clients(struct owner_peer *p)
{
	struct owner *o = p->owner;
	struct hashes_cell c;
	bool has_more = true;

	begin_rows(o);
	for (unsigned i = 0; i < A_STEP && has_more; i++) {
		has_more = hashes_next(&o->clients, &p->out_walk, &c);
		if (has_more && (c.value & 1) != 0)
			add_row(p,
			    &(struct owner_row){
				.kind = OWNER_ROW_CLIENT, .online = 1, .hash = c.key });
	}
	if (!end_rows(p) || has_more)
		return;
	if (owner_send(p, OWNER_DONE, SLICE_NONE) == EM_OK)
		p->out = OWNER_OUT_WHOLE;
	else
		owner_walk_begin_snap(p);
}

static void
begin_routes(struct owner_peer *p)
{
	uint8_t bytes[16];
	struct wbuf w = wbuf_fixed(bytes, sizeof bytes);

	wbuf_u64(&w, p->owner->conf.incarnation);
	wbuf_u64(&w, p->owner->n_sent);
	str_reset(&p->out_after);
	p->out_walk = (struct hashes_walk){ 0, p->owner->clients.generation };
	p->acked = 0;
	if (owner_send(p, OWNER_SNAP, wbuf_slice(&w)) == EM_OK)
		p->out = OWNER_OUT_ROUTES;
}

/* The link must have room for the step, or all begins anew, for ever where it is slow. */
static uint64_t
pending_max(const struct owner *o)
{
	return o->conf.buffer / 4 < PENDING_MAX ? o->conf.buffer / 4 : PENDING_MAX;
}

bool
owner_walk_out(struct owner_peer *p)
{
	const struct owner_links *links = &p->owner->conf.links;

	if (p->out == OWNER_OUT_NONE || p->out == OWNER_OUT_WHOLE)
		return false;
	if (links->pending(links->arg, p->place) > pending_max(p->owner)) {
		if (!timer_is_armed(&p->owner->rest))
			timer_arm(&p->owner->rest, span_ms(20), p->owner->rest.fn);
		return false;
	}
	switch (p->out) {
	case OWNER_OUT_NONE:
	case OWNER_OUT_WHOLE: break;
	case OWNER_OUT_BEGIN: begin_routes(p); break;
	case OWNER_OUT_ROUTES: walk_routes(p); break;
	case OWNER_OUT_CLIENTS: walk_clients(p); break;
	}
	return p->out != OWNER_OUT_WHOLE && p->out != OWNER_OUT_BEGIN;
}

/* ---- in */

static void
begin(struct owner_peer *p, enum owner_in in)
{
	p->in = in;
	str_reset(&p->in_after);
	p->in_clients = false;
	p->in_walk = (struct hashes_walk){ 0, p->owner->clients.generation };
}

void
owner_walk_begin_sweep(struct owner_peer *p)
{
	begin(p, OWNER_IN_SWEEP);
}

void
owner_walk_begin_purge(struct owner_peer *p)
{
	hashes_fini(&p->seen);
	p->seen_all = p->is_whole = p->must_ack = false;
	begin(p, OWNER_IN_PURGE);
}

static bool
is_kept(const struct owner_peer *p, const struct owner_row *row)
{
	if (p->in == OWNER_IN_PURGE)
		return false;
	return p->seen_all || hashes_get(&p->seen, owner_rows_key(row)) != 0;
}

static bool
keep_route(void *arg, struct slice group, struct slice filter)
{
	struct owner_row row = { .kind = group.n > 0 ? OWNER_ROW_SHARED : OWNER_ROW_ROUTE,
		.group = group,
		.filter = filter };

	return is_kept(arg, &row);
}

/* False: that was the last. */
static bool
sweep_clients(struct owner_peer *p)
{
	struct owner *o = p->owner;
	struct hashes_cell c;

	for (unsigned i = 0; i < A_STEP; i++) {
		struct owner_row row = { .kind = OWNER_ROW_CLIENT };

		if (!hashes_next(&o->clients, &p->in_walk, &c))
			return false;
		row.hash = c.key;
		if ((c.value >> p->place & 1) != 0 && !is_kept(p, &row))
			owner_rows_apply(o, p->place, &row);
	}
	return true;
}

static void
end(struct owner_peer *p)
{
	owner_forgot_fn *forgot = p->forgot;
	bool is_purge = p->in == OWNER_IN_PURGE;

	hashes_fini(&p->seen);
	str_fini(&p->in_after);
	p->in = is_purge ? OWNER_IN_NONE : OWNER_IN_WHOLE;
	if (!is_purge)
		return;
	p->incarnation = p->heard = 0;
	p->forgot = NULL;
	if (forgot != NULL)
		forgot(p->forgot_arg, p->place);
}

bool
owner_walk_in(struct owner_peer *p)
{
	if (p->in != OWNER_IN_SWEEP && p->in != OWNER_IN_PURGE)
		return false;
	if (qsbr_waiting() > RETIRED_MAX) {
		if (!timer_is_armed(&p->owner->rest))
			timer_arm(&p->owner->rest, span_ms(20), p->owner->rest.fn);
		return false;
	}
	if (p->in_clients) {
		if (!sweep_clients(p))
			end(p);
	} else {
		uint64_t were = router_remote_count();

		p->in_clients =
		    !router_remote_purge(p->place, &p->in_after, A_STEP, keep_route, p);
		p->rows += router_remote_count() - were;
	}
	return p->in == OWNER_IN_SWEEP || p->in == OWNER_IN_PURGE;
}
