/* SPDX-License-Identifier: Apache-2.0 */
/* kv: see kv.h. */
#include "emqxd/store/kv.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <lmdb.h>
#include <openssl/evp.h>
#include <sys/stat.h>

enum { TABLES_MAX = 8, DIGEST = 32, SHORT_KEY = 'k', LONG_KEY = 'h', KEY_MAX = 511 };

struct kv {
	MDB_env *env;
	MDB_txn *txn; /* the one under way, or NULL */
	char *dir;
	const char *const *name;
	unsigned n;
	uint64_t max_size;
	bool is_at_max; /* that was the last reason of EM_FULL */
	MDB_dbi table[TABLES_MAX];
};

static em_err
err_of(int rc)
{
	switch (rc) {
	case 0: return EM_OK;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG: return EM_FULL;
	case EACCES:
	case EPERM:
	case EROFS: return EM_DENIED;
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND: return EM_MALFORMED;
	case MDB_NOTFOUND: return EM_NOTFOUND;
	case ENOMEM: return EM_NOMEM;
	default: return EM_IO;
	}
}

/* The same, of a change. */
static em_err
note(struct kv *k, int rc)
{
	em_err err = err_of(rc);

	if (err == EM_FULL)
		k->is_at_max = rc == MDB_MAP_FULL;
	return err;
}

/* ---- opening */

static int
open_tables(struct kv *k)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(k->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < k->n && rc == 0; i++)
		rc = mdb_dbi_open(txn, k->name[i], MDB_CREATE, &k->table[i]);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int
open_env(struct kv *k)
{
	int rc = mdb_env_create(&k->env);

	if (rc == 0)
		rc = mdb_env_set_maxdbs(k->env, k->n);
	if (rc == 0)
		rc = mdb_env_set_mapsize(k->env, k->max_size);
	/* One transaction at a time, begun and ended by whoever has the store now. */
	if (rc == 0)
		rc = mdb_env_open(k->env, k->dir, MDB_NOTLS, 0640);
	return rc == 0 ? open_tables(k) : rc;
}

static void
close_env(struct kv *k)
{
	if (k->txn != NULL)
		mdb_txn_abort(k->txn);
	k->txn = NULL;
	if (k->env != NULL)
		mdb_env_close(k->env);
	k->env = NULL;
}

em_err
kv_open(const char *dir, const char *const table[], unsigned n, uint64_t max_size,
    struct kv **out, struct fault *f)
{
	struct kv *k;
	int rc;

	CHECK(n <= TABLES_MAX);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return fault_set(f, err_from_errno(errno), "%s cannot be made: %s", dir,
		    mdb_strerror(errno));
	k = MEM_NEW(struct kv);
	k->dir = mem_strdup(dir);
	k->name = table;
	k->n = n;
	k->max_size = max_size;
	rc = open_env(k);
	if (rc == 0) {
		*out = k;
		return EM_OK;
	}
	kv_close(&k);
	fault_set(
	    f, err_of(rc), "the store %s cannot be opened: %s", dir, mdb_strerror(rc));
	if (err_of(rc) == EM_MALFORMED)
		fault_hint(
		    f, "with the folder moved away emqxd starts with an empty one");
	return err_of(rc);
}

void
kv_close(struct kv **kp)
{
	struct kv *k = *kp;

	if (k == NULL)
		return;
	close_env(k);
	mem_free(k->dir);
	MEM_FREE(*kp);
}

/* ---- keys */

static struct slice
slice_of_val(const MDB_val *v)
{
	return slice_of(v->mv_data, v->mv_size);
}

static bool
is_long(struct slice key)
{
	return key.n >= KEY_MAX;
}

/* The key as it stands in LMDB; @room: KEY_MAX bytes. */
static em_err
stand_of(struct slice key, uint8_t *room, MDB_val *out)
{
	unsigned n = DIGEST;

	CHECK(key.n <= UINT16_MAX);
	*out = (MDB_val){ 1 + key.n, room };
	room[0] = SHORT_KEY;
	if (!is_long(key)) {
		if (key.n > 0)
			memcpy(room + 1, key.p, key.n);
		return EM_OK;
	}
	room[0] = LONG_KEY;
	out->mv_size = 1 + DIGEST;
	return EVP_Digest(key.p, key.n, room + 1, &n, EVP_sha256(), NULL) == 1 ? EM_OK
									       : EM_NOMEM;
}

/* ---- transactions */

/* After an error of its own LMDB takes no more transactions until it is opened anew. */
static int
begin(struct kv *k)
{
	int rc = k->env != NULL ? mdb_txn_begin(k->env, NULL, 0, &k->txn) : MDB_PANIC;

	if (rc != MDB_PANIC)
		return rc;
	close_env(k);
	rc = open_env(k);
	if (rc != 0) {
		close_env(k);
		return rc;
	}
	return mdb_txn_begin(k->env, NULL, 0, &k->txn);
}

