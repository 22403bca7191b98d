/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordered: what this node proposes: see ordered.h.
 *
 * Changes wait until they are packed, then they are sent, until their entry comes back.  An
 * entry is made of them again for each time that it is proposed, so they are kept once.
 * With nothing under way a change goes at once; else a group that may wait gathers 16 KiB, 2
 * ms or until something comes back.  Nothing is packed without a leader: so what META
 * refuses then has reached nobody.
 *
 * While there is a leader what waits presses publishers as if it waited in the store's
 * mailbox; without one it does not, and fills its bound.
 */
#include "emqxd/store/ordered.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/entry.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define WAITING_MAX (32u << 20)
#define PACE span_ms(100)
#define LOST span_s(1)   /* without a leader for so long: no quorum */
#define REPEAT span_s(1) /* without anything back; then twice as long each time */
#define SILENCES_MAX 3u
#define LATE span_s(10) /* then a change of META is given up */
#define CLOCK_AHEAD span_s(3600)
#define AT_END span_s(2) /* that the store waits for entries to come back */

struct ordered *
ordered_of(struct store *s, enum change_kind kind)
{
	enum change_group g = change_group_of(kind);

	if (g == CHANGE_GROUP_NONE ||
	    !atomic_load_explicit(&s->group[g].is_ordered, memory_order_relaxed))
		return NULL;
	return &s->group[g];
}

static bool
is_idle(const struct ordered *o)
{
	return o->waiting.n == 0 && o->sent.n == 0;
}

static uint64_t
bytes_of(const struct ordered *o)
{
	return o->waiting.bytes + o->sent.bytes;
}

/* How long has it been so? */
static bool
is_over(mono_t since, span_t time)
{
	return clock_mono().ns >= mono_add(since, time).ns;
}

static bool
has_lost(const struct ordered *o)
{
	return !o->has_leader && is_over(o->lost_at, LOST);
}

/* What others read, and what presses publishers. */
static void
show(struct ordered *o)
{
	uint64_t held = o->has_leader ? bytes_of(o) : 0;

	atomic_store_explicit(
	    &o->waiting_n, o->waiting.n + o->sent.n, memory_order_relaxed);
	atomic_store_explicit(&o->waiting_bytes, bytes_of(o), memory_order_relaxed);
	mailbox_hold(worker_store(), (int64_t)(held - o->held));
	o->held = held;
}

/* ---- how far the disk is */

enum { ROW_VERSION = 1, ROW = 26 };

em_err
ordered_save(struct store *s, const struct ordered *o, uint64_t applied, uint64_t clock,
    bool is_importing)
{
	uint8_t room[ROW];
	struct wbuf w = wbuf_fixed(room, sizeof room);

	wbuf_u8(&w, ROW_VERSION);
	wbuf_u64(&w, applied);
	wbuf_u64(&w, clock);
	wbuf_u64(&w, o->incarnation);
	wbuf_u8(&w, is_importing);
	return kv_put(
	    s->kv, TABLE_RAFT, slice_str(store_group_name(o->group)), wbuf_slice(&w));
}

static em_err
on_row(struct slice key, struct slice blob, void *arg)
{
	struct ordered *o = arg;
	struct rbuf r = rbuf_of(blob);
	uint64_t applied;
	bool is_importing;

	(void)key;
	if (rbuf_u8(&r) != ROW_VERSION)
		return EM_MALFORMED;
	applied = rbuf_u64(&r);
	o->clock = rbuf_u64(&r);
	o->incarnation = rbuf_u64(&r);
	is_importing = rbuf_u8(&r) != 0;
	if (r.err != EM_OK)
		return r.err;
	atomic_store(&o->applied, applied);
	atomic_store(&o->is_importing, is_importing);
	atomic_store(&o->is_ordered, true);
	return EM_OK;
}

/* What is stamped tells nothing of time any more until the wall clock has come so far. */
void
ordered_look_at_clock(struct store *s)
{
	int64_t ahead = (int64_t)s->clock - clock_wall().ns;
	char text[SPAN_TEXT_MAX];

	if (ahead > CLOCK_AHEAD.ns && !s->is_ahead)
		LOG(WARN, "store_clock_ahead", "by", span_print(span_ns(ahead), text),
		    "hint",
		    "a node's clock was ahead, or this one's is behind: until then, of "
		    "two "
		    "retained messages from two sides of a split any may win");
	s->is_ahead = ahead > CLOCK_AHEAD.ns;
}

