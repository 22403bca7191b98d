/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash: siphash-2-4 with a key made at start (peers choose what is hashed), and
 * a map from bytes to a pointer.
 */
#ifndef IPC_BASE_HASH_H
#define IPC_BASE_HASH_H

#include "ipc/base/slice.h"

/* Keyed by this process's random key, made at first use.  Not the same over a restart:
 * never stored, never sent.  hash_seed sets the key, for the simulator and tests:
 * before there are maps or other threads. */
uint64_t hash_bytes(struct slice s);
void hash_seed(uint64_t a, uint64_t b);
/* siphash-2-4 under a given key. */
uint64_t hash_sip24(struct slice s, uint64_t k0, uint64_t k1);

/* Bytes -> void *.  Keys are copied; values are not owned and never NULL.  Not
 * thread-safe.  Zero-initialise. */
struct map_slot;
struct map {
	struct map_slot **slot;
	size_t n, mask;
};
void *map_find(const struct map *m, struct slice key);
/* Puts or replaces; returns the former value or NULL. */
void *map_put(struct map *m, struct slice key, void *value);
/* Takes the value out, or NULL. */
void *map_take(struct map *m, struct slice key);
/* Iterates in no order: start with *at = 0; false at the end.  @key and @value may be
 * NULL.  No changes meanwhile. */
bool map_next(const struct map *m, size_t *at, struct slice *key, void **value);
void map_fini(struct map *m);

#endif
