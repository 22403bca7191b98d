/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain: the store and its cursors.
 *
 * The index (core/order.h) holds topics with each slash written as a byte 0, which
 * no topic contains: so what lies below a topic follows it directly, and a cursor can
 * jump over whole branches.  "a", "a/b", "a/b/c", "a+" stand in this order; behind
 * everything below T comes the first key not before T followed by a byte 1.
 *
 * A topic's node points to its message, kept in a form that all threads may hold.
 * Who replaces or removes does so under the lock and retires what was there: a reader
 * that found a message in its turn can still take a reference.  Changes of the store are
 * sent under the lock, so that the rows follow the index.  When the store refuses the last
 * one of a topic, the index follows the row: what was refused is not retained, and what was
 * there before is so again.  It follows the rows of other nodes, too, and goes back to one that
 * is newer than the last change of ours.
 */
#include "emqxd/retain/retain.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/order.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/message_row.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/store/change.h"
#include "ipc/base/hash.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#define STEPS_MAX 64u /* keys that a cursor looks at in one call */
#define A_STEP 256u   /* bytes of a key that count as another one */
#define SWEEP_EVERY span_ms(100)
#define SWEEP_TIME span_us(300) /* of a turn */
#define SWEEP_LOOK 4u  /* topics between two looks at the clock: they may be long */
#define SWEEP_AGAIN 8u /* of so many one expired: the next turn goes on */
#define SWEEP_WAITING (32u << 20) /* bytes that wait to be freed: it pauses */

struct retained {
	_Atomic(struct message *) message;
	struct order_node node; /* key: the topic with 0 for / */
};

_Static_assert(sizeof(struct retained) == 16, "a topic, without tower and text");

struct retain {
	struct order order;
	struct lock lock;
	struct retain_limits limits; /* under the lock, like the next two's changes */
	_Atomic uint64_t count, shared, bytes; /* shared: of count */
	struct rate_gate delivery, publishing;
	_Atomic bool is_durable,
	    hides_clearing; /* of the limits, read without the lock */
	struct str swept;   /* key where the next sweep begins; under the lock */
	struct map sent;    /* topic -> its last change on the way to the disk; as well */
	struct timer sweep; /* the first client worker's, as the next one */
	bool is_sweeping;
	uint64_t looked, expired; /* topics, since it began at the first one */
};

static struct retain *
store(void)
{
	return node_slot(ROOM_RETAIN);
}

/* ---- keys */

/* A topic as a key; the caller gives room for topic.n bytes. */
static struct slice
key_of(struct slice topic, uint8_t *room)
{
	for (size_t i = 0; i < topic.n; i++)
		room[i] = topic.p[i] == '/' ? 0 : topic.p[i];
	return slice_of(room, topic.n);
}

static struct retained *
retained_of(struct order_node *n)
{
	return n != NULL ? LIST_OWNER(n, struct retained, node) : NULL;
}

static size_t
size_of(const struct retained *r)
{
	return sizeof *r + order_room(r->node.height, r->node.n);
}

static struct message *
message_in(const struct retained *r)
{
	return atomic_load_explicit(&r->message, memory_order_acquire);
}

/* ---- birth and death */

void
retain_birth(void)
{
	struct retain *s = MEM_NEW(struct retain);

	CHECK(store() == NULL);
	lock_init(&s->lock, LOCK_RETAIN);
	s->limits = (struct retain_limits){
		.max_payload = 1u << 20,
		.expiry = SPAN_INFINITE,
		.expiry_override = SPAN_INFINITE,
		.is_enabled = true,
	};
	node_slot_set(ROOM_RETAIN, s);
}

