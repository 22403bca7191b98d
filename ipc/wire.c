/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: each body is a map.  A reader goes over its pairs with next_name() and
 * skips names that it does not know.  Every body is first asked whether it is
 * one well-formed value, so what follows is only about types.
 */
#include "ipc/wire.h"
#include "ipc/base/str.h"
#include "ipc/pack.h"

/* A walk over the pairs of a map that is the whole body. */
struct pairs {
	struct pack_reader r;
	size_t left;
};

static em_err
pairs_of(struct slice body, struct pairs *out)
{
	*out = (struct pairs){ .r = pack_reader_of(body) };
	if (!pack_is_one(body) || pack_peek(&out->r) != PACK_MAP)
		return EM_MALFORMED;
	out->left = pack_read_map(&out->r);
	return EM_OK;
}

/* Takes the next pair's name; the caller takes or skips its value. */
static bool
next_name(struct pairs *p, struct slice *name)
{
	if (p->left == 0 || p->r.r.err != EM_OK)
		return false;
	p->left--;
	*name = pack_read_text(&p->r);
	return p->r.r.err == EM_OK;
}

static void
put_name(struct wbuf *w, const char *name)
{
	pack_text(w, slice_str(name));
}

void
wire_hello_put(struct wbuf *w, const struct wire_hello *h)
{
	size_t at = ipc_frame_begin(w, FRAME_HELLO, 0);

	pack_map(w, 5);
	put_name(w, "protocol");
	pack_uint(w, h->protocol);
	put_name(w, "table");
	pack_uint(w, h->table);
	put_name(w, "version");
	pack_text(w, h->version);
	put_name(w, "node");
	pack_text(w, h->node);
	put_name(w, "access");
	pack_uint(w, h->access);
	ipc_frame_end(w, at);
}

em_err
wire_hello_get(struct slice body, struct wire_hello *h)
{
	struct pairs p;
	struct slice name;
	uint64_t protocol = 0, access = 0;

	*h = (struct wire_hello){ 0 };
	if (pairs_of(body, &p) != EM_OK)
		return EM_MALFORMED;
	while (next_name(&p, &name)) {
		if (slice_eq(name, SLICE_LIT("protocol")))
			protocol = pack_read_uint(&p.r);
		else if (slice_eq(name, SLICE_LIT("table")))
			h->table = pack_read_uint(&p.r);
		else if (slice_eq(name, SLICE_LIT("version")))
			h->version = pack_read_text(&p.r);
		else if (slice_eq(name, SLICE_LIT("node")))
			h->node = pack_read_text(&p.r);
		else if (slice_eq(name, SLICE_LIT("access")))
			access = pack_read_uint(&p.r);
		else
			(void)pack_skip(&p.r);
	}
	if (p.r.r.err != EM_OK || protocol == 0 || protocol > UINT32_MAX)
		return EM_MALFORMED;
	h->protocol = (uint32_t)protocol;
	h->access = access > WIRE_ACCESS_ALL ? WIRE_ACCESS_ALL : (enum wire_access)access;
	return EM_OK;
}

void
wire_req_put(struct wbuf *w, uint32_t id, const struct wire_req *req)
{
	size_t at = ipc_frame_begin(w, FRAME_REQ, id);

	pack_map(w, 5);
	put_name(w, "cmd");
	pack_text(w, slice_str(req->cmd->path));
	put_name(w, "row");
	pack_uint(w, cmd_hash(req->cmd));
	put_name(w, "flags");
	pack_uint(w, req->flags);
	put_name(w, "credit");
	pack_uint(w, req->credit);
	put_name(w, "args"); /* the last: read when the command is known */
	params_pack(&req->params, w);
	ipc_frame_end(w, at);
}

/* The row of a command that the tool names, if it is the one that it means. */
static em_err
find_command(struct slice path, uint64_t hash, const struct cmd **out, struct fault *f)
{
	const struct cmd *cmd = cmd_find(path);
	struct str text = { 0 };

	*out = cmd;
	if (cmd != NULL && !cmd->local && cmd_hash(cmd) == hash)
		return EM_OK;
	str_add_escaped(&text, path);
	fault_set(f, EM_UNSUPPORTED, "emqxd %s '%s'",
	    cmd != NULL ? "has another form of" : "does not know", str_get(&text));
	str_fini(&text);
	return EM_UNSUPPORTED;
}

