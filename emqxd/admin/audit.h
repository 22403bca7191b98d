/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit: who changed what, how it ended and how long it took: the event `audit` of
 * the log, for each call that changes something, also those that were refused.
 * Secrets are masked.  The admin thread's.
 */
#ifndef ADMIN_AUDIT_H
#define ADMIN_AUDIT_H

#include "ipc/params.h"

#include <sys/types.h>

void audit_write(
    uid_t uid, pid_t pid, const struct params *params, em_err result, span_t took);

#endif