void
retain_death(void)
{
	struct retain *s = store();
	struct retained *r = retained_of(order_seek(&s->order, SLICE_NONE));

	while (r != NULL) {
		struct retained *next = retained_of(order_next(&r->node));
		struct message *m = message_in(r);

		message_unref(&m);
		slab_free(r, size_of(r));
		r = next;
	}
	str_fini(&s->swept);
	map_fini(&s->sent);
	lock_fini(&s->lock);
	MEM_FREE(s);
	node_slot_set(ROOM_RETAIN, NULL);
}

void
retain_configure(const struct retain_limits *l)
{
	struct retain *s = store();

	lock_take(&s->lock);
	s->limits = *l;
	lock_give(&s->lock);
	rate_configure(&s->delivery, l->delivery_rate);
	rate_configure(&s->publishing, l->publish_rate);
	/* In unit tests there may be no store. */
	atomic_store(&s->is_durable, l->is_durable && store_is_born());
	atomic_store(&s->hides_clearing, l->hides_clearing);
}

bool
retain_is_durable(struct slice topic)
{
	return atomic_load_explicit(&store()->is_durable, memory_order_relaxed) &&
	       !slice_starts(topic, SLICE_LIT("$SYS/"));
}

bool
retain_hides_clearing(void)
{
	return atomic_load_explicit(&store()->hides_clearing, memory_order_relaxed);
}

uint32_t
retain_may_deliver(uint32_t want)
{
	return rate_take(&store()->delivery, want, clock_mono());
}

void
retain_not_delivered(uint32_t n)
{
	rate_give_back(&store()->delivery, n);
}

uint64_t
retain_count(void)
{
	return atomic_load_explicit(&store()->count, memory_order_relaxed);
}

uint64_t
retain_count_shared(void)
{
	return atomic_load_explicit(&store()->shared, memory_order_relaxed);
}

uint64_t
retain_bytes(void)
{
	return atomic_load_explicit(&store()->bytes, memory_order_relaxed);
}

/* ---- changes, under the lock */

static void
account_bytes(struct retain *s, int64_t bytes)
{
	atomic_fetch_add_explicit(&s->bytes, (uint64_t)bytes, memory_order_relaxed);
}

/* One topic more, or less. */
static void
account_topic(struct retain *s, struct slice key, int one, int64_t bytes)
{
	uint64_t n = (uint64_t)(int64_t)one;

	atomic_fetch_add_explicit(&s->count, n, memory_order_relaxed);
	if (!slice_starts(key, SLICE_LIT("$SYS\0")))
		atomic_fetch_add_explicit(&s->shared, n, memory_order_relaxed);
	account_bytes(s, bytes);
}

static void
remove_topic(struct retain *s, struct retained *r)
{
	struct message *m = message_in(r);

	order_del(&s->order, &r->node);
	account_topic(s, order_key(&r->node), -1, -(int64_t)m->size);
	message_retire(m);
	qsbr_retire(r, size_of(r), slab_free);
}

/* Would @more bytes, and a topic when it is new, pass a bound?  A topic that is there
 * may be replaced by what is not larger. */
static bool
is_full(const struct retain *s, bool is_new, int64_t more)
{
	const struct retain_limits *l = &s->limits;
	uint64_t count = atomic_load_explicit(&s->count, memory_order_relaxed);
	uint64_t bytes = atomic_load_explicit(&s->bytes, memory_order_relaxed);

	if (is_new && l->max_messages > 0 && count >= l->max_messages)
		return true;
	return l->max_bytes > 0 && more > 0 && bytes + (uint64_t)more > l->max_bytes;
}

static void
add_topic(struct retain *s, struct slice key, struct message *m)
{
	unsigned height = order_height();
	struct retained *r = slab_new(sizeof *r + order_room(height, key.n));

	atomic_init(&r->message, m);
	order_node_init(&r->node, height, key);
	order_add(&s->order, &r->node);
	account_topic(s, key, 1, m->size);
}

/* Takes @m's reference. */
static void
replace(struct retain *s, struct retained *r, struct message *m)
{
	struct message *was = message_in(r);

	atomic_store_explicit(&r->message, m, memory_order_release);
	account_bytes(s, (int64_t)m->size - (int64_t)was->size);
	message_retire(was);
}

