/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashes: a table from 64 bit hashes to 64 bit values (sets of places, mostly).
 *
 * Keys are hashes already, under a key that peers do not know or on all nodes the same;
 * which of them share cells is this table's own: who tells many that shared one would make
 * each of them slow.
 * 0 is no key.  A value of 0 is no entry: it is forgotten when the table is made anew.
 * That is done bit by bit, with each change: no call takes long, however many there are.
 * Walks go cell by cell and begin again when the table was made anew.  One thread.
 * Zero-initialise.
 */
#ifndef ROUTES_HASHES_H
#define ROUTES_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashes_cell {
	uint64_t key, value;
};

struct hashes {
	struct hashes_cell *cell,
	    *old;                /* @old: what has not moved to @cell yet, or NULL */
	size_t size, used, live; /* cells; with a key; with a value, in both */
	size_t old_size, moved;  /* @moved of @old were looked at */
	uint64_t salt;           /* this table's own; 0: none yet */
	unsigned generation;     /* another one when it was made anew */
};

struct hashes_walk {
	size_t at;
	unsigned generation;
};

uint64_t hashes_get(const struct hashes *h, uint64_t key);
/* False: there is no memory, and nothing has changed; never for @value 0. */
bool hashes_set(struct hashes *h, uint64_t key, uint64_t value);
/* The next entry; zero @w first.  Key 0: the table is being made anew, ask again.  False:
 * that was the end. */
bool hashes_next(struct hashes *h, struct hashes_walk *w, struct hashes_cell *out);
void hashes_fini(struct hashes *h);

#endif
