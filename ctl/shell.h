/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell: lines typed at a prompt.
 */
#ifndef CTL_SHELL_H
#define CTL_SHELL_H

#include "ctl/history.h"
#include "ctl/run.h"

struct shell {
	struct tool *tool;
	struct history_file history;
	EditLine *el;
	struct talk talk;
	int resized;      /* a signalfd of SIGWINCH, or -1 */
	struct str typed; /* lines of a command that is not whole yet */
	struct str prompt;
};

/* Runs until quit or Ctrl-D; the exit code is 0. */
int shell_run(struct tool *t);
/* The shell that libedit calls back for. */
struct shell *shell_of(EditLine *el);

#endif
