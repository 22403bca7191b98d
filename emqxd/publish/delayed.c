/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delayed: see delayed.h.  The key, of the index and of the row, is the due time (ms since
 * 1970) and a number that makes it unique, 8 bytes each, big-endian.
 */
#include "emqxd/publish/delayed.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/lock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/order.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/limit/limit.h"
#include "emqxd/model/message_row.h"
#include "emqxd/model/metrics.h"
#include "emqxd/model/topic.h"
#include "emqxd/publish/road.h"
#include "emqxd/store/change.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"

#include <inttypes.h>
#include <stdio.h>

#define PREFIX SLICE_LIT("$delayed/")
#define SECONDS_MAX 4294967u /* more is a time of the clock */
#define LOOK span_ms(100)
#define A_TURN 64u /* that are published in one */
#define MS INT64_C(1000000)

enum { KEY = 16 };

struct waiting {
	struct message *message; /* shared; its topic is the one behind the seconds */
	struct order_node node;
};

struct delayed {
	struct order order;
	struct lock lock;
	_Atomic uint64_t count, max;
	_Atomic bool is_enabled;
	_Atomic uint64_t number; /* of the last */
	struct timer timer;      /* the first client worker's */
};

static struct delayed *
self(void)
{
	return node_slot(ROOM_PUBLISH);
}

static struct waiting *
waiting_of(struct order_node *n)
{
	return n != NULL ? LIST_OWNER(n, struct waiting, node) : NULL;
}

static size_t
size_of(const struct waiting *w)
{
	return sizeof *w + order_room(w->node.height, w->node.n);
}

/* ---- birth and death */

void
delayed_birth(void)
{
	struct delayed *d = MEM_NEW(struct delayed);

	CHECK(self() == NULL);
	lock_init(&d->lock, LOCK_DELAYED);
	node_slot_set(ROOM_PUBLISH, d);
}

void
delayed_death(void)
{
	struct delayed *d = self();
	struct waiting *w = waiting_of(order_seek(&d->order, SLICE_NONE));

	while (w != NULL) {
		struct waiting *next = waiting_of(order_next(&w->node));

		message_unref(&w->message);
		slab_free(w, size_of(w));
		w = next;
	}
	lock_fini(&d->lock);
	MEM_FREE(d);
	node_slot_set(ROOM_PUBLISH, NULL);
}

void
delayed_configure(const struct delayed_limits *l)
{
	struct delayed *d = self();

	atomic_store(&d->max, l->max);
	atomic_store(&d->is_enabled, l->is_enabled);
}

uint64_t
delayed_count(void)
{
	return atomic_load_explicit(&self()->count, memory_order_relaxed);
}

/* ---- keys */

static void
put_u64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t
get_u64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static struct slice
key_of(uint64_t due, uint64_t number, uint8_t *room)
{
	put_u64(room, due);
	put_u64(room + 8, number);
	return slice_of(room, KEY);
}

static uint64_t
due_of(const struct waiting *w)
{
	return get_u64(order_key(&w->node).p);
}

static uint64_t
now_ms(void)
{
	return (uint64_t)(clock_wall().ns / MS);
}

/* ---- what a topic asks for */

bool
delayed_is_asked(struct slice topic)
{
	struct delayed *d = self();

	return slice_starts(topic, PREFIX) && d != NULL &&
	       atomic_load_explicit(&d->is_enabled, memory_order_relaxed);
}

/* Seconds and topic of what stands behind the prefix. */
static em_err
parse(struct slice rest, uint64_t *due, struct slice *topic)
{
	const uint8_t *slash = rest.n > 0 ? memchr(rest.p, '/', rest.n) : NULL;
	uint64_t seconds, now = now_ms();

	if (slash == NULL ||
	    num_parse_u64(slice_of(rest.p, (size_t)(slash - rest.p)), &seconds) != EM_OK)
		return EM_MALFORMED;
	*topic = slice_from(rest, (size_t)(slash - rest.p) + 1);
	if (!topic_name_is_valid(*topic))
		return EM_MALFORMED;
	if (seconds < SECONDS_MAX) {
		*due = now + seconds * 1000;
		return EM_OK;
	}
	if (seconds > UINT64_MAX / 1000000)
		return EM_MALFORMED;
	*due = seconds * 1000;
	if (*due > now && *due - now > SECONDS_MAX * UINT64_C(1000))
		return EM_MALFORMED;
	return EM_OK;
}

