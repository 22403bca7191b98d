/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: messages to the subscribers of other nodes, and from there to ours.
 *
 * Happy path: the router hands the link thread each message once, with the places that
 * want it (router/remote.h); it is written once, copied to each node's batch, and a batch
 * goes out when it has 60 KB or at the end of the turn.  A large one (MESSAGE_LARGE) is
 * written straight to where each link sends from.  The other node brings it to its
 * own subscribers and never sends it on.  First in, first out all the way: one publisher's
 * messages keep their order.
 *
 * A shared group's message goes to one node, with who was asked before; what that node's
 * members do not take it passes on to one that was not asked.  Of QoS 1 and 2 a copy is
 * kept until that node has said that it has it: if the node cannot be reached any more,
 * another member is picked, of very many in steps (repick.h).  4 MB of them a node; those beyond that are dropped then.
 * A copy is kept on until a member has acknowledged it, or begun with it as QoS 2
 * [MQTT5-4.8.2-5]: if the node dies before, another one gets it (lent.h).
 * When only DATA broke and is up again all that are kept go once more; the other end passes
 * over what it has, by their numbers.
 *
 * Bounds: what waits for a node is at most cluster.link.buffer and half of that again (8 MB
 * at least).  From three quarters on QoS 0 is dropped; when it is full, who publishes to
 * that node with QoS 1 or 2 is not read until there is room (router/remote.h,
 * client/pressure.c); who publishes to others does not wait.  What is dropped is counted
 * (messages.forward.dropped).  What the link had taken and did not bring before it broke
 * the receiver counts when the next one is up (messages.forward.lost); of a node that never
 * comes back nobody knows.  A receiver whose workers are behind does not read that link.
 *
 * Threads: the link thread.  Frames come from authenticated peers; a malformed one is
 * counted, logged, and what is behind it in the frame is lost.
 */
#ifndef ROUTES_FORWARD_H
#define ROUTES_FORWARD_H

#include "emqxd/model/nodes.h"
#include "emqxd/router/remote.h"

struct forward;

/* What routes.c gives each its frame. */
enum forward_frame {
	FORWARD_BATCH, /* DATA: records */
	FORWARD_PART,  /* DATA: u8 is it the last; a piece of one large record */
	FORWARD_ACK,   /* CTL: u64 number of the last group's record that was taken */
	FORWARD_BEGIN, /* DATA, the first: u64 incarnation, u64 records sent before */
	FORWARD_MARK,  /* DATA: u64 number: all before it has come (fence.h) */
	FORWARD_DONE,  /* CTL: u64 numbers of those that are over there (lent.h) */
	FORWARD_OWED,  /* CTL: all those that are not, in parts */
	FORWARD_FRAME_N
};

struct forward_links {
	em_err (*send)(
	    void *arg, unsigned place, enum forward_frame frame, struct slice body);
	/* The same, written by the caller: @n bytes at *out, before anything else is sent. */
	em_err (*room)(
	    void *arg, unsigned place, enum forward_frame frame, size_t n, uint8_t **out);
	/* Bytes that wait on the way to it. */
	uint64_t (*pending)(void *arg, unsigned place);
	/* Reads no more of its DATA, or again. */
	void (*hold)(void *arg, unsigned place, bool is_held);
	void *arg;
};

struct forward_conf {
	struct forward_links links;
	uint64_t incarnation; /* numbers of this process begin there */
	size_t buffer, frame_max;
	/* A mark came, behind all that was sent before it; links.arg.  Or NULL. */
	void (*on_mark)(void *arg, unsigned place, uint64_t number);
};

/* One a thread, the acting worker's. */
struct forward *forward_new(const struct forward_conf *conf);
void forward_free(struct forward **fp);

/* CTL to it is up, or not. */
void forward_ctl(struct forward *f, unsigned place, bool is_up);
/* DATA to it is up, or not. */
void forward_up(struct forward *f, unsigned place, bool is_up);
/* It cannot be reached any more, or is a member no more. */
void forward_lost(struct forward *f, unsigned place);
/* It is dead, or was and is another process now: what its members had goes to others. */
void forward_dead(struct forward *f, unsigned place);
/* Its place is free: what its members have is theirs. */
void forward_forget(struct forward *f, unsigned place);
void forward_on_frame(
    struct forward *f, unsigned place, enum forward_frame frame, struct slice body);

/* A mark behind all messages to that node so far; it may be lost with the link. */
void forward_mark(struct forward *f, unsigned place, uint64_t number);

/* router_remote's, on the link thread. */
void forward_nodes(uint64_t places, struct message *m);
void forward_group(unsigned place, uint64_t tried, struct slice group,
    struct slice filter, struct message *m);

#endif
