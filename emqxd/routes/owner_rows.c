/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_rows: rows as bytes: u8 kind, varint length, body.
 *
 *	route	u8 is there, filter (u16 length)
 *	shared	u32 online, u32 offline, group, filter (u16 lengths)
 *	client	u8 is there, u64 hash
 *
 * A body may grow at its end: what is behind what this version knows is passed over.
 */
#include "emqxd/routes/owner_inside.h"
#include "emqxd/core/log.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "ipc/base/hash.h"
#include "ipc/base/rbuf.h"

static size_t
body_size(const struct owner_row *row)
{
	switch ((enum owner_row_kind)row->kind) {
	case OWNER_ROW_ROUTE: return 1 + 2 + row->filter.n;
	case OWNER_ROW_SHARED: return 8 + 2 + row->group.n + 2 + row->filter.n;
	case OWNER_ROW_CLIENT: return 1 + 8;
	}
	UNREACHABLE();
}

void
owner_rows_put(struct wbuf *w, const struct owner_row *row)
{
	wbuf_u8(w, row->kind);
	wbuf_varint(w, (uint32_t)body_size(row));
	switch ((enum owner_row_kind)row->kind) {
	case OWNER_ROW_ROUTE:
		wbuf_u8(w, row->online > 0);
		wbuf_bytes16(w, row->filter);
		return;
	case OWNER_ROW_SHARED:
		wbuf_u32(w, row->online);
		wbuf_u32(w, row->offline);
		wbuf_bytes16(w, row->group);
		wbuf_bytes16(w, row->filter);
		return;
	case OWNER_ROW_CLIENT:
		wbuf_u8(w, row->online > 0);
		wbuf_u64(w, row->hash);
		return;
	}
	UNREACHABLE();
}

/* False: this version does not know the kind. */
static bool
read_body(struct rbuf *r, struct owner_row *row)
{
	switch (row->kind) {
	case OWNER_ROW_ROUTE:
		row->online = rbuf_u8(r) != 0;
		row->filter = rbuf_bytes16(r);
		return true;
	case OWNER_ROW_SHARED:
		row->online = rbuf_u32(r);
		row->offline = rbuf_u32(r);
		row->group = rbuf_bytes16(r);
		row->filter = rbuf_bytes16(r);
		return true;
	case OWNER_ROW_CLIENT:
		row->online = rbuf_u8(r) != 0;
		row->hash = rbuf_u64(r);
		return true;
	}
	return false;
}

static bool
is_sound(const struct owner_row *row)
{
	switch ((enum owner_row_kind)row->kind) {
	case OWNER_ROW_ROUTE: return topic_filter_is_valid(row->filter);
	case OWNER_ROW_SHARED:
		return row->group.n > 0 && topic_filter_is_valid(row->filter);
	case OWNER_ROW_CLIENT: return row->hash != 0;
	}
	UNREACHABLE();
}

bool
owner_rows_next(struct rbuf *r, struct owner_row *row)
{
	while (rbuf_left(r) > 0) {
		uint8_t kind = rbuf_u8(r);
		struct slice bytes = rbuf_bytes(r, rbuf_varint(r));
		struct rbuf body = rbuf_of(bytes);

		*row = (struct owner_row){ .kind = kind };
		if (r->err != EM_OK)
			return false;
		/* What is passed over has a number that the receiver counts. */
		if (!read_body(&body, row))
			row->kind = 0;
		if (body.err != EM_OK)
			rbuf_fail(r);
		else if (row->kind != 0 && !is_sound(row))
			row->kind = 0;
		return r->err == EM_OK;
	}
	return false;
}

uint64_t
owner_rows_key(const struct owner_row *row)
{
	uint64_t key = row->kind == OWNER_ROW_CLIENT ? row->hash * 0x9e3779b97f4a7c15u
						     : hash_bytes(row->filter);

	if (row->group.n > 0)
		key += hash_bytes(row->group) * 0xbf58476d1ce4e5b9u | 1;
	return key != 0 ? key : 1;
}

/* On other nodes only? */
static bool
is_elsewhere(uint64_t places)
{
	return places != 0 && (places & 1) == 0;
}

/* Does that node have all that one may have here, and this is one more? */
static bool
is_too_many(struct owner *o, unsigned place, const struct owner_row *row)
{
	const struct owner_peer *p = o->peer[place];
	uint64_t places;

	if (p == NULL || (row->online == 0 && row->offline == 0) ||
	    p->rows < o->conf.rows_max)
		return false;
	places = row->kind == OWNER_ROW_CLIENT ? hashes_get(&o->clients, row->hash)
					       : router_remote_nodes(row->filter);
	return (places >> place & 1) == 0;
}

static void
refuse(struct owner_peer *p)
{
	p->has_refused = true;
	metric_inc(METRIC_CLUSTER_ROWS_REFUSED);
	LOG(WARN, "owner_rows_refused", "node", nodes_name(p->place), "rows", p->rows,
	    "hint", "cluster.max_rows is reached: its clients do not get all messages");
}

static void
apply_client(struct owner *o, unsigned place, const struct owner_row *row)
{
	uint64_t was = hashes_get(&o->clients, row->hash);
	uint64_t places =
	    row->online > 0 ? was | (uint64_t)1 << place : was & ~((uint64_t)1 << place);

	/* Without memory the client is not known to be there: it is not taken over. */
	if (hashes_set(&o->clients, row->hash, places)) {
		o->elsewhere += (size_t)is_elsewhere(places) - (size_t)is_elsewhere(was);
		if (o->peer[place] != NULL)
			o->peer[place]->rows +=
			    (places >> place & 1) - (was >> place & 1);
	}
	if (row->online > 0 && (places & 1) != 0 && (places & (places - 1)) != 0 &&
	    o->on_twin != NULL)
		o->on_twin(o->twin_arg, row->hash);
}

void
owner_rows_apply(struct owner *o, unsigned place, const struct owner_row *row)
{
	uint64_t were = router_remote_count();
	em_err err = EM_OK;

	if (row->kind != 0 && is_too_many(o, place, row)) {
		refuse(o->peer[place]);
		return;
	}
	if (row->kind == OWNER_ROW_CLIENT)
		apply_client(o, place, row);
	else if (row->kind != 0)
		err = router_remote_set(
		    place, row->group, row->filter, row->online, row->offline);
	CHECK(err == EM_OK); /* rows were looked at when they were read */
	if (o->peer[place] != NULL)
		o->peer[place]->rows += router_remote_count() - were;
}
