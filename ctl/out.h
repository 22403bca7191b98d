/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out: where an answer goes: a terminal (through a pager when it is long), a
 * pipe, a file of the shell's > FILE, each after the shell's | grep.
 *
 * Text is collected and written at out_flush.  The error is sticky: after one
 * nothing more is written, and who makes rows stops when out_is_done.
 */
#ifndef CTL_OUT_H
#define CTL_OUT_H

#include "ctl/line.h"
#include "ipc/base/err.h"
#include "ipc/base/str.h"

#include <regex.h>
#include <sys/types.h>

struct out {
	int fd;
	bool owned;     /* fd is closed by out_close */
	bool terminal;  /* it is written to one: pages, watch in place */
	bool person;    /* what a person would see: tables; behind | and > too */
	bool color;     /* of what is written */
	bool held;      /* nothing is written for now */
	unsigned width; /* columns that tables are fitted to; 0: no end */
	struct str text;
	regex_t *greps; /* NULL: all lines pass */
	const struct line_grep *grep_rules;
	size_t n_greps;
	pid_t pager; /* 0: none */
	em_err err;  /* EM_CANCELLED: the reader went away; EM_IO */
	int saved_errno;
};

/* Columns of the terminal that @fd is; 0: it is none that knows. */
unsigned out_screen_width(int fd);
/* Begins to write to @fd as @line's tail says; @line (or NULL) lives until out_close.
 * @color: color_is_on of fd, off for what goes elsewhere. */
EM_MUST_USE em_err out_open(
    struct out *out, int fd, bool color, const struct line *line, struct fault *fault);
/* Puts a pager between when it is a terminal and there is one; said before the first
 * text. */
void out_page(struct out *out);
/* Writes whole lines; returns out->err. */
em_err out_flush(struct out *out);
/* Flushes when much is waiting, so that memory stays bounded. */
void out_turn(struct out *out);
static inline bool
out_is_done(const struct out *out)
{
	return out->err != EM_OK;
}
/* Writes the rest, waits for the pager, gives all back.  A reader that went away is no
 * failure; another error is told in @fault. */
em_err out_close(struct out *out, struct fault *fault);

#endif
