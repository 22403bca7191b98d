/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: retained messages for a new subscription.  The session pulls them: one
 * cursor a subscription, a bounded number a turn, and only while its window and its
 * socket take them.  So a subscriber of `#` waits for nobody and nobody for it.
 */
#include "emqxd/core/clock.h"
#include "emqxd/core/loop.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/inside.h"

#define A_TURN 128u /* messages for one session */

static void
cursor_close(struct session_rare *rare, size_t i)
{
	retain_close(&rare->cursors.p[i].cursor);
	rare->cursors.p[i] = rare->cursors.p[--rare->cursors.n];
}

/* One step of the first cursor; false: not now. */
static bool
pull_one(struct session *s)
{
	struct session_rare *rare = s->rare;
	struct session_cursor *c = &rare->cursors.p[0];
	struct message *m, view;
	bool is_done = false;

	if (!deliver_has_room(s, c->opts.qos))
		return false;
	m = retain_next(c->cursor, &is_done);
	if (m == NULL) {
		if (is_done)
			cursor_close(rare, 0);
		return is_done && rare->cursors.n > 0;
	}
	view = message_view_of(m);
	view.is_retained = true;
	deliver_to(s, &c->opts, &view, true);
	message_done(&view);
	message_unref(&m);
	return true;
}

/* True: more may come in the next turn. */
static bool
pull_some(struct session *s)
{
	for (unsigned n = 0; n < A_TURN && s->rare->cursors.n > 0; n++)
		if (!pull_one(s))
			break;
	return s->rare->cursors.n > 0 &&
	       deliver_has_room(s, s->rare->cursors.p[0].opts.qos);
}

static void
at_deliver(void *arg)
{
	struct session_worker *w = arg;

	LIST_EACH_SAFE (node, &w->pulling) {
		struct session_rare *rare =
		    LIST_OWNER(node, struct session_rare, pulling);

		if (pull_some(rare->session))
			loop_hurry(worker_self()->loop);
		else
			list_del(&rare->pulling); /* session_pump() brings it back */
	}
}

void
pull_birth(void)
{
	loop_at_turn(worker_self()->loop, LOOP_DELIVER, at_deliver, session_worker());
}

void
pull_schedule(struct session *s)
{
	struct session_rare *rare = s->rare;

	if (rare->cursors.n > 0 && list_is_empty(&rare->pulling))
		list_push(&session_worker()->pulling, &rare->pulling);
}

void
pull_begin(struct session *s, struct slice filter, struct subopts opts)
{
	struct session_rare *rare;
	struct retain_cursor *cursor;

	if (retain_count() == 0)
		return;
	rare = session_rare_of(s);
	cursor = retain_open(filter);
	VEC_ADD(&rare->cursors, ((struct session_cursor){ cursor, opts }));
	pull_schedule(s);
}

void
pull_end(struct session *s)
{
	while (s->rare->cursors.n > 0)
		cursor_close(s->rare, 0);
	VEC_FINI(&s->rare->cursors);
	list_del(&s->rare->pulling);
}
