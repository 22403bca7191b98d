/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordered_pack: changes that wait become entries, which are proposed, again if need be.
 *
 * An entry is made of its changes again for each time that it is proposed, so they are kept
 * once.  A change with a large blob has entries of its own: the parts, which hold no change,
 * and the one behind them, which does.
 */
#include "emqxd/core/clock.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/entry.h"
#include "ipc/base/list.h"

#define ENTRY_BYTES (16u << 10)
#define ENTRY_CHANGES 4096u
#define WINDOW_BYTES (1u << 20) /* under way, as the next one */
#define GATHER span_ms(2)

static uint64_t
entry_bytes(const struct change *c)
{
	return entry_room(c->key_n, c->blob_n);
}

static enum entry_what
what_of(const struct change *c)
{
	if (c->what == CHANGE_PUT)
		return ENTRY_PUT;
	return c->what == CHANGE_EXPIRE ? ENTRY_EXPIRE : ENTRY_DEL;
}

static struct entry_change
change_of(const struct change *c, const struct own_entry *e)
{
	struct entry_change out = { .what = what_of(c),
		.kind = c->kind,
		.stamp = c->stamp,
		.key = change_key(c),
		.blob = change_blob(c) };

	if (e->part > 0) {
		out.what = ENTRY_PART;
		out.key = SLICE_NONE;
		out.number = e->part - 1;
		out.blob =
		    slice_head(slice_from(out.blob, (size_t)out.number * ENTRY_PART_MAX),
			ENTRY_PART_MAX);
	} else if (e->parts > 0) {
		out.what = ENTRY_WHOLE;
		out.number = e->parts;
		out.total = c->blob_n;
	}
	return out;
}

/* Proposes the entry whose changes begin with @c; returns the one behind them. */
static struct change *
propose(struct ordered *o, const struct own_entry *e, struct change *c)
{
	struct wbuf w = wbuf_growing(ENTRY_HEAD + e->bytes);
	uint32_t n = e->part > 0 ? 1 : e->n;
	struct entry_head head = { o->site, o->incarnation, e->seq, (uint16_t)n };

	entry_write_head(&w, &head);
	for (uint32_t i = 0; i < n; i++) {
		struct entry_change out = change_of(c, e);

		entry_write(&w, &out);
		if (e->part == 0)
			c = change_behind(c);
	}
	CHECK(w.err != EM_TOOBIG);
	/* Without memory it is proposed later. */
	if (w.err == EM_OK)
		o->order->propose(o->group, wbuf_slice(&w));
	wbuf_fini(&w);
	return c;
}

void
ordered_pack_again(struct ordered *o)
{
	struct change *c = o->sent.first;

	o->moved_at = clock_mono();
	if (o->order == NULL || !o->has_leader)
		return;
	for (size_t i = o->own_at; i < o->own.n; i++)
		c = propose(o, &o->own.p[i], c);
}

static struct own_entry *
own_new(struct ordered *o)
{
	struct own_entry *e = VEC_PUSH(&o->own);

	*e = (struct own_entry){ .seq = ++o->seq, .at = clock_mono() };
	return e;
}

static bool
is_large(const struct ordered *o, const struct change *c)
{
	return o->group == CHANGE_GROUP_RET && c->what == CHANGE_PUT &&
	       c->blob_n > ENTRY_PART_MAX;
}

/* A change whose blob goes before it, in entries of their own. */
static void
pack_large(struct ordered *o)
{
	struct change *c = change_list_take(&o->waiting);
	uint32_t parts = (c->blob_n + ENTRY_PART_MAX - 1) / ENTRY_PART_MAX;
	struct own_entry *e;

	for (uint32_t i = 0; i < parts; i++) {
		e = own_new(o);
		e->part = i + 1;
		e->bytes = (uint32_t)entry_room(0, ENTRY_PART_MAX);
	}
	e = own_new(o);
	e->parts = parts;
	e->n = 1;
	e->bytes = (uint32_t)entry_room(c->key_n, 0);
	change_list_add(&o->sent, c);
}

/* As many of the waiting changes as make an entry; they are `sent` behind it. */
static void
pack(struct ordered *o)
{
	struct own_entry *e = own_new(o);

	do {
		struct change *c = change_list_take(&o->waiting);

		e->bytes += (uint32_t)entry_bytes(c);
		e->n++;
		change_list_add(&o->sent, c);
	} while (o->waiting.n > 0 && e->n < ENTRY_CHANGES &&
		 !is_large(o, o->waiting.first) &&
		 e->bytes + entry_bytes(o->waiting.first) <= ENTRY_BYTES);
}

static bool
may_pack(const struct ordered *o)
{
	size_t under_way = o->own.n - o->own_at;

	if (o->order == NULL || !o->has_leader || o->waiting.n == 0 ||
	    atomic_load_explicit(&o->is_importing, memory_order_relaxed))
		return false;
	if (under_way == 0)
		return true;
	if (under_way >= ORDERED_WINDOW || o->sent.bytes >= WINDOW_BYTES)
		return false;
	return o->group == CHANGE_GROUP_META || o->waiting.bytes >= ENTRY_BYTES ||
	       clock_mono().ns >= mono_add(o->waiting.first->at, GATHER).ns;
}

void
ordered_pack(struct ordered *o)
{
	while (may_pack(o)) {
		struct change *first = o->waiting.first;
		size_t at;

		if (o->own_at == o->own.n) {
			o->own_at = o->own.n = 0;
			o->moved_at = clock_mono();
		}
		at = o->own.n;
		if (is_large(o, first))
			pack_large(o);
		else
			pack(o);
		for (; at < o->own.n; at++)
			first = propose(o, &o->own.p[at], first);
	}
}

bool
ordered_pack_may(const struct ordered *o, const struct change *c)
{
	return is_large(o, c) ? c->blob_n <= ENTRY_WHOLE_MAX
			      : ENTRY_HEAD + entry_bytes(c) <= ENTRY_MAX;
}
