/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_copy: see kv_copy.h.
 *
 * Readers and whoever closes the file share one gate: a step of a reader holds its lock, so
 * the file is closed between two steps, and those that come behind find the gate shut.  The
 * gate lives as long as any of them.
 *
 * A copy of the whole is no step: it may take many seconds, and the thread of the links opens
 * readers.  It holds a lock of its own, so there is one at a time, and is waited for by
 * whoever closes the file alone.
 */
#include "emqxd/store/kv_copy.h"
#include "emqxd/core/lock.h"
#include "emqxd/store/kv_inside.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct kv_readers {
	struct lock copy, lock; /* taken in this order */
	struct kv *kv;          /* NULL: it was closed */
	unsigned refs;          /* the store's and the readers' */
	struct list_node open;  /* readers with a transaction */
	bool is_leaving;        /* it is to be opened anew: no more readers */
	bool is_copying;
};

struct kv_reader {
	struct list_node node;
	struct kv_readers *gate;
	MDB_txn *txn; /* NULL: it ended */
};

/* ---- the gate */

/* Under the lock. */
static void
end(struct kv_reader *r)
{
	if (r->txn == NULL)
		return;
	mdb_txn_abort(r->txn);
	r->txn = NULL;
	list_del(&r->node);
}

struct kv_readers *
kv_readers_new(struct kv *k)
{
	struct kv_readers *g = MEM_NEW(struct kv_readers);

	lock_init(&g->copy, LOCK_STORE_COPY);
	lock_init(&g->lock, LOCK_STORE);
	g->kv = k;
	g->refs = 1;
	list_init(&g->open);
	return g;
}

/* Under the lock, which it gives. */
static void
unref(struct kv_readers *g)
{
	bool is_last = --g->refs == 0;

	lock_give(&g->lock);
	if (!is_last)
		return;
	lock_fini(&g->lock);
	lock_fini(&g->copy);
	mem_free(g);
}

bool
kv_readers_leave(struct kv *k)
{
	struct kv_readers *g = k->readers;
	bool are_gone;

	lock_take(&g->lock);
	g->is_leaving = true;
	are_gone = list_is_empty(&g->open) && !g->is_copying;
	lock_give(&g->lock);
	return are_gone;
}

void
kv_readers_return(struct kv *k)
{
	lock_take(&k->readers->lock);
	k->readers->is_leaving = false;
	lock_give(&k->readers->lock);
}

void
kv_readers_end(struct kv_readers **rp)
{
	struct kv_readers *g = *rp;

	if (g == NULL)
		return;
	*rp = NULL;
	lock_take(&g->lock);
	LIST_EACH_SAFE (node, &g->open)
		end(LIST_OWNER(node, struct kv_reader, node));
	g->kv = NULL;
	lock_give(&g->lock);
	lock_take(&g->copy); /* the one under way; none comes behind */
	lock_give(&g->copy);
	lock_take(&g->lock);
	unref(g);
}

/* ---- readers */

em_err
kv_reader_open(struct kv *k, struct kv_reader **out)
{
	struct kv_readers *g = k->readers;
	struct kv_reader *r;
	MDB_txn *txn = NULL;
	em_err err = EM_STATE;

	*out = NULL;
	lock_take(&g->lock);
	if (!g->is_leaving && k->env != NULL)
		err = kv_err_of(mdb_txn_begin(k->env, NULL, MDB_RDONLY, &txn));
	if (err == EM_OK) {
		r = MEM_NEW(struct kv_reader);
		*r = (struct kv_reader){ .gate = g, .txn = txn };
		list_push(&g->open, &r->node);
		g->refs++;
		*out = r;
	}
	lock_give(&g->lock);
	return err;
}

void
kv_reader_close(struct kv_reader **rp)
{
	struct kv_reader *r = *rp;

	if (r == NULL)
		return;
	lock_take(&r->gate->lock);
	end(r);
	unref(r->gate);
	MEM_FREE(*rp);
}

static struct slice
slice_of_val(const MDB_val *v)
{
	return slice_of(v->mv_data, v->mv_size);
}

/* LMDB only reads what it points to. */
static MDB_val
val_of(struct slice s)
{
	const union {
		const uint8_t *in;
		void *out;
	} p = { .in = s.p };

	return (MDB_val){ s.n, p.out };
}

/* The first row behind @after. */
static int
seek(MDB_cursor *cursor, struct slice after, MDB_val *at, MDB_val *v)
{
	uint8_t room[KV_KEY_MAX];
	int rc;

	if (after.n == 0)
		return mdb_cursor_get(cursor, at, v, MDB_FIRST);
	if (after.n > sizeof room)
		return MDB_BAD_VALSIZE;
	memcpy(room, after.p, after.n);
	*at = (MDB_val){ after.n, room };
	rc = mdb_cursor_get(cursor, at, v, MDB_SET_RANGE);
	if (rc == 0 && slice_eq(slice_of_val(at), after))
		rc = mdb_cursor_get(cursor, at, v, MDB_NEXT);
	return rc;
}

