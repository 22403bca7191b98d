/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo: a table in which a topic has two places, by a hash that need not be secret
 * since a collision only forgets.
 *
 * The generation is read before the trie: an entry made from a trie that was changing
 * carries the older one and is never believed.  Routes in an entry may long be freed;
 * they are looked at only while the generation stands, and it moves before anything
 * is retired.
 */
#include "emqxd/router/memo.h"
#include "ipc/base/mem.h"

struct memo_entry {
	uint64_t generation; /* 0: none yet */
	uint8_t topic_n, routes;
	uint8_t topic[MEMO_TOPIC_MAX];
	struct route *v[MEMO_ROUTES_MAX];
};

_Static_assert(sizeof(struct memo_entry) <= 112, "1024 of them a worker");

#define MIX 0x9e3779b97f4a7c15u /* 2^64 by the golden ratio */

struct memo_entry *
memo_new(void)
{
	return mem_new_array(MEMO_ENTRIES, sizeof(struct memo_entry));
}

void
memo_free(struct memo_entry **ep)
{
	MEM_FREE(*ep);
}

static inline uint64_t
word_at(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof w);
	return w;
}

/* Up to seven bytes as a number: two halves that may overlap. */
static inline uint64_t
few_bytes(const uint8_t *p, size_t n)
{
	uint32_t a = 0, b = 0;

	if (n >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
	} else if (n > 0) {
		a = (uint32_t)p[0] << 16 | (uint32_t)p[n / 2] << 8 | p[n - 1];
	}
	return (uint64_t)a << 32 | b;
}

/* The first of the two entries where a topic may stand: by the upper bits of the hash,
 * which all bits of the text reach.  Longer texts are taken in words; the last one may
 * overlap the one before. */
static inline size_t
place(struct slice topic)
{
	uint64_t h = topic.n * MIX;

	if (topic.n < 8) {
		h ^= few_bytes(topic.p, topic.n);
	} else {
		for (size_t i = 0; i + 8 < topic.n; i += 8)
			h = (h ^ word_at(topic.p + i)) * MIX;
		h ^= word_at(topic.p + topic.n - 8) ^ h >> 32;
	}
	return (h * MIX >> (64 - MEMO_BITS)) & ~(size_t)1;
}

static inline bool
is_same(const uint8_t *a, const uint8_t *b, size_t n)
{
	if (n < 8)
		return few_bytes(a, n) == few_bytes(b, n);
	for (size_t i = 0; i + 8 < n; i += 8)
		if (word_at(a + i) != word_at(b + i))
			return false;
	return word_at(a + n - 8) == word_at(b + n - 8);
}

static inline bool
is_of(const struct memo_entry *e, uint64_t generation, struct slice topic)
{
	return e->generation == generation && e->topic_n == topic.n &&
	       is_same(e->topic, topic.p, topic.n);
}

/* In the first of two entries; what stood there moves to the second. */
static void
remember(struct memo_entry *e, uint64_t generation, struct slice topic,
    const struct trie_hits *h)
{
	if (h->routes.n > MEMO_ROUTES_MAX)
		return;
	e[1] = e[0];
	e->generation = generation;
	e->topic_n = (uint8_t)topic.n;
	memcpy(e->topic, topic.p, topic.n);
	e->routes = (uint8_t)h->routes.n;
	for (size_t i = 0; i < h->routes.n; i++)
		e->v[i] = h->routes.p[i];
}

struct memo_routes
memo_match_apart(
    const struct router_worker *here, struct slice topic, struct trie_hits *hits)
{
	trie_match(&here->router->trie, topic, hits);
	return (struct memo_routes){ hits->routes.p, hits->routes.n };
}

/* Asks the trie, and remembers at @e.  Apart, so that the other way is a short one. */
static __attribute__((noinline)) struct memo_routes
miss(struct router_worker *here, uint64_t generation, struct slice topic,
    struct memo_entry *e)
{
	struct memo_routes routes = memo_match_apart(here, topic, &here->hits);

	if (e != NULL)
		remember(e, generation, topic, &here->hits);
	return routes;
}

struct memo_routes
memo_match(struct router_worker *here, struct slice topic)
{
	uint64_t generation = trie_generation(&here->router->trie);
	struct memo_entry *e;

	if (topic.n > MEMO_TOPIC_MAX)
		return miss(here, generation, topic, NULL);
	e = &here->cache[place(topic)];
	if (EM_LIKELY(is_of(e, generation, topic)))
		return (struct memo_routes){ e->v, e->routes };
	if (is_of(e + 1, generation, topic))
		return (struct memo_routes){ e[1].v, e[1].routes };
	return miss(here, generation, topic, e);
}
