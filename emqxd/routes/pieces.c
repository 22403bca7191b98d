/* SPDX-License-Identifier: Apache-2.0 */
/* pieces: see pieces.h. */
#include "emqxd/routes/pieces.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

static void
append(struct pieces *q, struct piece *p)
{
	if (q->first == NULL)
		q->last = &q->first;
	*q->last = p;
	q->last = &p->next;
	q->bytes += p->n;
}

struct piece *
pieces_add(struct pieces *q, unsigned frame, uint64_t number, struct slice head,
    struct slice bytes)
{
	struct piece *p = mem_try(sizeof *p + head.n + bytes.n);

	if (p == NULL)
		return NULL;
	*p = (struct piece){
		.number = number, .n = head.n + bytes.n, .frame = (uint8_t)frame
	};
	if (head.n > 0)
		memcpy(p->bytes, head.p, head.n);
	memcpy(p->bytes + head.n, bytes.p, bytes.n);
	append(q, p);
	return p;
}

struct piece *
pieces_take(struct pieces *q)
{
	struct piece *p = q->first;

	if (p == NULL)
		return NULL;
	q->first = p->next;
	q->bytes -= p->n;
	p->next = NULL;
	return p;
}

void
pieces_put(struct pieces *q, struct piece **pp)
{
	append(q, *pp);
	*pp = NULL;
}

void
pieces_join(struct pieces *to, struct pieces *from)
{
	if (from->first == NULL)
		return;
	if (to->first == NULL)
		to->last = &to->first;
	*to->last = from->first;
	to->last = from->last;
	to->bytes += from->bytes;
	*from = (struct pieces){ .bytes = 0 };
}

void
pieces_drop_first(struct pieces *q)
{
	struct piece *p = pieces_take(q);

	CHECK(p != NULL);
	mem_free(p);
}

void
pieces_drop_all(struct pieces *q)
{
	while (q->first != NULL)
		pieces_drop_first(q);
}

bool
pieces_add_parts(
    struct pieces *to, unsigned frame, size_t most, uint32_t counted, struct slice record)
{
	struct pieces parts = { .bytes = 0 };

	for (size_t at = 0; at < record.n; at += most) {
		uint8_t is_last = record.n - at <= most;
		struct slice part =
		    slice_of(record.p + at, is_last ? record.n - at : most);
		struct piece *piece =
		    pieces_add(&parts, frame, 0, slice_of(&is_last, 1), part);

		if (piece == NULL) {
			pieces_drop_all(&parts);
			return false;
		}
		piece->counted = is_last ? counted : 0;
	}
	pieces_join(to, &parts);
	return true;
}
