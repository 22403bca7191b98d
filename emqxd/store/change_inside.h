/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change_inside: what the files of store/ share: a change, and the store.  Only inside store/.
 */
#ifndef STORE_CHANGE_INSIDE_H
#define STORE_CHANGE_INSIDE_H

#include "emqxd/core/level.h"
#include "emqxd/core/mailbox.h"
#include "emqxd/core/timer.h"
#include "emqxd/store/change.h"
#include "emqxd/store/kv.h"
#include "emqxd/store/ordered.h"
#include "emqxd/store/stamp.h"
#include "ipc/base/list.h"
#include "ipc/base/vec.h"

enum change_what { CHANGE_PUT, CHANGE_DEL, CHANGE_EXPIRE, CHANGE_FLUSH };

struct change {
	struct letter letter;
	change_done_fn *done;
	void *arg;
	change_end_fn *watch; /* or NULL */
	enum change_kind kind;
	em_err err;
	struct stamp stamp; /* when the group has some */
	mono_t at;          /* when an ordered group took it */
	uint32_t blob_n;
	uint16_t key_n;
	uint8_t what;
	uint8_t bytes[]; /* key, blob */
};

/* Changes in order, by letter.next. */
struct change_list {
	struct change *first, *last;
	uint64_t n, bytes;
};

/* Tables behind those of the kinds. */
enum store_table {
	TABLE_SEEN_META = CHANGE_KIND_N, /* site -> what came of it last */
	TABLE_SEEN_RET,
	TABLE_STAMPS, /* of retained rows: key -> stamp, is it deleted? */
	TABLE_TOMBS,  /* of those that are deleted: stamp -> key */
	TABLE_PARTS,  /* site, number -> part of a large blob that is under way */
	TABLE_RAFT,   /* of this node: how far each group is */
	TABLE_N
};

/* An entry of ours that has not come back. */
struct own_entry {
	uint64_t seq;
	uint32_t n;     /* changes, of the list `sent` */
	uint32_t bytes; /* of them */
	mono_t at;      /* when it was proposed first */
	uint32_t part;  /* from 1: a part of the first change behind it; n is 0 */
	uint32_t parts; /* its change stands for so many */
};

/* One that came, or a part of an import. */
struct incoming {
	struct letter letter;
	struct incoming *next;
	enum change_group group;
	bool is_part;
	uint8_t fate;      /* of an entry: enum apply_fate */
	size_t outcome_at; /* of its changes */
	struct apply_seen {
		uint64_t incarnation, seq, index;
	} seen;         /* of its site, before it */
	uint8_t *whole; /* a blob that came in parts, once they are put together */
	uint64_t index;
	change_done_fn *done; /* of a part */
	void *arg;
	size_t n;
	uint8_t bytes[];
};

/* A group that has an order.  The store thread's. */
struct ordered {
	const struct store_order *order; /* NULL: nobody gives one yet */
	enum change_group group;
	uint64_t site, incarnation, seq; /* seq: of the last one packed */
	bool has_leader;
	mono_t lost_at;    /* the leader */
	mono_t moved_at;   /* something came back, or all was proposed again */
	bool is_repeated;  /* since something came back */
	unsigned silences; /* since then: repeats that nothing came of */
	uint64_t clock;    /* the highest of all entries */
	em_err last;       /* how the last change was taken */
	uint64_t held;     /* bytes that press publishers */
	struct change_list waiting, sent;
	VEC(struct own_entry) own; /* those of `sent`, from `own_at` on */
	size_t own_at;
	uint64_t taken, answered; /* changes */
	struct incoming *in, *in_last;
	bool
	    is_stuck; /* the first of them is of a later level: this build cannot go on */
	/* The import under way: the next part, its table, and how far that is. */
	uint32_t part;
	unsigned part_table, part_empty; /* of them without a row */
	VEC(uint8_t) part_at;
	/* Read by any thread. */
	_Atomic bool is_ordered, is_importing;
	_Atomic uint64_t applied, waiting_n, waiting_bytes;
};

struct store {
	struct kv *kv;
	struct store_metrics metrics;
	change_apply_fn *apply[CHANGE_KIND_N];
	change_follow_fn *follow[CHANGE_KIND_N];
	_Atomic uint64_t used, max;
	_Atomic unsigned level; /* what all members know */
	/* The store thread's. */
	VEC(struct change *) batch;
	uint64_t batch_bytes;
	em_err last;                 /* how the last batch ended */
	const char *_Atomic refusal; /* constant; read by any thread */
	em_err told;                 /* what the alarm says; EM_OK: it is not raised */
	mono_t refused_at;           /* the last time */
	struct timer calm;
	struct ordered group[CHANGE_GROUP_N];
	uint64_t clock; /* of stamps: stamp_next() */
	bool is_ahead;  /* it is far ahead of the wall's, and that was said */
	size_t tombs_most;
	struct stamp_wall wall;
	struct timer pace;
	struct timer again;           /* entries that the disk did not take */
	VEC(struct change *) flushes; /* that wait for a group */
	VEC(struct change *) useless; /* rows at boot that all nodes shall delete */
};