/* Takes @m's reference when it says EM_OK. */
static em_err
put(struct retain *s, struct slice key, struct message *m)
{
	struct retained *r = retained_of(order_find(&s->order, key));
	struct message *was = r != NULL ? message_in(r) : NULL;
	int64_t more = (int64_t)m->size - (was != NULL ? (int64_t)was->size : 0);

	if (is_full(s, was == NULL, more))
		return EM_FULL;
	if (was == NULL) {
		add_topic(s, key, m);
		return EM_OK;
	}
	replace(s, r, m);
	return EM_OK;
}

/* The message of a row, one reference: EM_NOTFOUND: its time is over; EM_MALFORMED. */
static em_err
read_row(struct slice topic, struct slice blob, bool keeps_expired, struct message **out)
{
	struct message view;
	em_err err = message_row_read(blob, &view);

	if (err != EM_OK || !slice_eq(view.topic, topic))
		return EM_MALFORMED;
	if (!keeps_expired && message_is_expired(&view, clock_mono()))
		return EM_NOTFOUND;
	*out = message_share(&view);
	return *out != NULL ? EM_OK : EM_NOMEM;
}

/* The topic's message is what the disk has, which may be nothing.  One whose time is over
 * is kept if so said: its row goes with it by the next sweep. */
static void
follow_row(struct retain *s, struct slice topic, struct slice row, bool keeps_expired)
{
	uint8_t room[UINT16_MAX];
	struct slice key = key_of(topic, room);
	struct retained *r = retained_of(order_find(&s->order, key));
	struct message *m = NULL;

	if (row.p != NULL)
		(void)!read_row(topic, row, keeps_expired, &m);
	if (m == NULL && r != NULL)
		remove_topic(s, r);
	else if (m != NULL && r == NULL)
		add_topic(s, key, m);
	else if (m != NULL)
		replace(s, r, m);
}

/* On the store thread.  Of several on the way only the last one says what the row will be:
 * when that was written the index has it already. */
static void
on_end(const struct change_end *e)
{
	struct retain *s = store();

	lock_take(&s->lock);
	if (map_find(&s->sent, e->key) == e->change) {
		map_take(&s->sent, e->key);
		if (e->err != EM_OK || e->is_overtaken)
			follow_row(s, e->key, e->row, e->is_overtaken);
	}
	lock_give(&s->lock);
	if (e->err != EM_OK && !e->is_deletion)
		metric_inc(METRIC_MESSAGES_RETAINED_REFUSED);
}

/* The change goes its way, and who waits is told. */
static void
send(struct retain *s, struct slice topic, struct change **cp, struct message_wait *wait)
{
	if (*cp == NULL)
		return;
	map_put(&s->sent, topic, *cp);
	change_watch(*cp, on_end);
	if (wait == NULL) {
		change_send(cp, NULL, NULL);
		return;
	}
	change_send(cp, wait->done, wait->arg);
	wait->is_asked = true;
}

static em_err
clear(struct retain *s, struct slice topic, struct slice key, struct message_wait *wait)
{
	struct change *row = NULL;
	struct retained *r;

	if (retain_is_durable(topic) &&
	    (row = change_del(CHANGE_RETAINED, topic)) == NULL)
		return EM_NOMEM;
	lock_take(&s->lock);
	r = retained_of(order_find(&s->order, key));
	if (r != NULL)
		remove_topic(s, r);
	/* Also when there is nothing: it may be a clearing that comes again, of which the
	 * first is still on its way to the disk. */
	send(s, topic, &row, wait);
	lock_give(&s->lock);
	return EM_OK;
}

em_err
retain_clear(struct slice topic, struct message_wait *wait)
{
	uint8_t room[UINT16_MAX];

	CHECK(topic.n <= sizeof room);
	return clear(store(), topic, key_of(topic, room), wait);
}

