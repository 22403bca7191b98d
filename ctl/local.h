/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local: commands that run in the tool: help, version, completion, preflight,
 * wait, conf check, and what prints the table.
 */
#ifndef CTL_LOCAL_H
#define CTL_LOCAL_H

#include "ctl/run.h"

struct local {
	struct tool *tool;
	const struct prefs *prefs;
	const struct params *params;
	const struct line *tail; /* of the shell's line, or NULL */
};

/* Runs params->cmd, which is local; the exit code, or RUN_QUIT. */
int local_run(const struct local *l);
/* Help about the command or group @path. */
int local_help(const struct local *l, const struct slice *path, size_t n);
int local_version(const struct local *l);

/* Prints an answer that is there already; @page: through the pager. */
int local_print(const struct local *l, const struct str *text, bool page);
/* Tells the fault and gives its exit code. */
int local_fail(const struct local *l, struct fault *f);
/* How JSON is to be written, or NULL when it is not wanted: *j is set up on @text. */
struct json;
bool local_wants_json(const struct local *l, struct json *j, struct str *text);

#endif
