/* SPDX-License-Identifier: Apache-2.0 */
/*
 * color: five roles, and whether they are coloured at all.  Meaning never
 * hangs on colour alone.  No other file holds an escape sequence for colour.
 */
#ifndef CTL_COLOR_H
#define CTL_COLOR_H

#include "ipc/base/str.h"

typedef enum color_role {
	COLOR_HEAD, /* head of a table, name of a thing */
	COLOR_DIM,  /* keys, what is beside the point */
	COLOR_GOOD, /* ready, running */
	COLOR_WARN, /* hints, draining, changed */
	COLOR_BAD,  /* errors, not reachable */
	COLOR_ROLE_N
} color_role;

typedef enum color_when {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
} color_when;

/* Shall what goes to @fd be coloured?  AUTO: on a terminal, not with NO_COLOR (set and
 * not empty) or TERM=dumb. */
bool color_is_on(color_when when, int fd);
/* What begins and ends a role; "" unless @on. */
const char *color_begin(bool on, color_role role);
const char *color_end(bool on);
/* Adds @text in a role. */
void color_add(struct str *s, bool on, color_role role, const char *text);

#endif