/* ---- changes, under the lock */

static void
add(struct delayed *d, struct slice key, struct message *m)
{
	unsigned height = order_height();
	struct waiting *w = slab_new(sizeof *w + order_room(height, key.n));

	w->message = m;
	order_node_init(&w->node, height, key);
	order_add(&d->order, &w->node);
	atomic_fetch_add_explicit(&d->count, 1, memory_order_relaxed);
}

static void
take_out(struct delayed *d, struct waiting *w)
{
	order_del(&d->order, &w->node);
	atomic_fetch_sub_explicit(&d->count, 1, memory_order_relaxed);
	message_retire(w->message);
	qsbr_retire(w, size_of(w), slab_free);
}

static void
send(struct change **cp, struct message_wait *wait)
{
	if (*cp == NULL)
		return;
	if (wait == NULL) {
		change_send(cp, NULL, NULL);
		return;
	}
	change_send(cp, wait->done, wait->arg);
	wait->is_asked = true;
}

/* A row comes back. */
static em_err
on_row(struct slice key, struct slice blob)
{
	struct delayed *d = self();
	struct message view, *m;

	if (key.n != KEY || message_row_read(blob, &view) != EM_OK)
		return EM_MALFORMED;
	m = message_share(&view);
	if (m == NULL)
		return EM_NOMEM;
	add(d, key, m);
	if (get_u64(key.p + 8) > d->number)
		d->number = get_u64(key.p + 8);
	return EM_OK;
}

/* On the store thread: what the disk refuses to keep does not wait, and what it refuses to
 * delete waits on. */
static void
on_end(const struct change_end *e)
{
	struct delayed *d = self();
	struct waiting *w;

	if (e->err == EM_OK)
		return;
	lock_take(&d->lock);
	w = waiting_of(order_find(&d->order, e->key));
	if (w != NULL && !e->is_deletion)
		take_out(d, w);
	else if (w == NULL && e->is_deletion && e->row.p != NULL)
		(void)!on_row(e->key, e->row);
	lock_give(&d->lock);
	if (w != NULL && !e->is_deletion)
		metric_inc(METRIC_MESSAGES_DROPPED);
}

/* The change that writes it down; NULL: no memory. */
static struct change *
row_of(struct slice key, const struct message *m)
{
	uint8_t *blob;
	struct change *c = change_put(CHANGE_DELAYED, key, message_row_size(m), &blob);

	if (c == NULL)
		return NULL;
	message_row_write(m, blob);
	change_watch(c, on_end);
	return c;
}

/* The message as it will be published.  Its expiry runs while it waits [MQTT5-3.3.2-6]. */
static struct message *
later_form(const struct message *m, struct slice topic)
{
	struct message view = *m;

	view.topic = topic;
	view.publisher = 0; /* it may be gone by then; `from` stays */
	return message_share(&view);
}

em_err
delayed_take(const struct message *m, struct message_wait *wait)
{
	struct delayed *d = self();
	uint64_t max = atomic_load(&d->max), due;
	struct change *row = NULL;
	struct message *later;
	struct slice topic, key;
	uint8_t room[KEY];

	if (parse(slice_from(m->topic, PREFIX.n), &due, &topic) != EM_OK)
		return EM_MALFORMED;
	if (limit_is_reached() || (max > 0 && delayed_count() >= max))
		return EM_FULL;
	later = later_form(m, topic);
	if (later == NULL)
		return EM_NOMEM;
	key = key_of(due, atomic_fetch_add(&d->number, 1) + 1, room);
	if (store_is_born() && (row = row_of(key, later)) == NULL) {
		message_unref(&later);
		return EM_NOMEM;
	}
	lock_take(&d->lock);
	add(d, key, later);
	send(&row, wait);
	lock_give(&d->lock);
	metric_inc(METRIC_MESSAGES_DELAYED);
	return EM_OK;
}

/* ---- their time has come */

static struct waiting *
first_due(struct delayed *d)
{
	struct waiting *w = waiting_of(order_seek(&d->order, SLICE_NONE));

	return w != NULL && due_of(w) <= now_ms() ? w : NULL;
}

