/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: siphash-2-4 (Aumasson and Bernstein) and the map on it.
 *
 * The key is the process's: two threads must hash one client id alike (its home
 * worker follows from it).  It is made by the first hash_bytes; hash_seed, for
 * tests and the simulator, comes before any map is filled and before threads.
 *
 * The map is open addressing with linear probing over pointers to entries, at
 * most half full; removal shifts back, so there are no tombstones and a map that
 * lives long does not slow down.  An entry holds its hash and its key.
 */
#include "ipc/base/hash.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>

static struct {
	_Atomic bool made;
	pthread_mutex_t lock; /* of making */
	uint64_t k0, k1;
} key = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	sip_round(s);
	s->v0 ^= m;
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

/* The last 0..7 bytes, and the length on top. */
static inline uint64_t
sip_tail(struct slice v)
{
	uint64_t m = (uint64_t)v.n << 56;
	size_t rest = v.n & 7;

	if (rest > 0 && v.n > 8) /* one load that ends at the last byte */
		return m | load64(v.p + v.n - 8) >> (64 - 8 * rest);
	for (size_t i = 0; i < rest; i++)
		m |= (uint64_t)v.p[i] << 8 * i;
	return m;
}

static inline uint64_t
sip24(struct slice v, uint64_t k0, uint64_t k1)
{
	struct sip s = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };
	size_t whole = v.n & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, load64(v.p + i));
	sip_word(&s, sip_tail(v));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
hash_sip24(struct slice s, uint64_t k0, uint64_t k1)
{
	return sip24(s, k0, k1);
}

static void
make_key(void)
{
	pthread_mutex_lock(&key.lock);
	if (!atomic_load_explicit(&key.made, memory_order_relaxed)) {
		rand_bytes(&key.k0, sizeof key.k0);
		rand_bytes(&key.k1, sizeof key.k1);
		atomic_store_explicit(&key.made, true, memory_order_release);
	}
	pthread_mutex_unlock(&key.lock);
}

void
hash_seed(uint64_t a, uint64_t b)
{
	pthread_mutex_lock(&key.lock);
	key.k0 = a;
	key.k1 = b;
	atomic_store_explicit(&key.made, true, memory_order_release);
	pthread_mutex_unlock(&key.lock);
}

uint64_t
hash_bytes(struct slice s)
{
	if (EM_UNLIKELY(!atomic_load_explicit(&key.made, memory_order_acquire)))
		make_key();
	return sip24(s, key.k0, key.k1);
}

struct map_slot {
	void *value;
	uint64_t hash;
	size_t n;
	uint8_t key[];
};

enum { MAP_FIRST = 16 };

static struct slice
slot_key(const struct map_slot *s)
{
	return slice_of(s->key, s->n);
}

/* Index of the entry with this key, or of the hole where it belongs. */
static size_t
seek(const struct map *m, struct slice k, uint64_t hash)
{
	size_t i = (size_t)hash & m->mask;

	for (; m->slot[i] != NULL; i = (i + 1) & m->mask)
		if (m->slot[i]->hash == hash && slice_eq(slot_key(m->slot[i]), k))
			break;
	return i;
}

void *
map_find(const struct map *m, struct slice k)
{
	struct map_slot *s;

	if (m->n == 0)
		return NULL;
	s = m->slot[seek(m, k, hash_bytes(k))];
	return s != NULL ? s->value : NULL;
}

/* Entries move by their kept hash; keys are neither hashed nor compared again. */
static void
grow(struct map *m)
{
	size_t old_room = m->slot != NULL ? m->mask + 1 : 0;
	size_t room = old_room > 0 ? 2 * old_room : MAP_FIRST;
	struct map_slot **old = m->slot;

	m->slot = mem_new_array(room, sizeof(struct map_slot *));
	m->mask = room - 1;
	for (size_t j = 0; j < old_room; j++) {
		size_t i;

		if (old[j] == NULL)
			continue;
		i = (size_t)old[j]->hash & m->mask;
		while (m->slot[i] != NULL)
			i = (i + 1) & m->mask;
		m->slot[i] = old[j];
	}
	mem_free(old);
}

void *
map_put(struct map *m, struct slice k, void *value)
{
	uint64_t hash = hash_bytes(k);
	struct map_slot *s;
	size_t i;

	CHECK(value != NULL);
	if (m->slot == NULL || m->n > m->mask / 2)
		grow(m);
	i = seek(m, k, hash);
	s = m->slot[i];
	if (s != NULL) {
		void *former = s->value;

		s->value = value;
		return former;
	}
	s = mem_new(sizeof *s + k.n);
	s->value = value;
	s->hash = hash;
	s->n = k.n;
	if (k.n > 0)
		memcpy(s->key, k.p, k.n);
	m->slot[i] = s;
	m->n++;
	return NULL;
}

/* Closes the hole at @hole: what follows it without a gap moves back into it,
 * unless that would put an entry before its own place. */
static void
close_hole(struct map *m, size_t hole)
{
	for (size_t i = (hole + 1) & m->mask; m->slot[i] != NULL; i = (i + 1) & m->mask) {
		size_t home = (size_t)m->slot[i]->hash & m->mask;

		if (((i - home) & m->mask) < ((i - hole) & m->mask))
			continue;
		m->slot[hole] = m->slot[i];
		hole = i;
	}
	m->slot[hole] = NULL;
}

void *
map_take(struct map *m, struct slice k)
{
	struct map_slot *s;
	void *value;
	size_t i;

	if (m->n == 0)
		return NULL;
	i = seek(m, k, hash_bytes(k));
	s = m->slot[i];
	if (s == NULL)
		return NULL;
	close_hole(m, i);
	m->n--;
	value = s->value;
	mem_free(s);
	return value;
}

bool
map_next(const struct map *m, size_t *at, struct slice *k, void **value)
{
	size_t room = m->slot != NULL ? m->mask + 1 : 0;

	while (*at < room) {
		const struct map_slot *s = m->slot[(*at)++];

		if (s == NULL)
			continue;
		if (k != NULL)
			*k = slot_key(s);
		if (value != NULL)
			*value = s->value;
		return true;
	}
	return false;
}

void
map_fini(struct map *m)
{
	for (size_t i = 0; m->slot != NULL && i <= m->mask; i++)
		mem_free(m->slot[i]);
	mem_free(m->slot);
	*m = (struct map){ NULL, 0, 0 };
}
