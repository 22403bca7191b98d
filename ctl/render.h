/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render: rows -> text, one renderer for all commands, by the columns and the
 * templates of the row in the table of commands.
 *
 * A kind is a table of three functions (render_table.c, render_detail.c,
 * render_json.c, render_csv.c, render_classic.c); render.c chooses one.  Text
 * goes to an out and may be flushed after each row.
 */
#ifndef CTL_RENDER_H
#define CTL_RENDER_H

#include "ctl/color.h"
#include "ctl/out.h"
#include "ipc/row.h"

typedef enum render_format {
	RENDER_AUTO, /* by the shape of the command on a terminal, else classic */
	RENDER_TABLE,
	RENDER_WIDE,
	RENDER_DETAIL,
	RENDER_JSON,
	RENDER_JSONL,
	RENDER_CSV,
	RENDER_NAME,
	RENDER_CLASSIC,
	RENDER_FORMAT_N
} render_format;

struct render_opts {
	render_format format;
	bool no_trunc, no_header, utc;
	bool compat44;  /* shapes of EMQX 4.4 */
	bool dry_run;   /* rows say what would happen */
	bool all_nodes; /* rows of several nodes: each says of which */
	bool several;   /* things were named: a line says of which one it is */
};

struct render {
	const struct render_kind *kind;
	const struct cmd *cmd;
	struct render_opts opts;
	struct out *out;
	unsigned col[CMD_COLS_MAX]; /* the columns shown, in order */
	unsigned n_col;
	bool picked; /* the caller named the columns */
	uint64_t rows;
	void *state; /* of the kind */
};

/* Functions of a kind; each may be NULL. */
struct render_kind {
	void (*open)(struct render *r);
	void (*row)(struct render *r, const struct row *row);
	void (*close)(struct render *r); /* the foot; gives the state back */
};

extern const struct render_kind render_table, render_pairs, render_detail, render_json,
    render_jsonl, render_csv, render_name, render_classic, render_said, render_would;

/* The format of this name ("jsonl"); RENDER_AUTO when there is none. */
render_format render_find_format(struct slice name);
/* Begins an answer of @cmd.  @columns: names with commas, or empty for all; EM_USAGE for
 * one that there is not. */
EM_MUST_USE em_err render_open(struct render *r, const struct cmd *cmd,
    const struct render_opts *opts, struct slice columns, struct out *out,
    struct fault *fault);
void render_row(struct render *r, const struct row *row);
/* Ends it; to be called after every render_open that went well. */
void render_close(struct render *r);

/* The colour of a cell that says how something is ("ready", "stopped"); COLOR_ROLE_N where
 * a value is neither good nor bad. */
color_role render_role(const struct cmd_col *col, struct slice text);
/* Does the answer of @cmd hold any number of rows (a JSON array) or exactly one? */
bool render_is_many(const struct cmd *cmd);

#endif
