/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pieces: frames that wait for their turn, or records that are kept, one behind the other.
 *
 * Only inside routes/; the link thread.
 */
#ifndef ROUTES_PIECES_H
#define ROUTES_PIECES_H

#include "ipc/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame that waits, or a group's record that is kept. */
struct piece {
	struct piece *next;
	uint64_t number;  /* of a record */
	uint32_t counted; /* records that are in it, or end with it */
	size_t n;
	uint8_t frame;
	uint8_t bytes[];
};

struct pieces {
	struct piece *first, **last; /* @last NULL: never used */
	size_t bytes;
};

/* One of @head and @bytes at the end; NULL: there is no memory. */
struct piece *pieces_add(struct pieces *q, unsigned frame, uint64_t number,
    struct slice head, struct slice bytes);
/* A record in parts of at most @most bytes, each behind a byte that says whether it is the
 * last one, which is @counted.  All of it, or (false: no memory) nothing. */
bool pieces_add_parts(struct pieces *to, unsigned frame, size_t most, uint32_t counted,
    struct slice record);
/* The first one, the caller's; NULL: there is none. */
struct piece *pieces_take(struct pieces *q);
/* At the end, taken back. */
void pieces_put(struct pieces *q, struct piece **pp);
/* @from is empty then. */
void pieces_join(struct pieces *to, struct pieces *from);
void pieces_drop_first(struct pieces *q);
void pieces_drop_all(struct pieces *q);

#endif
