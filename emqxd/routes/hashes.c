/* SPDX-License-Identifier: Apache-2.0 */
/* hashes: see hashes.h.  Open addressing; at most two thirds of the cells have a key. */
#include "emqxd/routes/hashes.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

#include <string.h>

#define SIZE_MIN 64u

static size_t
home(size_t size, uint64_t key)
{
	return (size_t)((key ^ key >> 32) * 0x9e3779b97f4a7c15u >> 20) & (size - 1);
}

/* The cell with this key, or the free one where it would stand. */
static struct hashes_cell *
look(struct hashes_cell *cell, size_t size, uint64_t key)
{
	size_t at = home(size, key);

	while (cell[at].key != 0 && cell[at].key != key)
		at = (at + 1) & (size - 1);
	return &cell[at];
}

uint64_t
hashes_get(const struct hashes *h, uint64_t key)
{
	CHECK(key != 0);
	return h->size > 0 ? look(h->cell, h->size, key)->value : 0;
}

/* Room for one key more, and those without a value forgotten. */
static bool
make_anew(struct hashes *h)
{
	size_t size = SIZE_MIN;
	struct hashes_cell *now;

	while (size < h->live * 3)
		size *= 2;
	now = mem_try(size * sizeof *now);
	if (now == NULL)
		return false;
	memset(now, 0, size * sizeof *now);
	for (size_t i = 0; i < h->size; i++)
		if (h->cell[i].value != 0)
			*look(now, size, h->cell[i].key) = h->cell[i];
	mem_free(h->cell);
	h->cell = now;
	h->size = size;
	h->used = h->live;
	h->generation++;
	return true;
}

bool
hashes_set(struct hashes *h, uint64_t key, uint64_t value)
{
	struct hashes_cell *c;

	CHECK(key != 0);
	if (value == 0 && h->size == 0)
		return true;
	if ((h->used + 1) * 3 > h->size * 2 && !make_anew(h))
		return false;
	c = look(h->cell, h->size, key);
	if (c->key == 0) {
		if (value == 0)
			return true;
		c->key = key;
		h->used++;
	}
	h->live += (size_t)(value != 0) - (size_t)(c->value != 0);
	c->value = value;
	return true;
}

bool
hashes_next(const struct hashes *h, struct hashes_walk *w, struct hashes_cell *out)
{
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
	*h = (struct hashes){ .generation = h->generation + 1 };
}