static void
publish(struct message *m)
{
	struct message view;

	if (message_is_expired(m, clock_mono())) {
		metric_inc(METRIC_MESSAGES_DROPPED);
		metric_inc(METRIC_MESSAGES_DELAYED_EXPIRED);
		return;
	}
	view = message_view_of(m);
	view.at = clock_wall();
	road_publish(&view, NULL);
	message_done(&view);
}

/* Publishes the first, if it is due: once it has gone its row goes. */
static bool
publish_first(struct delayed *d)
{
	struct waiting *w = first_due(d);
	struct change *row = NULL;
	struct message *m;

	if (w == NULL)
		return false;
	if (store_is_born() &&
	    (row = change_del(CHANGE_DELAYED, order_key(&w->node))) == NULL)
		return false; /* no memory now */
	lock_take(&d->lock);
	/* The office may have deleted it meanwhile. */
	if (order_find(&d->order, order_key(&w->node)) != &w->node) {
		lock_give(&d->lock);
		if (row != NULL)
			change_drop(&row);
		return true;
	}
	m = message_ref(w->message);
	take_out(d, w);
	lock_give(&d->lock);
	publish(m);
	message_unref(&m);
	send(&row, NULL);
	return true;
}

static void
on_time(struct timer *t)
{
	struct delayed *d = LIST_OWNER(t, struct delayed, timer);
	unsigned n = 0;

	while (n < A_TURN && publish_first(d))
		n++;
	timer_arm(t, n < A_TURN ? LOOK : span_ms(1), on_time);
}

void
delayed_worker_birth(void)
{
	if (worker_self()->id == 0)
		timer_arm(&self()->timer, LOOK, on_time);
}

void
delayed_worker_death(void)
{
	if (worker_self()->id == 0)
		timer_cancel(&self()->timer);
}

/* ---- the store's rows come back */

void
delayed_recovers(void)
{
	store_register(CHANGE_DELAYED, on_row);
}

/* ---- for the office */

static void
print_id(const struct waiting *w, char *out)
{
	struct slice key = order_key(&w->node);

	snprintf(out, DELAYED_ID_MAX, "%" PRIu64 "-%" PRIu64, get_u64(key.p),
	    get_u64(key.p + 8));
}

static em_err
parse_id(struct slice id, uint64_t *due, uint64_t *number)
{
	const uint8_t *dash = id.n > 0 ? memchr(id.p, '-', id.n) : NULL;
	size_t n = dash != NULL ? (size_t)(dash - id.p) : 0;

	if (dash == NULL || num_parse_u64(slice_head(id, n), due) != EM_OK ||
	    num_parse_u64(slice_from(id, n + 1), number) != EM_OK)
		return EM_NOTFOUND;
	return EM_OK;
}

bool
delayed_after(struct slice after, struct delayed_item *out)
{
	uint8_t room[KEY];
	uint64_t due, number;
	struct waiting *w;

	if (parse_id(after, &due, &number) != EM_OK)
		due = number = 0;
	w = waiting_of(order_seek(&self()->order, key_of(due, number + 1, room)));
	if (w == NULL)
		return false;
	print_id(w, out->id);
	out->due = (wall_t){ (int64_t)due_of(w) * MS };
	out->message = message_ref(w->message);
	return true;
}

em_err
delayed_delete(struct slice id, struct message_wait *wait)
{
	struct delayed *d = self();
	struct change *row = NULL;
	uint64_t due, number;
	uint8_t room[KEY];
	struct waiting *w;
	struct slice key;

	if (parse_id(id, &due, &number) != EM_OK)
		return EM_NOTFOUND;
	key = key_of(due, number, room);
	if (store_is_born() && (row = change_del(CHANGE_DELAYED, key)) == NULL)
		return EM_NOMEM;
	lock_take(&d->lock);
	w = waiting_of(order_find(&d->order, key));
	if (w != NULL) {
		take_out(d, w);
		if (row != NULL)
			change_watch(row, on_end);
		send(&row, wait);
	}
	lock_give(&d->lock);
	if (row != NULL)
		change_drop(&row);
	return w != NULL ? EM_OK : EM_NOTFOUND;
}
