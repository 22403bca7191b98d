/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: what the files of session/ share: the worker's state, and the rare parts
 * of a session.  Only inside session/.
 */
#ifndef SESSION_INSIDE_H
#define SESSION_INSIDE_H

#include "emqxd/core/worker.h"
#include "emqxd/retain/retain.h"
#include "emqxd/session/awaiting.h"
#include "emqxd/session/claim.h"
#include "emqxd/session/inflight.h"
#include "emqxd/session/mqueue.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
#include "ipc/base/vec.h"

struct session_node {
	struct registries registries; /* first: registry.c finds them there */
	const struct session_sink *sink;
	struct exclusive *exclusive;
};

struct session_worker {
	const struct session_sink *sink;
	struct list_node pulling; /* sessions with retained messages to fetch */
	struct session *leaving;  /* that are over, with subscriptions left */
	struct timer leave;
	const struct claim_remote *remote; /* NULL: alone */
	/* Of wills (will_flat.h), or NULL. */
	void (*will_told)(struct session *s, const struct session_will *will);
	uint64_t wills;    /* that were set so far */
	struct map claims; /* client id -> the first struct claim */
	struct timer tell; /* of sessions that were there before */
	uint64_t told;     /* registry_step()'s place in that */
	struct timer pace; /* armed: what is pulled waits for retainer.delivery_rate */
};

struct session_cursor {
	struct retain_cursor *cursor;
	char *filter; /* of the subscription */
	size_t filter_n;
};

/* What few sessions need; exists from the first use to the session's end. */
struct session_rare {
	struct session *session;
	struct session_will will;
	struct awaiting *awaiting;
	VEC(struct session_cursor) cursors;
	struct list_node pulling;      /* self-linked: not in the list */
	struct mqueue *late;           /* what came while the session is frozen */
	struct session_export *export; /* while it is on its way to another node */
};

static inline struct session_worker *
session_worker(void)
{
	return worker_slot(ROOM_SESSION);
}

struct session_rare *session_rare_of(struct session *s); /* makes it */
void session_on_timer(struct timer *t);
void session_free(struct session *s); /* its last step */
/* One that is in no registry yet. */
struct session *session_make(const struct session_open *o);
/* The connection, which there is, leaves its session; the channel forgets it. */
void session_part(struct session *s, end_reason why);
/* Frees what is left of one that is in no registry (any more), but for its subscriptions, if they are many:
 * they go in the turns that follow. */
void session_bury(struct session *s);
/* It goes on as it was before it was frozen; what came meanwhile is in its queue. */
void session_thaw(struct session *s);

/* deliver.c */
/* One message for this session under these options; @retain: the flag to send; @share: the
 * membership it comes by, or 0.  False, of a shared one only: the client does not take it. */
bool deliver_to(struct session *s, const struct subopts *opts, struct message *m,
    bool retain, uint32_t share);
/* Counts what is lost, by cause and by session. */
void deliver_dropped(struct session *s, unsigned cause, uint32_t n);
/* May a message of up to this QoS be sent at once? */
bool deliver_has_room(struct session *s, uint8_t qos);

/* again.c: what time brings about */
/* Arms the timer for what comes first. */
void again_arm(struct session *s);
/* Sends again what its interval is over for; gives up QoS 2 ids. */
void again_run(struct session *s, mono_t now);

/* leave.c: what a session that ends, or leaves a shared group, owes others */
/* Its subscriptions go, all or very many; what came by shared groups goes on to their other members, the
 * rest is counted and gone. */
void leave_all(struct session *s);
/* The same for one that lives on, at another node: nothing is owed to anybody. */
void leave_moved(struct session *s);
/* Takes @s over, of which nothing is left but subscriptions and its own memory. */
void leave_later(struct session *s);
/* At the worker's end: all of them now. */
void leave_end(void);
/* The membership is gone: what never left by it goes on to the other members. */
void leave_share(
    struct session *s, struct slice group, struct slice filter, uint32_t share);

/* will.c */
void will_set(struct session *s, const struct session_will *will);
void will_drop(struct session *s);
void will_publish(struct session *s);

/* pull.c: retained messages */
void pull_birth(void);
void pull_begin(struct session *s, struct slice filter);
/* Goes on in this turn or the next, when there are cursors. */
void pull_schedule(struct session *s);
void pull_end(struct session *s);

#endif
