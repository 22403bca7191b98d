/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change_inside: what the files of store/ share: a change, and the store.  Only inside store/.
 */
#ifndef STORE_CHANGE_INSIDE_H
#define STORE_CHANGE_INSIDE_H

#include "emqxd/core/mailbox.h"
#include "emqxd/core/timer.h"
#include "emqxd/store/change.h"
#include "emqxd/store/kv.h"
#include "ipc/base/vec.h"

enum change_what { CHANGE_PUT, CHANGE_DEL, CHANGE_FLUSH };

struct change {
	struct letter letter;
	change_done_fn *done;
	void *arg;
	change_end_fn *watch; /* or NULL */
	enum change_kind kind;
	em_err err;
	uint32_t blob_n;
	uint16_t key_n;
	uint8_t what;
	uint8_t bytes[]; /* key, blob */
};

struct store {
	struct kv *kv;
	struct store_metrics metrics;
	change_apply_fn *apply[CHANGE_KIND_N];
	change_follow_fn *follow[CHANGE_KIND_N];
	_Atomic uint64_t used, max;
	/* The store thread's. */
	VEC(struct change *) batch;
	uint64_t batch_bytes;
	em_err last;       /* how the last batch ended */
	em_err told;       /* what the alarm says; EM_OK: it is not raised */
	mono_t refused_at; /* the last time */
	struct timer calm;
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

static inline size_t
change_size(const struct change *c)
{
	return sizeof *c + c->key_n + c->blob_n;
}

extern const char *const change_kind_name[CHANGE_KIND_N];

/* Puts it in the transaction under way. */
EM_MUST_USE em_err change_do(struct store *s, const struct change *c);
/* Tells who waits, and frees it. */
void change_answer(struct change *c);
void store_read_size(struct store *s);

/* All changes of the batch: on the disk, refused, answered. */
void batch_finish(struct store *s);
void batch_at_deliver(void *arg);

/* What an operator sees of a batch that ended so. */
void refusal_tell(struct store *s, em_err err);

#endif
