/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster: the room's face: other nodes of the same broker.
 *
 * What lives here: what the node opens at its start (the cluster port) and the link
 * thread's house of links, with which the other files of the room talk (link.h).  What
 * does not: who is in the cluster (members/; model/nodes.h has it for all rooms).
 *
 * Threads: cluster_birth() and cluster_death() on main; the worker's on the link thread;
 * the rest as said.
 */
#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "emqxd/link/link.h"
#include "ipc/base/str.h"

#define CLUSTER_COOKIE "emqxsecretcookie" /* the default, as EMQX has it */
#define CLUSTER_PORT 4370                 /* plus the number in the node's name */

/* The licence is a higher room's: on the link thread. */
#define CLUSTER_LICENCE_MAX 8192u
struct cluster_licence {
	/* The text of the one in force here: its length; 0: there is none. */
	size_t (*text)(uint8_t buf[CLUSTER_LICENCE_MAX]);
	/* This node has begun a cluster: its licence is the cluster's from now on. */
	void (*share)(void);
};

struct cluster_me {
	const char *node, *cookie, *product;   /* node.name, node.cookie, "0.6.0" */
	const char *data_dir;                  /* node.data_dir */
	const struct cluster_licence *licence; /* lives on; NULL: there are none */
};

/* Opens the cluster port.  One in use fails only if cluster.listen names it: else the node
 * is alone, cluster_closed() says why. */
EM_MUST_USE em_err cluster_birth(const struct cluster_me *me, struct fault *f);
void cluster_death(void);
/* On the link thread. */
void cluster_worker_birth(void);
void cluster_worker_death(void);

/* The house of the links.  The link thread. */
struct link_house *cluster_house(void);
/* Is the cluster port open?  Any thread. */
bool cluster_is_open(void);
/* A sentence why no other node can come here; NULL: the port is open.  Any thread. */
const char *cluster_closed(void);
/* "host:port" that others are told.  Any thread. */
const char *cluster_advertised(void);
/* Port that is open; 0: none.  Any thread. */
unsigned cluster_port(void);

/* 4370 plus the number at the end of what stands before the @. */
unsigned cluster_port_of(const char *node);
/* "name@host[:port]" -> "host:port"; without a port that of the name.  False: it is none. */
bool cluster_address_of(struct slice target, struct str *out);

#endif