static inline struct store *
store_self(void)
{
	return node_slot(ROOM_STORE);
}

static inline struct slice
change_key(const struct change *c)
{
	return slice_of(c->bytes, c->key_n);
}

static inline struct slice
change_blob(const struct change *c)
{
	return slice_of(c->bytes + c->key_n, c->blob_n);
}

static inline bool
change_is_deletion(const struct change *c)
{
	return c->what == CHANGE_DEL || c->what == CHANGE_EXPIRE;
}

static inline size_t
change_size(const struct change *c)
{
	return sizeof *c + c->key_n + c->blob_n;
}

extern const char *const change_table_name[TABLE_N];

/* Puts it in the transaction under way. */
EM_MUST_USE em_err change_do(struct store *s, const struct change *c);
/* Tells who watches; @is_overtaken: a newer one of another node holds. */
void change_tell_end(struct store *s, const struct change *c, bool is_overtaken);
/* Tells who waits, and frees it. */
void change_answer(struct change *c);
static inline void
change_list_add(struct change_list *l, struct change *c)
{
	c->letter.next = NULL;
	if (l->last != NULL)
		l->last->letter.next = &c->letter;
	else
		l->first = c;
	l->last = c;
	l->n++;
	l->bytes += change_size(c);
}
struct change *change_list_take(struct change_list *l);
void store_deliver(void *arg); /* at the end of a turn */
void store_read_size(struct store *s);

/* All changes of the batch: on the disk, refused, answered. */
void batch_finish(struct store *s);

/* ---- ordered.c: what this node proposes */

/* What the disk says, at birth. */
void ordered_recover(struct store *s);
/* Says once that the clock of stamps is far ahead of the wall's. */
void ordered_look_at_clock(struct store *s);
/* The store thread begins, and ends: what can be settled is. */
void ordered_worker_birth(struct store *s);
void ordered_worker_death(struct store *s);
struct ordered *ordered_of(struct store *s, enum change_kind kind); /* NULL: of none */
/* A change was sent. */
void ordered_take(struct store *s, struct ordered *o, struct change *c);
/* A flush waits for those that were; false: for none. */
bool ordered_waits(struct store *s, struct change *flush);
/* What can be proposed is. */
void ordered_pump(struct store *s);
/* Is it the oldest of ours that has not come back? */
bool ordered_is_own(
    const struct ordered *o, uint64_t site, uint64_t incarnation, uint64_t seq);
/* That one came back.  @outcome: of each change; NULL: not known. */
void ordered_came_back(struct store *s, struct ordered *o, const uint8_t *outcome);
/* One of ours was dropped, after @seen of ours: an older one is missing. */
void ordered_is_missing(
    struct store *s, struct ordered *o, const struct apply_seen *seen);
/* The rows are another node's: what they have of ours came back. */
void ordered_settle(struct store *s, struct ordered *o, const struct apply_seen *seen);
/* A new row of the raft table, with what the group is now. */
EM_MUST_USE em_err ordered_save(struct store *s, const struct ordered *o,
    uint64_t applied, uint64_t clock, bool is_importing);

/* ---- ordered_pack.c */

enum { ORDERED_WINDOW = 64 }; /* entries of ours under way */

static inline struct change *
change_behind(const struct change *c)
{
	struct letter *l = c->letter.next;

	return l != NULL ? LIST_OWNER(l, struct change, letter) : NULL;
}

/* Packs and proposes what may go. */
void ordered_pack(struct ordered *o);
/* Proposes all that is under way once more. */
void ordered_pack_again(struct ordered *o);
/* Does it fit? */
bool ordered_pack_may(const struct ordered *o, const struct change *c);

/* ---- apply.c: what came in order */

enum apply_fate {
	APPLY_SKIPPED,
	APPLY_MALFORMED,
	APPLY_REPEATED,
	APPLY_GAP,
	APPLY_TAKEN
};
enum apply_outcome { APPLY_DONE, APPLY_OVERTAKEN };
void apply_take(struct ordered *o, struct incoming *in);
/* What came and was not applied. */
void apply_forget(struct ordered *o);
/* All that came, in as few transactions as the disk likes. */
void apply_finish(struct store *s);
/* What came of a site last; 0: nothing. */
EM_MUST_USE em_err apply_seen_of(
    struct store *s, enum change_group g, uint64_t site, struct apply_seen *out);
enum store_table apply_seen_table(enum change_group g);

/* ---- import.c */

void import_take(struct store *s, struct incoming *in);
/* The tables of a group in the order of their travel. */
unsigned import_tables(enum change_group g, uint8_t table[TABLE_N]);
uint8_t import_wire_number(uint8_t table);

/* What an operator sees of a batch that ended so. */
void refusal_tell(struct store *s, em_err err);

#endif
