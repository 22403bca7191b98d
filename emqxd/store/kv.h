/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv: tables of keys and blobs on the disk: a thin face of LMDB.  A transaction is on the
 * disk, synced, when kv_commit() says EM_OK; after a kill -9 or a power cut the tables
 * are as the last such one left them.
 *
 * A key may have 0 to 65535 bytes.  LMDB's have 511: a longer one stands as its SHA-256,
 * with the key itself before the blob.
 *
 * A damaged file is EM_MALFORMED where that can be seen; else LMDB, which trusts its file,
 * faults, and the crash report names it.
 *
 * Only store/ calls it.  One thread at a time: main before the threads start, then the
 * store thread; kv_copy.h is for others.
 */
#ifndef STORE_KV_H
#define STORE_KV_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdbool.h>

/* How to go on with a damaged one. */
#define KV_HINT                                                                   \
	"with the folder moved away emqxd starts with an empty one, without the " \
	"retained "                                                               \
	"and delayed messages"

struct kv;

/* Opens the folder @dir, made when it is not there; @table: their names, constant;
 * @max_size: bytes that the file may grow to.  EM_IO, EM_FULL, EM_DENIED; EM_MALFORMED:
 * it is no store. */
EM_MUST_USE em_err kv_open(const char *dir, const char *const table[], unsigned n,
    uint64_t max_size, struct kv **out, struct fault *f);
/* The same for a copy that nobody else opens, to be read: without the file of locks, which
 * is mapped, so that a disk without room for it would be a fault of the processor. */
EM_MUST_USE em_err kv_open_copy(const char *dir, const char *const table[], unsigned n,
    uint64_t max_size, struct kv **out, struct fault *f);
void kv_close(struct kv **kp);

/* A transaction.  EM_FULL: the disk, or @max_size; EM_IO.  After an error there is none:
 * whatever was put in it is not there. */
EM_MUST_USE em_err kv_begin(struct kv *k);
EM_MUST_USE em_err kv_put(
    struct kv *k, unsigned table, struct slice key, struct slice blob);
/* A key that is not there is EM_OK. */
EM_MUST_USE em_err kv_del(struct kv *k, unsigned table, struct slice key);
/* The row's blob, good until the next change.  EM_NOTFOUND ends nothing. */
EM_MUST_USE em_err kv_look(
    struct kv *k, unsigned table, struct slice key, struct slice *blob);
/* How many rows there are. */
EM_MUST_USE em_err kv_count(struct kv *k, unsigned table, size_t *n);
/* Deletes all rows. */
EM_MUST_USE em_err kv_wipe(struct kv *k, unsigned table);
EM_MUST_USE em_err kv_commit(struct kv *k);
void kv_abort(struct kv *k);

/* Calls @fn for each row, in the order of LMDB's keys, until it says something else than
 * EM_OK; says that.  A row that was not made by kv_put() comes with its key as it stands and
 * no blob (p NULL).  Outside a transaction; the slices are good during the call. */
typedef em_err kv_row_fn(struct slice key, struct slice blob, void *arg);
EM_MUST_USE em_err kv_each(struct kv *k, unsigned table, kv_row_fn *fn, void *arg);

/* The same in the transaction under way; @fn changes nothing. */
EM_MUST_USE em_err kv_scan(struct kv *k, unsigned table, kv_row_fn *fn, void *arg);

/* Calls @fn with the row of a key, good during the call; says what it says.  EM_NOTFOUND: there
 * is none.  Outside a transaction. */
EM_MUST_USE em_err kv_get(
    struct kv *k, unsigned table, struct slice key, kv_row_fn *fn, void *arg);

/* Was the last EM_FULL that of @max_size, or of the disk? */
bool kv_is_at_max(const struct kv *k);
const char *kv_dir(const struct kv *k);
/* Bytes of the file in use and bytes that it may grow to. */
void kv_size(const struct kv *k, uint64_t *used, uint64_t *max);

#endif
