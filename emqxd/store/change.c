/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: see change.h.
 *
 * The store thread opens letters for a bounded time, as every thread, and commits at the
 * end of the turn unless more is there already: while the disk syncs, the next batch
 * gathers.  So a lone change takes one sync, and a flood of them few.
 *
 * A batch that fails is tried again without the change that did not fit, and without what
 * is not smaller behind it, so that a large one does no harm to its neighbours; after a few
 * such tries only deletions are left.  What a full store refuses costs no sync.
 */
#include "emqxd/store/change.h"
#include "emqxd/core/alarm.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/kv.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

#define BATCH_BYTES (8u << 20) /* enough for one transaction */
#define BATCH_MAX 20000u       /* changes */
#define FAILURES_MAX 8u        /* of a batch, then only deletions are tried */
#define UNREADABLE_TOLD 10u    /* one by one */
#define CALM span_s(5)         /* without a refusal, then the alarm is over */

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
	em_err last;       /* how the last batch ended */
	em_err told;       /* what the alarm says; EM_OK: it is not raised */
	mono_t refused_at; /* the last time */
	struct timer calm;
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

/* The changes [from, upto) that were not refused yet, in one transaction.  When it fails:
 * *at is the change that did it, or @upto when the disk did not take the whole. */
static em_err
try_some(struct store *s, size_t from, size_t upto, size_t *at)
{
	em_err err = kv_begin(s->kv);
	bool is_empty = true;

	for (*at = from; *at < upto && err == EM_OK; ++*at) {
		const struct change *c = s->batch.p[*at];

		if (c->err != EM_OK || c->what == FLUSH)
			continue;
		is_empty = false;
		err = do_change(s, c);
		if (err != EM_OK)
			return err;
	}
	*at = upto;
	if (err == EM_OK && is_empty) {
		kv_abort(s->kv);
		return EM_OK;
	}
	if (err == EM_OK)
		err = kv_commit(s->kv);
	metric_add(s->metrics.commits, err == EM_OK);
	return err;
}

/* Refuses what stands behind @at: rows of @least bytes and more, and deletions too if so
 * said. */
static void
refuse_behind(struct store *s, size_t at, em_err err, size_t least, bool deletions)
{
	for (size_t i = at + 1; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		if (c->err == EM_OK && c->what != FLUSH &&
		    (c->what == DEL ? deletions : size_of(c) >= least))
			c->err = err;
	}
}

/* The change @at is left out, and what would fare no better: after a row those that are
 * not smaller.  One that fails by itself, or after so many others, speaks for all rows
 * behind it, and a deletion for deletions too. */
static void
leave_out(struct store *s, size_t at, em_err err, bool speaks_for_all)
{
	struct change *c = s->batch.p[at];

	c->err = err;
	if (speaks_for_all)
		refuse_behind(s, at, err, 0, c->what == DEL);
	else if (c->what == PUT)
		refuse_behind(s, at, err, size_of(c), false);
}

/* As many changes of the batch as there is room for.  Each failure ends a transaction
 * without a sync; a commit that the disk refuses is tried again with half of it. */
static void
try_what_fits(struct store *s)
{
	size_t from = 0, upto = s->batch.n, at;

	for (unsigned failures = 0; from < s->batch.n;) {
		em_err err = try_some(s, from, upto, &at);

		if (err == EM_OK) {
			from = upto;
			upto = s->batch.n;
			continue;
		}
		if (at < upto)
			leave_out(s, at, err, ++failures >= FAILURES_MAX);
		else if (upto - from > 1)
			upto = from + (upto - from) / 2;
		else
			leave_out(s, from, err, true);
	}
}

/* The first refusal in the batch; flushes say whether one of those before them was. */
static em_err
first_refusal(struct store *s)
{
	em_err first = EM_OK;

	for (size_t i = 0; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		if (c->what == FLUSH)
			c->err = first;
		else if (first == EM_OK)
			first = c->err;
	}
	return first;
}

static const char *
alarm_of(em_err err)
{
	return err == EM_FULL ? "store_full" : "store_error";
}

