/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delayed: messages to $delayed/SECONDS/TOPIC, which go down the road later: after so
 * many seconds, or, from 4294967 on, at that second since 1970.
 *
 * They wait in memory in the order of their time, and as rows of the store: one that was
 * acknowledged survives a kill -9 and is published when its time has come, or at once when
 * that was while the daemon did not run.  A crash between its publishing and the deletion of
 * its row publishes it twice.
 *
 * Threads: client workers; the first of them publishes.  The admin thread for lists.
 */
#ifndef PUBLISH_DELAYED_H
#define PUBLISH_DELAYED_H

#include "emqxd/model/message.h"
#include "ipc/base/err.h"
#include "ipc/base/str.h"

struct delayed_limits {
	uint64_t max; /* delayed.max_delayed_messages; 0: no bound */
	bool is_enabled;
};

void delayed_birth(void);
/* Between the store's birth and its recovery. */
void delayed_recovers(void);
void delayed_death(void);
void delayed_worker_birth(void);
void delayed_worker_death(void);
void delayed_configure(const struct delayed_limits *l);

/* Does the topic ask for it, and is it built in?  Else it is a topic like others. */
bool delayed_is_asked(struct slice topic);
/* Takes the message.  EM_MALFORMED: the seconds, or the topic behind them; EM_FULL: the
 * bound is reached; EM_NOMEM.  @wait may be NULL. */
EM_MUST_USE em_err delayed_take(const struct message *m, struct message_wait *wait);

uint64_t delayed_count(void);

#define DELAYED_ID_MAX 48 /* of an id as text, with its end: "1764230400000-17" */
struct delayed_item {
	char id[DELAYED_ID_MAX];
	wall_t due;
	struct message *message; /* one reference for the caller */
};
/* The first one behind the id @after (empty: of all), in the order of their time; false:
 * there is none. */
bool delayed_after(struct slice after, struct delayed_item *out);
/* EM_NOTFOUND.  @wait may be NULL. */
EM_MUST_USE em_err delayed_delete(struct slice id, struct message_wait *wait);

#endif