void
ordered_recover(struct store *s)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		struct ordered *o = &s->group[g];
		em_err err;

		o->group = (enum change_group)g;
		err = kv_get(
		    s->kv, TABLE_RAFT, slice_str(store_group_name(o->group)), on_row, o);
		if (err != EM_OK && err != EM_NOTFOUND)
			LOG(ERROR, "store_group_unreadable", "group",
			    store_group_name(o->group), "error", err_text(err));
		stamp_see(&s->clock, o->clock);
	}
	ordered_look_at_clock(s);
}

/* Another life: what an earlier one proposed and is still under way is not of this one. */
static void
incarnate(struct store *s, struct ordered *o)
{
	em_err err = kv_begin(s->kv);

	(void)stamp_next(&o->incarnation, clock_wall());
	if (err == EM_OK)
		err = ordered_save(s, o, atomic_load(&o->applied), o->clock,
		    atomic_load(&o->is_importing));
	if (err == EM_OK)
		err = kv_commit(s->kv);
	if (err != EM_OK)
		LOG(WARN, "store_group_not_saved", "group", store_group_name(o->group),
		    "error", err_text(err));
}

static void on_pace(struct timer *t);

void
ordered_pump(struct store *s)
{
	bool is_busy = false;

	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		ordered_pack(&s->group[g]);
		is_busy = is_busy || !is_idle(&s->group[g]);
	}
	if (is_busy && !timer_is_armed(&s->pace))
		timer_arm(&s->pace, PACE, on_pace);
}

/* ---- their end */

static bool
is_answered(const struct store *s, const struct change *flush)
{
	struct rbuf r = rbuf_of(change_blob(flush));

	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		if (s->group[g].answered < rbuf_u64(&r))
			return false;
	}
	return true;
}

static void
release_flushes(struct store *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->flushes.n; i++) {
		struct change *c = s->flushes.p[i];

		if (is_answered(s, c))
			change_answer(c);
		else
			s->flushes.p[n++] = c;
	}
	s->flushes.n = n;
}

bool
ordered_waits(struct store *s, struct change *flush)
{
	struct wbuf w = wbuf_fixed(flush->bytes + flush->key_n, flush->blob_n);
	bool waits = false;

	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		const struct ordered *o = &s->group[g];

		wbuf_u64(&w, o->taken);
		waits = waits || o->answered < o->taken;
		if (flush->err == EM_OK && g == CHANGE_GROUP_RET)
			flush->err = o->last;
	}
	CHECK(w.err == EM_OK);
	if (waits)
		VEC_ADD(&s->flushes, flush);
	return waits;
}

static void
end(struct store *s, struct change *c, em_err err, bool is_overtaken)
{
	c->err = err;
	metric_inc(err == EM_OK ? s->metrics.changes : s->metrics.refused);
	change_tell_end(s, c, is_overtaken);
	change_answer(c);
}

/* Those that wait for what ends so must not say that all is well. */
static void
fail_flushes(struct store *s, em_err err)
{
	for (size_t i = 0; i < s->flushes.n; i++)
		if (s->flushes.p[i]->err == EM_OK)
			s->flushes.p[i]->err = err;
}

static void
end_all(struct store *s, struct ordered *o, struct change_list *l, em_err err)
{
	if (l->n > 0 && o->group == CHANGE_GROUP_RET)
		fail_flushes(s, err);
	while (l->n > 0) {
		end(s, change_list_take(l), err, false);
		o->answered++;
	}
	show(o);
}

bool
ordered_is_own(const struct ordered *o, uint64_t site, uint64_t incarnation, uint64_t seq)
{
	return site == o->site && incarnation == o->incarnation && o->own_at < o->own.n &&
	       o->own.p[o->own_at].seq == seq;
}

