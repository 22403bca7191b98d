/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport: libraft's connections, in the child.  It opens none: it asks the parent for a
 * connection to (node, group) and gets a descriptor, and gets those of nodes that
 * connected.  Who is at the other end has been proven by the parent's links; the first 24
 * bytes of a connection say which raft ids mean each other, so that what is meant for an
 * id that this node had earlier comes nowhere.  Nor does to a leader what comes from an id
 * that is on its list no more: see cstore_raft_may_hear().
 *
 * A group that is held has no connections: to the others it is a node that is away.
 */
#ifndef CSTORE_TRANSPORT_H
#define CSTORE_TRANSPORT_H

#include "emqxd/cstore/cstore_child.h"
#include "emqxd/cstore/raft_compat.h"
#include "ipc/base/list.h"

#define TRANSPORT_WAITING_MAX \
	64 /* connections asked for, and those without their preface */

struct transport {
	struct cstore_child *child;
	enum cstore_group group;
	struct raft_uv_transport *face;
	uint64_t id;                 /* ours */
	raft_uv_accept_cb on_accept; /* NULL: not listening */
	struct list_node dials, guests;
	unsigned dials_n, guests_n;
	uv_timer_t timer;
	unsigned handles; /* open ones of this object */
	raft_uv_transport_close_cb on_closed;
	bool is_held, is_closing;
};

/* Fills @face, which libraft is given; both stay where they are until it is closed. */
void transport_init(struct transport *t, struct raft_uv_transport *face,
    struct cstore_child *child, enum cstore_group group);
/* The parent's answer to a request; takes @fd, -1: none.  False: not ours. */
bool transport_answer(struct transport *t, uint32_t req, int fd);
/* A node has connected; takes @fd. */
void transport_accept(struct transport *t, const char *name, int fd);
/* Cuts all connections and refuses new ones, until it is let go. */
void transport_hold(struct transport *t, bool is_held);

#endif
