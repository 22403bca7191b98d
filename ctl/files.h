/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files: a file that the command line names is the caller's: it is opened here,
 * with the caller's rights and in the caller's folder, and its descriptor
 * travels to the daemon.
 */
#ifndef CTL_FILES_H
#define CTL_FILES_H

#include "ipc/params.h"

/* Opens the files among @params and gives each value its descriptor and absolute path. */
EM_MUST_USE em_err files_open(struct params *params, struct fault *f);

#endif
