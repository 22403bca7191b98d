/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recover: the store's birth, its rows at boot, its death.
 */
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#define UNREADABLE_TOLD 10u /* one by one */

void
store_read_size(struct store *s)
{
	uint64_t used, max;

	kv_size(s->kv, &used, &max);
	atomic_store_explicit(&s->used, used, memory_order_relaxed);
	atomic_store_explicit(&s->max, max, memory_order_relaxed);
}

bool
store_is_born(void)
{
	return store_self() != NULL;
}

/* ---- birth, recovery, death */

em_err
store_birth(
    const char *dir, uint64_t max_size, const struct store_metrics *m, struct fault *f)
{
	struct kv *kv;
	struct store *s;
	em_err err = kv_open(dir, change_table_name, TABLE_N, max_size, &kv, f);

	if (err != EM_OK)
		return err;
	CHECK(store_self() == NULL);
	s = MEM_NEW(struct store);
	atomic_store(&s->level, LEVEL_MAX);
	s->kv = kv;
	s->tombs_most = STORE_TOMBS_MOST;
	s->metrics = *m;
	store_read_size(s);
	ordered_recover(s);
	node_slot_set(ROOM_STORE, s);
	return EM_OK;
}

void
store_register(enum change_kind kind, change_apply_fn *apply)
{
	CHECK(store_self()->apply[kind] == NULL);
	store_self()->apply[kind] = apply;
}

void
store_follow(enum change_kind kind, change_follow_fn *follow)
{
	CHECK(store_self()->follow[kind] == NULL);
	store_self()->follow[kind] = follow;
}

struct useless {
	enum change_kind kind;
	struct fault *f;
	uint64_t rows, unreadable;
	VEC(struct change *) keys; /* whose rows shall be deleted */
};

/* It may be of a later version, or damaged: the others are of use all the same. */
static void
skip_row(struct useless *u, const char *key)
{
	if (u->unreadable++ < UNREADABLE_TOLD)
		LOG(WARN, "store_row_unreadable", "kind", change_table_name[u->kind],
		    "key", key);
}

static void
delete_row(struct useless *u, struct slice key)
{
	struct change *c = change_del(u->kind, key);

	if (c != NULL)
		VEC_ADD(&u->keys, c);
}

static em_err
on_row(struct slice key, struct slice blob, void *arg)
{
	struct useless *u = arg;
	em_err err =
	    blob.p != NULL ? store_self()->apply[u->kind](key, blob) : EM_MALFORMED;
	struct str name = { 0 };

	u->rows++;
	if (err == EM_OK)
		return EM_OK;
	if (err == EM_NOTFOUND) {
		delete_row(u, key);
		return EM_OK;
	}
	str_add_escaped(&name, slice_head(key, 100));
	if (err == EM_MALFORMED) {
		skip_row(u, str_get(&name));
		err = EM_OK;
	} else {
		fault_set(u->f, err, "the store's %s row %s: %s",
		    change_table_name[u->kind], str_get(&name), err_text(err));
	}
	str_fini(&name);
	return err;
}

static em_err
tidy(struct store *s, struct change *const *c, size_t n)
{
	em_err err = kv_begin(s->kv);

	for (size_t i = 0; i < n && err == EM_OK; i++)
		err = change_do(s, c[i]);
	return err == EM_OK ? kv_commit(s->kv) : err;
}

/* Rows that several nodes have go everywhere or nowhere. */
static void
expire_later(struct store *s, struct useless *u)
{
	for (size_t i = 0; i < u->keys.n; i++) {
		struct change *c = change_expire(u->kind, change_key(u->keys.p[i]));

		if (c != NULL)
			VEC_ADD(&s->useless, c);
		change_drop(&u->keys.p[i]);
	}
	u->keys.n = 0;
}

static em_err
recover_kind(struct store *s, enum change_kind kind, struct fault *f)
{
	struct useless u = { .kind = kind, .f = f };
	em_err err = kv_each(s->kv, kind, on_row, &u);

	if (err != EM_OK && f->err == EM_OK) {
		fault_set(f, err,
		    "the store %s cannot be read: it is damaged in its %s rows",
		    kv_dir(s->kv), change_table_name[kind]);
		fault_hint(f, KV_HINT);
	}
	if (err == EM_OK && ordered_of(s, kind) != NULL)
		expire_later(s, &u);
	/* On a disk that is full they stay, and are of no use at the next start as well. */
	if (err == EM_OK && u.keys.n > 0 && tidy(s, u.keys.p, u.keys.n) != EM_OK)
		LOG(WARN, "store_not_tidied", "rows", u.keys.n);
	for (size_t i = 0; i < u.keys.n; i++)
		change_drop(&u.keys.p[i]);
	if (err == EM_OK && u.unreadable > 0)
		LOG(WARN, "store_rows_unreadable", "kind", change_table_name[kind],
		    "rows", u.unreadable, "dir", kv_dir(s->kv));
	if (err == EM_OK && u.rows > 0)
		LOG(INFO, "store_read", "kind", change_table_name[kind], "rows", u.rows,
		    "useless", u.keys.n);
	VEC_FINI(&u.keys);
	return err;
}

em_err
store_recover(struct fault *f)
{
	struct store *s = store_self();
	em_err err = EM_OK;

	for (unsigned i = 0; i < CHANGE_KIND_N && err == EM_OK; i++)
		if (s->apply[i] != NULL)
			err = recover_kind(s, (enum change_kind)i, f);
	return err;
}

void
store_death(void)
{
	struct store *s = store_self();

	if (s == NULL)
		return;
	CHECK(s->batch.n == 0);
	VEC_FINI(&s->batch);
	for (size_t i = 0; i < s->useless.n; i++)
		change_drop(&s->useless.p[i]);
	VEC_FINI(&s->useless);
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		VEC_FINI(&s->group[g].part_at);
	kv_close(&s->kv);
	MEM_FREE(s);
	node_slot_set(ROOM_STORE, NULL);
}

void
store_size(uint64_t *used, uint64_t *max)
{
	*used = atomic_load_explicit(&store_self()->used, memory_order_relaxed);
	*max = atomic_load_explicit(&store_self()->max, memory_order_relaxed);
}

/* ---- on its thread */

void
store_worker_birth(void)
{
	struct store *s = store_self();

	loop_at_turn(worker_self()->loop, LOOP_DELIVER, store_deliver, s);
	ordered_worker_birth(s);
}

void
store_worker_death(void)
{
	struct store *s = store_self();

	while (mailbox_open_all(worker_self()))
		;
	batch_finish(s);
	apply_finish(s);
	ordered_worker_death(s);
	batch_finish(s);
	timer_cancel(&s->calm);
}
