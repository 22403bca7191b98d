/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apply: entries that came in order become rows: see ordered.h.
 *
 * What an entry does depends on the entries before it and on nothing else, so all nodes do
 * the same: is it the next one of its maker (the table of what was seen), is a change newer
 * than its row (stamps), which deleted rows need no stamp any more (tombs; the clock is the
 * highest stamp that came).  All of it, and the index, are one transaction.
 *
 * An entry can not be refused.  When the disk does not take it, it stays and is tried again;
 * an alarm says so, and nothing behind it is answered.
 */
#include "emqxd/core/alarm.h"
#include "emqxd/core/log.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/entry.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define A_TRANSACTION (8u << 20) /* bytes of entries */
#define AGAIN span_s(1)
#define SEEN_MAX 256u /* sites; the one that was silent for longest goes */
#define KEEP_TOMBS (UINT64_C(600) * 1000000000) /* ns of the entries' clock */
#define TOMBS_A_CHANGE 2u /* that go, so that one entry has bounded work */
#define TOMBS_MORE 64u

struct applying {
	struct store *s;
	struct ordered *o;
	uint64_t applied, clock;
	VEC(uint8_t) outcome; /* of each change of the entries that are taken */
};

enum store_table
apply_seen_table(enum change_group g)
{
	return g == CHANGE_GROUP_META ? TABLE_SEEN_META : TABLE_SEEN_RET;
}

/* ---- what came of a site */

enum { SITE = 8, SEEN = 24, STAMP = 17 };

static struct slice
write_site(uint64_t site, uint8_t *room)
{
	struct wbuf w = wbuf_fixed(room, SITE);

	wbuf_u64(&w, site);
	return wbuf_slice(&w);
}

static struct apply_seen
read_seen(struct slice blob)
{
	struct rbuf r = rbuf_of(blob);
	struct apply_seen out = { .incarnation = rbuf_u64(&r) };

	out.seq = rbuf_u64(&r);
	out.index = rbuf_u64(&r);
	return r.err == EM_OK ? out : (struct apply_seen){ 0 };
}

em_err
apply_seen_of(struct store *s, enum change_group g, uint64_t site, struct apply_seen *out)
{
	uint8_t room[SITE];
	struct slice blob;
	em_err err = kv_look(s->kv, apply_seen_table(g), write_site(site, room), &blob);

	*out = err == EM_OK ? read_seen(blob) : (struct apply_seen){ 0 };
	return err == EM_NOTFOUND ? EM_OK : err;
}

struct oldest {
	unsigned n;
	uint64_t index;
	uint8_t site[SITE];
};

static em_err
look_for_oldest(struct slice key, struct slice blob, void *arg)
{
	struct apply_seen seen = read_seen(blob);
	struct oldest *o = arg;

	if (o->n++ > 0 && seen.index >= o->index)
		return EM_OK;
	o->index = seen.index;
	if (key.n == SITE)
		memcpy(o->site, key.p, SITE);
	return EM_OK;
}

static em_err del_parts(struct store *s, uint64_t site);

static em_err
make_room_for_site(struct store *s, enum change_group g)
{
	struct oldest o = { 0 };
	struct rbuf r = rbuf_of(slice_of(o.site, SITE));
	em_err err = kv_scan(s->kv, apply_seen_table(g), look_for_oldest, &o);

	if (err != EM_OK || o.n < SEEN_MAX)
		return err;
	err = kv_del(s->kv, apply_seen_table(g), slice_of(o.site, SITE));
	/* Nor are parts of what it began and did not end kept for ever. */
	if (err == EM_OK && g == CHANGE_GROUP_RET)
		err = del_parts(s, rbuf_u64(&r));
	return err;
}

static em_err
put_seen(struct applying *a, const struct entry_head *h, uint64_t index, bool is_new)
{
	em_err err = is_new ? make_room_for_site(a->s, a->o->group) : EM_OK;
	uint8_t room[SITE], blob[SEEN];
	struct wbuf w = wbuf_fixed(blob, sizeof blob);

	if (err != EM_OK)
		return err;
	wbuf_u64(&w, h->incarnation);
	wbuf_u64(&w, h->seq);
	wbuf_u64(&w, index);
	return kv_put(a->s->kv, apply_seen_table(a->o->group), write_site(h->site, room),
	    wbuf_slice(&w));
}

static enum apply_fate
fate_of(const struct entry_head *h, const struct apply_seen *seen)
{
	uint64_t next = h->incarnation == seen->incarnation ? seen->seq + 1 : 1;

	if (h->incarnation < seen->incarnation || h->seq < next)
		return APPLY_REPEATED;
	return h->seq > next ? APPLY_GAP : APPLY_TAKEN;
}