/* The message as it will be given out. */
static struct message *
kept_form(const struct message *m, const struct retain_limits *l)
{
	struct message view = *m;
	bool is_overridden = !span_is_infinite(l->expiry_override);

	view.retain = true;
	if (is_overridden || view.expires.ns == INT64_MAX)
		view.expires = mono_add(
		    clock_mono(), is_overridden ? l->expiry_override : l->expiry);
	return message_share(&view);
}

/* The change that writes it down, or NULL: there is no memory. */
static struct change *
row_of(const struct message *m)
{
	uint8_t *blob;
	struct change *row =
	    change_put(CHANGE_RETAINED, m->topic, message_row_size(m), &blob);

	if (row != NULL)
		message_row_write(m, blob);
	return row;
}

static em_err
store_kept(
    struct retain *s, struct slice key, struct message *kept, struct message_wait *wait)
{
	struct change *row = NULL;
	em_err err;

	if (retain_is_durable(kept->topic) && (row = row_of(kept)) == NULL)
		return EM_NOMEM;
	lock_take(&s->lock);
	err = put(s, key, kept);
	if (err == EM_OK)
		send(s, kept->topic, &row, wait);
	lock_give(&s->lock);
	if (err != EM_OK && row != NULL)
		change_drop(&row);
	return err;
}

em_err
retain_store(struct message *m, struct message_wait *wait)
{
	struct retain *s = store();
	uint8_t room[UINT16_MAX];
	struct retain_limits limits;
	struct message *kept;
	struct slice key;
	em_err err;

	CHECK(m->topic.n > 0 && m->topic.n <= sizeof room);
	key = key_of(m->topic, room);
	lock_take(&s->lock);
	limits = s->limits;
	lock_give(&s->lock);
	if (!limits.is_enabled)
		return EM_STATE;
	if (m->payload.n == 0)
		return clear(s, m->topic, key, wait);
	if (limit_is_reached())
		return EM_FULL;
	if (limits.max_payload > 0 && m->payload.n > limits.max_payload)
		return EM_TOOBIG;
	if (!topic_is_sys(m->topic) && rate_take(&s->publishing, 1, clock_mono()) == 0)
		return EM_FULL;
	kept = kept_form(m, &limits);
	if (kept == NULL)
		return EM_NOMEM;
	err = store_kept(s, key, kept, wait);
	if (err != EM_OK)
		message_unref(&kept);
	return err;
}

/* A topic whose time is over; without memory for the row's deletion its turn comes later. */
static bool
expire(struct retain *s, struct retained *r)
{
	struct slice topic = message_in(r)->topic;
	struct change *row = NULL;

	if (retain_is_durable(topic) &&
	    (row = change_expire(CHANGE_RETAINED, topic)) == NULL)
		return false;
	send(s, topic, &row, NULL);
	remove_topic(s, r);
	return true;
}

/* What was taken out waits to be freed, or for the disk: more of it would only wait too. */
static bool
is_pressed(void)
{
	return qsbr_waiting() > SWEEP_WAITING || change_is_full() != NULL;
}

bool
retain_sweep(void)
{
	struct retain *s = store();
	mono_t now = clock_mono(), end = mono_add(span_mono_now(), SWEEP_TIME);
	uint32_t looked = 0, expired = 0;
	bool is_late = false;
	struct order_node *at;

	lock_take(&s->lock);
	at = order_seek(&s->order, str_slice(&s->swept));
	while (at != NULL && !is_late) {
		struct retained *r = retained_of(at);

		at = order_next(at);
		if (message_is_expired(message_in(r), now))
			expired += expire(s, r);
		if (++looked % SWEEP_LOOK == 0)
			is_late = span_mono_now().ns >= end.ns || is_pressed();
	}
	str_reset(&s->swept);
	if (at != NULL)
		str_add_slice(&s->swept, order_key(at));
	s->looked = at != NULL ? s->looked + looked : 0;
	s->expired = at != NULL ? s->expired + expired : 0;
	lock_give(&s->lock);
	/* Those that expired may stand together, with many others behind them. */
	return expired * SWEEP_AGAIN > looked || s->expired * SWEEP_AGAIN > s->looked;
}

