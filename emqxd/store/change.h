/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: how a row that survives is changed.  Rooms keep what they need in memory and
 * say here what must be there after a kill -9, a power cut or a restart.
 *
 * A row is a key and a blob of one kind.  A change is made (change_put(), change_del()),
 * which may fail for want of memory, then sent, which never fails: the store thread puts
 * all that came meanwhile into one transaction and, after the disk has it, answers on the
 * thread that asked: done(arg, err).  Changes happen in the order of their sending; who
 * must order those of several threads holds a lock of its own over change_send().
 *
 * At boot each kind's @apply gets its rows back, on main, before the other threads
 * start; while the node runs its @follow is told of every change, also of other nodes'.
 *
 * Threads: change_*() any worker; store_*() main; store_worker_birth() the store thread.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdbool.h>

/* The kinds, declared in kind.def; each is a table of its name on the disk. */
enum change_kind {
#define KIND(id_, number_, ...) CHANGE_##id_ = number_,
#include "emqxd/store/kind.def"
#undef KIND
	CHANGE_KIND_N
};

/* In a cluster the changes of a group come in one order on all nodes; those of no group are
 * this node's alone. */
enum change_group {
	CHANGE_GROUP_META, /* few changes, which all nodes must agree on */
	CHANGE_GROUP_RET, /* retained messages: of two changes of a row the newer one wins */
	CHANGE_GROUP_N,
	CHANGE_GROUP_NONE = CHANGE_GROUP_N
};
enum change_group change_group_of(enum change_kind kind);
/* The level that brought it (core/level.h). */
unsigned change_level_of(enum change_kind kind);

/* One row read back.  EM_NOTFOUND: it is of no use any more and shall be deleted.
 * EM_MALFORMED: it cannot be read; it stays where it is and is told of.  Another error ends
 * the boot with a sentence that names kind and key. */
typedef em_err change_apply_fn(struct slice key, struct slice blob);

/* A row was changed and the disk has it; @blob.p NULL: deleted.  @is_own: this process asked
 * for it, else another node did, or it did so in a former life.  On the store thread, in the
 * order of the changes, before those who asked are answered; the slices are good during the
 * call.  A room whose memory changes only here is the same on all nodes, alone or not. */
typedef void change_follow_fn(struct slice key, struct slice blob, bool is_own);

/* What the room counts, by core/metric.h's numbers. */
struct store_metrics {
	unsigned changes; /* that the disk has */
	unsigned commits; /* transactions */
	unsigned refused; /* changes that it did not take */
};

/* @dir: the folder; the store is empty until recovered.  No store: CHECKs. */
EM_MUST_USE em_err store_birth(
    const char *dir, uint64_t max_size, const struct store_metrics *m, struct fault *f);
/* Is there one?  False in unit tests that do without. */
bool store_is_born(void);
/* Before store_recover(). */
void store_register(enum change_kind kind, change_apply_fn *apply);
/* Before the threads start.  A kind may have one of the two, both or none. */
void store_follow(enum change_kind kind, change_follow_fn *follow);
EM_MUST_USE em_err store_recover(struct fault *f);
void store_worker_birth(void);
/* What was sent is on the disk, or refused. */
void store_worker_death(void);
void store_death(void);

struct change; /* the caller's until it is sent */
/* A row with room for @blob_n bytes at *blob, which the caller fills; copies the key.
 * NULL: there is no memory. */
struct change *change_put(
    enum change_kind kind, struct slice key, size_t blob_n, uint8_t **blob);
/* Deletes the row; one that is not there is fine. */
struct change *change_del(enum change_kind kind, struct slice key);
/* Deletes the row because its time is over: in a cluster only if it is still the one that the
 * disk has now.  Else it is overtaken. */
struct change *change_expire(enum change_kind kind, struct slice key);
/* Changes nothing: its answer says that what was sent before, by any thread, is on the
 * disk, or with EM_FULL or EM_IO that the store refuses changes just now, or with EM_NOQUORUM
 * or EM_TIMEOUT that it ends and that others have not agreed to some of them. */
struct change *change_flush(void);
void change_drop(struct change **cp);

/* What became of a change. */
struct change_end {
	const struct change
	    *change; /* as it was sent: its name, until the call is over */
	struct slice key;
	/* Of one that was refused or overtaken: what the disk has under the key, good during the call;
	 * p NULL: nothing, or it cannot be read. */
	struct slice row;
	em_err err;
	bool is_deletion;
	bool is_overtaken; /* with EM_OK: a newer change of another node holds */
};
typedef void change_end_fn(const struct change_end *e);
/* Before it is sent: @fn is called on the store thread, before the answer.  So who keeps in
 * memory what the disk refuses can go back to what it has. */
void change_watch(struct change *c, change_end_fn *fn);

/* EM_OK: it is on the disk.  EM_FULL: the disk or the table is full; EM_IO.  EM_NOQUORUM:
 * too few nodes agree, and nothing was changed.  EM_TIMEOUT: it is not known (ordered.h).  EM_UNSUPPORTED: not all members know rows of
 * this kind, and nothing was changed.  Also called
 * while the threads end, on main for a thread that is no more. */
typedef void change_done_fn(void *arg, em_err err);
/* @done may be NULL.  Takes *cp. */
void change_send(struct change **cp, change_done_fn *done, void *arg);

/* Does more wait at the store thread than it takes?  Then the publisher should pause;
 * the worker to wait for, as router_result.is_full, or NULL. */
struct worker *change_is_full(void);
/* Why the store refuses changes just now, a sentence; NULL: it does not.  Any thread. */
const char *store_refusal(void);
/* Bytes on the disk, and how many there may be. */
void store_size(uint64_t *used, uint64_t *max);

#endif
