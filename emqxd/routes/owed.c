/* SPDX-License-Identifier: Apache-2.0 */
/* owed: see owed.h. */
#include "emqxd/routes/owed.h"
#include "emqxd/routes/lent.h"

void
owed_fini(struct owed *o)
{
	for (unsigned i = 0; i < NODES_MAX; i++)
		VEC_FINI(&o->node[i].paid);
	VEC_FINI(&o->debt);
}

uint32_t
owed_add(struct owed *o, unsigned place, uint64_t number)
{
	const struct owed_debt debt = { number, place };
	uint32_t at = o->free;

	if (at == 0) {
		if (o->debt.n == 0)
			VEC_ADD(&o->debt, ((struct owed_debt){ 0, 0 }));
		VEC_ADD(&o->debt, debt);
		return (uint32_t)o->debt.n - 1;
	}
	o->free = (uint32_t)o->debt.p[at].number;
	o->debt.p[at] = debt;
	return at;
}

unsigned
owed_paid(struct owed *o, uint32_t debt)
{
	struct owed_debt *d = &o->debt.p[debt];
	unsigned place = d->place;
	struct owed_node *node = &o->node[place];

	CHECK(debt < o->debt.n && place > 0);
	if (node->is_up && !node->must_tell_all)
		VEC_ADD(&node->paid, d->number);
	*d = (struct owed_debt){ .number = o->free };
	o->free = debt;
	return place;
}

void
owed_up(struct owed *o, unsigned place, bool is_up)
{
	struct owed_node *node = &o->node[place];

	node->is_up = node->must_tell_all = is_up;
	VEC_FINI(&node->paid);
}

static bool
tell_all(
    const struct owed *o, unsigned place, struct wbuf *w, owed_tell_fn *tell, void *arg)
{
	uint8_t is_first = 1;
	size_t at = 0;

	do {
		w->n = 0;
		wbuf_u8(w, is_first);
		for (; at < o->debt.n && w->n <= LENT_FRAME * sizeof(uint64_t); at++)
			if (o->debt.p[at].place == place)
				wbuf_u64(w, o->debt.p[at].number);
		w->p[0] = (uint8_t)(is_first | (at == o->debt.n) << 1);
		if (!tell(arg, place, true, wbuf_slice(w)))
			return false;
		is_first = 0;
	} while (at < o->debt.n);
	return true;
}

static bool
tell_paid(const struct owed_node *node, unsigned place, struct wbuf *w,
    owed_tell_fn *tell, void *arg)
{
	for (size_t at = 0; at < node->paid.n;) {
		w->n = 0;
		for (unsigned i = 0; i < LENT_FRAME && at < node->paid.n; i++)
			wbuf_u64(w, node->paid.p[at++]);
		if (!tell(arg, place, false, wbuf_slice(w)))
			return false;
	}
	return true;
}

bool
owed_tell(struct owed *o, unsigned place, owed_tell_fn *tell, void *arg)
{
	struct owed_node *node = &o->node[place];
	struct wbuf w;

	if (!node->is_up || (!node->must_tell_all && node->paid.n == 0))
		return false;
	w = wbuf_growing((LENT_FRAME + 2) * sizeof(uint64_t));
	node->must_tell_all = node->must_tell_all
				  ? !tell_all(o, place, &w, tell, arg)
				  : !tell_paid(node, place, &w, tell, arg);
	wbuf_fini(&w);
	node->paid.n = 0;
	return node->must_tell_all;
}
