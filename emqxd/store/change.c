/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: making one, sending it, answering it.  What becomes of it meanwhile: batch.c.
 */
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

const char *const change_table_name[TABLE_N] = {
#define KIND(id_, number_, name_, ...) [number_] = name_,
#include "emqxd/store/kind.def"
#undef KIND
	[TABLE_SEEN_META] = "seen_meta",
	[TABLE_SEEN_RET] = "seen_ret",
	[TABLE_STAMPS] = "stamps",
	[TABLE_TOMBS] = "tombs",
	[TABLE_PARTS] = "parts",
	[TABLE_RAFT] = "raft",
};

static const struct {
	enum change_group group;
	unsigned level;
} kinds[] = {
#define KIND(id_, number_, name_, group_, level_, help_) \
	[number_] = { CHANGE_GROUP_##group_, level_ },
#include "emqxd/store/kind.def"
#undef KIND
};
_Static_assert(sizeof kinds / sizeof kinds[0] == CHANGE_KIND_N, "numbers have gaps");

enum change_group
change_group_of(enum change_kind kind)
{
	return kinds[kind].group;
}

unsigned
change_level_of(enum change_kind kind)
{
	return kinds[kind].level;
}

/* ---- making and sending */

static struct change *
change_new(enum change_what what, enum change_kind kind, struct slice key, size_t blob_n)
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
	struct change *c = change_new(CHANGE_PUT, kind, key, blob_n);

	if (c != NULL)
		*blob = c->bytes + c->key_n;
	return c;
}

struct change *
change_del(enum change_kind kind, struct slice key)
{
	return change_new(CHANGE_DEL, kind, key, 0);
}

struct change *
change_expire(enum change_kind kind, struct slice key)
{
	return change_new(CHANGE_EXPIRE, kind, key, 0);
}

struct change *
change_flush(void)
{
	/* With room for how many changes it waits for, of each group. */
	return change_new(
	    CHANGE_FLUSH, CHANGE_RETAINED, SLICE_NONE, CHANGE_GROUP_N * sizeof(uint64_t));
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
	struct store *s = store_self();
	struct ordered *o = s != NULL ? ordered_of(s, c->kind) : NULL;

	if (s == NULL) { /* it came when all had ended: nobody waits any more */
		mem_free(c);
		return;
	}
	if (c->what == CHANGE_FLUSH ? ordered_waits(s, c) : o != NULL) {
		if (c->what != CHANGE_FLUSH)
			ordered_take(s, o, c);
		return;
	}
	VEC_ADD(&s->batch, c);
	s->batch_bytes += change_size(c);
}

void
change_send(struct change **cp, change_done_fn *done, void *arg)
{
	struct change *c = *cp;
	size_t n = change_size(c);

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

em_err
change_do(struct store *s, const struct change *c)
{
	switch ((enum change_what)c->what) {
	case CHANGE_PUT: return kv_put(s->kv, c->kind, change_key(c), change_blob(c));
	case CHANGE_DEL:
	case CHANGE_EXPIRE: return kv_del(s->kv, c->kind, change_key(c));
	case CHANGE_FLUSH: return EM_OK;
	}
	UNREACHABLE();
}

void
change_answer(struct change *c)
{
	struct worker *asker = worker_get(c->letter.from);

	if (c->done == NULL) {
		mem_free(c);
		return;
	}
	c->letter = (struct letter){ .open = on_answer };
	worker_post(asker, &c->letter);
}

struct change *
change_list_take(struct change_list *l)
{
	struct change *c = l->first;
	struct letter *next = c->letter.next;

	l->first = next != NULL ? LIST_OWNER(next, struct change, letter) : NULL;
	if (l->first == NULL)
		l->last = NULL;
	l->n--;
	l->bytes -= change_size(c);
	return c;
}

/* ---- who watches */

struct watched {
	const struct change *change;
	bool is_overtaken;
};

static void
tell_end(const struct watched *w, struct slice row)
{
	const struct change *c = w->change;
	struct change_end e = { .change = c,
		.key = change_key(c),
		.row = row,
		.err = c->err,
		.is_deletion = change_is_deletion(c),
		.is_overtaken = w->is_overtaken };

	c->watch(&e);
}

static em_err
on_what_there_is(struct slice key, struct slice row, void *arg)
{
	(void)key;
	tell_end(arg, row);
	return EM_OK;
}

void
change_tell_end(struct store *s, const struct change *c, bool is_overtaken)
{
	struct watched w = { c, is_overtaken };

	if (c->watch == NULL)
		return;
	if ((c->err == EM_OK && !is_overtaken) ||
	    kv_get(s->kv, c->kind, change_key(c), on_what_there_is, &w) != EM_OK)
		tell_end(&w, SLICE_NONE);
}
