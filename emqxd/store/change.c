/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: see change.h.
 *
 * The store thread opens letters for a bounded time, as every thread, and commits at the
 * end of the turn unless more is there already: while the disk syncs, the next batch
 * gathers.  So a lone change takes one sync, and a flood of them few.
 *
 * A batch that fails is tried again change by change, so that one that is too large does
 * no harm to its neighbours; after the first that finds no room only deletions are tried.
 */
#include "emqxd/store/change.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/kv.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#define BATCH_BYTES (8u << 20) /* enough for one transaction */
#define BATCH_MAX 20000u       /* changes */

enum what { PUT, DEL, FLUSH };

struct change {
	struct letter letter;
	change_done_fn *done;
	void *arg;
	change_end_fn *watch; /* or NULL */
	enum change_kind kind;
	em_err err;
	uint32_t blob_n;
	uint16_t key_n;
	uint8_t what;
	uint8_t bytes[]; /* key, blob */
};

struct store {
	struct kv *kv;
	struct store_metrics metrics;
	change_apply_fn *apply[CHANGE_KIND_N];
	_Atomic uint64_t used, max;
	/* The store thread's. */
	VEC(struct change *) batch;
	uint64_t batch_bytes;
	em_err state; /* of the last transaction */
};

static const char *const kind_name[CHANGE_KIND_N] = {
	[CHANGE_RETAINED] = "retained",
	[CHANGE_DELAYED] = "delayed",
};

static struct store *
store(void)
{
	return node_slot(ROOM_STORE);
}

bool
store_is_born(void)
{
	return store() != NULL;
}

static struct slice
key_of(const struct change *c)
{
	return slice_of(c->bytes, c->key_n);
}

static struct slice
blob_of(const struct change *c)
{
	return slice_of(c->bytes + c->key_n, c->blob_n);
}

/* ---- making and sending */

static struct change *
change_new(enum what what, enum change_kind kind, struct slice key, size_t blob_n)
{
	struct change *c;

	CHECK(key.n <= UINT16_MAX && blob_n <= UINT32_MAX);
	c = mem_try(sizeof *c + key.n + blob_n);
	if (c == NULL)
		return NULL;
	*c = (struct change){ .kind = kind,
		.blob_n = (uint32_t)blob_n,
		.key_n = (uint16_t)key.n,
		.what = (uint8_t)what };
	if (key.n > 0)
		memcpy(c->bytes, key.p, key.n);
	return c;
}

struct change *
change_put(enum change_kind kind, struct slice key, size_t blob_n, uint8_t **blob)
{
	struct change *c = change_new(PUT, kind, key, blob_n);

	if (c != NULL)
		*blob = c->bytes + c->key_n;
	return c;
}

struct change *
change_del(enum change_kind kind, struct slice key)
{
	return change_new(DEL, kind, key, 0);
}

struct change *
change_flush(void)
{
	return change_new(FLUSH, CHANGE_RETAINED, SLICE_NONE, 0);
}

void
change_drop(struct change **cp)
{
	MEM_FREE(*cp);
}

void
change_watch(struct change *c, change_end_fn *fn)
{
	c->watch = fn;
}

static size_t
size_of(const struct change *c)
{
	return sizeof *c + c->key_n + c->blob_n;
}

static void
on_answer(struct letter *l)
{
	struct change *c = LIST_OWNER(l, struct change, letter);

	c->done(c->arg, c->err);
	mem_free(c);
}

static void
on_change(struct letter *l)
{
	struct change *c = LIST_OWNER(l, struct change, letter);
	struct store *s = store();

	VEC_ADD(&s->batch, c);
	s->batch_bytes += size_of(c);
}

void
change_send(struct change **cp, change_done_fn *done, void *arg)
{
	struct change *c = *cp;
	size_t n = size_of(c);

	*cp = NULL;
	c->done = done;
	c->arg = arg;
	c->letter = (struct letter){ .open = on_change,
		.bytes = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX };
	worker_self(); /* there is one: the answer comes to it */
	worker_post_now(worker_store(), &c->letter);
}