/* A row comes back.  Limits do not count here: what was taken once stays. */
static em_err
on_row(struct slice topic, struct slice blob)
{
	struct retain *s = store();
	uint8_t room[UINT16_MAX];
	struct message *m;
	em_err err = read_row(topic, blob, false, &m);

	if (err == EM_OK)
		add_topic(s, key_of(topic, room), m);
	return err;
}

/* On the store thread: a row that another node changed.  With a change of ours under way
 * the index stays: when that ends it is either the newer one, or overtaken. */
static void
on_follow(struct slice topic, struct slice blob, bool is_own)
{
	struct retain *s = store();

	if (is_own)
		return;
	lock_take(&s->lock);
	if (map_find(&s->sent, topic) == NULL)
		follow_row(s, topic, blob, true);
	lock_give(&s->lock);
}

void
retain_recovers(void)
{
	store_register(CHANGE_RETAINED, on_row);
	store_follow(CHANGE_RETAINED, on_follow);
}

static void
on_sweep(struct timer *t)
{
	store()->is_sweeping = true; /* in this turn */
	timer_arm(t, SWEEP_EVERY, on_sweep);
}

static void
at_deliver(void *arg)
{
	struct retain *s = store();

	(void)arg;
	/* What presses wakes the loop when it is over, or the timer does. */
	if (!s->is_sweeping || is_pressed())
		return;
	s->is_sweeping = retain_sweep();
	if (s->is_sweeping)
		loop_hurry(worker_self()->loop);
}

void
retain_worker_birth(void)
{
	if (worker_self()->id != 0)
		return;
	timer_arm(&store()->sweep, SWEEP_EVERY, on_sweep);
	loop_at_turn(worker_self()->loop, LOOP_DELIVER, at_deliver, NULL);
}

void
retain_worker_death(void)
{
	if (worker_self()->id == 0)
		timer_cancel(&store()->sweep);
}

struct message *
retain_after(struct slice topic)
{
	uint8_t room[UINT16_MAX + 1];
	struct slice key = key_of(topic, room);
	struct order_node *n;

	CHECK(topic.n < sizeof room);
	if (key.n > 0)
		room[key.n++] = 0; /* nothing stands between a key and this one */
	n = order_seek(&store()->order, key);
	return n != NULL ? message_ref(message_in(retained_of(n))) : NULL;
}

bool
retain_may_match(struct slice filter)
{
	uint8_t room[UINT16_MAX];

	CHECK(filter.n <= sizeof room);
	if (retain_count() == 0 || topic_has_wildcard(filter))
		return retain_count() > 0;
	return order_find(&store()->order, key_of(filter, room)) != NULL;
}

/* ---- cursors */

struct retain_cursor {
	struct str at; /* the first key that was not looked at yet */
	bool is_exact, is_over;
	size_t n;
	uint8_t filter[]; /* as a key */
};

/* How a key stands to a filter, and where the next one that may match begins. */
enum verdict {
	MATCHES,
	SEEK, /* from the cursor's place on */
	OVER, /* nothing behind this key can match */
};

struct retain_cursor *
retain_open(struct slice filter)
{
	struct retain_cursor *c = mem_new(sizeof *c + filter.n);

	c->n = filter.n;
	c->is_exact = !topic_has_wildcard(filter);
	key_of(filter, c->filter);
	if (c->is_exact)
		str_add_bytes(&c->at, c->filter, c->n);
	return c;
}

void
retain_close(struct retain_cursor **cp)
{
	if (*cp != NULL)
		str_fini(&(*cp)->at);
	MEM_FREE(*cp);
}

