/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share_nodes: how many members of a shared group the other nodes have, and which node
 * gets a message: each weighs as much as it has members, those online first.  The node
 * that is picked picks the member.
 *
 * A table is never changed once it can be seen: it is replaced under the router's lock
 * and read without.  It is in the order of the nodes' site ids, so that all nodes that
 * know the same members choose the same by a hash.
 */
#ifndef ROUTER_SHARE_NODES_H
#define ROUTER_SHARE_NODES_H

#include "emqxd/model/nodes.h"

#include <stddef.h>

struct share_count {
	uint32_t online, offline;
};

struct share_node {
	uint64_t site;
	struct share_count n;
	unsigned place;
};

struct share_nodes {
	uint32_t n;
	struct share_node v[];
};

/* A copy with what is so now at @place; NULL when nobody is left in it.  @was may be
 * NULL. */
struct share_nodes *share_nodes_with(
    const struct share_nodes *was, unsigned place, struct share_count n);
size_t share_nodes_size(const struct share_nodes *t);
/* All zero when the place is not in it. */
struct share_count share_nodes_at(const struct share_nodes *t, unsigned place);

/* What may be chosen: nodes that run and are not in @tried, this one (place 0, with
 * @here) among them; only those online, when there are any. */
struct share_choice {
	const struct share_nodes *others;
	struct share_count here;
	uint64_t tried;
	bool by_online;
	uint32_t total; /* members, of all of them */
};
struct share_choice share_nodes_choice(
    const struct share_nodes *t, struct share_count here, uint64_t tried);
/* How many members may be chosen at this place. */
uint32_t share_nodes_weight(const struct share_choice *c, unsigned place);
/* The place of member number @i < total, and the how manieth it is there. */
unsigned share_nodes_of(const struct share_choice *c, uint32_t i, uint32_t *offset);

#endif
