/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: how a row that survives is changed.  Rooms keep what they need in memory and
 * say here what must be there after a kill -9, a power cut or a restart.
 *
 * A row is a key and a blob of one kind.  change() hands it to the store thread, which
 * puts all that came meanwhile into one transaction and, after the disk has it, answers
 * on the thread that asked: done(arg, err).  Changes happen in the order of their calls;
 * who must order the calls of several threads holds a lock of its own over the call.
 *
 * At boot each kind's @apply gets its rows back, on main, before the workers start.  In a
 * cluster the same function will get other nodes' changes.
 *
 * Any thread with a loop may call change(); apply at boot runs on main.
 */
#ifndef STORE_CHANGE_H
#define STORE_CHANGE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdbool.h>

/* The kinds; each is a table of its name on the disk. */
enum change_kind {
	CHANGE_RETAINED, /* topic -> message */
	CHANGE_DELAYED,  /* due time and number -> message */
	CHANGE_KIND_N
};

/* One row read back.  An error ends the boot with a sentence that names kind and key:
 * EM_MALFORMED for a blob that cannot be read. */
typedef em_err change_apply_fn(struct slice key, struct slice blob);
/* On main, at the owner's birth, before store_recover(). */
void change_register(enum change_kind kind, change_apply_fn *apply);

/* EM_OK: it is on the disk.  EM_FULL: the disk or the table is full; EM_IO. */
typedef void change_done_fn(void *arg, em_err err);
/* Puts the row (any length of key up to 65535 bytes); copies both.  @done may be NULL.
 * EM_NOMEM: nothing was asked, done is not called. */
EM_MUST_USE em_err change_put(enum change_kind kind, struct slice key, struct slice blob,
    change_done_fn *done, void *arg);
/* Deletes the row; one that is not there is fine. */
EM_MUST_USE em_err change_del(
    enum change_kind kind, struct slice key, change_done_fn *done, void *arg);
/* Calls @done when all that was asked before, by any thread, is on the disk. */
EM_MUST_USE em_err change_flush(change_done_fn *done, void *arg);
/* Does more wait at the store thread than it takes?  Then the publisher should pause;
 * the worker to wait for, as router_result.is_full. */
struct worker *change_is_full(void);

#endif
