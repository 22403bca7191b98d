/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: views, and their counted copies.
 *
 * A kept message is one piece of memory: the struct, then topic, payload,
 * properties and the publisher's id.  Small ones come from the slab; those with
 * a large payload from the heap, where the size is somebody else's choice.
 * Who may hold it is another question: what message_keep() makes of a small
 * message stays with the worker that made it and is counted with plain loads
 * and stores; a large one, and what message_share() makes, may cross threads.
 */
#include "emqxd/model/message.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "emqxd/model/debt.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

_Static_assert(sizeof(struct message) <= 136, "a kept message costs this and its bytes");

struct message
message_view(struct slice topic, struct slice payload)
{
	return (struct message){
		.topic = topic,
		.payload = payload,
		.expires = { INT64_MAX },
		.at = clock_wall(),
	};
}

/* A message has one debt, wherever it goes. */
static void
move_debt(struct message *from, struct message *to)
{
	if (EM_LIKELY(from->debt == 0))
		return;
	to->debt = from->debt;
	from->debt = 0;
}

void
message_repay(struct message *m)
{
	if (EM_LIKELY(m->debt == 0))
		return;
	debt_pay(m->debt);
	m->debt = 0;
}

struct message
message_view_of(struct message *m)
{
	struct message view = {
		.topic = m->topic,
		.payload = m->payload,
		.props = m->props,
		.from = m->from,
		.expires = m->expires,
		.at = m->at,
		.publisher = m->publisher,
		.kept = message_ref(m),
		.qos = m->qos,
		.retain = m->retain,
	};

	move_debt(m, &view);
	return view;
}

static bool
is_large(const struct message *m)
{
	return m->payload.n >= MESSAGE_LARGE;
}

static struct slice
put(uint8_t **at, struct slice s)
{
	uint8_t *p = *at;

	if (s.n == 0)
		return SLICE_NONE;
	memcpy(p, s.p, s.n);
	*at += s.n;
	return slice_of(p, s.n);
}

/* A kept copy with one reference. */
static struct message *
copy(const struct message *m, bool is_shared)
{
	size_t size = sizeof *m + message_bytes(m) + m->from.n;
	struct message *k;
	uint8_t *at;

	if (size > UINT32_MAX)
		return NULL;
	k = is_large(m) ? mem_try(size) : slab_try(size);
	if (k == NULL)
		return NULL;
	at = (uint8_t *)(k + 1);
	*k = (struct message){
		.topic = put(&at, m->topic),
		.payload = put(&at, m->payload),
		.props = put(&at, m->props),
		.from = put(&at, m->from),
		.expires = m->expires,
		.at = m->at,
		.publisher = m->publisher,
		.qos = m->qos,
		.retain = m->retain,
		.is_kept = true,
		.is_shared = is_shared,
		.refs = 1,
		.size = (uint32_t)size,
	};
	return k;
}

struct message *
message_keep(struct message *m)
{
	if (m->is_kept)
		return message_ref(m);
	if (m->kept == NULL) {
		m->kept = copy(m, is_large(m));
		if (m->kept == NULL)
			return NULL;
	}
	move_debt(m, m->kept);
	return message_ref(m->kept);
}

struct message *
message_share(const struct message *m)
{
	return copy(m, true);
}

struct message *
message_ref(struct message *m)
{
	CHECK(m->is_kept);
	if (m->is_shared)
		atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	else
		atomic_store_explicit(&m->refs,
		    atomic_load_explicit(&m->refs, memory_order_relaxed) + 1,
		    memory_order_relaxed);
	return m;
}

/* The count after one reference less. */
static uint32_t
drop(struct message *m)
{
	uint32_t left;

	if (m->is_shared)
		return atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) - 1;
	left = atomic_load_explicit(&m->refs, memory_order_relaxed) - 1;
	atomic_store_explicit(&m->refs, left, memory_order_relaxed);
	return left;
}

void
message_unref(struct message **mp)
{
	struct message *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	CHECK(m->is_kept);
	if (drop(m) > 0)
		return;
	message_repay(m);
	if (is_large(m))
		mem_free(m);
	else
		slab_free(m, m->size);
}

static void
retired_message(void *p, size_t n)
{
	struct message *m = p;

	(void)n;
	message_unref(&m);
}

void
message_retire(struct message *m)
{
	qsbr_retire(m, m->size, retired_message);
}

void
message_done(struct message *view)
{
	CHECK(!view->is_kept);
	message_repay(view);
	message_unref(&view->kept);
}

uint32_t
message_seconds_left(const struct message *m, mono_t now)
{
	int64_t left = m->expires.ns - now.ns;
	int64_t seconds;

	if (left <= 0)
		return 0;
	seconds = left / 1000000000 + (left % 1000000000 > 0);
	return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}