void
ordered_came_back(struct store *s, struct ordered *o, const uint8_t *outcome)
{
	struct own_entry e = o->own.p[o->own_at++];

	for (uint32_t i = 0; i < e.n; i++) {
		end(s, change_list_take(&o->sent), EM_OK,
		    outcome == NULL || outcome[i] == APPLY_OVERTAKEN);
		o->answered++;
	}
	if (o->own_at >= 2 * ORDERED_WINDOW) {
		memmove(o->own.p, o->own.p + o->own_at,
		    (o->own.n - o->own_at) * sizeof *o->own.p);
		o->own.n -= o->own_at;
		o->own_at = 0;
	}
	o->moved_at = clock_mono();
	o->is_repeated = false;
	o->silences = 0;
	show(o);
	release_flushes(s);
}

/* All that is under way gets new numbers, from 1 on. */
static void
renumber(struct store *s, struct ordered *o, uint64_t above)
{
	stamp_see(&o->incarnation, above);
	incarnate(s, o);
	o->seq = 0;
	for (size_t i = o->own_at; i < o->own.n; i++)
		o->own.p[i].seq = ++o->seq;
}

void
ordered_is_missing(struct store *s, struct ordered *o, const struct apply_seen *seen)
{
	bool is_forgotten = seen->incarnation != o->incarnation && o->own_at < o->own.n &&
			    o->own.p[o->own_at].seq != 1;

	if (o->is_repeated && !is_forgotten && seen->incarnation <= o->incarnation)
		return; /* what was under way behind the missing one comes, too */
	if (is_forgotten || seen->incarnation > o->incarnation)
		renumber(s, o, seen->incarnation);
	o->is_repeated = true;
	ordered_pack_again(o);
}

void
ordered_settle(struct store *s, struct ordered *o, const struct apply_seen *seen)
{
	if (seen->incarnation == o->incarnation) {
		while (o->own_at < o->own.n && o->own.p[o->own_at].seq <= seen->seq)
			ordered_came_back(s, o, NULL);
	} else {
		renumber(s, o, seen->incarnation);
	}
	ordered_pack_again(o);
}

/* ---- taking */

static em_err
may_take(const struct ordered *o, const struct change *c)
{
	if (change_level_of(c->kind) >
	    atomic_load_explicit(&store_self()->level, memory_order_relaxed))
		return EM_UNSUPPORTED;
	if (!ordered_pack_may(o, c))
		return EM_TOOBIG;
	if (o->group == CHANGE_GROUP_META && has_lost(o))
		return EM_NOQUORUM;
	return bytes_of(o) + change_size(c) > WAITING_MAX ? EM_FULL : EM_OK;
}

static em_err
on_stamp(struct slice key, struct slice blob, void *arg)
{
	struct rbuf r = rbuf_of(blob);
	struct stamp *out = arg;

	(void)key;
	out->clock = rbuf_u64(&r);
	out->site = rbuf_u64(&r);
	return r.err;
}

static void
set_stamp(struct store *s, struct change *c)
{
	c->stamp = (struct stamp){ 0 };
	/* What is not there, or cannot be read, has none. */
	if (c->what == CHANGE_EXPIRE)
		(void)!kv_get(s->kv, TABLE_STAMPS, change_key(c), on_stamp, &c->stamp);
	else
		c->stamp.clock = stamp_next(
		    &s->clock, stamp_wall(&s->wall, clock_wall(), clock_mono()));
}

void
ordered_take(struct store *s, struct ordered *o, struct change *c)
{
	o->last = may_take(o, c);
	if (o->last != EM_OK) {
		end(s, c, o->last, false);
		return;
	}
	if (o->group == CHANGE_GROUP_RET)
		set_stamp(s, c);
	c->at = clock_mono();
	change_list_add(&o->waiting, c);
	o->taken++;
	show(o);
}

/* ---- time passes */

/* What has not come back is not proposed any more.  It may stand in a log by now, and then
 * has its place before all that is changed later; else it never will: nobody changes a row
 * back by an old wish.  A new life, because the number of the next entry is not known. */
static void
withdraw(struct store *s, struct ordered *o)
{
	end_all(s, o, &o->sent, EM_TIMEOUT);
	o->own.n = o->own_at = 0;
	o->is_repeated = false;
	renumber(s, o, 0);
}

