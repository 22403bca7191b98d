/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errand: the admin thread asks the link thread something of the cluster, by letter there
 * and back.
 */
#ifndef CLUSTER_ERRAND_H
#define CLUSTER_ERRAND_H

#include "emqxd/cluster/finding.h"
#include "emqxd/cluster/status.h"
#include "emqxd/core/mailbox.h"
#include "ipc/base/list.h"
#include "ipc/base/str.h"

enum errand_what {
	ERRAND_STATUS,
	ERRAND_JOIN,
	ERRAND_LEAVE,
	ERRAND_FORCE_LEAVE,
	ERRAND_DISCOVERY,
	ERRAND_DISCOVERY_ENABLE
};

struct errand;
/* On the admin thread; frees nothing. */
typedef void errand_fn(struct errand *e);

struct errand {
	struct letter letter;
	/* The admin thread's. */
	struct list_node under_way;
	errand_fn *done; /* NULL: nobody waits for it any more */
	void *arg;
	enum errand_what what;
	bool is_dry_run, recover;
	struct str node;             /* JOIN: whom to ask; FORCE_LEAVE: who goes */
	uint64_t retained, sessions; /* JOIN: there were, for who asked */
	/* The answer. */
	em_err err;
	struct str text, hint, cluster, backup, licence,
	    others; /* of join.h's struct join_end */
	bool runs, was_removed;
	unsigned n; /* rows, or members */
	struct status_row rows[NODES_MAX];
	struct finding_state finding; /* DISCOVERY: as it is; LEAVE, ENABLE: afterwards */
};

struct errand *errand_new(enum errand_what what, errand_fn *done, void *arg);
/* @done follows, which frees it. */
void errand_send(struct errand *e);
void errand_free(struct errand **ep);
/* The process ends: who waits is told so, now.  On the admin thread. */
void errand_give_up(void);

#endif
