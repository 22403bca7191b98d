/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import: the rows of a group become those of another node: see ordered.h.
 *
 * Parts are as export.c makes them, in the order of tables and, in a table, of rows as they
 * stand: so the group's own rows are gone over beside them (kv_merge_rows()), what is equal is
 * not written, and what retain or another room has in memory changes only where it differs.
 *
 * A part: version 1, group, its number (4 bytes, from 0), then 0: rows of a table; or 1: the
 * last part, with the index that the rows are at and the highest clock (8 each).  Rows: the
 * table, flag 1 in the table's last part, then each row with the sizes of its key (2) and its
 * value (4).  A table is the number of its kind, and from 252 on what the group has beside
 * them; tables come in the order of their numbers.  One that the other node does not have (it
 * is older) becomes empty; one that this one does not have must be so, and its parts are
 * passed over: a row in it is EM_UNSUPPORTED, since no older node may be there by then.
 */
#include "emqxd/core/log.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/kv_copy.h"
#include "ipc/base/mem.h"
#include "ipc/base/rbuf.h"
#include "ipc/base/vec.h"

enum { VERSION = 1, ROWS = 0, END = 1 };
enum { WIRE_PARTS = 252, WIRE_STAMPS, WIRE_TOMBS, WIRE_SEEN };

uint8_t
import_wire_number(uint8_t table)
{
	switch (table) {
	case TABLE_PARTS: return WIRE_PARTS;
	case TABLE_STAMPS: return WIRE_STAMPS;
	case TABLE_TOMBS: return WIRE_TOMBS;
	case TABLE_SEEN_META:
	case TABLE_SEEN_RET: return WIRE_SEEN;
	default: return table;
	}
}

unsigned
import_tables(enum change_group g, uint8_t table[TABLE_N])
{
	unsigned n = 0;

	for (unsigned kind = 0; kind < CHANGE_KIND_N; kind++) {
		if (change_group_of((enum change_kind)kind) == g)
			table[n++] = (uint8_t)kind;
	}
	if (g == CHANGE_GROUP_RET) {
		table[n++] = TABLE_PARTS;
		table[n++] = TABLE_STAMPS;
		table[n++] = TABLE_TOMBS;
	}
	table[n++] = (uint8_t)apply_seen_table(g);
	return n;
}

/* A row that differed, until the transaction is on the disk. */
struct changed {
	uint8_t *key; /* ours */
	uint16_t key_n;
	struct slice blob; /* the part's, or none */
};

struct importing {
	struct store *s;
	struct ordered *o;
	struct rbuf rows;
	struct slice last; /* stand of the last row */
	bool is_malformed;
	VEC(struct changed) changed;
};

static bool
next_row(void *arg, struct slice *stand, struct slice *value)
{
	struct importing *im = arg;

	if (rbuf_left(&im->rows) == 0)
		return false;
	*stand = rbuf_bytes16(&im->rows);
	*value = rbuf_bytes(&im->rows, rbuf_u32(&im->rows));
	if (im->rows.err != EM_OK) {
		im->is_malformed = true;
		return false;
	}
	im->last = *stand;
	return true;
}

static void
on_changed(void *arg, struct slice key, struct slice blob)
{
	struct importing *im = arg;
	struct changed *c = VEC_PUSH(&im->changed);

	*c = (struct changed){
		.key = mem_new(key.n + 1), .key_n = (uint16_t)key.n, .blob = blob
	};
	if (key.n > 0)
		memcpy(c->key, key.p, key.n);
}

static void
tell_changed(struct importing *im, unsigned table, bool is_done)
{
	change_follow_fn *follow =
	    is_done && table < CHANGE_KIND_N ? im->s->follow[table] : NULL;

	for (size_t i = 0; i < im->changed.n; i++) {
		struct changed *c = &im->changed.p[i];

		if (follow != NULL)
			follow(slice_of(c->key, c->key_n), c->blob, false);
		mem_free(c->key);
	}
	VEC_FINI(&im->changed);
}

/* The flag goes on with the first part, and stays on whatever becomes of it. */
static em_err
begin(struct importing *im)
{
	em_err err = kv_begin(im->s->kv);

	im->o->part = im->o->part_table = im->o->part_empty = 0;
	im->o->part_at.n = 0;
	if (err == EM_OK)
		err = ordered_save(
		    im->s, im->o, atomic_load(&im->o->applied), im->o->clock, true);
	if (err == EM_OK)
		err = kv_commit(im->s->kv);
	if (err == EM_OK)
		atomic_store(&im->o->is_importing, true);
	return err;
}

static void
remember(struct ordered *o, struct slice last, bool is_end)
{
	if (is_end) {
		o->part_table++;
		o->part_at.n = 0;
	} else if (last.n > 0) {
		o->part_at.n = 0;
		for (size_t i = 0; i < last.n; i++)
			VEC_ADD(&o->part_at, last.p[i]);
	}
}

static em_err
merge(struct importing *im, unsigned table, bool is_end)
{
	const struct kv_merge m = { .next = next_row,
		.changed = table < CHANGE_KIND_N ? on_changed : NULL,
		.arg = im,
		.is_end = is_end };
	struct slice after = slice_of(im->o->part_at.p, im->o->part_at.n);
	em_err err = kv_begin(im->s->kv);

	if (err == EM_OK)
		err = kv_merge_rows(im->s->kv, table, after, &m);
	if (err == EM_OK && im->is_malformed) {
		kv_abort(im->s->kv);
		err = EM_MALFORMED;
	}
	return err == EM_OK ? kv_commit(im->s->kv) : err;
}

