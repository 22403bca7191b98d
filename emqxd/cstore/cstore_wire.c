/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_wire: see cstore_wire.h. */
#include "emqxd/cstore/cstore_wire.h"
#include "ipc/base/rbuf.h"

void
cstore_wire_put(struct wbuf *w, const struct cstore_frame *f)
{
	size_t n = 4 + 4 + 3 * 8 + 2 + f->text.n + f->data.n;

	CHECK(f->kind > CSTORE_KIND_NONE && f->kind < CSTORE_KIND_N);
	CHECK(f->text.n <= CSTORE_TEXT_MAX && n <= CSTORE_FRAME_MAX);
	wbuf_u32(w, (uint32_t)n);
	wbuf_u8(w, (uint8_t)f->kind);
	wbuf_u8(w, (uint8_t)f->group);
	wbuf_u8(w, f->op);
	wbuf_u8(w, (uint8_t)f->err);
	wbuf_u32(w, f->req);
	wbuf_u64(w, f->index);
	wbuf_u64(w, f->id);
	wbuf_u64(w, f->term);
	wbuf_bytes16(w, f->text);
	wbuf_bytes(w, f->data);
}

em_err
cstore_wire_get(struct slice body, struct cstore_frame *out)
{
	struct rbuf r = rbuf_of(body);
	uint8_t kind = rbuf_u8(&r), group = rbuf_u8(&r), op = rbuf_u8(&r),
		err = rbuf_u8(&r);

	*out = (struct cstore_frame){ .op = op };
	out->req = rbuf_u32(&r);
	out->index = rbuf_u64(&r);
	out->id = rbuf_u64(&r);
	out->term = rbuf_u64(&r);
	out->text = rbuf_bytes16(&r);
	if (r.err != EM_OK || kind == CSTORE_KIND_NONE || kind >= CSTORE_KIND_N ||
	    group >= CSTORE_GROUP_N || err >= EM_ERR_N || out->text.n > CSTORE_TEXT_MAX)
		return EM_MALFORMED;
	out->kind = (enum cstore_kind)kind;
	out->group = (enum cstore_group)group;
	out->err = (em_err)err;
	out->data = rbuf_rest(&r);
	return EM_OK;
}

bool
cstore_wire_has_fd(const struct cstore_frame *f)
{
	return f->kind == CSTORE_ACCEPT || (f->kind == CSTORE_ANSWER && f->err == EM_OK);
}

void
cstore_wire_put_tune(struct wbuf *w, const struct cstore_tune *t)
{
	wbuf_u32(w, t->election_ms);
	wbuf_u32(w, t->heartbeat_ms);
	wbuf_u32(w, t->connect_retry_ms);
	wbuf_u32(w, t->snapshot_entries);
	wbuf_u32(w, t->snapshot_bytes);
	wbuf_u32(w, t->trailing);
	wbuf_u32(w, t->window_bytes);
	wbuf_u32(w, t->hold_bytes);
	wbuf_u32(w, t->change_gap_ms);
	wbuf_u32(w, t->segment_bytes);
}

em_err
cstore_wire_get_tune(struct slice data, struct cstore_tune *out)
{
	struct rbuf r = rbuf_of(data);

	out->election_ms = rbuf_u32(&r);
	out->heartbeat_ms = rbuf_u32(&r);
	out->connect_retry_ms = rbuf_u32(&r);
	out->snapshot_entries = rbuf_u32(&r);
	out->snapshot_bytes = rbuf_u32(&r);
	out->trailing = rbuf_u32(&r);
	out->window_bytes = rbuf_u32(&r);
	out->hold_bytes = rbuf_u32(&r);
	out->change_gap_ms = rbuf_u32(&r);
	out->segment_bytes = rbuf_u32(&r);
	return r.err == EM_OK && rbuf_left(&r) == 0 ? EM_OK : EM_MALFORMED;
}

em_err
cstore_wire_name(struct slice text, char out[CSTORE_NAME_MAX])
{
	out[0] = '\0';
	if (text.n == 0 || text.n >= CSTORE_NAME_MAX || memchr(text.p, 0, text.n) != NULL)
		return EM_MALFORMED;
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return EM_OK;
}

void
cstore_wire_put_members(struct wbuf *w, const struct cstore_member *members, unsigned n)
{
	CHECK(n <= CSTORE_MEMBERS_MAX);
	wbuf_u8(w, (uint8_t)n);
	for (unsigned i = 0; i < n; i++) {
		wbuf_u64(w, members[i].id);
		wbuf_u64(w, members[i].match);
		wbuf_u8(w, (uint8_t)members[i].role);
		wbuf_bytes16(w, slice_str(members[i].name));
	}
}

static em_err
get_members(struct rbuf *r, struct cstore_member *out, unsigned *n)
{
	unsigned all = rbuf_u8(r);

	*n = 0;
	if (all > CSTORE_MEMBERS_MAX)
		return EM_MALFORMED;
	for (unsigned i = 0; i < all; i++) {
		struct cstore_member *m = &out[i];
		uint8_t role;

		m->id = rbuf_u64(r);
		m->match = rbuf_u64(r);
		role = rbuf_u8(r);
		if (cstore_wire_name(rbuf_bytes16(r), m->name) != EM_OK || m->id == 0 ||
		    role > CSTORE_VOTER)
			return EM_MALFORMED;
		m->role = (enum cstore_role)role;
	}
	*n = all;
	return r->err == EM_OK && rbuf_left(r) == 0 ? EM_OK : EM_MALFORMED;
}

em_err
cstore_wire_get_members(struct slice data, struct cstore_member *out, unsigned *n)
{
	struct rbuf r = rbuf_of(data);

	return get_members(&r, out, n);
}

void
cstore_wire_put_status(struct wbuf *w, const struct cstore_status *s)
{
	wbuf_u64(w, s->last);
	wbuf_u64(w, s->last_term);
	wbuf_u64(w, s->commit);
	wbuf_u64(w, s->given);
	wbuf_u64(w, s->waiting);
	wbuf_u64(w, s->snapshot);
	cstore_wire_put_members(w, s->member, s->members_n);
}

em_err
cstore_wire_get_status(struct slice data, struct cstore_status *out)
{
	struct rbuf r = rbuf_of(data);

	out->last = rbuf_u64(&r);
	out->last_term = rbuf_u64(&r);
	out->commit = rbuf_u64(&r);
	out->given = rbuf_u64(&r);
	out->waiting = rbuf_u64(&r);
	out->snapshot = rbuf_u64(&r);
	return get_members(&r, out->member, &out->members_n);
}