/* Gives each argument that is a file the descriptor that came with the request. */
static em_err
take_files(struct params *p, struct ipc_frame_reader *fds)
{
	for (size_t i = 0; i < p->v.n; i++) {
		struct param *v = &p->v.p[i];

		if (v->arg->type != CT_INFILE && v->arg->type != CT_OUTFILE)
			continue;
		v->fd = fds != NULL ? ipc_frame_take_fd(fds) : -1;
		if (v->fd < 0)
			return EM_MALFORMED;
	}
	return EM_OK;
}

em_err
wire_req_get(struct slice body, struct ipc_frame_reader *fds, struct wire_req *req,
    struct fault *f)
{
	struct pairs p;
	struct slice name, path = SLICE_NONE, args = SLICE_NONE;
	uint64_t hash = 0, flags = 0, credit = 0;
	struct pack_reader r;
	em_err err;

	*req = (struct wire_req){ 0 };
	if (pairs_of(body, &p) != EM_OK)
		return EM_MALFORMED;
	while (next_name(&p, &name)) {
		if (slice_eq(name, SLICE_LIT("cmd")))
			path = pack_read_text(&p.r);
		else if (slice_eq(name, SLICE_LIT("row")))
			hash = pack_read_uint(&p.r);
		else if (slice_eq(name, SLICE_LIT("flags")))
			flags = pack_read_uint(&p.r);
		else if (slice_eq(name, SLICE_LIT("credit")))
			credit = pack_read_uint(&p.r);
		else if (slice_eq(name, SLICE_LIT("args")))
			args = pack_skip(&p.r);
		else
			(void)pack_skip(&p.r);
	}
	if (p.r.r.err != EM_OK || path.n == 0 || args.n == 0)
		return EM_MALFORMED;
	req->flags = (unsigned)(flags & UINT32_MAX);
	req->credit = (uint32_t)(credit < WIRE_CREDIT_MAX ? credit : WIRE_CREDIT_MAX);
	err = find_command(path, hash, &req->cmd, f);
	if (err != EM_OK)
		return err;
	r = pack_reader_of(args);
	err = params_unpack(&req->params, req->cmd, &r, f);
	return err == EM_OK ? take_files(&req->params, fds) : err;
}

void
wire_req_fini(struct wire_req *req)
{
	params_fini(&req->params);
	req->cmd = NULL;
}

void
wire_end_put(struct wbuf *w, uint32_t id, const struct wire_end *e)
{
	size_t at = ipc_frame_begin(w, FRAME_END, id);

	pack_map(w, 3);
	put_name(w, "rows");
	pack_uint(w, e->rows);
	put_name(w, "next");
	pack_text(w, e->next);
	put_name(w, "note");
	pack_text(w, e->note);
	ipc_frame_end(w, at);
}

em_err
wire_end_get(struct slice body, struct wire_end *e)
{
	struct pairs p;
	struct slice name;

	*e = (struct wire_end){ 0 };
	if (pairs_of(body, &p) != EM_OK)
		return EM_MALFORMED;
	while (next_name(&p, &name)) {
		if (slice_eq(name, SLICE_LIT("rows")))
			e->rows = pack_read_uint(&p.r);
		else if (slice_eq(name, SLICE_LIT("next")))
			e->next = pack_read_text(&p.r);
		else if (slice_eq(name, SLICE_LIT("note")))
			e->note = pack_read_text(&p.r);
		else
			(void)pack_skip(&p.r);
	}
	return p.r.r.err;
}

void
wire_fault_put(struct wbuf *w, uint32_t id, const struct fault *f)
{
	size_t at = ipc_frame_begin(w, FRAME_FAULT, id);

	CHECK(f->err != EM_OK);
	pack_map(w, 3);
	put_name(w, "code");
	pack_text(w, slice_str(err_name(f->err)));
	put_name(w, "text");
	pack_text(w, slice_str(f->text));
	put_name(w, "hint");
	pack_text(w, slice_str(f->hint));
	ipc_frame_end(w, at);
}

