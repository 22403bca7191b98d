/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secrets: a secret need not stand on the command line, where other users see it: "-" is
 * what comes on standard input, @FILE is what is in a file, read with the caller's rights.
 */
#ifndef CTL_SECRETS_H
#define CTL_SECRETS_H

#include "ipc/params.h"

#define SECRETS_MAX 65536u /* bytes */

/* Puts what they stand for in place of the values of @params; a newline at the end goes.
 * EM_IO, EM_NOTFOUND, EM_DENIED, EM_TOOBIG. */
EM_MUST_USE em_err secrets_read(struct params *params, struct fault *f);

#endif