static void
look_at(struct store *s, struct ordered *o)
{
	if (o->group == CHANGE_GROUP_META && has_lost(o))
		end_all(s, o, &o->waiting, EM_NOQUORUM);
	if (o->own_at == o->own.n)
		return;
	if (o->group == CHANGE_GROUP_META && is_over(o->own.p[o->own_at].at, LATE))
		withdraw(s, o);
	else if (is_over(o->moved_at, span_ms(span_to_ms(REPEAT) << o->silences))) {
		/* A slow link has all of it still: more would only lie behind it. */
		o->silences += o->silences < SILENCES_MAX;
		ordered_pack_again(o);
	}
}

static void
on_pace(struct timer *t)
{
	struct store *s = LIST_OWNER(t, struct store, pace);

	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		look_at(s, &s->group[g]);
	release_flushes(s);
	ordered_pump(s);
}

/* ---- who orders comes, goes, has a leader */

struct word {
	struct letter letter;
	enum change_group group;
	const struct store_order *order;
	uint64_t site;
	bool is_there;
};

static void
say(const struct word *what, letter_fn *open)
{
	struct word *w = MEM_NEW(struct word);

	*w = *what;
	w->letter = (struct letter){ .open = open };
	worker_post_now(worker_store(), &w->letter);
}

static void
on_order(struct letter *l)
{
	struct word *w = LIST_OWNER(l, struct word, letter);
	struct store *s = store_self();
	struct ordered *o = s != NULL ? &s->group[w->group] : NULL;

	if (s == NULL) { /* it came when all had ended */
		mem_free(w);
		return;
	}
	batch_finish(s);
	o->order = w->order;
	o->site = w->site;
	if (!atomic_load(&o->is_ordered)) {
		o->lost_at = clock_mono();
		incarnate(s, o);
		atomic_store(&o->is_ordered, true);
	}
	mem_free(w);
}

void
store_order(enum change_group g, const struct store_order *o, uint64_t site)
{
	struct word w = { .group = g, .order = o, .site = site };

	CHECK(o != NULL && g < CHANGE_GROUP_N);
	say(&w, on_order);
}

static em_err
forget_group(struct store *s, const struct ordered *o)
{
	em_err err = kv_begin(s->kv);

	if (err == EM_OK)
		err = kv_wipe(s->kv, apply_seen_table(o->group));
	if (err == EM_OK && o->group == CHANGE_GROUP_RET)
		err = kv_wipe(s->kv, TABLE_STAMPS);
	if (err == EM_OK && o->group == CHANGE_GROUP_RET)
		err = kv_wipe(s->kv, TABLE_TOMBS);
	if (err == EM_OK && o->group == CHANGE_GROUP_RET)
		err = kv_wipe(s->kv, TABLE_PARTS);
	if (err == EM_OK)
		err = kv_del(s->kv, TABLE_RAFT, slice_str(store_group_name(o->group)));
	return err == EM_OK ? kv_commit(s->kv) : err;
}

static void
to_batch(struct store *s, struct ordered *o, struct change_list *l)
{
	while (l->n > 0) {
		struct change *c = change_list_take(l);

		s->batch_bytes += change_size(c);
		VEC_ADD(&s->batch, c);
		o->answered++;
	}
}

static void
on_order_end(struct letter *l)
{
	struct word *w = LIST_OWNER(l, struct word, letter);
	struct store *s = store_self();
	struct ordered *o = s != NULL ? &s->group[w->group] : NULL;
	em_err err;

	if (s == NULL) { /* it came when all had ended */
		mem_free(w);
		return;
	}
	err = forget_group(s, o);
	if (err != EM_OK)
		LOG(ERROR, "store_group_not_left", "group", store_group_name(o->group),
		    "error", err_text(err));
	atomic_store(&o->is_ordered, false);
	atomic_store(&o->is_importing, false);
	atomic_store(&o->applied, 0);
	o->order = NULL;
	o->has_leader = false;
	o->clock = o->seq = 0;
	o->own.n = o->own_at = 0;
	apply_forget(o);
	to_batch(s, o, &o->sent);
	to_batch(s, o, &o->waiting);
	show(o);
	release_flushes(s);
	mem_free(w);
}

