/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote: one request between two offices: `--node`, `--all-nodes`, and what may be on any
 * node.
 *
 * Asking: remote_ask() sends the request; rows come to the sink while it grants credit by
 * remote_taken().  Answering: a request that comes in becomes a gather here, whose sink
 * sends the rows back.  Who asks has checked what the operator may do; the link has
 * checked who the node is.
 *
 * Two builds understand each other: commands, arguments and columns go by their names.
 * Where the rows of a command differ the answer begins with its columns, and the asker
 * puts them in the places of its own; what it does not know is left out.  A command or an
 * argument that is not known there is answered with which side is older.
 *
 * Bounds: rows and bytes that were sent and not yet taken, requests that are answered at
 * a time, the silence that is waited for.
 *
 * What lies between is cluster's (struct rpc_ops): it only carries pieces in order.
 *
 * The admin thread's.
 */
#ifndef ADMIN_REMOTE_H
#define ADMIN_REMOTE_H

#include "emqxd/admin/gather.h"

/* Who carries.  Pieces of one node come in the order of their sending, or the node
 * is lost. */
struct rpc_ops {
	/* Copies.  EM_UNREACHABLE; EM_FULL: too much waits on the link. */
	em_err (*send)(const char *node, struct slice piece);
};

/* On the admin thread.  @ops NULL: there are no other nodes. */
void remote_birth(const struct rpc_ops *ops);
/* The office closes: who asks is told so, who is answered is left. */
void remote_stop(void);
/* Afterwards; what was under way for others comes home, for a second at most. */
void remote_death(void);

/* ---- from who carries */

/* A piece came from that node; what cannot be read is dropped, counted, and ends what it
 * belongs to. */
void remote_receive(struct slice node, struct slice piece);
/* Nothing more comes of what was under way, in both directions. */
void remote_lost(struct slice node);

/* ---- asking */

struct remote_sink {
	/* A row of the command as it is here. */
	void (*on_row)(void *arg, struct slice row);
	/* The last call, once: @f is NULL, or why it failed. */
	void (*on_end)(void *arg, const struct wire_end *end, const struct fault *f);
};

struct remote_call;
/* Asks as @who; the request's --node is not sent.  NULL: @f says why. */
struct remote_call *remote_ask(const char *node, const struct wire_req *req,
    const struct gather_asker *who, const struct remote_sink *sink, void *arg,
    struct fault *f);
/* The rows that came so far have found a place: more may come. */
void remote_taken(struct remote_call *c);
/* The sink is not called any more. */
void remote_cancel(struct remote_call **cp);

#endif