struct worker *
change_is_full(void)
{
	return store_is_born() && mailbox_is_full(worker_store()) ? worker_store() : NULL;
}

/* ---- the store thread: a batch */

static em_err
do_change(struct store *s, const struct change *c)
{
	switch ((enum what)c->what) {
	case PUT: return kv_put(s->kv, c->kind, key_of(c), blob_of(c));
	case DEL: return kv_del(s->kv, c->kind, key_of(c));
	case FLUSH: return EM_OK;
	}
	UNREACHABLE();
}

static em_err
try_some(struct store *s, struct change *const *c, size_t n)
{
	em_err err = kv_begin(s->kv);

	for (size_t i = 0; i < n && err == EM_OK; i++)
		err = do_change(s, c[i]);
	if (err == EM_OK)
		err = kv_commit(s->kv);
	metric_add(s->metrics.commits, err == EM_OK);
	return err;
}

static em_err
try_singly(struct store *s)
{
	em_err worst = EM_OK, full = EM_OK;

	for (size_t i = 0; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		c->err = full != EM_OK && c->what == PUT ? full : try_some(s, &c, 1);
		if (c->err != EM_OK)
			worst = c->err;
		if (c->err != EM_OK && c->what == PUT && full == EM_OK)
			full = c->err;
		if (c->what == FLUSH)
			c->err = full;
	}
	return worst;
}

static const char *
alarm_of(em_err err)
{
	return err == EM_FULL ? "store_full" : "store_error";
}

/* What an operator sees of it. */
static void
tell(struct store *s, em_err err)
{
	if (err == s->state)
		return;
	if (s->state != EM_OK)
		alarm_clear(alarm_of(s->state));
	if (err == EM_OK) {
		LOG(INFO, "store_recovered");
	} else {
		LOG(ERROR, "store_refuses", "error", err_text(err));
		alarm_raise(alarm_of(err), NULL,
		    "the store does not take changes: %s; what must survive is refused",
		    err_text(err));
	}
	s->state = err;
}

static void
tell_end(const struct change *c, struct slice row)
{
	struct change_end e = { .change = c,
		.key = key_of(c),
		.row = row,
		.err = c->err,
		.is_deletion = c->what == DEL };

	c->watch(&e);
}

static em_err
on_what_there_is(struct slice key, struct slice row, void *arg)
{
	(void)key;
	tell_end(arg, row);
	return EM_OK;
}

static void
tell_watch(struct store *s, struct change *c)
{
	if (c->watch == NULL)
		return;
	if (c->err == EM_OK ||
	    kv_get(s->kv, c->kind, key_of(c), on_what_there_is, c) != EM_OK)
		tell_end(c, SLICE_NONE);
}

static void
answer(struct change *c)
{
	struct worker *asker = worker_get(c->letter.from);

	if (c->done == NULL) {
		mem_free(c);
		return;
	}
	c->letter = (struct letter){ .open = on_answer };
	worker_post(asker, &c->letter);
}

static void
read_size(struct store *s)
{
	uint64_t used, max;

	kv_size(s->kv, &used, &max);
	atomic_store_explicit(&s->used, used, memory_order_relaxed);
	atomic_store_explicit(&s->max, max, memory_order_relaxed);
}

/* Nothing but flushes: then there is nothing to commit. */
static bool
has_changes(const struct store *s)
{
	for (size_t i = 0; i < s->batch.n; i++)
		if (s->batch.p[i]->what != FLUSH)
			return true;
	return false;
}

static em_err
commit(struct store *s)
{
	em_err err;

	if (!has_changes(s)) {
		for (size_t i = 0; i < s->batch.n; i++)
			s->batch.p[i]->err = s->state;
		return s->state;
	}
	err = try_some(s, s->batch.p, s->batch.n);
	return err == EM_OK ? EM_OK : try_singly(s);
}

static void
finish(struct store *s)
{
	tell(s, commit(s));
	read_size(s);
	for (size_t i = 0; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		if (c->what != FLUSH)
			metric_inc(
			    c->err == EM_OK ? s->metrics.changes : s->metrics.refused);
		tell_watch(s, c);
		answer(c);
	}
	s->batch.n = 0;
	s->batch_bytes = 0;
}

