/* SPDX-License-Identifier: Apache-2.0 */
/* lent: see lent.h. */
#include "emqxd/routes/lent.h"
#include "ipc/base/mem.h"

#define OVERHEAD 64u /* of an entry in the map */

struct loan {
	struct list_node node;
	struct piece *record;
	uint32_t round;
};

static struct slice
key_of(const uint64_t *number)
{
	return slice_of(number, sizeof *number);
}

static size_t
size_of(const struct loan *loan)
{
	return sizeof *loan + OVERHEAD + sizeof *loan->record + loan->record->n;
}

static struct loan *
first(struct lent *l)
{
	return list_is_empty(&l->list) ? NULL
				       : LIST_OWNER(l->list.next, struct loan, node);
}

/* Its record, the caller's. */
static struct piece *
end(struct lent *l, struct loan *loan)
{
	struct piece *record = loan->record;

	map_take(&l->by_number, key_of(&record->number));
	list_del(&loan->node);
	l->bytes -= size_of(loan);
	mem_free(loan);
	return record;
}

static void
drop(struct lent *l, struct loan *loan)
{
	mem_free(end(l, loan));
}

void
lent_init(struct lent *l)
{
	*l = (struct lent){ .bytes = 0 };
	list_init(&l->list);
}

void
lent_fini(struct lent *l)
{
	while (!list_is_empty(&l->list))
		drop(l, first(l));
	map_fini(&l->by_number);
}

static void
note_unlent(struct lent *l, uint64_t number)
{
	l->unlent++;
	if (number > l->unlent_to)
		l->unlent_to = number;
}

void
lent_add(struct lent *l, struct piece **record)
{
	struct piece *p = *record;
	struct loan *loan;

	*record = NULL;
	if (map_find(&l->by_number, key_of(&p->number)) != NULL) {
		mem_free(p);
		return;
	}
	loan = mem_try(sizeof *loan);
	if (loan == NULL) {
		note_unlent(l, p->number);
		mem_free(p);
		return;
	}
	*loan = (struct loan){ .record = p, .round = l->round };
	list_push(&l->list, &loan->node);
	map_put(&l->by_number, key_of(&p->number), loan);
	l->bytes += size_of(loan);
	while (l->bytes > LENT_MAX) {
		note_unlent(l, first(l)->record->number);
		drop(l, first(l));
	}
}

void
lent_on_done(struct lent *l, struct rbuf *r)
{
	while (r->err == EM_OK && rbuf_left(r) > 0) {
		uint64_t number = rbuf_u64(r);
		struct loan *loan = map_find(&l->by_number, key_of(&number));

		if (r->err != EM_OK)
			return;
		if (loan != NULL)
			drop(l, loan);
		else if (l->unlent > 0 && number <= l->unlent_to)
			l->unlent--;
	}
}

static void
sweep(struct lent *l)
{
	LIST_EACH_SAFE (n, &l->list) {
		struct loan *loan = LIST_OWNER(n, struct loan, node);

		if (loan->round != l->round)
			drop(l, loan);
	}
}

void
lent_on_owed(struct lent *l, struct rbuf *r)
{
	uint8_t flags = rbuf_u8(r);

	if (r->err == EM_OK && (flags & 1) != 0) {
		l->round++;
		l->unlent = 0; /* those that are not over stand in the list */
	}
	while (r->err == EM_OK && rbuf_left(r) > 0) {
		uint64_t number = rbuf_u64(r);
		struct loan *loan = map_find(&l->by_number, key_of(&number));

		if (loan != NULL)
			loan->round = l->round;
		else if (r->err == EM_OK && number <= l->unlent_to)
			l->unlent++;
	}
	if (r->err != EM_OK || (flags & 2) == 0)
		return;
	l->is_on = true;
	sweep(l);
}

uint64_t
lent_take_all(struct lent *l, struct pieces *to)
{
	uint64_t lost = l->unlent;

	l->unlent = 0;
	if (!l->is_on) {
		lent_fini(l);
		return 0;
	}
	while (!list_is_empty(&l->list)) {
		struct piece *record = end(l, first(l));

		pieces_put(to, &record);
	}
	return lost;
}
