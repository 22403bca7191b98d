/* SPDX-License-Identifier: Apache-2.0 */
/*
 * look: asks a node at an address who it is and of which cluster, as a guest.  Nothing
 * changes by it, there or here, and it is no task of join.h: it may be done at any time.
 *
 * WHO, asked: u64 site and name (2 bytes of size) of who asks.  Answer: u8 flags (1: it is a
 * member of a cluster, 2: which has a quorum, 4: which has removed the asker because it was
 * away, 8: it is the leader of meta), the name of the leader of meta, u8 n, then n times name,
 * address, u64 site.  The quorum is that of meta, which says who is a member; that of ret may
 * be gone while it is there.
 *
 * The link thread's.
 */
#ifndef CLUSTER_LOOK_H
#define CLUSTER_LOOK_H

#include "emqxd/link/link.h"

struct look_end {
	em_err err;
	const char *text, *hint; /* why not; or "" and NULL */
	bool is_member, has_quorum;
	bool is_leader;  /* of meta */
	bool has_me;     /* its cluster has a member of this node's name and site */
	bool is_cleaned; /* has removed this node because it was away for long */
	bool is_related; /* has a member that this node's cluster has too */
	unsigned members;
	struct slice leader;    /* a name; empty: not known there */
	struct slice leader_at; /* "host:port"; or empty */
};
/* @end is good for the call. */
typedef void look_done_fn(void *arg, const struct look_end *end);

void look_birth(struct link_house *h);
/* @target: "name@host[:port]" or "host:port".  @done once, later, at the latest when the
 * house of the links is stopped. */
void look_at(struct slice target, look_done_fn *done, void *arg);

#endif