em_err
kv_begin(struct kv *k)
{
	int rc;

	CHECK(k->txn == NULL);
	rc = begin(k);
	if (rc != 0)
		k->txn = NULL;
	return note(k, rc);
}

void
kv_abort(struct kv *k)
{
	if (k->txn != NULL)
		mdb_txn_abort(k->txn);
	k->txn = NULL;
}

static em_err
ended(struct kv *k, int rc)
{
	if (rc != 0)
		kv_abort(k);
	return note(k, rc);
}

em_err
kv_put(struct kv *k, unsigned table, struct slice key, struct slice blob)
{
	size_t head = is_long(key) ? 2 + key.n : 0;
	MDB_val at, room = { head + blob.n, NULL };
	uint8_t stand[KEY_MAX], *p;
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	if (stand_of(key, stand, &at) != EM_OK)
		return ended(k, ENOMEM);
	rc = mdb_put(k->txn, k->table[table], &at, &room, MDB_RESERVE);
	if (rc != 0)
		return ended(k, rc);
	p = room.mv_data;
	if (head > 0) {
		p[0] = (uint8_t)(key.n >> 8);
		p[1] = (uint8_t)key.n;
		memcpy(p + 2, key.p, key.n);
	}
	if (blob.n > 0)
		memcpy(p + head, blob.p, blob.n);
	return EM_OK;
}

em_err
kv_del(struct kv *k, unsigned table, struct slice key)
{
	uint8_t stand[KEY_MAX];
	MDB_val at;
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	if (stand_of(key, stand, &at) != EM_OK)
		return ended(k, ENOMEM);
	rc = mdb_del(k->txn, k->table[table], &at, NULL);
	return rc == MDB_NOTFOUND ? EM_OK : ended(k, rc);
}

em_err
kv_commit(struct kv *k)
{
	int rc;

	CHECK(k->txn != NULL);
	rc = mdb_txn_commit(k->txn); /* frees it, whatever it says */
	k->txn = NULL;
	return note(k, rc);
}

/* ---- reading */

/* Apart again: the key and the blob that kv_put() was given. */
static em_err
row_of(const MDB_val *at, const MDB_val *v, struct slice *key, struct slice *blob)
{
	struct slice stand = slice_of_val(at);
	size_t n;

	*blob = slice_of_val(v);
	*key = slice_from(stand, 1);
	if (stand.n == 0 || (stand.p[0] != SHORT_KEY && stand.p[0] != LONG_KEY))
		return EM_MALFORMED;
	if (stand.p[0] == SHORT_KEY)
		return EM_OK;
	n = blob->n >= 2 ? (size_t)(blob->p[0] << 8 | blob->p[1]) : UINT16_MAX;
	if (blob->n < 2 + n)
		return EM_MALFORMED;
	*key = slice_of(blob->p + 2, n);
	*blob = slice_from(*blob, 2 + n);
	return EM_OK;
}

em_err
kv_each(struct kv *k, unsigned table, kv_row_fn *fn, void *arg)
{
	MDB_cursor *cursor;
	MDB_val at, v;
	MDB_txn *txn;
	em_err err = EM_OK;
	int rc;

	CHECK(k->txn == NULL && table < k->n);
	rc = mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0)
		return err_of(rc);
	rc = mdb_cursor_open(txn, k->table[table], &cursor);
	if (rc == 0) {
		while (err == EM_OK &&
		       (rc = mdb_cursor_get(cursor, &at, &v, MDB_NEXT)) == 0) {
			struct slice key, blob;

			err = row_of(&at, &v, &key, &blob);
			if (err == EM_OK)
				err = fn(key, blob, arg);
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	if (err == EM_OK && rc != MDB_NOTFOUND)
		err = err_of(rc);
	return err;
}

em_err
kv_get(struct kv *k, unsigned table, struct slice key, kv_row_fn *fn, void *arg)
{
	struct slice whole, blob;
	uint8_t stand[KEY_MAX];
	MDB_val at, v;
	MDB_txn *txn;
	em_err err;
	int rc;

	CHECK(k->txn == NULL && table < k->n);
	if (stand_of(key, stand, &at) != EM_OK)
		return EM_NOMEM;
	rc = k->env != NULL ? mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn) : MDB_PANIC;
	if (rc != 0)
		return err_of(rc);
	err = err_of(mdb_get(txn, k->table[table], &at, &v));
	if (err == EM_OK)
		err = row_of(&at, &v, &whole, &blob);
	if (err == EM_OK)
		err = fn(whole, blob, arg);
	mdb_txn_abort(txn);
	return err;
}

bool
kv_is_at_max(const struct kv *k)
{
	return k->is_at_max;
}

const char *
kv_dir(const struct kv *k)
{
	return k->dir;
}

void
kv_size(const struct kv *k, uint64_t *used, uint64_t *max)
{
	MDB_envinfo info;
	MDB_stat stat;

	*used = 0;
	*max = k->max_size;
	if (k->env == NULL || mdb_env_info(k->env, &info) != 0 ||
	    mdb_env_stat(k->env, &stat) != 0)
		return;
	*used = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}
