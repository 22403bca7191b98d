/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies: there and back, cut at each byte, of another version, and garbage. */
#include "ipc/wire.h"
#include "ipc/pack.h"
#include "tests/unit/tap.h"

/* The body of the only frame in @w. */
static struct slice
body(const struct wbuf *w, ipc_frame_kind kind, uint32_t id)
{
	OK(w->err == EM_OK && w->n >= IPC_FRAME_HEAD);
	EQ(w->p[4], kind);
	EQ(w->p[8], id);
	EQ((size_t)(w->p[2] << 8 | w->p[3]), w->n - IPC_FRAME_HEAD);
	return slice_from(wbuf_slice(w), IPC_FRAME_HEAD);
}

TEST(hello_comes_back_and_survives_no_cut)
{
	struct wire_hello h = { 1, UINT64_MAX, SLICE_LIT("0.1.0"), SLICE_LIT("emqx@n1"),
		WIRE_ACCESS_WRITE },
			  back;
	struct wbuf w = wbuf_growing(1000);
	struct slice b;

	wire_hello_put(&w, &h);
	b = body(&w, FRAME_HELLO, 0);
	EQ(wire_hello_get(b, &back), EM_OK);
	EQ(back.protocol, 1);
	OK(back.table == UINT64_MAX && back.access == WIRE_ACCESS_WRITE);
	OK(slice_eq_str(back.version, "0.1.0") && slice_eq_str(back.node, "emqx@n1"));
	for (size_t n = 0; n < b.n; n++)
		EQ(wire_hello_get(slice_head(b, n), &back), EM_MALFORMED);
	wbuf_fini(&w);
}

static struct wbuf
request(const char *cmd, uint64_t row, const char *arg, const char *value)
{
	struct wbuf w = wbuf_growing(1000);

	pack_map(&w, 4);
	pack_text(&w, SLICE_LIT("args"));
	pack_map(&w, arg != NULL);
	if (arg != NULL) {
		pack_text(&w, slice_str(arg));
		pack_text(&w, slice_str(value));
	}
	pack_text(&w, SLICE_LIT("new in 9.0"));
	pack_array(&w, 1);
	pack_nil(&w);
	pack_text(&w, SLICE_LIT("row"));
	pack_uint(&w, row);
	pack_text(&w, SLICE_LIT("cmd"));
	pack_text(&w, slice_str(cmd));
	return w;
}

static em_err
get(const struct wbuf *w, struct fault *f)
{
	struct wire_req req;
	em_err err = wire_req_get(wbuf_slice(w), NULL, &req, f);

	wire_req_fini(&req);
	return err;
}

TEST(a_request_comes_back_and_survives_no_cut)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_LIST);
	struct wire_req req = { .cmd = cmd, .flags = WIRE_REQ_LEGACY, .credit = 10 },
			back;
	struct wbuf w = wbuf_growing(1000);
	struct slice b;

	EQ(params_add_word(
	       &req.params, cmd_find_opt(cmd, SLICE_LIT("limit")), SLICE_LIT("7"), NULL),
	    EM_OK);
	wire_req_put(&w, 3, &req);
	b = body(&w, FRAME_REQ, 3);
	EQ(wire_req_get(b, NULL, &back, NULL), EM_OK);
	OK(back.cmd == cmd && back.flags == WIRE_REQ_LEGACY && back.credit == 10);
	EQ(params_int(&back.params, "limit", 0), 7);
	wire_req_fini(&back);
	for (size_t n = 0; n < b.n; n++) {
		EQ(wire_req_get(slice_head(b, n), NULL, &back, NULL), EM_MALFORMED);
		wire_req_fini(&back);
	}
	wire_req_fini(&req);
	wbuf_fini(&w);
}

TEST(a_command_of_another_build_is_named)
{
	struct fault f = { 0 };
	uint64_t row = cmd_hash(cmd_get(CMD_CLIENTS_SHOW));
	struct wbuf w = request("clients show", row, "clientid", "c1");

	EQ(get(&w, &f), EM_OK);
	wbuf_fini(&w);
	w = request("clients show", row + 1, "clientid", "c1");
	EQ(get(&w, &f), EM_UNSUPPORTED);
	STR_EQ(f.text, "emqxd has another form of 'clients show'");
	wbuf_fini(&w);
	w = request("clients juggle", 0, NULL, NULL);
	EQ(get(&w, &f), EM_UNSUPPORTED);
	STR_EQ(f.text, "emqxd does not know 'clients juggle'");
	wbuf_fini(&w);
	w = request("help", cmd_hash(cmd_get(CMD_HELP)), NULL, NULL);
	EQ(get(&w, &f), EM_UNSUPPORTED); /* the tool's own */
	wbuf_fini(&w);
	w = request("clients show", row, NULL, NULL);
	EQ(get(&w, &f), EM_USAGE);
	STR_EQ(f.text, "<clientid> is missing");
	wbuf_fini(&w);
	fault_clear(&f);
}

