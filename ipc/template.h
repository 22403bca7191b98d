/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template: line shapes as text with holes, so that EMQX's shapes stand in the
 * command's row and one renderer serves all commands.
 *
 *	{col}		the cell; a missing one is "undefined"
 *	{col:30}	padded on the right to 30 columns
 *	{col!fmt}	in another form: ms (time as epoch milliseconds), s (span in whole
 *			seconds), long (span in words), d (bool as 0 or 1), q (text in double
 *			quotes), a (text in single quotes), bytes (the bare number),
 *			local (time as "2020-02-21 09:39:58"), or in place of it: many ("s"
 *			of a noun, nothing for 1), one (nothing, "s" of a verb for 1)
 *	[? ... ?]	left out unless every cell inside is there
 *	\n		ends a line inside a shape; the last line's end is implied
 *
 * The tool fills them; here is the one reader of the notation.
 */
#ifndef IPC_TEMPLATE_H
#define IPC_TEMPLATE_H

#include "ipc/cmd.h"

typedef enum template_kind {
	TEMPLATE_END,
	TEMPLATE_TEXT,  /* text */
	TEMPLATE_CELL,  /* col, width, form */
	TEMPLATE_OPEN,  /* "[?" */
	TEMPLATE_CLOSE, /* "?]" */
	TEMPLATE_BAD, /* unknown column or form, or an open hole; tests see to it that none is */
} template_kind;

typedef enum template_form {
	FORM_PLAIN,
	FORM_MS,
	FORM_SECONDS,
	FORM_LONG,
	FORM_DIGIT,
	FORM_QUOTED,
	FORM_ATOM,
	FORM_BYTES,
	FORM_LOCAL,
	FORM_MANY,
	FORM_ONE,
} template_form;

struct template_part {
	template_kind kind;
	struct slice text;
	unsigned col; /* index into cmd->cols */
	unsigned width;
	template_form form;
};

/* Takes the next part off the front of @rest. */
struct template_part template_next(const struct cmd *cmd, struct slice *rest);
/* Is every part of it good and every group closed, once and not nested? */
bool template_is_good(const struct cmd *cmd, const char *text);

#endif
