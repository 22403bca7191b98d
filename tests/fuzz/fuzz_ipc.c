/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_ipc: any bytes as each body, and as a line.  The first byte chooses what
 * they are: a hello, a request, an end, a fault, an event, a credit, a row of
 * each command, words for the tool.  A request or row that was understood is
 * written and read again and is the same.
 */
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/cmdline.h"
#include "ipc/pack.h"
#include "ipc/row.h"
#include "ipc/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_same(const struct params *a, const struct params *b)
{
	CHECK(a->v.n == b->v.n);
	for (size_t i = 0; i < a->v.n; i++) {
		const char *name = a->v.p[i].arg->name;
		size_t n = params_count(a, name);

		CHECK(params_count(b, name) == n);
		for (size_t k = 0; k < n && k < 8; k++)
			CHECK(slice_eq(
			    params_text_at(a, name, k), params_text_at(b, name, k)));
		CHECK(params_int(a, name, 0) == params_int(b, name, 0));
	}
}

static void
try_request(struct slice s)
{
	struct wire_req req, back;
	struct fault f = { 0 };
	struct wbuf w = wbuf_growing(1 << 20);
	em_err err = wire_req_get(s, NULL, &req, &f);

	CHECK(err == EM_OK || err == EM_MALFORMED || f.text != NULL);
	if (err == EM_OK) {
		wire_req_put(&w, 1, &req);
		err = wire_req_get(
		    slice_from(wbuf_slice(&w), IPC_FRAME_HEAD), NULL, &back, NULL);
		CHECK(err == EM_OK && back.cmd == req.cmd && back.flags == req.flags);
		check_same(&req.params, &back.params);
		wire_req_fini(&back);
	}
	wbuf_fini(&w);
	fault_clear(&f);
	wire_req_fini(&req);
}

/* Arguments of the command that the first byte names, without the frame around them. */
static void
try_params(struct slice s)
{
	const struct cmd *cmd = cmd_get((cmd_id)(s.p[0] % CMD_N));
	struct pack_reader r = pack_reader_of(slice_from(s, 1)), again;
	struct params p = { 0 }, q = { 0 };
	struct wbuf w = wbuf_growing(1 << 20);

	if (params_unpack(&p, cmd, &r, NULL) == EM_OK) {
		em_err err;

		params_pack(&p, &w);
		again = pack_reader_of(wbuf_slice(&w));
		err = params_unpack(&q, cmd, &again, NULL);
		CHECK(err == EM_OK);
		check_same(&p, &q);
	}
	wbuf_fini(&w);
	params_fini(&p);
	params_fini(&q);
}

static void
try_row(struct slice s)
{
	const struct cmd *cmd = cmd_get((cmd_id)(s.p[0] % CMD_N));
	struct row row;

	if (row_get(cmd, slice_from(s, 1), &row) != EM_OK)
		return;
	for (unsigned i = 0; i < row.n; i++) {
		struct row_count c;
		size_t at = 0, n = 0;

		if (row.v[i].type != CT_COUNTS)
			continue;
		while (row_next_count(&row.v[i], &at, &c))
			n++;
		CHECK(at == row.v[i].text.n && n <= row.v[i].text.n);
	}
}

static void
try_line(struct slice s)
{
	struct cmdline_words w;
	struct cmdline c;
	struct cmdline_place place;
	struct fault f = { 0 };
	unsigned flags = s.p[0] & (CMDLINE_ABBREV | CMDLINE_SHELL);
	em_err err;

	cmdline_split(&w, slice_from(s, 1));
	err = cmdline_parse(&c, w.v.p, w.v.n, flags, &f);
	CHECK(err == EM_OK || (err == EM_USAGE && f.text != NULL && c.bad <= w.v.n));
	cmdline_fini(&c);
	cmdline_place(&place, w.v.p, w.v.n, flags);
	CHECK(place.n_path <= CMD_PATH_WORDS && place.n_before <= 4);
	cmdline_words_fini(&w);
	fault_clear(&f);
}

static void
try_small(unsigned which, struct slice s)
{
	struct wire_hello hello;
	struct wire_end end;
	struct fault f = { 0 };
	struct slice text;
	uint32_t rows;

	switch (which) {
	case 0: (void)(wire_hello_get(s, &hello) == EM_OK); break;
	case 1: (void)(wire_end_get(s, &end) == EM_OK); break;
	case 2: CHECK(wire_fault_get(s, &f) != EM_OK || f.err != EM_OK); break;
	case 3: (void)(wire_event_get(s, &text) == EM_OK); break;
	default:
		CHECK(wire_credit_get(s, &rows) != EM_OK || rows <= WIRE_CREDIT_MAX);
		break;
	}
	fault_clear(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s;

	if (size < 2)
		return 0;
	s = slice_of(data + 1, size - 1);
	switch (data[0] % 9) {
	case 5: try_request(s); break;
	case 6: try_params(s); break;
	case 7: try_row(s); break;
	case 8: try_line(s); break;
	default: try_small(data[0] % 9, s); break;
	}
	return 0;
}
