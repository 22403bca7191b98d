/* SPDX-License-Identifier: Apache-2.0 */
/* remote_wire: see remote_wire.h. */
#include "emqxd/admin/remote_wire.h"
#include "ipc/row.h"

#define COLUMNS_MAX 256u /* that another build may have */

void
remote_piece_begin(struct wbuf *w, enum piece_kind kind, uint32_t id)
{
	wbuf_u8(w, (uint8_t)kind);
	wbuf_u32(w, id);
}

em_err
remote_piece_get(struct slice bytes, struct piece *out)
{
	struct rbuf r = rbuf_of(bytes);
	unsigned kind = rbuf_u8(&r);

	out->id = rbuf_u32(&r);
	out->body = rbuf_rest(&r);
	if (r.err != EM_OK || kind < PIECE_ASK || kind > PIECE_FAULT)
		return EM_MALFORMED;
	out->kind = (enum piece_kind)kind;
	return EM_OK;
}

static void
put_name(struct wbuf *w, const char *name)
{
	pack_text(w, slice_str(name));
}

void
remote_req_put(
    struct wbuf *w, const struct wire_req *req, const char *node, uid_t uid, pid_t pid)
{
	pack_map(w, 9);
	put_name(w, "cmd");
	pack_text(w, slice_str(req->cmd->path));
	put_name(w, "row");
	pack_uint(w, cmd_hash(req->cmd));
	put_name(w, "flags");
	pack_uint(w, req->flags);
	put_name(w, "credit");
	pack_uint(w, req->credit);
	put_name(w, "version");
	pack_text(w, SLICE_LIT(EMQXD_VERSION));
	put_name(w, "node");
	pack_text(w, slice_str(node));
	put_name(w, "uid");
	pack_uint(w, uid);
	put_name(w, "pid");
	pack_uint(w, (uint64_t)pid);
	put_name(w, "args");
	params_pack(&req->params, w);
}

static uint32_t
credit_of(uint64_t rows)
{
	return rows < WIRE_CREDIT_MAX ? (uint32_t)rows : WIRE_CREDIT_MAX;
}

static void
read_pair(struct pack_reader *r, struct slice name, struct remote_req *out)
{
	if (slice_eq(name, SLICE_LIT("cmd")))
		out->path = pack_read_text(r);
	else if (slice_eq(name, SLICE_LIT("row")))
		out->hash = pack_read_uint(r);
	else if (slice_eq(name, SLICE_LIT("flags")))
		out->flags = (unsigned)(pack_read_uint(r) & UINT32_MAX);
	else if (slice_eq(name, SLICE_LIT("credit")))
		out->credit = credit_of(pack_read_uint(r));
	else if (slice_eq(name, SLICE_LIT("version")))
		out->version = pack_read_text(r);
	else if (slice_eq(name, SLICE_LIT("node")))
		out->node = pack_read_text(r);
	else if (slice_eq(name, SLICE_LIT("uid")))
		out->uid = (uid_t)(pack_read_uint(r) & UINT32_MAX);
	else if (slice_eq(name, SLICE_LIT("pid")))
		out->pid = (pid_t)(pack_read_uint(r) & INT32_MAX);
	else if (slice_eq(name, SLICE_LIT("args")))
		out->args = pack_skip(r);
	else
		(void)pack_skip(r);
}

em_err
remote_req_get(struct slice body, struct remote_req *out)
{
	struct pack_reader r = pack_reader_of(body);
	size_t n;

	*out = (struct remote_req){ .hash = 0 };
	if (!pack_is_one(body) || pack_peek(&r) != PACK_MAP)
		return EM_MALFORMED;
	for (n = pack_read_map(&r); n > 0 && r.r.err == EM_OK; n--) {
		struct slice name = pack_read_text(&r);

		read_pair(&r, name, out);
	}
	return r.r.err != EM_OK || out->path.n == 0 || out->args.n == 0 ? EM_MALFORMED
									: EM_OK;
}

void
remote_columns_put(struct wbuf *w, const struct cmd *cmd)
{
	size_t n = cmd_n_cols(cmd);

	pack_array(w, 2 * n);
	for (size_t i = 0; i < n; i++) {
		pack_text(w, slice_str(cmd->cols[i].name));
		pack_text(w, slice_str(cmd_type_name(cmd->cols[i].type)));
	}
}

/* The column here that has that name and the same form. */
static int
find_column(const struct cmd *cmd, struct slice name, struct slice type_name)
{
	int i = cmd_find_col(cmd, name);
	cmd_type type;

	if (i < 0 || cmd_type_find(type_name, &type) != EM_OK ||
	    cmd_type_form(type) != cmd_type_form(cmd->cols[i].type))
		return -1;
	return i;
}

static bool
is_same(const struct remote_columns *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c->from[i] != (int)i)
			return false;
	return c->n == n;
}

em_err
remote_columns_get(struct slice body, const struct cmd *cmd, struct remote_columns *out)
{
	struct pack_reader r = pack_reader_of(body);
	size_t n;

	*out = (struct remote_columns){ .node = cmd_find_col(cmd, SLICE_LIT("node")) };
	for (unsigned i = 0; i < CMD_COLS_MAX; i++)
		out->from[i] = -1;
	if (!pack_is_one(body) || pack_peek(&r) != PACK_ARRAY)
		return EM_MALFORMED;
	n = pack_read_array(&r);
	if (n % 2 != 0 || n / 2 > COLUMNS_MAX)
		return EM_MALFORMED;
	for (out->n = 0; out->n < n / 2 && r.r.err == EM_OK; out->n++) {
		struct slice name = pack_read_text(&r);
		int at = find_column(cmd, name, pack_read_text(&r));

		if (at >= 0)
			out->from[at] = (int)out->n;
	}
	out->is_same = is_same(out, cmd_n_cols(cmd));
	return r.r.err;
}

static em_err
move_cells(struct slice body, const struct cmd *cmd, const struct remote_columns *columns,
    const char *node, struct wbuf *out)
{
	struct pack_reader r = pack_reader_of(body);
	struct slice cell[COLUMNS_MAX];
	size_t n = cmd_n_cols(cmd);

	if (!pack_is_one(body) || pack_peek(&r) != PACK_ARRAY ||
	    pack_read_array(&r) != columns->n)
		return EM_MALFORMED;
	for (unsigned i = 0; i < columns->n; i++)
		cell[i] = pack_skip(&r);
	pack_array(out, n);
	for (size_t i = 0; i < n; i++) {
		if (columns->from[i] >= 0)
			wbuf_bytes(out, cell[columns->from[i]]);
		else if ((int)i == columns->node)
			pack_text(out, slice_str(node));
		else
			pack_nil(out);
	}
	return r.r.err != EM_OK ? r.r.err : out->err;
}

em_err
remote_row_get(struct slice body, const struct cmd *cmd,
    const struct remote_columns *columns, const char *node, struct wbuf *out)
{
	size_t at = out->n;
	struct row row;
	em_err err = EM_OK;

	if (columns->is_same)
		wbuf_bytes(out, body);
	else
		err = move_cells(body, cmd, columns, node, out);
	if (err != EM_OK || out->err != EM_OK)
		return EM_MALFORMED;
	return row_get(cmd, slice_from(wbuf_slice(out), at), &row);
}
