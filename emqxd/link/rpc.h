/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc: pieces of requests between the offices of two nodes (admin/remote.h), carried on
 * the CTL link as frames RPC.  It only carries: what a piece says is theirs.
 *
 * Happy path: rpc_send() on the admin thread posts a copy to the link thread, which sends
 * it; a frame that comes in is posted to the admin thread and handed to `receive`.  Pieces
 * of one node keep their order.  When its CTL goes down, or a piece could not be sent,
 * `lost` is told, and nothing of what was under way comes after it.
 *
 * Bounds: the link's buffer on the way out; on the way in so many bytes that the office has
 * not opened yet: a peer that sends more is as good as lost, counted in the log.
 *
 * Threads: the frames on the link thread; rpc_send() and what is served on the admin thread.
 */
#ifndef LINK_RPC_H
#define LINK_RPC_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

struct link_house;

#define RPC_WAITING_MAX (32u << 20) /* bytes of all nodes on their way to the office */

/* On the admin thread. */
struct rpc_serve {
	void (*receive)(struct slice node, struct slice piece);
	void (*lost)(struct slice node);
};

/* On main, before the threads.  @serve lives on. */
void rpc_birth(const struct rpc_serve *serve);
void rpc_death(void);
/* On the link thread, between link_house_new() and link_house_stop(). */
void rpc_worker_birth(struct link_house *house);
void rpc_worker_death(void);
/* EM_UNREACHABLE: no such member, or it is not reached. */
EM_MUST_USE em_err rpc_send(const char *node, struct slice piece);

#endif
