/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_inside: what kv's files share.  Only inside them.
 */
#ifndef STORE_KV_INSIDE_H
#define STORE_KV_INSIDE_H

#include "emqxd/store/kv.h"

#include <lmdb.h>

enum {
	KV_TABLES_MAX = 32,
	DIGEST = 32,
	SHORT_KEY = 'k',
	LONG_KEY = 'h',
	KV_KEY_MAX = 511,
	PAGE = 4096,
	LOCKS = 8192 /* bytes of lock.mdb: 126 readers */
};

struct kv {
	MDB_env *env;
	MDB_txn *txn; /* the one under way, or NULL */
	char *dir;
	char *blame; /* what a fault in LMDB says */
	const char *const *name;
	unsigned n;
	unsigned flags; /* of LMDB */
	uint64_t max_size;
	bool is_at_max; /* that was the last reason of EM_FULL */
	struct kv_readers *readers;
	MDB_dbi table[KV_TABLES_MAX];
};

/* What LMDB said. */
em_err kv_err_of(int rc);
/* The same within a transaction, which an error ends. */
em_err kv_ended(struct kv *k, int rc);
/* A row as it stands, apart: the key and the blob that kv_put() was given.  EM_MALFORMED. */
em_err kv_row_of(
    const MDB_val *at, const MDB_val *v, struct slice *key, struct slice *blob);

/* Who reads on other threads, so that nobody takes the file away meanwhile. */
struct kv_readers *kv_readers_new(struct kv *k);
/* May it be opened anew?  False: somebody reads; he is asked to end. */
bool kv_readers_leave(struct kv *k);
void kv_readers_return(struct kv *k);
/* Waits for the steps under way; none comes behind. */
void kv_readers_end(struct kv_readers **rp);

#endif
