/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv: see kv.h.
 *
 * LMDB reads its file through memory and trusts what it finds: there are no checksums.  A
 * damaged page may be an error, an assertion of LMDB or a fault of the processor.  For the
 * last two the crash report names the file; what can be seen before is a sentence.
 *
 * A file may end before the last page that is in use by LMDB's count: pages that one
 * transaction took and gave back it never wrote.  So a short file is no proof of damage; it
 * is made as long as it should be, so that what is missing reads as zeros, which LMDB finds
 * wrong, and does not fault.
 */
#include "emqxd/store/kv_inside.h"
#include "emqxd/core/crash.h"
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than one transaction can have left unwritten. */
#define SHORT_MAX (UINT64_C(1) << 30)

em_err
kv_err_of(int rc)
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
	em_err err = kv_err_of(rc);

	if (err == EM_FULL)
		k->is_at_max = rc == MDB_MAP_FULL;
	return err;
}

/* What a damaged file ends in; EIO is the disk's word. */
static bool
is_damage(int rc)
{
	return kv_err_of(rc) == EM_MALFORMED || rc == EIO;
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

/* LMDB aborts next, and the crash report says the rest. */
static void
on_assert(MDB_env *env, const char *what)
{
	const struct kv *k = mdb_env_get_userctx(env);

	LOG(ERROR, "store_damaged", "dir", k->dir, "lmdb", what, "hint", KV_HINT);
}

/* See above.  MDB_CORRUPTED: far too short. */
static int
lengthen(struct kv *k)
{
	uint64_t used, max;
	struct stat st;
	int fd;

	kv_size(k, &used, &max);
	if (mdb_env_get_fd(k->env, &fd) != 0 || fstat(fd, &st) != 0)
		return errno;
	if ((uint64_t)st.st_size >= used)
		return 0;
	LOG(INFO, "store_short", "dir", k->dir, "bytes", st.st_size, "of", used);
	if (used - (uint64_t)st.st_size > SHORT_MAX)
		return MDB_CORRUPTED;
	return ftruncate(fd, (off_t)used) == 0 ? 0 : errno;
}

/* What LMDB would only make as long as it should be, and then write to in memory. */
static int
take_room_for_locks(const struct kv *k)
{
	struct str path = { 0 };
	int fd, rc;

	if ((k->flags & MDB_NOLOCK) != 0)
		return 0;
	str_addf(&path, "%s/lock.mdb", k->dir);
	fd = open(str_get(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	rc = fd < 0 ? errno : posix_fallocate(fd, 0, LOCKS);
	if (fd >= 0)
		close(fd);
	str_fini(&path);
	return rc == EINVAL || rc == EOPNOTSUPP ? 0 : rc;
}

static int
open_env(struct kv *k)
{
	int rc = take_room_for_locks(k);

	if (rc == 0)
		rc = mdb_env_create(&k->env);

	if (rc == 0)
		rc = mdb_env_set_userctx(k->env, k);
	if (rc == 0)
		rc = mdb_env_set_assert(k->env, on_assert);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(k->env, k->n);
	if (rc == 0)
		rc = mdb_env_set_mapsize(k->env, k->max_size);
	/* One transaction at a time, begun and ended by whoever has the store now. */
	if (rc == 0)
		rc = mdb_env_open(k->env, k->dir, MDB_NOTLS | k->flags, 0640);
	if (rc == 0)
		rc = lengthen(k);
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

static char *
blame_of(const char *dir)
{
	struct str text = { 0 };
	char *out;

	str_addf(&text,
	    "it read %s/data.mdb: that file is damaged, or its disk failed; " KV_HINT,
	    dir);
	out = mem_strdup(str_get(&text));
	str_fini(&text);
	return out;
}

static em_err
open_with(unsigned flags, const char *dir, const char *const table[], unsigned n,
    uint64_t max_size, struct kv **out, struct fault *f)
{
	struct kv *k;
	int rc;

	CHECK(n <= KV_TABLES_MAX);
	if (mkdir(dir, 0750) != 0 && errno != EEXIST)
		return fault_set(f, err_from_errno(errno), "%s cannot be made: %s", dir,
		    mdb_strerror(errno));
	k = MEM_NEW(struct kv);
	k->dir = mem_strdup(dir);
	k->name = table;
	k->n = n;
	k->max_size = max_size;
	k->flags = flags;
	k->blame = blame_of(dir);
	k->readers = kv_readers_new(k);
	crash_blame(k->blame);
	rc = open_env(k);
	crash_blame(NULL);
	if (rc == 0) {
		*out = k;
		return EM_OK;
	}
	kv_close(&k);
	if (!is_damage(rc))
		return fault_set(f, kv_err_of(rc), "the store %s cannot be opened: %s",
		    dir, mdb_strerror(rc));
	fault_set(f, kv_err_of(rc),
	    "the store %s cannot be opened: its data.mdb is damaged, or none of ours: %s",
	    dir, mdb_strerror(rc));
	fault_hint(f, KV_HINT);
	return kv_err_of(rc);
}

em_err
kv_open(const char *dir, const char *const table[], unsigned n, uint64_t max_size,
    struct kv **out, struct fault *f)
{
	return open_with(0, dir, table, n, max_size, out, f);
}

em_err
kv_open_copy(const char *dir, const char *const table[], unsigned n, uint64_t max_size,
    struct kv **out, struct fault *f)
{
	return open_with(MDB_NOLOCK, dir, table, n, max_size, out, f);
}

void
kv_close(struct kv **kp)
{
	struct kv *k = *kp;

	if (k == NULL)
		return;
	kv_readers_end(&k->readers);
	close_env(k);
	mem_free(k->dir);
	mem_free(k->blame);
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
	return key.n >= KV_KEY_MAX;
}

/* The key as it stands in LMDB; @room: KV_KEY_MAX bytes. */
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

	if (rc != MDB_PANIC || !kv_readers_leave(k))
		return rc;
	close_env(k);
	rc = open_env(k);
	kv_readers_return(k);
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
	crash_blame(k->blame);
	rc = begin(k);
	if (rc != 0) {
		k->txn = NULL;
		crash_blame(NULL);
	}
	return note(k, rc);
}

void
kv_abort(struct kv *k)
{
	if (k->txn != NULL)
		mdb_txn_abort(k->txn);
	k->txn = NULL;
	crash_blame(NULL);
}

em_err
kv_ended(struct kv *k, int rc)
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
	uint8_t stand[KV_KEY_MAX], *p;
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	if (stand_of(key, stand, &at) != EM_OK)
		return kv_ended(k, ENOMEM);
	rc = mdb_put(k->txn, k->table[table], &at, &room, MDB_RESERVE);
	if (rc != 0)
		return kv_ended(k, rc);
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
	uint8_t stand[KV_KEY_MAX];
	MDB_val at;
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	if (stand_of(key, stand, &at) != EM_OK)
		return kv_ended(k, ENOMEM);
	rc = mdb_del(k->txn, k->table[table], &at, NULL);
	return rc == MDB_NOTFOUND ? EM_OK : kv_ended(k, rc);
}

em_err
kv_look(struct kv *k, unsigned table, struct slice key, struct slice *blob)
{
	uint8_t stand[KV_KEY_MAX];
	struct slice whole;
	MDB_val at, v;
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	*blob = SLICE_NONE;
	if (stand_of(key, stand, &at) != EM_OK)
		return kv_ended(k, ENOMEM);
	rc = mdb_get(k->txn, k->table[table], &at, &v);
	if (rc == MDB_NOTFOUND)
		return EM_NOTFOUND;
	if (rc == 0 && kv_row_of(&at, &v, &whole, blob) != EM_OK)
		rc = MDB_CORRUPTED;
	return kv_ended(k, rc);
}

em_err
kv_count(struct kv *k, unsigned table, size_t *n)
{
	MDB_stat stat = { .ms_entries = 0 };
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	rc = mdb_stat(k->txn, k->table[table], &stat);
	*n = stat.ms_entries;
	return kv_ended(k, rc);
}

em_err
kv_wipe(struct kv *k, unsigned table)
{
	CHECK(k->txn != NULL && table < k->n);
	return kv_ended(k, mdb_drop(k->txn, k->table[table], 0));
}

em_err
kv_commit(struct kv *k)
{
	int rc;

	CHECK(k->txn != NULL);
	rc = mdb_txn_commit(k->txn); /* frees it, whatever it says */
	k->txn = NULL;
	crash_blame(NULL);
	return note(k, rc);
}

/* ---- reading */

/* Apart again: the key and the blob that kv_put() was given. */
em_err
kv_row_of(const MDB_val *at, const MDB_val *v, struct slice *key, struct slice *blob)
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

/* A size that is damaged reaches beyond the file: let it fault here. */
static void
touch(struct slice s)
{
	const volatile uint8_t *p = s.p;

	for (size_t i = 0; i < s.n; i += PAGE)
		(void)p[i];
	if (s.n > 0)
		(void)p[s.n - 1];
}

/* The caller's function, whose faults are its own. */
static em_err
call(struct kv *k, kv_row_fn *fn, struct slice key, struct slice blob, void *arg)
{
	em_err err;

	touch(key);
	touch(blob);
	crash_blame(NULL);
	err = fn(key, blob, arg);
	crash_blame(k->blame);
	return err;
}

static em_err
each_of(struct kv *k, MDB_cursor *cursor, kv_row_fn *fn, void *arg)
{
	MDB_val at, v;
	int rc;

	while ((rc = mdb_cursor_get(cursor, &at, &v, MDB_NEXT)) == 0) {
		struct slice key, blob;
		em_err err;

		if (kv_row_of(&at, &v, &key, &blob) != EM_OK) {
			key = slice_of_val(&at);
			blob = SLICE_NONE;
		}
		err = call(k, fn, key, blob, arg);
		if (err != EM_OK)
			return err;
	}
	return rc == MDB_NOTFOUND ? EM_OK : kv_err_of(rc);
}

em_err
kv_scan(struct kv *k, unsigned table, kv_row_fn *fn, void *arg)
{
	MDB_cursor *cursor;
	em_err err;
	int rc;

	CHECK(k->txn != NULL && table < k->n);
	rc = mdb_cursor_open(k->txn, k->table[table], &cursor);
	if (rc != 0)
		return kv_ended(k, rc);
	err = each_of(k, cursor, fn, arg);
	mdb_cursor_close(cursor);
	return err;
}

em_err
kv_each(struct kv *k, unsigned table, kv_row_fn *fn, void *arg)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	em_err err;
	int rc;

	CHECK(k->txn == NULL && table < k->n);
	crash_blame(k->blame);
	rc = mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn);
	if (rc != 0) {
		crash_blame(NULL);
		return kv_err_of(rc);
	}
	rc = mdb_cursor_open(txn, k->table[table], &cursor);
	err = kv_err_of(rc);
	if (rc == 0) {
		err = each_of(k, cursor, fn, arg);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	crash_blame(NULL);
	return err;
}

static em_err
get(struct kv *k, MDB_txn *txn, unsigned table, MDB_val *at, kv_row_fn *fn, void *arg)
{
	struct slice whole, blob;
	MDB_val v;
	em_err err = kv_err_of(mdb_get(txn, k->table[table], at, &v));

	if (err == EM_OK)
		err = kv_row_of(at, &v, &whole, &blob);
	return err == EM_OK ? call(k, fn, whole, blob, arg) : err;
}

em_err
kv_get(struct kv *k, unsigned table, struct slice key, kv_row_fn *fn, void *arg)
{
	uint8_t stand[KV_KEY_MAX];
	MDB_txn *txn;
	MDB_val at;
	em_err err;
	int rc;

	CHECK(k->txn == NULL && table < k->n);
	if (stand_of(key, stand, &at) != EM_OK)
		return EM_NOMEM;
	crash_blame(k->blame);
	rc = k->env != NULL ? mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn) : MDB_PANIC;
	err = kv_err_of(rc);
	if (err == EM_OK) {
		err = get(k, txn, table, &at, fn, arg);
		mdb_txn_abort(txn);
	}
	crash_blame(NULL);
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