static em_err
merge_part(struct importing *im, struct slice rows, unsigned table, bool is_end)
{
	em_err err;

	im->rows = rbuf_of(rows);
	im->last = SLICE_NONE;
	err = merge(im, table, is_end);
	tell_changed(im, table, err == EM_OK);
	if (err == EM_OK)
		remember(im->o, im->last, is_end);
	return err;
}

/* The tables before the one of that number that did not come: none of theirs is here. */
static em_err
empty_before(struct importing *im, unsigned number)
{
	struct ordered *o = im->o;
	uint8_t table[TABLE_N];
	unsigned n = import_tables(o->group, table);
	em_err err = EM_OK;

	while (err == EM_OK && o->part_table < n && o->part_at.n == 0 &&
	       import_wire_number(table[o->part_table]) < number)
		err = merge_part(im, SLICE_NONE, table[o->part_table], true);
	return err;
}

static em_err
take_rows(struct importing *im, struct rbuf *r)
{
	unsigned number = rbuf_u8(r);
	bool is_end = rbuf_u8(r) != 0;
	struct slice rows = rbuf_rest(r);
	uint8_t table[TABLE_N];
	unsigned n = import_tables(im->o->group, table);
	em_err err = r->err == EM_OK ? empty_before(im, number) : EM_MALFORMED;

	/* A table has one at most: who sends more would go on without end. */
	if (err == EM_OK && rows.n == 0 && ++im->o->part_empty > UINT8_MAX)
		err = EM_MALFORMED;
	if (err != EM_OK)
		return err;
	if (im->o->part_table < n &&
	    import_wire_number(table[im->o->part_table]) == number)
		return merge_part(im, rows, table[im->o->part_table], is_end);
	if (number < CHANGE_KIND_N || number >= WIRE_PARTS || im->o->part_at.n > 0)
		return EM_MALFORMED;
	return rows.n == 0 && is_end ? EM_OK : EM_UNSUPPORTED;
}

static em_err
save_end(struct importing *im, uint64_t applied, uint64_t clock, struct apply_seen *seen)
{
	em_err err = kv_begin(im->s->kv);

	if (err == EM_OK)
		err = apply_seen_of(im->s, im->o->group, im->o->site, seen);
	if (err == EM_OK)
		err = ordered_save(im->s, im->o, applied, clock, false);
	return err == EM_OK ? kv_commit(im->s->kv) : err;
}

static em_err
take_end(struct importing *im, struct rbuf *r)
{
	uint64_t applied = rbuf_u64(r), clock = rbuf_u64(r);
	struct ordered *o = im->o;
	struct apply_seen seen;
	uint8_t table[TABLE_N];
	em_err err;

	if (r->err != EM_OK || o->part_table != import_tables(o->group, table))
		return EM_MALFORMED;
	err = save_end(im, applied, clock, &seen);
	if (err != EM_OK)
		return err;
	o->clock = clock;
	stamp_see(&im->s->clock, clock);
	atomic_store(&o->applied, applied);
	atomic_store(&o->is_importing, false);
	ordered_settle(im->s, o, &seen);
	if (o->order != NULL && o->order->applied != NULL)
		o->order->applied(o->group, applied);
	LOG(INFO, "store_group_fetched", "group", store_group_name(o->group), "parts",
	    o->part + 1, "index", applied);
	return EM_OK;
}

static em_err
take(struct importing *im, struct slice bytes)
{
	struct rbuf r = rbuf_of(bytes);
	uint8_t version = rbuf_u8(&r), group = rbuf_u8(&r);
	uint32_t part = rbuf_u32(&r);
	uint8_t what = rbuf_u8(&r);
	em_err err = EM_OK;

	if (r.err != EM_OK || version != VERSION || group != im->o->group || what > END)
		return EM_MALFORMED;
	if (part == 0)
		err = begin(im);
	else if (!atomic_load(&im->o->is_importing) || part != im->o->part)
		err = EM_STATE;
	if (err == EM_OK)
		err = what == ROWS ? take_rows(im, &r) : take_end(im, &r);
	/* After an error only the first one will do. */
	im->o->part = err == EM_OK ? part + 1 : UINT32_MAX;
	return err;
}

struct import_answer {
	struct letter letter;
	change_done_fn *done;
	void *arg;
	em_err err;
};

static void
on_answer(struct letter *l)
{
	struct import_answer *a = (struct import_answer *)(void *)l;

	a->done(a->arg, a->err);
	mem_free(a);
}

void
import_take(struct store *s, struct incoming *in)
{
	struct importing im = { .s = s, .o = &s->group[in->group] };
	struct import_answer *a = MEM_NEW(struct import_answer);

	batch_finish(s);
	*a = (struct import_answer){ .letter.open = on_answer,
		.done = in->done,
		.arg = in->arg,
		.err = EM_STATE };
	if (atomic_load(&im.o->is_ordered))
		a->err = take(&im, slice_of(in->bytes, in->n));
	worker_post(worker_get(in->letter.from), &a->letter);
	mem_free(in);
}