/* ---- stamps and tombs */

struct row_stamp {
	struct stamp stamp;
	bool is_tomb;
};

static em_err
stamp_of(struct store *s, struct slice key, struct row_stamp *out)
{
	struct slice blob;
	em_err err = kv_look(s->kv, TABLE_STAMPS, key, &blob);
	struct rbuf r = rbuf_of(blob);

	*out = (struct row_stamp){ .is_tomb = false };
	if (err != EM_OK)
		return err == EM_NOTFOUND ? EM_OK : err;
	out->stamp.clock = rbuf_u64(&r);
	out->stamp.site = rbuf_u64(&r);
	out->is_tomb = rbuf_u8(&r) != 0;
	return EM_OK;
}

/* The stamp; with @is_tomb also the key among the tombs. */
static struct slice
write_stamp(struct stamp stamp, bool is_tomb, uint8_t *room)
{
	struct wbuf w = wbuf_fixed(room, STAMP);

	wbuf_u64(&w, stamp.clock);
	wbuf_u64(&w, stamp.site);
	wbuf_u8(&w, is_tomb);
	return wbuf_slice(&w);
}

static em_err
put_stamp(struct store *s, struct slice key, struct stamp stamp, bool is_tomb)
{
	uint8_t room[STAMP];
	struct slice blob = write_stamp(stamp, is_tomb, room);
	em_err err = kv_put(s->kv, TABLE_STAMPS, key, blob);

	if (err == EM_OK && is_tomb)
		err = kv_put(s->kv, TABLE_TOMBS, slice_head(blob, 16), key);
	return err;
}

static em_err
del_tomb(struct store *s, struct stamp stamp)
{
	uint8_t room[STAMP];

	return kv_del(s->kv, TABLE_TOMBS, slice_head(write_stamp(stamp, true, room), 16));
}

struct tomb {
	struct stamp stamp;
	uint16_t n;
	uint8_t key[UINT16_MAX];
};

static em_err
take_first(struct slice key, struct slice blob, void *arg)
{
	struct rbuf r = rbuf_of(key);
	struct tomb *t = arg;

	t->stamp.clock = rbuf_u64(&r);
	t->stamp.site = rbuf_u64(&r);
	t->n = (uint16_t)blob.n;
	if (blob.n <= sizeof t->key && blob.n > 0)
		memcpy(t->key, blob.p, blob.n);
	return EM_EXISTS;
}

/* The oldest tomb, and the stamp that it holds, unless the row has another one now. */
static em_err
drop_tomb(struct store *s, const struct tomb *t)
{
	struct slice key = slice_of(t->key, t->n);
	struct row_stamp row;
	em_err err = del_tomb(s, t->stamp);

	if (err == EM_OK)
		err = stamp_of(s, key, &row);
	if (err == EM_OK && row.is_tomb && stamp_cmp(row.stamp, t->stamp) == 0)
		err = kv_del(s->kv, TABLE_STAMPS, key);
	return err;
}

/* Those that are old; and the oldest when there are too many, since after a clock that was
 * ahead they grow old no more. */
static em_err
drop_tombs(struct applying *a, unsigned most)
{
	struct tomb t;

	for (unsigned i = 0; i < most; i++) {
		size_t n;
		em_err err = kv_count(a->s->kv, TABLE_TOMBS, &n);

		if (err != EM_OK || n == 0)
			return err;
		err = kv_scan(a->s->kv, TABLE_TOMBS, take_first, &t);
		if (err != EM_EXISTS)
			return err;
		if (t.stamp.clock + KEEP_TOMBS >= a->clock && n <= a->s->tombs_most)
			return EM_OK;
		err = drop_tomb(a->s, &t);
		if (err != EM_OK)
			return err;
	}
	return EM_OK;
}

/* ---- an entry */

static em_err
bury(struct store *s, const struct entry_change *c)
{
	em_err err = kv_del(s->kv, c->kind, c->key);

	/* What never had a stamp is older than all that will come. */
	if (err == EM_OK && c->stamp.clock > 0)
		err = put_stamp(s, c->key, c->stamp, true);
	return err;
}

