/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker: a thread with a loop, a mailbox, a timer wheel, counters and the
 * rooms' slots.  Workers 0..worker_count()-1 serve clients; behind them stand
 * the admin thread, main, the store thread and the link thread, which are workers too
 * but have no clients.
 *
 * Rooms keep their state in slots: worker_slot(ROOM_x) of the thread, or
 * node_slot(ROOM_x) for what is one a node.  worker_self() is what the loop, or
 * the simulator, has set.
 */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "emqxd/core/mailbox.h"
#include "ipc/base/check.h"
#include "ipc/base/err.h"
#include "ipc/base/span.h"

#include <stdatomic.h>
#include <stdbool.h>

#define WORKER_MAX 64 /* that serve clients */

/* Those that keep state. */
enum room {
	ROOM_CORE,
	ROOM_ALARM,
	ROOM_CONF,
	ROOM_MODEL,
	ROOM_NODES,
	ROOM_STORE,
	ROOM_LIMIT,
	ROOM_QUOTA,
	ROOM_NET,
	ROOM_ROUTER,
	ROOM_ACCESS,
	ROOM_RETAIN,
	ROOM_PUBLISH,
	ROOM_SESSION,
	ROOM_CLIENT,
	ROOM_MODULES,
	ROOM_TAKEOVER,
	ROOM_WILLS,
	ROOM_ORDERING,
	ROOM_MEMBERS,
	ROOM_CLUSTER,
	ROOM_RPC,
	ROOM_OWNER,
	ROOM_FORWARD,
	ROOM_DEBT,
	ROOM_LICENSE,
	ROOM_OBSERVE,
	ROOM_ADMIN,
	ROOM_APP,
	ROOM_N
};

enum worker_kind { WORKER_CLIENTS, WORKER_ADMIN, WORKER_MAIN, WORKER_STORE, WORKER_LINK };

const char *worker_kind_name(enum worker_kind kind);

#define WORKER_ALL_MAX (WORKER_MAX + 4) /* with those that do not */

#define METRIC_MAX 192 /* counters; model/metric.def names them */

struct loop;
struct wheel;
struct qsbr_batch;

struct worker {
	uint16_t id;
	enum worker_kind kind;
	struct loop *loop;
	struct wheel *wheel;
	mono_t now;      /* of this turn: clock_mono() */
	wall_t now_wall; /* of this turn: clock_wall() */
	struct mailbox box;
	void *slot[ROOM_N];
	struct qsbr_batch *retired;
	_Atomic uint64_t qsbr_bytes;         /* that this worker retired and that wait */
	_Atomic uint32_t qsbr_batches;       /* of them, collected or under way */
	_Atomic uint64_t metric[METRIC_MAX]; /* written by this thread only */
	_Atomic(const char *) doing;         /* what the turn does: for the watchdog */
	const char *blame;                   /* crash_blame() */
	_Atomic int64_t turn_since;          /* mono ns; 0 while it sleeps */
	_Atomic bool is_over;                /* its thread ends after this turn */
};

extern _Thread_local struct worker *worker_current;

/* The thread's own worker; CHECKs that there is one. */
static inline struct worker *
worker_self(void)
{
	CHECK(worker_current != NULL);
	return worker_current;
}

/* An object that carries the id of its thread is touched there only. */
#define CHECK_HOME(obj) CHECK((obj)->home == worker_self()->id)

/* Makes @clients workers plus admin, main, store and link; the caller's thread becomes main's.
 * Once. */
void worker_init(unsigned clients);
/* Starts the threads of link, store, the clients' workers and admin, in this order; each
 * runs turns until stopped.
 * @birth and @death are called on the new thread, before the first and after the last turn. */
typedef void worker_life_fn(struct worker *w);
EM_MUST_USE em_err worker_start(worker_life_fn *birth, worker_life_fn *death);
/* Asks all threads to end after their turn and joins them, the last started first: who
 * asks ends before who answers. */
void worker_stop(void);
void worker_fini(void);

unsigned worker_count(void); /* that serve clients */
unsigned worker_all(void);   /* with admin, main, store and link */
/* By id: clients' workers, then admin, main, store, link. */
struct worker *worker_get(unsigned id);
struct worker *worker_admin(void);
struct worker *worker_main(void);
struct worker *worker_store(void);
struct worker *worker_link(void);
/* Under the simulator and in unit tests: this thread acts as @w (NULL: as none). */
void worker_act_as(struct worker *w);

static inline void *
worker_slot(enum room room)
{
	return worker_self()->slot[room];
}
void *node_slot(enum room room);
void node_slot_set(enum room room, void *state);

#endif
