/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: one command from its words to its exit code: parse, ask, send, render.
 */
#ifndef CTL_RUN_H
#define CTL_RUN_H

#include "ctl/line.h"
#include "ctl/reach.h"

/* What one run of the program has. */
struct tool {
	const struct prefs *prefs; /* of the program's command line */
	struct reach reach;
	bool shell;  /* a person types: commands may be shortened, questions asked */
	bool script; /* lines come from a file: nobody can be asked */
};

#define RUN_QUIT (-1) /* no exit code: quit was said */

/* Runs @words.  @tail: what the line said behind them, or NULL.  Returns the exit code. */
int run_words(
    struct tool *t, const struct slice *words, size_t n, const struct line *tail);
/* Reads @text as a line of the shell and runs it; an empty one is 0. */
int run_line(struct tool *t, struct slice text);

/* What a call gives besides rows, for `wait` and tests of the answer. */
typedef void run_row_fn(void *ctx, const struct row *row);
/* Calls the daemon and hands each row to @fn.  The fault's exit code is its code's. */
EM_MUST_USE em_err run_call(struct tool *t, const struct prefs *prefs, cmd_id id,
    run_row_fn *fn, void *ctx, struct fault *f);

#endif