/* Of a row and a change the newer one wins; what shall expire must still be the same. */
static em_err
do_newer(struct applying *a, const struct entry_change *c, uint8_t *outcome)
{
	struct row_stamp row;
	em_err err = stamp_of(a->s, c->key, &row);
	int order = stamp_cmp(c->stamp, row.stamp);

	if (c->what != ENTRY_EXPIRE)
		stamp_see(&a->clock, c->stamp.clock);
	if (err == EM_OK &&
	    (c->what == ENTRY_EXPIRE ? order != 0 || row.is_tomb : order <= 0)) {
		*outcome = APPLY_OVERTAKEN;
		return EM_OK;
	}
	if (err == EM_OK && row.is_tomb)
		err = del_tomb(a->s, row.stamp);
	if (err != EM_OK)
		return err;
	if (c->what != ENTRY_PUT)
		return bury(a->s, c);
	err = kv_put(a->s->kv, c->kind, c->key, c->blob);
	return err == EM_OK ? put_stamp(a->s, c->key, c->stamp, false) : err;
}

/* ---- blobs in parts */

enum { PART_KEY = 12 };

static struct slice
part_key(uint64_t site, uint32_t number, uint8_t *room)
{
	struct wbuf w = wbuf_fixed(room, PART_KEY);

	wbuf_u64(&w, site);
	wbuf_u32(&w, number);
	return wbuf_slice(&w);
}

static em_err
del_parts(struct store *s, uint64_t site)
{
	uint8_t room[PART_KEY];
	em_err err = EM_OK;

	for (uint32_t i = 0; i < ENTRY_PARTS_MAX && err == EM_OK; i++)
		err = kv_del(s->kv, TABLE_PARTS, part_key(site, i, room));
	return err;
}

/* The first one takes the place of what its site began before and did not end. */
static em_err
put_part(struct store *s, const struct entry_change *c)
{
	uint8_t room[PART_KEY];
	em_err err = c->number == 0 ? del_parts(s, c->stamp.site) : EM_OK;

	if (err != EM_OK)
		return err;
	return kv_put(
	    s->kv, TABLE_PARTS, part_key(c->stamp.site, c->number, room), c->blob);
}

/* EM_MALFORMED: they are not what was said, on all nodes alike. */
static em_err
read_parts(struct store *s, const struct entry_change *c, uint8_t *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->number; i++) {
		uint8_t room[PART_KEY];
		struct slice part;
		em_err err =
		    kv_look(s->kv, TABLE_PARTS, part_key(c->stamp.site, i, room), &part);

		if (err == EM_NOTFOUND || (err == EM_OK && part.n > c->total - n))
			return EM_MALFORMED;
		if (err != EM_OK)
			return err;
		if (part.n > 0)
			memcpy(out + n, part.p, part.n);
		n += part.n;
	}
	return n == c->total ? EM_OK : EM_MALFORMED;
}

/* A change like any other, with the parts put together; they go. */
static em_err
do_whole(
    struct applying *a, struct incoming *in, struct entry_change *c, uint8_t *outcome)
{
	em_err err;

	mem_free(in->whole); /* of a transaction that failed */
	in->whole = mem_try(c->total + 1);
	if (in->whole == NULL)
		return EM_NOMEM;
	err = read_parts(a->s, c, in->whole);
	if (err == EM_MALFORMED) {
		LOG(ERROR, "store_parts_malformed", "group",
		    store_group_name(a->o->group), "index", in->index);
		*outcome = APPLY_OVERTAKEN;
		return EM_OK;
	}
	if (err != EM_OK)
		return err;
	c->what = ENTRY_PUT;
	c->blob = slice_of(in->whole, c->total);
	err = do_newer(a, c, outcome);
	return err == EM_OK ? del_parts(a->s, c->stamp.site) : err;
}

static em_err
do_one(struct applying *a, const struct entry_change *c, uint8_t *outcome)
{
	if (a->o->group == CHANGE_GROUP_RET)
		return do_newer(a, c, outcome);
	if (c->what == ENTRY_PUT)
		return kv_put(a->s->kv, c->kind, c->key, c->blob);
	return kv_del(a->s->kv, c->kind, c->key);
}

static em_err
do_any(struct applying *a, struct incoming *in, struct entry_change *c, uint8_t *outcome)
{
	*outcome = APPLY_DONE;
	if (c->what == ENTRY_PART)
		return put_part(a->s, c);
	if (c->what == ENTRY_WHOLE)
		return do_whole(a, in, c, outcome);
	return do_one(a, c, outcome);
}

static em_err
do_changes(struct applying *a, struct incoming *in)
{
	struct entry_head h;
	struct rbuf r = entry_open(slice_of(in->bytes, in->n), &h);
	em_err err = EM_OK;

	in->outcome_at = a->outcome.n;
	for (uint16_t i = 0; i < h.n && err == EM_OK; i++) {
		struct entry_change c;

		entry_next(&r, a->o->group, h.site, &c);
		err = do_any(a, in, &c, VEC_PUSH(&a->outcome));
	}
	if (err == EM_OK && a->o->group == CHANGE_GROUP_RET)
		err = drop_tombs(a, h.n * TOMBS_A_CHANGE + TOMBS_MORE);
	return err;
}