static em_err
walk(MDB_cursor *cursor, struct slice after, kv_row_fn *fn, void *arg)
{
	MDB_val at, v;
	int rc = seek(cursor, after, &at, &v);

	while (rc == 0) {
		em_err err = fn(slice_of_val(&at), slice_of_val(&v), arg);

		if (err != EM_OK)
			return err;
		rc = mdb_cursor_get(cursor, &at, &v, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? EM_OK : kv_err_of(rc);
}

/* Under the lock. */
static em_err
rows(struct kv_reader *r, unsigned table, struct slice after, kv_row_fn *fn, void *arg)
{
	const struct kv *k = r->gate->kv;
	MDB_cursor *cursor;
	em_err err;
	int rc;

	if (k == NULL || r->gate->is_leaving || r->txn == NULL) {
		end(r);
		return EM_STATE;
	}
	CHECK(table < k->n);
	rc = mdb_cursor_open(r->txn, k->table[table], &cursor);
	if (rc != 0)
		return kv_err_of(rc);
	err = walk(cursor, after, fn, arg);
	mdb_cursor_close(cursor);
	return err;
}

em_err
kv_reader_rows(
    struct kv_reader *r, unsigned table, struct slice after, kv_row_fn *fn, void *arg)
{
	em_err err;

	lock_take(&r->gate->lock);
	err = rows(r, table, after, fn, arg);
	lock_give(&r->gate->lock);
	return err;
}

em_err
kv_reader_copy(struct kv_reader *r, const char *dir)
{
	struct kv_readers *g = r->gate;
	em_err err = EM_STATE;
	MDB_env *env = NULL;

	lock_take(&g->copy);
	lock_take(&g->lock);
	if (g->kv != NULL && !g->is_leaving)
		env = g->kv->env;
	g->is_copying = env != NULL;
	lock_give(&g->lock);
	if (env != NULL)
		err = kv_err_of(mdb_env_copy2(env, dir, MDB_CP_COMPACT));
	lock_take(&g->lock);
	g->is_copying = false;
	lock_give(&g->lock);
	lock_give(&g->copy);
	return err;
}

/* ---- the merge */

struct merging {
	struct kv *kv;
	MDB_dbi table;
	MDB_cursor *cursor;
	const struct kv_merge *m;
	struct slice stand, value; /* the next row to come */
	bool has_next;
	uint8_t last[KV_KEY_MAX]; /* where the merge is */
	size_t last_n;
};

static int
compare(struct slice a, struct slice b)
{
	return slice_cmp(a, b);
}

static void
tell(struct merging *g, struct slice stand, struct slice value, bool is_there)
{
	MDB_val at = val_of(stand);
	MDB_val v = val_of(value);
	struct slice key, blob;

	if (g->m->changed == NULL || kv_row_of(&at, &v, &key, &blob) != EM_OK)
		return;
	if (is_there && blob.p == NULL)
		blob = slice_of("", 0);
	g->m->changed(g->m->arg, key, is_there ? blob : SLICE_NONE);
}

static void
go_behind(struct merging *g, struct slice stand)
{
	memcpy(g->last, stand.p, stand.n);
	g->last_n = stand.n;
}

/* Takes the next row; it must come behind the last one. */
static em_err
advance(struct merging *g)
{
	struct slice was = slice_of(g->last, g->last_n), key, blob;
	MDB_val at, v;

	g->has_next = g->m->next(g->m->arg, &g->stand, &g->value);
	if (!g->has_next)
		return EM_OK;
	if (g->stand.n == 0 || g->stand.n > KV_KEY_MAX ||
	    (was.n > 0 && compare(g->stand, was) <= 0))
		return EM_MALFORMED;
	at = val_of(g->stand);
	v = val_of(g->value);
	return kv_row_of(&at, &v, &key, &blob);
}

static int
write_next(struct merging *g)
{
	MDB_val at = val_of(g->stand);
	MDB_val v = val_of(g->value);

	return mdb_put(g->kv->txn, g->table, &at, &v, 0);
}

/* The row that is here and not there. */
static int
delete_here(struct merging *g, struct slice stand, struct slice value)
{
	MDB_val at;

	go_behind(g, stand);
	tell(g, stand, value, false);
	at = (MDB_val){ g->last_n, g->last };
	return mdb_del(g->kv->txn, g->table, &at, NULL);
}

/* One row of either side; *more false: it is over. */
static em_err
step(struct merging *g, bool *more)
{
	MDB_val at, v;
	int rc = seek(g->cursor, slice_of(g->last, g->last_n), &at, &v), order = 1;

	if (rc != 0 && rc != MDB_NOTFOUND)
		return kv_err_of(rc);
	if (rc == 0)
		order = g->has_next ? compare(slice_of_val(&at), g->stand) : -1;
	*more = g->has_next || (rc == 0 && g->m->is_end);
	if (!*more)
		return EM_OK;
	if (order < 0)
		return kv_err_of(delete_here(g, slice_of_val(&at), slice_of_val(&v)));
	if (order > 0 || !slice_eq(slice_of_val(&v), g->value)) {
		rc = write_next(g);
		if (rc != 0)
			return kv_err_of(rc);
		tell(g, g->stand, g->value, true);
	}
	go_behind(g, g->stand);
	return advance(g);
}

em_err
kv_merge_rows(struct kv *k, unsigned table, struct slice after, const struct kv_merge *m)
{
	struct merging g = { .kv = k, .m = m, .last_n = after.n };
	bool more = true;
	em_err err;
	int rc;

	CHECK(k->txn != NULL && table < k->n && after.n <= sizeof g.last);
	if (after.n > 0)
		memcpy(g.last, after.p, after.n);
	g.table = k->table[table];
	rc = mdb_cursor_open(k->txn, g.table, &g.cursor);
	if (rc != 0)
		return kv_ended(k, rc);
	err = advance(&g);
	while (err == EM_OK && more)
		err = step(&g, &more);
	mdb_cursor_close(g.cursor);
	if (err != EM_OK)
		kv_abort(k);
	return err;
}
