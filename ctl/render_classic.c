/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_classic: EMQX's own line shapes, for the scripts that read them; of
 * 4.4 with --compat 4.4.  render_said: the sentence that a changing command
 * says to a person; render_would: the one of its --dry-run.
 */
#include "ctl/render.h"
#include "ctl/cell.h"

static void
classic_row(struct render *r, const struct row *row)
{
	const struct cmd *cmd = r->cmd;
	bool old = r->opts.compat44 && cmd->classic44 != NULL;

	cell_add_template(&r->out->text, row, old ? cmd->classic44 : cmd->classic,
	    CELL_CLASSIC, r->opts.utc);
	str_add_char(&r->out->text, '\n');
	out_turn(r->out);
}

/* 4.4 says nothing where there is nothing. */
static void
classic_close(struct render *r)
{
	if (r->rows > 0 || r->cmd->classic_none == NULL || r->opts.compat44)
		return;
	str_add(&r->out->text, r->cmd->classic_none);
	str_add_char(&r->out->text, '\n');
}

static void
said_row(struct render *r, const struct row *row)
{
	cell_add_template(&r->out->text, row, r->cmd->said, CELL_HUMAN, r->opts.utc);
	str_add_char(&r->out->text, '\n');
}

static void
would_row(struct render *r, const struct row *row)
{
	cell_add_template(&r->out->text, row, r->cmd->would, CELL_HUMAN, r->opts.utc);
	str_add_char(&r->out->text, '\n');
}

const struct render_kind render_classic = { NULL, classic_row, classic_close };
const struct render_kind render_said = { NULL, said_row, NULL };
const struct render_kind render_would = { NULL, would_row, NULL };