static void
at_deliver(void *arg)
{
	struct store *s = arg;

	if (s->batch.n == 0)
		return;
	if (mailbox_has_more(worker_self()) && s->batch_bytes < BATCH_BYTES &&
	    s->batch.n < BATCH_MAX)
		loop_hurry(worker_self()->loop);
	else
		finish(s);
}

void
store_worker_birth(void)
{
	loop_at_turn(worker_self()->loop, LOOP_DELIVER, at_deliver, store());
}

void
store_worker_death(void)
{
	struct store *s = store();

	while (mailbox_open_all(worker_self()))
		;
	if (s->batch.n > 0)
		finish(s);
}

/* ---- birth, recovery, death */

em_err
store_birth(
    const char *dir, uint64_t max_size, const struct store_metrics *m, struct fault *f)
{
	struct kv *kv;
	struct store *s;
	em_err err = kv_open(dir, kind_name, CHANGE_KIND_N, max_size, &kv, f);

	if (err != EM_OK)
		return err;
	CHECK(store() == NULL);
	s = MEM_NEW(struct store);
	s->kv = kv;
	s->metrics = *m;
	read_size(s);
	node_slot_set(ROOM_STORE, s);
	return EM_OK;
}

void
store_register(enum change_kind kind, change_apply_fn *apply)
{
	CHECK(store()->apply[kind] == NULL);
	store()->apply[kind] = apply;
}

struct useless {
	enum change_kind kind;
	struct fault *f;
	uint64_t rows;
	VEC(struct change *) keys; /* whose rows shall be deleted */
};

static em_err
on_row(struct slice key, struct slice blob, void *arg)
{
	struct useless *u = arg;
	em_err err = store()->apply[u->kind](key, blob);
	struct str name = { 0 };

	u->rows++;
	if (err == EM_NOTFOUND) {
		struct change *c = change_del(u->kind, key);

		if (c != NULL)
			VEC_ADD(&u->keys, c);
		return EM_OK;
	}
	if (err == EM_OK)
		return EM_OK;
	str_add_escaped(&name, slice_head(key, 100));
	fault_set(u->f, err, "the store has a %s row that cannot be read: %s",
	    kind_name[u->kind], str_get(&name));
	str_fini(&name);
	return err;
}

static em_err
recover_kind(struct store *s, enum change_kind kind, struct fault *f)
{
	struct useless u = { .kind = kind, .f = f };
	em_err err = kv_each(s->kv, kind, on_row, &u);

	if (err != EM_OK && f->err == EM_OK)
		fault_set(f, err, "the store cannot be read: %s", kind_name[kind]);
	/* On a disk that is full they stay, and are of no use at the next start as well. */
	if (err == EM_OK && u.keys.n > 0 && try_some(s, u.keys.p, u.keys.n) != EM_OK)
		LOG(WARN, "store_not_tidied", "rows", u.keys.n);
	for (size_t i = 0; i < u.keys.n; i++)
		change_drop(&u.keys.p[i]);
	if (err == EM_OK && u.rows > 0)
		LOG(INFO, "store_read", "kind", kind_name[kind], "rows", u.rows,
		    "useless", u.keys.n);
	VEC_FINI(&u.keys);
	return err;
}

em_err
store_recover(struct fault *f)
{
	struct store *s = store();
	em_err err = EM_OK;

	for (unsigned i = 0; i < CHANGE_KIND_N && err == EM_OK; i++)
		if (s->apply[i] != NULL)
			err = recover_kind(s, (enum change_kind)i, f);
	return err;
}

void
store_death(void)
{
	struct store *s = store();

	if (s == NULL)
		return;
	CHECK(s->batch.n == 0);
	VEC_FINI(&s->batch);
	kv_close(&s->kv);
	MEM_FREE(s);
	node_slot_set(ROOM_STORE, NULL);
}

void
store_size(uint64_t *used, uint64_t *max)
{
	*used = atomic_load_explicit(&store()->used, memory_order_relaxed);
	*max = atomic_load_explicit(&store()->max, memory_order_relaxed);
}
