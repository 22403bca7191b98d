/* SPDX-License-Identifier: Apache-2.0 */
/* entry: see entry.h. */
#include "emqxd/store/entry.h"

enum { VERSION = 1, CHANGE_HEAD = 2 + 8 + 8 + 2 + 4 + 4 };

void
entry_write_head(struct wbuf *w, const struct entry_head *h)
{
	wbuf_u8(w, VERSION);
	wbuf_u64(w, h->site);
	wbuf_u64(w, h->incarnation);
	wbuf_u64(w, h->seq);
	wbuf_u16(w, h->n);
}

size_t
entry_room(size_t key_n, size_t blob_n)
{
	return CHANGE_HEAD + key_n + blob_n;
}

void
entry_write(struct wbuf *w, const struct entry_change *c)
{
	wbuf_u8(w, (uint8_t)c->what);
	wbuf_u8(w, (uint8_t)c->kind);
	if (change_group_of(c->kind) == CHANGE_GROUP_RET) {
		wbuf_u64(w, c->stamp.clock);
		if (c->what == ENTRY_EXPIRE)
			wbuf_u64(w, c->stamp.site);
	}
	wbuf_bytes16(w, c->key);
	if (c->what == ENTRY_PART || c->what == ENTRY_WHOLE)
		wbuf_u32(w, c->number);
	if (c->what == ENTRY_WHOLE)
		wbuf_u32(w, c->total);
	if (c->what != ENTRY_PUT && c->what != ENTRY_PART)
		return;
	wbuf_u32(w, (uint32_t)c->blob.n);
	wbuf_bytes(w, c->blob);
}

struct rbuf
entry_open(struct slice bytes, struct entry_head *out)
{
	struct rbuf r = rbuf_of(bytes);

	if (rbuf_u8(&r) != VERSION)
		rbuf_fail(&r);
	out->site = rbuf_u64(&r);
	out->incarnation = rbuf_u64(&r);
	out->seq = rbuf_u64(&r);
	out->n = rbuf_u16(&r);
	return r;
}

static struct stamp
read_stamp(struct rbuf *r, uint64_t site, bool has_site)
{
	uint64_t clock = rbuf_u64(r);

	return (struct stamp){ clock, has_site ? rbuf_u64(r) : site };
}

/* Only where the newer wins: their site is kept with the stamp. */
static void
read_part(struct rbuf *r, enum change_group g, struct entry_change *out)
{
	out->number = rbuf_u32(r);
	if (out->what == ENTRY_WHOLE)
		out->total = rbuf_u32(r);
	if (g != CHANGE_GROUP_RET || out->number > ENTRY_PARTS_MAX ||
	    (out->what == ENTRY_PART && out->number == ENTRY_PARTS_MAX) ||
	    out->total > ENTRY_WHOLE_MAX)
		rbuf_fail(r);
}

void
entry_next(struct rbuf *r, enum change_group g, uint64_t site, struct entry_change *out)
{
	uint8_t what = rbuf_u8(r), kind = rbuf_u8(r);

	*out = (struct entry_change){ .what = ENTRY_DEL };
	if (r->err == EM_OK && (what > ENTRY_WHOLE || kind >= CHANGE_KIND_N)) {
		r->err = EM_UNSUPPORTED;
		return;
	}
	if (r->err != EM_OK || what < ENTRY_PUT ||
	    change_group_of((enum change_kind)kind) != g) {
		rbuf_fail(r);
		return;
	}
	out->what = (enum entry_what)what;
	out->kind = (enum change_kind)kind;
	if (g == CHANGE_GROUP_RET)
		out->stamp = read_stamp(r, site, what == ENTRY_EXPIRE);
	out->key = rbuf_bytes16(r);
	if (what == ENTRY_PART || what == ENTRY_WHOLE)
		read_part(r, g, out);
	if (what != ENTRY_PUT && what != ENTRY_PART)
		return;
	out->blob = rbuf_bytes(r, rbuf_u32(r));
	if (out->blob.p == NULL)
		out->blob = slice_of("", 0);
}

em_err
entry_check(enum change_group g, struct slice bytes, struct entry_head *out)
{
	struct rbuf r = entry_open(bytes, out);
	struct entry_change c;

	if (bytes.n > 0 && bytes.p[0] > VERSION)
		return EM_UNSUPPORTED;
	if (out->n == 0 || out->seq == 0 || out->incarnation == 0)
		return EM_MALFORMED;
	for (uint16_t i = 0; i < out->n && r.err == EM_OK; i++) {
		entry_next(&r, g, out->site, &c);
		if (r.err == EM_OK && out->n > 1 &&
		    (c.what == ENTRY_PART || c.what == ENTRY_WHOLE))
			rbuf_fail(&r);
	}
	if (r.err == EM_UNSUPPORTED)
		return r.err;
	return r.err == EM_OK && rbuf_left(&r) == 0 ? EM_OK : EM_MALFORMED;
}