/* What an operator should do about it. */
static void
raise_alarm(const struct store *s, em_err err)
{
	uint64_t used, max;
	const char *what;

	if (err == EM_MALFORMED)
		what = "its file is damaged: move the folder away and restart";
	else if (err != EM_FULL)
		what = "its disk fails: see the kernel's log";
	else if (kv_is_at_max(s->kv))
		what = "store.max_size is reached: raise it and restart, or delete some "
		       "(emqx_ctl retainer clean)";
	else
		what = "its disk is full: make room there";
	kv_size(s->kv, &used, &max);
	LOG(ERROR, "store_refuses", "error", err_text(err), "why", what, "dir",
	    kv_dir(s->kv), "used", used, "max_size", max);
	alarm_raise(alarm_of(err), NULL,
	    "retained and delayed messages are refused; %s; the store is %s", what,
	    kv_dir(s->kv));
}

static void
clear_alarm(struct store *s)
{
	if (s->told != EM_OK)
		alarm_clear(alarm_of(s->told));
	s->told = EM_OK;
}

/* Where small rows still fit and large ones do not, batches are taken and refused by
 * turns: it is over when none was refused for a while. */
static void
look_for_calm(struct store *s)
{
	if (s->told == EM_OK || s->last != EM_OK ||
	    clock_mono().ns < mono_add(s->refused_at, CALM).ns)
		return;
	clear_alarm(s);
	LOG(INFO, "store_recovered");
}

static void
on_calm(struct timer *t)
{
	look_for_calm(LIST_OWNER(t, struct store, calm));
}

/* What an operator sees of a batch. */
static void
tell(struct store *s, em_err err)
{
	s->last = err;
	if (err == EM_OK) {
		look_for_calm(s);
		return;
	}
	s->refused_at = clock_mono();
	timer_arm(&s->calm, CALM, on_calm);
	if (err == s->told)
		return;
	clear_alarm(s);
	raise_alarm(s, err);
	s->told = err;
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

static void
commit(struct store *s)
{
	if (has_changes(s)) {
		try_what_fits(s);
		tell(s, first_refusal(s));
		return;
	}
	for (size_t i = 0; i < s->batch.n; i++)
		s->batch.p[i]->err = s->last;
}

static void
finish(struct store *s)
{
	commit(s);
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
	timer_cancel(&s->calm);
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
	uint64_t rows, unreadable;
	VEC(struct change *) keys; /* whose rows shall be deleted */
};

/* It may be of a later version, or damaged: the others are of use all the same. */
static void
skip_row(struct useless *u, const char *key)
{
	if (u->unreadable++ < UNREADABLE_TOLD)
		LOG(WARN, "store_row_unreadable", "kind", kind_name[u->kind], "key", key);
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
	em_err err = blob.p != NULL ? store()->apply[u->kind](key, blob) : EM_MALFORMED;
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
		fault_set(u->f, err, "the store's %s row %s: %s", kind_name[u->kind],
		    str_get(&name), err_text(err));
	}
	str_fini(&name);
	return err;
}

static em_err
tidy(struct store *s, struct change *const *c, size_t n)
{
	em_err err = kv_begin(s->kv);

	for (size_t i = 0; i < n && err == EM_OK; i++)
		err = do_change(s, c[i]);
	return err == EM_OK ? kv_commit(s->kv) : err;
}

static em_err
recover_kind(struct store *s, enum change_kind kind, struct fault *f)
{
	struct useless u = { .kind = kind, .f = f };
	em_err err = kv_each(s->kv, kind, on_row, &u);

	if (err != EM_OK && f->err == EM_OK) {
		fault_set(f, err,
		    "the store %s cannot be read: it is damaged in its %s rows",
		    kv_dir(s->kv), kind_name[kind]);
		fault_hint(f, KV_HINT);
	}
	/* On a disk that is full they stay, and are of no use at the next start as well. */
	if (err == EM_OK && u.keys.n > 0 && tidy(s, u.keys.p, u.keys.n) != EM_OK)
		LOG(WARN, "store_not_tidied", "rows", u.keys.n);
	for (size_t i = 0; i < u.keys.n; i++)
		change_drop(&u.keys.p[i]);
	if (err == EM_OK && u.unreadable > 0)
		LOG(WARN, "store_rows_unreadable", "kind", kind_name[kind], "rows",
		    u.unreadable, "dir", kv_dir(s->kv));
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