/* The code of a name; a name that a newer daemon made up is a plain failure. */
static em_err
code_of(struct slice name)
{
	for (unsigned e = EM_OK + 1; e < EM_ERR_N; e++)
		if (slice_eq_str(name, err_name((em_err)e)))
			return (em_err)e;
	return EM_FAILED;
}

em_err
wire_fault_get(struct slice body, struct fault *f)
{
	struct pairs p;
	struct slice name, code = SLICE_NONE, text = SLICE_NONE, hint = SLICE_NONE;

	if (pairs_of(body, &p) != EM_OK)
		return EM_MALFORMED;
	while (next_name(&p, &name)) {
		if (slice_eq(name, SLICE_LIT("code")))
			code = pack_read_text(&p.r);
		else if (slice_eq(name, SLICE_LIT("text")))
			text = pack_read_text(&p.r);
		else if (slice_eq(name, SLICE_LIT("hint")))
			hint = pack_read_text(&p.r);
		else
			(void)pack_skip(&p.r);
	}
	if (p.r.r.err != EM_OK || code.n == 0)
		return EM_MALFORMED;
	if (text.n == 0)
		text = slice_str(err_text(code_of(code)));
	fault_set(f, code_of(code), "%.*s", SLICE_FMT(text));
	if (hint.n > 0)
		fault_hint(f, "%.*s", SLICE_FMT(hint));
	return EM_OK;
}

/* Bodies that are one value under one name. */
static em_err
only_pair(struct slice body, const char *wanted, struct pack_reader *value)
{
	struct pairs p;
	struct slice name;

	*value = pack_reader_of(SLICE_NONE);
	if (pairs_of(body, &p) != EM_OK)
		return EM_MALFORMED;
	while (next_name(&p, &name)) {
		struct slice v = pack_skip(&p.r);

		if (slice_eq_str(name, wanted))
			*value = pack_reader_of(v);
	}
	return p.r.r.err;
}

void
wire_event_put(struct wbuf *w, uint32_t id, struct slice text)
{
	size_t at = ipc_frame_begin(w, FRAME_EVENT, id);

	pack_map(w, 1);
	put_name(w, "text");
	pack_text(w, text);
	ipc_frame_end(w, at);
}

em_err
wire_event_get(struct slice body, struct slice *text)
{
	struct pack_reader r;

	if (only_pair(body, "text", &r) != EM_OK)
		return EM_MALFORMED;
	*text = pack_read_text(&r);
	return r.r.err;
}

void
wire_credit_put(struct wbuf *w, uint32_t id, uint32_t rows)
{
	size_t at = ipc_frame_begin(w, FRAME_CREDIT, id);

	pack_map(w, 1);
	put_name(w, "rows");
	pack_uint(w, rows);
	ipc_frame_end(w, at);
}

em_err
wire_credit_get(struct slice body, uint32_t *rows)
{
	struct pack_reader r;
	uint64_t n;

	*rows = 0;
	if (only_pair(body, "rows", &r) != EM_OK)
		return EM_MALFORMED;
	n = pack_read_uint(&r);
	if (r.r.err != EM_OK || n > WIRE_CREDIT_MAX)
		return EM_MALFORMED;
	*rows = (uint32_t)n;
	return EM_OK;
}

void
wire_cancel_put(struct wbuf *w, uint32_t id)
{
	size_t at = ipc_frame_begin(w, FRAME_CANCEL, id);

	pack_map(w, 0);
	ipc_frame_end(w, at);
}

/* Takes "12" of "12.3"; what is no number ends the version. */
static uint64_t
take_part(struct slice *v)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < v->n && i < 9 && v->p[i] >= '0' && v->p[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(v->p[i] - '0');
	if (i < v->n && v->p[i] == '.')
		i++;
	else
		i = v->n;
	*v = slice_from(*v, i);
	return n;
}

int
wire_version_cmp(struct slice theirs, struct slice ours)
{
	while (theirs.n > 0 || ours.n > 0) {
		uint64_t a = take_part(&theirs), b = take_part(&ours);

		if (a != b)
			return a < b ? -1 : 1;
	}
	return 0;
}