TEST(a_file_without_its_descriptor_is_malformed)
{
	struct wbuf w = wbuf_growing(1000);
	static const char *const pairs[] = { "type", "topic", "value", "t/#", "file",
		"/tmp/x" };

	pack_map(&w, 3);
	pack_text(&w, SLICE_LIT("cmd"));
	pack_text(&w, SLICE_LIT("trace start"));
	pack_text(&w, SLICE_LIT("row"));
	pack_uint(&w, cmd_hash(cmd_get(CMD_TRACE_START)));
	pack_text(&w, SLICE_LIT("args"));
	pack_map(&w, 3);
	for (size_t i = 0; i < 6; i++)
		pack_text(&w, slice_str(pairs[i]));
	EQ(get(&w, NULL), EM_MALFORMED);
	wbuf_fini(&w);
}

TEST(credit_is_bounded)
{
	struct wbuf w = wbuf_growing(1000);
	uint32_t rows;

	wire_credit_put(&w, 9, WIRE_CREDIT);
	EQ(wire_credit_get(body(&w, FRAME_CREDIT, 9), &rows), EM_OK);
	EQ(rows, WIRE_CREDIT);
	w.n = 0;
	wire_credit_put(&w, 9, WIRE_CREDIT_MAX + 1);
	EQ(wire_credit_get(body(&w, FRAME_CREDIT, 9), &rows), EM_MALFORMED);
	EQ(rows, 0);
	EQ(wire_credit_get(SLICE_LIT("\x80"), &rows), EM_MALFORMED);
	wbuf_fini(&w);
}

TEST(faults_keep_code_text_and_hint)
{
	struct fault f = { 0 }, back = { 0 };
	struct wbuf w = wbuf_growing(1000);

	fault_set(&f, EM_NOTFOUND, "no client 'x%%'");
	fault_hint(&f, "did you mean 'y'?");
	wire_fault_put(&w, 5, &f);
	EQ(wire_fault_get(body(&w, FRAME_FAULT, 5), &back), EM_OK);
	EQ(back.err, EM_NOTFOUND);
	STR_EQ(back.text, "no client 'x%'");
	STR_EQ(back.hint, "did you mean 'y'?");
	fault_clear(&f);
	w.n = 0;
	f.err = EM_DENIED; /* no text: the code's own */
	wire_fault_put(&w, 5, &f);
	EQ(wire_fault_get(body(&w, FRAME_FAULT, 5), &back), EM_OK);
	STR_EQ(back.text, err_text(EM_DENIED));
	OK(back.hint == NULL);
	EQ(wire_fault_get(SLICE_LIT("\x80"), &back), EM_MALFORMED);
	fault_clear(&back);
	wbuf_fini(&w);
}

TEST(a_code_of_a_newer_daemon_is_a_failure)
{
	struct wbuf w = wbuf_growing(100);
	struct fault f = { 0 };

	pack_map(&w, 1);
	pack_text(&w, SLICE_LIT("code"));
	pack_text(&w, SLICE_LIT("quantum"));
	EQ(wire_fault_get(wbuf_slice(&w), &f), EM_OK);
	EQ(f.err, EM_FAILED);
	fault_clear(&f);
	wbuf_fini(&w);
}

TEST(end_event_and_cancel_come_back)
{
	struct wire_end e = { 12, SLICE_LIT("cursor"), SLICE_LIT("until restart") }, back;
	struct wbuf w = wbuf_growing(1000);
	struct slice text;

	wire_end_put(&w, 1, &e);
	EQ(wire_end_get(body(&w, FRAME_END, 1), &back), EM_OK);
	EQ(back.rows, 12);
	OK(slice_eq_str(back.next, "cursor") && slice_eq_str(back.note, "until restart"));
	w.n = 0;
	wire_event_put(&w, 1, SLICE_LIT("half done"));
	EQ(wire_event_get(body(&w, FRAME_EVENT, 1), &text), EM_OK);
	OK(slice_eq_str(text, "half done"));
	w.n = 0;
	wire_cancel_put(&w, 1);
	EQ(body(&w, FRAME_CANCEL, 1).n, 1);
	EQ(wire_end_get(SLICE_LIT("\x90"), &back), EM_MALFORMED);
	EQ(wire_event_get(SLICE_LIT("\x80"), &text), EM_MALFORMED);
	wbuf_fini(&w);
}

TEST(versions_compare_by_their_numbers)
{
	static const struct {
		const char *a, *b;
		int cmp;
	} t[] = { { "0.9.1", "0.10", -1 }, { "1.0", "1.0.0", 0 }, { "1.0.1", "1.0", 1 },
		{ "", "0", 0 }, { "2-rc1", "2", 0 }, { "10", "9", 1 } };

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		EQ(wire_version_cmp(slice_str(t[i].a), slice_str(t[i].b)), t[i].cmp);
		EQ(wire_version_cmp(slice_str(t[i].b), slice_str(t[i].a)), -t[i].cmp);
	}
}
