/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history: the lines of the shell, kept in $XDG_STATE_HOME/emqx_ctl/history
 * (else ~/.local/state).  A line with a secret is never kept.
 */
#ifndef CTL_HISTORY_H
#define CTL_HISTORY_H

#include "ipc/cmdline.h"

#include <histedit.h>

struct history_file {
	History *lines;
	char *path; /* owned; NULL: nothing is kept */
};

#define HISTORY_MAX 1000

/* Reads what there is.  A folder that cannot be made or read only means that nothing is
 * kept. */
void history_open(struct history_file *h);
/* Adds a line, to memory and file; each shell appends, so several may run. */
void history_keep(struct history_file *h, const char *line);
void history_close(struct history_file *h);
/* May a line with these words be kept: is no value of a secret's type among them? */
bool history_may_keep(const struct params *params);

#endif
