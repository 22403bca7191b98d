/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hashes: see hashes.h.  Open addressing; at most two thirds of the cells have a key.
 *
 * A table made anew has at least three cells for each entry, and at least a quarter of the
 * old one's; so there is room for a third of its cells before the next, and STEP cells moved
 * with each new key are more than the old table has.
 */
#include "emqxd/routes/hashes.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"

#include <string.h>

#define SIZE_MIN 64u
#define STEP 16u /* cells of the old table that move with a change */

static size_t
home(uint64_t salt, size_t size, uint64_t key)
{
	key = (key ^ salt) * 0x9e3779b97f4a7c15u;
	key = (key ^ key >> 32) * (salt | 1);
	return (size_t)(key >> 20) & (size - 1);
}

/* The cell with this key, or the free one where it would stand. */
static struct hashes_cell *
look(uint64_t salt, struct hashes_cell *cell, size_t size, uint64_t key)
{
	size_t at = home(salt, size, key);

	while (cell[at].key != 0 && cell[at].key != key)
		at = (at + 1) & (size - 1);
	return &cell[at];
}

/* The cell that holds its value; NULL: there is none. */
static struct hashes_cell *
find(const struct hashes *h, uint64_t key)
{
	struct hashes_cell *c;

	CHECK(key != 0);
	if (h->size == 0)
		return NULL;
	c = look(h->salt, h->cell, h->size, key);
	if (c->key == 0 && h->old != NULL)
		c = look(h->salt, h->old, h->old_size, key);
	return c->value != 0 ? c : NULL;
}

uint64_t
hashes_get(const struct hashes *h, uint64_t key)
{
	const struct hashes_cell *c = find(h, key);

	return c != NULL ? c->value : 0;
}

/* Its key gets a cell; what the old table has of it comes along. */
static struct hashes_cell *
take_cell(struct hashes *h, struct hashes_cell *c, uint64_t key)
{
	struct hashes_cell *was;

	c->key = key;
	h->used++;
	if (h->old == NULL)
		return c;
	was = look(h->salt, h->old, h->old_size, key);
	c->value = was->value;
	was->value = 0; /* the key stays: others are found behind it */
	return c;
}

static void
move(struct hashes *h, size_t most)
{
	for (; most > 0 && h->moved < h->old_size; most--, h->moved++) {
		uint64_t key = h->old[h->moved].key;

		if (h->old[h->moved].value != 0)
			(void)take_cell(h, look(h->salt, h->cell, h->size, key), key);
	}
	if (h->old == NULL || h->moved < h->old_size)
		return;
	MEM_FREE(h->old);
	h->old_size = h->moved = 0;
}

/* Room for one key more, and those without a value forgotten. */
static bool
make_anew(struct hashes *h)
{
	size_t size = SIZE_MIN;
	struct hashes_cell *now;

	while (h->salt == 0)
		rand_bytes(&h->salt, sizeof h->salt);
	move(h, h->old_size);
	while (size < h->live * 3 || size * 4 < h->size)
		size *= 2;
	now = mem_try_zero(size * sizeof *now);
	if (now == NULL)
		return false;
	h->old = h->cell;
	h->old_size = h->size;
	h->moved = 0;
	h->cell = now;
	h->size = size;
	h->used = 0;
	h->generation++;
	return true;
}

static void
forget(struct hashes *h, uint64_t key)
{
	struct hashes_cell *c = find(h, key);

	if (c == NULL)
		return;
	h->live--;
	c->value = 0; /* the key stays: others are found behind it */
}

bool
hashes_set(struct hashes *h, uint64_t key, uint64_t value)
{
	struct hashes_cell *c;

	if (value == 0) {
		forget(h, key);
		return true;
	}
	CHECK(key != 0);
	if ((h->used + 1) * 3 > h->size * 2 && !make_anew(h))
		return false;
	move(h, STEP);
	c = look(h->salt, h->cell, h->size, key);
	if (c->key == 0)
		c = take_cell(h, c, key);
	h->live += c->value == 0;
	c->value = value;
	return true;
}

bool
hashes_next(struct hashes *h, struct hashes_walk *w, struct hashes_cell *out)
{
	if (h->old != NULL) {
		move(h, STEP);
		*out = (struct hashes_cell){ 0, 0 };
		return true;
	}
	if (w->generation != h->generation)
		*w = (struct hashes_walk){ 0, h->generation };
	while (w->at < h->size) {
		*out = h->cell[w->at++];
		if (out->value != 0)
			return true;
	}
	return false;
}

void
hashes_fini(struct hashes *h)
{
	mem_free(h->cell);
	mem_free(h->old);
	*h = (struct hashes){ .generation = h->generation + 1 };
}
