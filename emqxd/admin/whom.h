/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whom: which nodes a request is for: --node, --all-nodes.  The admin thread's.
 */
#ifndef ADMIN_WHOM_H
#define ADMIN_WHOM_H

#include "ipc/params.h"

enum whom {
	WHOM_HERE,   /* and elsewhere for what is not here */
	WHOM_NODE,   /* another node in place of this one */
	WHOM_ALL,    /* this one and all others */
	WHOM_OTHERS, /* it was not here */
};

/* @is_far: another node asks.  *place: of the only one that is asked.  EM_NOTFOUND: no such node; EM_USAGE. */
EM_MUST_USE em_err whom_read(const struct params *p, bool is_far, enum whom *whom,
    unsigned *place, struct fault *f);

#endif
