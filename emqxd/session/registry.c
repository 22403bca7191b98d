/* SPDX-License-Identifier: Apache-2.0 */
/* registry: see registry.h. */
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "emqxd/core/slab.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"

#define SEGMENT 256u        /* buckets in a segment: a slab of 2 KiB */
#define SEGMENTS (1u << 18) /* 64 million sessions a worker at load 1 */

/* Buckets 0..split-1 and level..level+split-1 are addressed by one bit more. */
struct registry {
	uint32_t level; /* a power of two */
	uint32_t split;
	_Atomic uint64_t n, online;
	struct session **segment[SEGMENTS];
};

static struct registry *
registry_self(void)
{
	return ((struct registries *)node_slot(ROOM_SESSION))->of[worker_self()->id];
}

static uint64_t
id_hash(struct slice clientid)
{
	return hash_bytes(clientid);
}

struct worker *
registry_home(struct slice clientid)
{
	return worker_get((unsigned)((id_hash(clientid) >> 32) * worker_count() >> 32));
}

static struct session **
bucket_at(struct registry *r, uint32_t i)
{
	struct session **s = r->segment[i / SEGMENT];

	if (s == NULL)
		s = r->segment[i / SEGMENT] = slab_new_zero(SEGMENT * sizeof *s);
	return &s[i % SEGMENT];
}

static uint32_t
bucket_of(const struct registry *r, uint32_t hash)
{
	uint32_t i = hash & (r->level - 1);

	return i < r->split ? hash & (2 * r->level - 1) : i;
}

void
registry_birth(struct registries *all)
{
	for (unsigned i = 0; i < worker_count(); i++) {
		all->of[i] = MEM_NEW(struct registry);
		all->of[i]->level = SEGMENT;
	}
}

void
registry_death(struct registries *all)
{
	for (unsigned i = 0; i < worker_count(); i++) {
		for (unsigned k = 0; k < SEGMENTS; k++)
			slab_free(all->of[i]->segment[k],
			    SEGMENT * sizeof *all->of[i]->segment[k]);
		MEM_FREE(all->of[i]);
	}
}

struct session *
registry_find(struct slice clientid)
{
	struct registry *r = registry_self();
	uint32_t hash = (uint32_t)id_hash(clientid);

	for (struct session *s = *bucket_at(r, bucket_of(r, hash)); s != NULL;
	     s = s->next)
		if (s->hash == hash && slice_eq(session_clientid(s), clientid))
			return s;
	return NULL;
}

/* One bucket more: bucket `split` gives those whose next bit is set to its twin. */
static void
grow(struct registry *r)
{
	struct session **from, **to;

	if (r->level + r->split >= SEGMENT * SEGMENTS - 1)
		return;
	from = bucket_at(r, r->split);
	to = bucket_at(r, r->level + r->split);
	for (struct session *s; (s = *from) != NULL;) {
		if ((s->hash & r->level) == 0) {
			from = &s->next;
			continue;
		}
		*from = s->next;
		s->next = *to;
		*to = s;
	}
	if (++r->split == r->level) {
		r->level *= 2;
		r->split = 0;
	}
}

/* One bucket less: the last gives its sessions to its twin. */
static void
shrink(struct registry *r)
{
	struct session **from, **to;
	uint32_t last;

	if (r->split == 0) {
		r->level /= 2;
		r->split = r->level;
	}
	r->split--;
	last = r->level + r->split;
	from = bucket_at(r, last);
	to = bucket_at(r, r->split);
	while (*to != NULL)
		to = &(*to)->next;
	*to = *from;
	*from = NULL;
	if (last % SEGMENT == 0) {
		slab_free(from, SEGMENT * sizeof *from);
		r->segment[last / SEGMENT] = NULL;
	}
}

static void
count_by(_Atomic uint64_t *n, int by)
{
	atomic_store_explicit(n,
	    atomic_load_explicit(n, memory_order_relaxed) + (uint64_t)(int64_t)by,
	    memory_order_relaxed);
}

void
registry_add(struct session *s)
{
	struct registry *r = registry_self();
	struct session **b;

	s->hash = (uint32_t)id_hash(session_clientid(s));
	b = bucket_at(r, bucket_of(r, s->hash));
	s->next = *b;
	*b = s;
	count_by(&r->n, 1);
	if (r->n > r->level + r->split)
		grow(r);
}

void
registry_del(struct session *s)
{
	struct registry *r = registry_self();
	struct session **at = bucket_at(r, bucket_of(r, s->hash));

	while (*at != s) {
		CHECK(*at != NULL);
		at = &(*at)->next;
	}
	*at = s->next;
	count_by(&r->n, -1);
	/* As many go at once as keep the load over a half. */
	for (unsigned i = 0; i < 2; i++)
		if (r->level + r->split > SEGMENT && 2 * r->n < r->level + r->split)
			shrink(r);
}

void
registry_online(int by)
{
	count_by(&registry_self()->online, by);
}

uint64_t
registry_count_all(void)
{
	struct registries *all = node_slot(ROOM_SESSION);
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_count(); i++)
		n += atomic_load_explicit(&all->of[i]->n, memory_order_relaxed);
	return n;
}

uint64_t
registry_online_all(void)
{
	struct registries *all = node_slot(ROOM_SESSION);
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_count(); i++)
		n += atomic_load_explicit(&all->of[i]->online, memory_order_relaxed);
	return n;
}

static unsigned
give_bucket(struct registry *r, uint32_t i, registry_fn *fn, void *arg)
{
	unsigned given = 0;
	struct session *next;

	for (struct session *s = *bucket_at(r, i); s != NULL; s = next) {
		next = s->next; /* fn may end it */
		fn(s, arg);
		given++;
	}
	return given;
}

/* The next of the numbers below @level, counted from the upper bit down: what a number
 * stands for, when there is a bit more or less, is then given or not as it was. */
static uint32_t
next_at(uint32_t at, uint32_t level)
{
	uint32_t bit = level >> 1;

	while (bit != 0 && (at & bit) != 0) {
		at &= ~bit;
		bit >>= 1;
	}
	return at | bit; /* 0: all were there */
}

bool
registry_step(uint64_t *at, unsigned max, registry_fn *fn, void *arg)
{
	struct registry *r = registry_self();
	unsigned given = 0;

	/* Empty buckets are work too: at most four times as many. */
	for (unsigned steps = 0; given < max && steps < 4 * max; steps++) {
		uint32_t level = r->level, i = (uint32_t)*at & (level - 1);

		if (i < r->split)
			given += give_bucket(r, level + i, fn, arg);
		if (r->level != level)
			continue; /* fn ended so many that it has moved: once more */
		given += give_bucket(r, i, fn, arg);
		*at = next_at(i, level);
		if (*at == 0)
			return false;
	}
	return true;
}