static em_err
do_entry(struct applying *a, struct incoming *in)
{
	struct entry_head h;
	em_err err;

	in->fate = APPLY_SKIPPED;
	if (in->index <= a->applied)
		return EM_OK;
	err = entry_check(a->o->group, slice_of(in->bytes, in->n), &h);
	if (err == EM_UNSUPPORTED)
		return err;
	a->applied = in->index;
	if (err != EM_OK) {
		in->fate = APPLY_MALFORMED;
		return EM_OK;
	}
	err = apply_seen_of(a->s, a->o->group, h.site, &in->seen);
	if (err != EM_OK)
		return err;
	in->fate = (uint8_t)fate_of(&h, &in->seen);
	if (in->fate != APPLY_TAKEN)
		return EM_OK;
	err = put_seen(a, &h, in->index, in->seen.incarnation == 0);
	return err == EM_OK ? do_changes(a, in) : err;
}

/* Those before @upto in one transaction. */
static em_err
do_entries(struct applying *a, const struct incoming *upto)
{
	em_err err = kv_begin(a->s->kv);

	for (struct incoming *in = a->o->in; in != upto && err == EM_OK; in = in->next)
		err = do_entry(a, in);
	if (err == EM_OK)
		err = ordered_save(a->s, a->o, a->applied, a->clock, false);
	if (err == EM_OK)
		err = kv_commit(a->s->kv);
	else
		kv_abort(a->s->kv);
	metric_add(a->s->metrics.commits, err == EM_OK);
	return err;
}

/* ---- behind the transaction */

static void
tell_follow(struct store *s, const struct ordered *o, const struct incoming *in,
    bool is_own, const uint8_t *outcome)
{
	struct entry_head h;
	struct rbuf r = entry_open(slice_of(in->bytes, in->n), &h);

	for (uint16_t i = 0; i < h.n; i++) {
		struct entry_change c;

		entry_next(&r, o->group, h.site, &c);
		if (c.what == ENTRY_PART)
			continue;
		if (c.what == ENTRY_WHOLE)
			c.blob = slice_of(in->whole, c.total);
		if (outcome[i] == APPLY_DONE && s->follow[c.kind] != NULL)
			s->follow[c.kind](c.key, c.blob, is_own);
	}
	if (!is_own)
		metric_add(s->metrics.changes, h.n);
}

static void
tell_taken(struct applying *a, const struct incoming *in, const struct entry_head *h)
{
	const uint8_t *outcome = a->outcome.p + in->outcome_at;
	bool is_own = ordered_is_own(a->o, h->site, h->incarnation, h->seq);

	tell_follow(a->s, a->o, in, is_own, outcome);
	if (is_own)
		ordered_came_back(a->s, a->o, outcome);
}

static void
tell(struct applying *a, const struct incoming *in)
{
	struct entry_head h;

	(void)entry_open(slice_of(in->bytes, in->n), &h);
	switch ((enum apply_fate)in->fate) {
	case APPLY_SKIPPED: break;
	case APPLY_MALFORMED:
		LOG(ERROR, "store_entry_malformed", "group",
		    store_group_name(a->o->group), "index", in->index, "bytes", in->n);
		break;
	case APPLY_REPEATED:
	case APPLY_GAP:
		if (h.site == a->o->site && h.incarnation == a->o->incarnation &&
		    (in->fate == APPLY_GAP || in->seen.incarnation > h.incarnation))
			ordered_is_missing(a->s, a->o, &in->seen);
		break;
	case APPLY_TAKEN: tell_taken(a, in, &h); break;
	}
}

static void
free_until(struct ordered *o, const struct incoming *upto)
{
	while (o->in != upto) {
		struct incoming *in = o->in;

		o->in = in->next;
		mem_free(in->whole);
		mem_free(in);
	}
	if (o->in == NULL)
		o->in_last = NULL;
}

void
apply_forget(struct ordered *o)
{
	free_until(o, NULL);
	if (o->is_stuck)
		alarm_clear("store_too_new");
	o->is_stuck = false;
}

static void
on_again(struct timer *t)
{
	(void)t; /* this turn's end does it */
}