static size_t
level_end(struct slice key, size_t at)
{
	const uint8_t *end = at < key.n ? memchr(key.p + at, 0, key.n - at) : NULL;

	return end != NULL ? (size_t)(end - key.p) : key.n;
}

static enum verdict
seek_to(struct retain_cursor *c, struct slice head, const void *tail, size_t n)
{
	str_reset(&c->at);
	str_add_slice(&c->at, head);
	str_add_bytes(&c->at, tail, n);
	return SEEK;
}

/* Behind everything below the key's levels up to @end, which a + stood for; there was
 * none when @end is 0 and not even an empty level. */
static enum verdict
skip_branch(struct retain_cursor *c, struct slice key, bool has_plus, size_t end)
{
	return has_plus ? seek_to(c, slice_head(key, end), "\1", 1) : OVER;
}

/* Compares level by level; @key is one that the cursor met. */
static enum verdict
judge(struct retain_cursor *c, struct slice key)
{
	struct slice filter = slice_of(c->filter, c->n);
	size_t f = 0, k = 0, plus_end = 0;
	bool has_plus = false;

	for (;;) {
		size_t fe = level_end(filter, f), ke = level_end(key, k);
		struct slice level = slice_of(filter.p + f, fe - f);

		if (slice_eq_str(level, "#"))
			return MATCHES;
		if (slice_eq_str(level, "+")) {
			has_plus = true;
			plus_end = ke;
		} else {
			int order = slice_cmp(slice_of(key.p + k, ke - k), level);

			if (order < 0)
				return seek_to(c, slice_head(key, k), level.p, level.n);
			if (order > 0)
				return skip_branch(c, key, has_plus, plus_end);
		}
		if (fe == filter.n && ke == key.n)
			return MATCHES;
		if (fe == filter.n)
			return skip_branch(c, key, has_plus, plus_end);
		f = fe + 1;
		if (ke ==
		    key.n) { /* the filter goes on below this key; "a/#" has "a" too */
			if (slice_eq_str(slice_from(filter, f), "#"))
				return MATCHES;
			return seek_to(c, key, "", 1);
		}
		k = ke + 1;
	}
}

/* [MQTT5-4.7.2-1] */
static bool
is_hidden(const struct retain_cursor *c, struct slice key)
{
	return key.n > 0 && key.p[0] == '$' &&
	       (c->filter[0] == '+' || c->filter[0] == '#');
}

/* The message of a topic, with a reference, unless its time is over. */
static struct message *
take(struct order_node *n)
{
	struct message *m = message_in(retained_of(n));

	return message_is_expired(m, clock_mono()) ? NULL : message_ref(m);
}

/* Looks at one key; true: the cursor's place is the next to look at. */
static bool
step(struct retain_cursor *c, struct message **found)
{
	struct order_node *n = order_seek(&store()->order, str_slice(&c->at));
	struct slice key;

	if (n == NULL)
		return false;
	key = order_key(n);
	if (is_hidden(c, key)) {
		seek_to(c, SLICE_NONE, "%", 1); /* behind all that begin with $ */
		return true;
	}
	switch (judge(c, key)) {
	case MATCHES:
		*found = take(n);
		seek_to(c, key, "", 1);
		return true;
	case SEEK: return true;
	case OVER: return false;
	}
	UNREACHABLE();
}

struct message *
retain_next(struct retain_cursor *c, bool *done)
{
	struct message *found = NULL;
	struct order_node *n;

	if (c->is_exact && !c->is_over) {
		n = order_find(&store()->order, str_slice(&c->at));
		c->is_over = true;
		found = n != NULL ? take(n) : NULL;
	}
	for (size_t i = 0; i < STEPS_MAX && found == NULL && !c->is_over;
	     i += 1 + str_slice(&c->at).n / A_STEP)
		c->is_over = !step(c, &found);
	*done = c->is_over && found == NULL;
	return found;
}
