/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch: the store thread's transactions.  It opens letters for a bounded time, as every
 * thread, and commits at the end of the turn unless more is there already: while the disk
 * syncs, the next batch gathers.  So a lone change takes one sync, and a flood of them few.
 *
 * A batch that fails is tried again without the change that did not fit, and without what
 * is not smaller behind it, so that a large one does no harm to its neighbours; after a few
 * such tries only deletions are left.  What a full store refuses costs no sync.
 */
#include "emqxd/core/loop.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"

#define BATCH_BYTES (8u << 20) /* enough for one transaction */
#define BATCH_MAX 20000u       /* changes */
#define FAILURES_MAX 8u        /* of a batch, then only deletions are tried */

/* The changes [from, upto) that were not refused yet, in one transaction.  When it fails:
 * *at is the change that did it, or @upto when the disk did not take the whole. */
static em_err
try_some(struct store *s, size_t from, size_t upto, size_t *at)
{
	em_err err = kv_begin(s->kv);
	bool is_empty = true;

	for (*at = from; *at < upto && err == EM_OK; ++*at) {
		const struct change *c = s->batch.p[*at];

		if (c->err != EM_OK || c->what == CHANGE_FLUSH)
			continue;
		is_empty = false;
		err = change_do(s, c);
		if (err != EM_OK)
			return err;
	}
	*at = upto;
	if (err == EM_OK && is_empty) {
		kv_abort(s->kv);
		return EM_OK;
	}
	if (err == EM_OK)
		err = kv_commit(s->kv);
	metric_add(s->metrics.commits, err == EM_OK);
	return err;
}

/* Refuses what stands behind @at: rows of @least bytes and more, and deletions too if so
 * said. */
static void
refuse_behind(struct store *s, size_t at, em_err err, size_t least, bool deletions)
{
	for (size_t i = at + 1; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		if (c->err == EM_OK && c->what != CHANGE_FLUSH &&
		    (change_is_deletion(c) ? deletions : change_size(c) >= least))
			c->err = err;
	}
}

/* The change @at is left out, and what would fare no better: after a row those that are
 * not smaller.  One that fails by itself, or after so many others, speaks for all rows
 * behind it, and a deletion for deletions too. */
static void
leave_out(struct store *s, size_t at, em_err err, bool speaks_for_all)
{
	struct change *c = s->batch.p[at];

	c->err = err;
	if (speaks_for_all)
		refuse_behind(s, at, err, 0, change_is_deletion(c));
	else if (c->what == CHANGE_PUT)
		refuse_behind(s, at, err, change_size(c), false);
}

/* As many changes of the batch as there is room for.  Each failure ends a transaction
 * without a sync; a commit that the disk refuses is tried again with half of it. */
static void
try_what_fits(struct store *s)
{
	size_t from = 0, upto = s->batch.n, at;

	for (unsigned failures = 0; from < s->batch.n;) {
		em_err err = try_some(s, from, upto, &at);

		if (err == EM_OK) {
			from = upto;
			upto = s->batch.n;
			continue;
		}
		if (at < upto)
			leave_out(s, at, err, ++failures >= FAILURES_MAX);
		else if (upto - from > 1)
			upto = from + (upto - from) / 2;
		else
			leave_out(s, from, err, true);
	}
}

/* The first refusal in the batch; flushes say whether one of those before them was. */
static em_err
first_refusal(struct store *s)
{
	em_err first = EM_OK;

	for (size_t i = 0; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		if (c->what == CHANGE_FLUSH)
			c->err = first;
		else if (first == EM_OK)
			first = c->err;
	}
	return first;
}

/* ---- its end */

static void
tell_follow(struct store *s, const struct change *c)
{
	change_follow_fn *follow = s->follow[c->kind];

	if (follow == NULL || c->err != EM_OK || c->what == CHANGE_FLUSH)
		return;
	follow(change_key(c), c->what == CHANGE_PUT ? change_blob(c) : SLICE_NONE, true);
}

/* Nothing but flushes: then there is nothing to commit. */
static bool
has_changes(const struct store *s)
{
	for (size_t i = 0; i < s->batch.n; i++)
		if (s->batch.p[i]->what != CHANGE_FLUSH)
			return true;
	return false;
}

static void
commit(struct store *s)
{
	if (has_changes(s)) {
		try_what_fits(s);
		refusal_tell(s, first_refusal(s));
		return;
	}
	for (size_t i = 0; i < s->batch.n; i++)
		s->batch.p[i]->err = s->last;
}

void
batch_finish(struct store *s)
{
	if (s->batch.n == 0)
		return;
	commit(s);
	store_read_size(s);
	for (size_t i = 0; i < s->batch.n; i++) {
		struct change *c = s->batch.p[i];

		if (c->what != CHANGE_FLUSH)
			metric_inc(
			    c->err == EM_OK ? s->metrics.changes : s->metrics.refused);
		tell_follow(s, c);
		change_tell_end(s, c, false);
		change_answer(c);
	}
	s->batch.n = 0;
	s->batch_bytes = 0;
}

static bool
has_incoming(const struct store *s)
{
	for (unsigned g = 0; g < CHANGE_GROUP_N; g++)
		if (s->group[g].in != NULL)
			return true;
	return false;
}

void
store_deliver(void *arg)
{
	struct store *s = arg;
	bool is_busy = s->batch.n > 0 || has_incoming(s);

	if (is_busy && mailbox_has_more(worker_self()) && s->batch_bytes < BATCH_BYTES &&
	    s->batch.n < BATCH_MAX) {
		loop_hurry(worker_self()->loop);
	} else if (is_busy) {
		batch_finish(s);
		apply_finish(s);
		s->batch_bytes = 0;
	}
	ordered_pump(s);
}
