/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files: a file that the command line names is the caller's: it is opened here,
 * with the caller's rights and in the caller's folder, and its descriptor
 * travels to the daemon.
 */
#ifndef CTL_FILES_H
#define CTL_FILES_H

#include "ipc/params.h"

/* Opens the files among @params and gives each value its descriptor and absolute path.
 * *@made: the path of the one that was not there before (owned), or NULL. */
EM_MUST_USE em_err files_open(struct params *params, char **made, struct fault *f);
/* Takes back a file that was made for nothing, unless something is in it. */
void files_unmake(const char *made);
/* Sets @f (by errno): the tool's own open of @name did not succeed.  @what: "read". */
EM_MUST_USE em_err files_fault(struct fault *f, const char *what, const char *name);

#endif
