/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script: lines of a file, or of standard input, run one after the other.
 */
#ifndef CTL_SCRIPT_H
#define CTL_SCRIPT_H

#include "ctl/run.h"

/* Runs the lines of @file ("-": standard input) up to quit, the end, or the first error;
 * with -k to the end.  Exit code: of the line that failed; 7 when with -k some did. */
int script_run(struct tool *t, const char *file);

#endif
