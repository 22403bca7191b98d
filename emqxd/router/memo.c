/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo: a direct-mapped table: a topic has one place, by a hash that need not be
 * secret since a collision only forgets.
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

static size_t
place(struct slice topic)
{
	uint64_t h = topic.n, w;
	const uint8_t *p = topic.p;
	size_t n = topic.n;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	w = 0;
	for (size_t i = 0; i < n; i++)
		w = w << 8 | p[i];
	h = (h ^ w) * 0x9e3779b97f4a7c15u;
	return (h ^ h >> 32) % MEMO_ENTRIES;
}

static void
remember(struct memo_entry *e, uint64_t generation, struct slice topic,
    const struct trie_hits *h)
{
	if (h->routes.n > MEMO_ROUTES_MAX)
		return;
	e->generation = generation;
	e->topic_n = (uint8_t)topic.n;
	memcpy(e->topic, topic.p, topic.n);
	e->routes = (uint8_t)h->routes.n;
	for (size_t i = 0; i < h->routes.n; i++)
		e->v[i] = h->routes.p[i];
}

struct memo_routes
memo_match(struct router_worker *here, struct slice topic)
{
	struct trie *trie = &here->router->trie;
	uint64_t generation = trie_generation(trie);
	struct memo_entry *e = NULL;

	if (topic.n <= MEMO_TOPIC_MAX) {
		e = &here->cache[place(topic)];
		if (e->generation == generation && e->topic_n == topic.n &&
		    memcmp(e->topic, topic.p, topic.n) == 0)
			return (struct memo_routes){ e->v, e->routes };
	}
	trie_match(trie, topic, &here->hits);
	if (e != NULL)
		remember(e, generation, topic, &here->hits);
	return (struct memo_routes){ here->hits.routes.p, here->hits.routes.n };
}