static em_err
apply_upto(struct store *s, struct ordered *o, const struct incoming *upto)
{
	struct applying a = {
		.s = s, .o = o, .applied = atomic_load(&o->applied), .clock = o->clock
	};
	em_err err = do_entries(&a, upto);

	if (err == EM_OK) {
		o->clock = a.clock;
		stamp_see(&s->clock, a.clock);
		ordered_look_at_clock(s);
		atomic_store(&o->applied, a.applied);
		for (struct incoming *in = o->in; in != upto; in = in->next)
			tell(&a, in);
		free_until(o, upto);
		if (o->order != NULL && o->order->applied != NULL)
			o->order->applied(o->group, a.applied);
	}
	VEC_FINI(&a.outcome);
	return err;
}

/* Behind as many entries as make a transaction. */
static struct incoming *
end_of_transaction(struct incoming *in)
{
	size_t bytes = 0;

	while (in != NULL && bytes < A_TRANSACTION) {
		bytes += in->n;
		in = in->next;
	}
	return in;
}

/* The others have made rows of it: to pass over it would be to differ from them for ever. */
static void
stand_still(struct ordered *o)
{
	o->is_stuck = true;
	LOG(ERROR, "store_entry_too_new", "group", store_group_name(o->group), "index",
	    o->in->index, "version", EMQXD_VERSION);
	alarm_raise("store_too_new", NULL,
	    "another node has written what emqxd " EMQXD_VERSION
	    " does not know; changes of the cluster stop here until a newer one is "
	    "installed on this node");
}

/* What comes before the first one of a later level, then no more. */
static em_err
apply_known(struct store *s, struct ordered *o)
{
	const struct incoming *end = o->in;
	struct entry_head h;
	em_err err = EM_OK;

	while (end != NULL &&
	       entry_check(o->group, slice_of(end->bytes, end->n), &h) != EM_UNSUPPORTED)
		end = end->next;
	if (end != o->in)
		err = apply_upto(s, o, end);
	if (err == EM_OK && o->in != NULL)
		stand_still(o);
	return err;
}

static void
finish_group(struct store *s, struct ordered *o)
{
	while (o->in != NULL && !timer_is_armed(&s->again) && !o->is_stuck) {
		em_err err = apply_upto(s, o, end_of_transaction(o->in));

		if (err == EM_UNSUPPORTED)
			err = apply_known(s, o);

		if (err != EM_OK && o->in->next != NULL)
			err =
			    apply_upto(s, o, o->in->next); /* there may be room for one */
		if (err != EM_OK)
			timer_arm(&s->again, AGAIN, on_again);
		refusal_tell(s, err);
	}
}

void
apply_finish(struct store *s)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		struct ordered *o = &s->group[g];

		if (o->in == NULL || o->is_stuck || atomic_load(&o->is_importing))
			continue;
		finish_group(s, o);
		store_read_size(s);
	}
}

/* ---- their coming */

void
apply_take(struct ordered *o, struct incoming *in)
{
	in->next = NULL;
	if (o->in_last != NULL)
		o->in_last->next = in;
	else
		o->in = in;
	o->in_last = in;
}

static void
on_incoming(struct letter *l)
{
	struct incoming *in = LIST_OWNER(l, struct incoming, letter);
	struct store *s = store_self();
	struct ordered *o = s != NULL ? &s->group[in->group] : NULL;

	if (s == NULL) { /* it came when all had ended */
		mem_free(in);
	} else if (in->is_part) {
		import_take(s, in);
	} else if (atomic_load(&o->is_ordered)) {
		s->batch_bytes += in->n;
		apply_take(o, in);
	} else {
		mem_free(in);
	}
}

static void
send_in(enum change_group g, const struct incoming *head, struct slice bytes)
{
	struct incoming *in = mem_new(sizeof *in + bytes.n);

	*in = *head;
	in->group = g;
	in->n = bytes.n;
	in->letter = (struct letter){ .open = on_incoming, .bytes = (uint32_t)bytes.n };
	if (bytes.n > 0)
		memcpy(in->bytes, bytes.p, bytes.n);
	worker_post_now(worker_store(), &in->letter);
}

void
store_apply_entry(enum change_group g, uint64_t index, struct slice entry)
{
	struct incoming head = { .index = index };

	CHECK(g < CHANGE_GROUP_N && entry.n <= UINT32_MAX);
	send_in(g, &head, entry);
}

void
store_import(enum change_group g, struct slice part, change_done_fn *done, void *arg)
{
	struct incoming head = { .is_part = true, .done = done, .arg = arg };

	CHECK(g < CHANGE_GROUP_N && part.n <= UINT32_MAX && done != NULL);
	send_in(g, &head, part);
}
