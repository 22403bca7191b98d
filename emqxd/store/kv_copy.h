/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_copy: tables as a whole, from one node to another.  Rows travel as they stand in
 * LMDB, in its order: so who gets them can go over his own table beside them, row by
 * row, write what differs and delete what is not there.
 *
 * A reader sees all tables as they were when it was opened, however long it reads; as long
 * it keeps the pages of then from being used again.  It may be used by any thread, one at a
 * time; the merge is the store thread's, in its transaction.
 */
#ifndef STORE_KV_COPY_H
#define STORE_KV_COPY_H

#include "emqxd/store/kv.h"

struct kv_reader;
/* EM_IO, EM_STATE: the file is being opened anew. */
EM_MUST_USE em_err kv_reader_open(struct kv *k, struct kv_reader **out);
void kv_reader_close(struct kv_reader **rp);
/* Calls @fn with each row behind @after (n 0: all), until it says something else than EM_OK;
 * says that.  EM_OK: it was the last one.  EM_STATE: the file was closed meanwhile. */
EM_MUST_USE em_err kv_reader_rows(
    struct kv_reader *r, unsigned table, struct slice after, kv_row_fn *fn, void *arg);

/* A copy of all tables as they are now in the folder @dir, as a store of its own. */
EM_MUST_USE em_err kv_reader_copy(struct kv_reader *r, const char *dir);

/* What a merge does: the rows behind @after become those of @next. */
struct kv_merge {
	/* The next row in order; false: there is no more. */
	bool (*next)(void *arg, struct slice *stand, struct slice *value);
	/* The key and the blob of a row that is written, or none: it is deleted.  Within the
	 * transaction; the slices are good during the call.  May be NULL. */
	void (*changed)(void *arg, struct slice key, struct slice blob);
	void *arg;
	bool is_end; /* behind the last one there is nothing */
};
/* In the transaction under way.  EM_MALFORMED: they are not in order, or none of ours. */
EM_MUST_USE em_err kv_merge_rows(
    struct kv *k, unsigned table, struct slice after, const struct kv_merge *m);

#endif
