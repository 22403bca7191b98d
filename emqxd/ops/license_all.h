/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_all: what became of a licence on every node of the cluster: this one's own
 * report (license.h), and those of the others, asked by `__license_report`
 * (admin/remote.h).
 *
 * Every member has a line, also one that does not run, or does not answer in time: the
 * wait is bounded.
 *
 * The admin thread's.
 */
#ifndef OPS_LICENSE_ALL_H
#define OPS_LICENSE_ALL_H

#include "ipc/base/span.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#include <sys/types.h>

enum license_all_what {
	LICENSE_ALL_OK,
	LICENSE_ALL_DOWN,   /* it does not run, or is not reached */
	LICENSE_ALL_FAILED, /* it said why it has not got it */
	LICENSE_ALL_SILENT  /* it did not report */
};

struct license_all_node {
	char *node;
	enum license_all_what what;
	struct str result; /* "ok", or a sentence */
	struct str state, copy, backup, hash;
};

struct license_all;
/* The nodes in the order of their names; good for the call. */
typedef void license_all_fn(void *arg, struct license_all_node *const *nodes, size_t n);
/* Of the licence given at @at; ns 0: of the one that each has now.  @fn follows, once,
 * perhaps within this call.  @uid: who asks. */
void license_all_ask(wall_t at, uid_t uid, span_t limit, license_all_fn *fn, void *arg);

#endif
