/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: other programs that the tool finds and runs.
 */
#ifndef CTL_PROGRAM_H
#define CTL_PROGRAM_H

#include "ipc/base/err.h"
#include "ipc/base/str.h"

/* Path of @name beside this program, else in PATH; the caller frees it; NULL: nowhere. */
char *program_find(const char *name);
bool program_is_in_path(const char *name);
/* Runs @argv (argv[0] is the path) with @env added to the environment ("A=b", NULL at the
 * end; or NULL) and collects what it says on both outputs.  *@status: its exit status, or
 * 128 + signal.  EM_IO: it could not be started. */
EM_MUST_USE em_err program_run(
    const char *const *argv, const char *const *env, struct str *said, int *status);

#endif
