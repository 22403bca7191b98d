/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_said: what another node, or the child that holds the order, has said, read: the first
 * byte chooses.  Entries of the ordered log (what is read is written again as it was), rows of
 * members, pieces between two offices with their requests, columns and rows, and frames of
 * the child, which are also believed or refused by its parent.
 */
#include "emqxd/admin/remote_wire.h"
#include "emqxd/model/member.h"
#include "emqxd/core/worker.h"
#include "emqxd/cstore/cstore_inside.h"
#include "emqxd/model/nodes.h"
#include "emqxd/store/entry.h"
#include "ipc/params.h"
#include "ipc/row.h"
#include "ipc/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
entry(enum change_group g, struct slice in)
{
	struct wbuf w = wbuf_growing(in.n + 1);
	struct entry_change c;
	struct entry_head h;
	em_err err = entry_check(g, in, &h);
	struct rbuf r;

	CHECK(err == EM_OK || err == EM_MALFORMED || err == EM_UNSUPPORTED);
	if (err == EM_OK) {
		r = entry_open(in, &h);
		entry_write_head(&w, &h);
		for (unsigned i = 0; i < h.n; i++) {
			entry_next(&r, g, h.site, &c);
			entry_write(&w, &c);
		}
		CHECK(w.err == EM_OK && slice_eq(wbuf_slice(&w), in));
	}
	wbuf_fini(&w);
}

static void
member(struct slice in)
{
	struct slice key = slice_head(slice_from(in, 1), in.n > 0 ? in.p[0] : 0);
	struct wbuf w = wbuf_growing(1024);
	struct member m, again;

	if (member_read(key, slice_from(in, 1 + key.n), &m) == EM_OK) {
		CHECK(member_is_name(m.name) && member_is_address(m.address));
		member_write(&m, &w);
		CHECK(member_read(key, wbuf_slice(&w), &again) == EM_OK);
		CHECK(again.site == m.site && slice_eq(again.address, m.address));
	}
	wbuf_fini(&w);
}

/* ---- offices */

static void
request(struct slice body)
{
	struct fault f = { .err = EM_OK };
	struct remote_req req;
	struct params p = { 0 };

	if (remote_req_get(body, &req) != EM_OK)
		return;
	p.cmd = cmd_find(req.path);
	if (p.cmd != NULL) {
		struct pack_reader r = pack_reader_of(req.args);

		(void)!params_unpack(&p, p.cmd, &r, &f);
		params_fini(&p);
	}
	fault_clear(&f);
}

static void
rows(const struct cmd *cmd, struct slice body)
{
	struct slice first = slice_head(slice_from(body, 1), body.n > 0 ? body.p[0] : 0);
	struct slice rest = slice_from(body, 1 + first.n);
	struct remote_columns columns = { .is_same = first.n == 0 };
	struct wbuf w = wbuf_growing(1u << 20);
	struct row row;

	if (first.n > 0 && remote_columns_get(first, cmd, &columns) != EM_OK)
		columns.is_same = true;
	if (remote_row_get(rest, cmd, &columns, "emqx@b", &w) == EM_OK)
		CHECK(row_get(cmd, wbuf_slice(&w), &row) == EM_OK);
	wbuf_fini(&w);
}

static void
office(struct slice in)
{
	const struct cmd *cmd = cmd_get((cmd_id)(in.n > 0 ? in.p[0] % CMD_N : 0));
	struct fault f = { .err = EM_OK };
	struct wire_end end;
	struct piece p;

	if (remote_piece_get(slice_from(in, 1), &p) != EM_OK)
		return;
	switch (p.kind) {
	case PIECE_ASK: request(p.body); break;
	case PIECE_COLUMNS:
	case PIECE_ROW: rows(cmd, p.body); break;
	case PIECE_END: (void)!wire_end_get(p.body, &end); break;
	case PIECE_FAULT: (void)!wire_fault_get(p.body, &f); break;
	case PIECE_CREDIT:
	case PIECE_CANCEL: break;
	}
	fault_clear(&f);
}

/* ---- the child */

static void
on_event(void *arg, const struct cstore_event *e)
{
	(void)arg;
	CHECK(e->group < CSTORE_GROUP_N);
	if (e->kind == CSTORE_ENTRY)
		CHECK(e->bytes.n <= CSTORE_ENTRY_MAX);
}

static void
child(struct slice in)
{
	struct cstore c = { .magic = CSTORE_MAGIC, .on_event = on_event };
	struct cstore_frame f;

	c.pipe.fd = c.watch.fd = -1;
	c.is_ready = true;
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++) {
		c.part[g].is_open = c.part[g].is_usable = true;
		VEC_ADD(&c.part[g].tokens, 7);
	}
	while (in.n > 1) {
		struct slice body = slice_head(slice_from(in, 1), in.p[0]);

		in = slice_from(in, 1 + body.n);
		/* READY, the first one, has been heard. */
		if (cstore_wire_get(body, &f) == EM_OK && cstore_hear(&c, &f) != EM_OK)
			break;
	}
	for (unsigned g = 0; g < CSTORE_GROUP_N; g++)
		VEC_FINI(&c.part[g].tokens);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in;

	if (worker_current == NULL) {
		worker_init(1);
		worker_act_as(worker_link());
	}
	if (size < 1)
		return 0;
	in = slice_of(data + 1, size - 1);
	switch (data[0] % 5) {
	case 0: entry(CHANGE_GROUP_META, in); break;
	case 1: entry(CHANGE_GROUP_RET, in); break;
	case 2: member(in); break;
	case 3: office(in); break;
	default: child(in); break;
	}
	return 0;
}
