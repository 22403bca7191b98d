/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render: which kind an answer takes, and which columns.
 */
#include "ctl/render.h"

static const char *const format_name[RENDER_FORMAT_N] = {
	[RENDER_TABLE] = "table",
	[RENDER_WIDE] = "wide",
	[RENDER_DETAIL] = "detail",
	[RENDER_JSON] = "json",
	[RENDER_JSONL] = "jsonl",
	[RENDER_CSV] = "csv",
	[RENDER_NAME] = "name",
	[RENDER_CLASSIC] = "classic",
};

render_format
render_find_format(struct slice name)
{
	for (unsigned i = RENDER_TABLE; i < RENDER_FORMAT_N; i++)
		if (slice_eq_str(name, format_name[i]))
			return (render_format)i;
	return RENDER_AUTO;
}

bool
render_is_many(const struct cmd *cmd)
{
	size_t n = cmd_n_args(cmd);

	switch (cmd->shape) {
	case SHAPE_TABLE:
	case SHAPE_PAIRS:
	case SHAPE_TEXT: return true;
	case SHAPE_BLOCKS: return (cmd->flags & CMDF_LIST) != 0;
	case SHAPE_SAID: return n > 0 && (cmd->args[n - 1].flags & ARGF_REPEAT) != 0;
	}
	UNREACHABLE();
}

static const struct render_kind *
kind_of_shape(const struct cmd *cmd)
{
	switch (cmd->shape) {
	case SHAPE_TABLE: return &render_table;
	case SHAPE_BLOCKS: return &render_detail;
	case SHAPE_PAIRS: return &render_pairs;
	case SHAPE_TEXT: return &render_name;
	case SHAPE_SAID: return cmd->said != NULL ? &render_said : &render_table;
	}
	UNREACHABLE();
}

/* EMQX has no --dry-run, and its tool names one client at a time: no shape of its own. */
static const struct render_kind *
kind_of_pipe(const struct render *r)
{
	if (r->cmd->classic == NULL)
		return kind_of_shape(r->cmd);
	return r->opts.several && r->cmd->said != NULL ? &render_said : &render_classic;
}

static const struct render_kind *
choose(const struct render *r)
{
	bool would = r->opts.dry_run && r->cmd->would != NULL && !r->picked;

	switch (r->opts.format) {
	case RENDER_AUTO: break;
	case RENDER_TABLE:
	case RENDER_WIDE: return &render_table;
	case RENDER_DETAIL: return &render_detail;
	case RENDER_JSON: return &render_json;
	case RENDER_JSONL: return &render_jsonl;
	case RENDER_CSV: return &render_csv;
	case RENDER_NAME: return &render_name;
	case RENDER_CLASSIC: return would ? &render_would : kind_of_pipe(r);
	case RENDER_FORMAT_N: UNREACHABLE();
	}
	if (r->picked || r->opts.all_nodes)
		return &render_table;
	if (would)
		return &render_would;
	return r->out->person ? kind_of_shape(r->cmd) : kind_of_pipe(r);
}

static bool
is_among(struct slice text, const char *const *words)
{
	for (; *words != NULL; words++)
		if (slice_eq_str(text, *words))
			return true;
	return false;
}

color_role
render_role(const struct cmd_col *col, struct slice text)
{
	static const char *const columns[] = { "state", "status", "result", "running",
		NULL };
	static const char *const good[] = { "ready", "running", "started", "ok", "true",
		NULL };

	if ((col->type != CT_TEXT && col->type != CT_BOOL) ||
	    !is_among(slice_str(col->name), columns))
		return COLOR_ROLE_N;
	return is_among(text, good) ? COLOR_GOOD : COLOR_WARN;
}

/* Takes the next name off a list with commas. */
static struct slice
take_name(struct slice *list)
{
	size_t n = 0;
	struct slice name;

	while (n < list->n && list->p[n] != ',')
		n++;
	name = slice_head(*list, n);
	*list = slice_from(*list, n + 1);
	return name;
}

static em_err
pick_columns(struct render *r, struct slice columns, struct fault *fault)
{
	while (columns.n > 0) {
		struct slice name = take_name(&columns);
		int col = cmd_find_col(r->cmd, name);

		if (col < 0)
			return fault_set(fault, EM_USAGE, "there is no column '%.*s'",
			    SLICE_FMT(name));
		if (r->n_col == CMD_COLS_MAX)
			return fault_set(fault, EM_USAGE, "too many columns");
		r->col[r->n_col++] = (unsigned)col;
	}
	r->picked = true;
	return EM_OK;
}

em_err
render_open(struct render *r, const struct cmd *cmd, const struct render_opts *opts,
    struct slice columns, struct out *out, struct fault *fault)
{
	size_t n = cmd_n_cols(cmd);
	em_err err = EM_OK;

	CHECK(opts->format < RENDER_FORMAT_N);
	CHECK(n > 0 && n <= CMD_COLS_MAX);
	*r = (struct render){ .cmd = cmd, .opts = *opts, .out = out };
	if (columns.n > 0)
		err = pick_columns(r, columns, fault);
	if (err != EM_OK)
		return err;
	r->kind = choose(r);
	/* In a table a wide column is shown when asked for; elsewhere all are. */
	for (unsigned i = 0; i < n && !r->picked; i++) {
		bool narrow = r->kind == &render_table || r->kind == &render_pairs;

		if (!narrow || !cmd->cols[i].wide || opts->format == RENDER_WIDE ||
		    (opts->all_nodes && strcmp(cmd->cols[i].name, "node") == 0))
			r->col[r->n_col++] = i;
	}
	if (r->kind->open != NULL)
		r->kind->open(r);
	return EM_OK;
}

void
render_row(struct render *r, const struct row *row)
{
	CHECK(row->cmd == r->cmd);
	if (r->kind->row != NULL)
		r->kind->row(r, row);
	r->rows++;
}

void
render_close(struct render *r)
{
	if (r->kind->close != NULL)
		r->kind->close(r);
	CHECK(r->state == NULL);
}