void
store_order_end(enum change_group g)
{
	struct word w = { .group = g };

	CHECK(g < CHANGE_GROUP_N);
	say(&w, on_order_end);
}

static void
on_leader(struct letter *l)
{
	struct word *w = LIST_OWNER(l, struct word, letter);
	struct store *s = store_self();
	struct ordered *o = s != NULL ? &s->group[w->group] : NULL;

	if (s == NULL) { /* it came when all had ended */
		mem_free(w);
		return;
	}
	if (o->has_leader && !w->is_there)
		o->lost_at = clock_mono();
	o->has_leader = w->is_there;
	show(o);
	ordered_pack_again(o);
	mem_free(w);
}

void
store_set_leader(enum change_group g, bool is_there)
{
	struct word w = { .group = g, .is_there = is_there };

	CHECK(g < CHANGE_GROUP_N);
	say(&w, on_leader);
}

/* ---- the thread begins and ends */

void
ordered_worker_birth(struct store *s)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		struct ordered *o = &s->group[g];

		o->lost_at = clock_mono();
		if (atomic_load(&o->is_ordered))
			incarnate(s, o);
	}
	for (size_t i = 0; i < s->useless.n; i++) {
		struct change *c = s->useless.p[i];

		ordered_take(s, ordered_of(s, c->kind), c);
	}
	VEC_FINI(&s->useless);
}

static bool
hopes(const struct store *s)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		const struct ordered *o = &s->group[g];

		if (!is_idle(o) && o->has_leader && !atomic_load(&o->is_importing))
			return true;
	}
	return false;
}

void
ordered_worker_death(struct store *s)
{
	mono_t end_at = mono_add(span_mono_now(), AT_END);

	while (hopes(s) && span_mono_now().ns < end_at.ns)
		loop_turn(worker_self()->loop);
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++) {
		struct ordered *o = &s->group[g];

		end_all(s, o, &o->sent, EM_TIMEOUT);
		end_all(s, o, &o->waiting, EM_NOQUORUM);
		VEC_FINI(&o->own);
		o->own_at = 0;
		apply_forget(o);
		o->has_leader = false;
		show(o);
	}
	release_flushes(s);
	VEC_FINI(&s->flushes);
	timer_cancel(&s->pace);
	timer_cancel(&s->again);
}

/* ---- for any thread */

void
store_set_level(unsigned level)
{
	if (store_is_born())
		atomic_store(&store_self()->level, level);
}

em_err
store_check_entry(enum change_group g, struct slice entry, uint64_t site)
{
	wall_t now = clock_wall();
	struct entry_head head;
	struct entry_change c;
	struct rbuf r;
	em_err err = entry_check(g, entry, &head);

	if (err != EM_OK)
		return err;
	if (head.site != site)
		return EM_DENIED;
	if (!stamp_is_sane(head.incarnation, now))
		return EM_STATE;
	r = entry_open(entry, &head);
	for (uint16_t i = 0; i < head.n; i++) {
		entry_next(&r, g, head.site, &c);
		if (c.key.n == 0 && c.what != ENTRY_PART)
			return EM_MALFORMED;
		if (!stamp_is_sane(c.stamp.clock, now))
			return EM_STATE;
	}
	return EM_OK;
}

const char *
store_group_name(enum change_group g)
{
	CHECK(g < CHANGE_GROUP_N);
	return g == CHANGE_GROUP_META ? "meta" : "ret";
}

bool
store_is_ordered(enum change_group g)
{
	return store_is_born() && atomic_load(&store_self()->group[g].is_ordered);
}

uint64_t
store_applied(enum change_group g)
{
	return atomic_load(&store_self()->group[g].applied);
}

bool
store_is_importing(enum change_group g)
{
	return atomic_load(&store_self()->group[g].is_importing);
}

uint64_t
store_waiting(enum change_group g, uint64_t *bytes)
{
	const struct ordered *o = &store_self()->group[g];

	*bytes = atomic_load_explicit(&o->waiting_bytes, memory_order_relaxed);
	return atomic_load_explicit(&o->waiting_n, memory_order_relaxed);
}
