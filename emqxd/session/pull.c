/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: retained messages for a new subscription.  The session pulls them: one
 * cursor a subscription, for a bounded time a turn, and only while its window and its
 * socket take them.  So a subscriber of `#` waits for nobody and nobody for it.  A
 * cursor goes on under the options that its subscription has now, and ends with it.
 */
#include "emqxd/core/loop.h"
#include "emqxd/model/metrics.h"
#include "emqxd/session/inside.h"
#include "ipc/base/hash.h"
#include "ipc/base/mem.h"

#define A_TURN 512u         /* steps of all sessions' cursors */
#define A_TIME span_us(300) /* that they may take */
#define A_LOOK 4u           /* steps between two looks at the clock: topics may be long */
#define A_SESSION 128u      /* of one session's, before it is another's turn */
#define PACE span_ms(10)    /* between two looks, when the rate is reached */
#define SPARE 16u /* cursors beyond two a subscription, before they are tidied */

static void
cursor_close(struct session_rare *rare, size_t i)
{
	struct session_cursor *c = &rare->cursors.p[i];

	retain_close(&c->cursor);
	mem_free(c->filter);
	*c = rare->cursors.p[--rare->cursors.n];
}

/* Is the client the one who published it?  Its id says so also when that was in another
 * session. */
static bool
is_own(const struct session *s, const struct subopts *opts, const struct message *m)
{
	return session_wants_no_own(s, opts) && slice_eq(m->from, session_clientid(s));
}

static void
bring(struct session *s, const struct subopts *opts, struct message *m)
{
	struct message view;

	if (is_own(s, opts, m)) {
		metric_inc(METRIC_DELIVERY_DROPPED);
		metric_inc(METRIC_DELIVERY_DROPPED_NO_LOCAL);
		return;
	}
	view = message_view_of(m);
	(void)!deliver_to(s, opts, &view, true, 0);
	message_done(&view);
}

/* What is left of a turn. */
struct budget {
	uint32_t steps;    /* that cursors may take */
	uint32_t messages; /* that may go out: retainer.delivery_rate */
	mono_t end;
	bool is_late;
};

static bool
is_spent(const struct budget *left)
{
	return left->steps == 0 || left->messages == 0 || left->is_late;
}

static void
spend_step(struct budget *left)
{
	if (left->steps > 0 && --left->steps % A_LOOK == 0)
		left->is_late = span_mono_now().ns >= left->end.ns;
}

/* Steps of the first cursor; true: it is over, and closed. */
static bool
pull_cursor(struct session *s, struct budget *left)
{
	struct session_rare *rare = s->rare;
	struct session_cursor *c = &rare->cursors.p[0];
	const struct subscription *sub =
	    router_find(&s->subscriber, SLICE_NONE, slice_of(c->filter, c->filter_n));
	bool is_done = sub == NULL; /* it was unsubscribed meanwhile */

	while (!is_done && !is_spent(left) && deliver_has_room(s, sub->opts.qos)) {
		struct message *m = retain_next(c->cursor, &is_done);

		spend_step(left);
		if (m == NULL)
			continue;
		left->messages--;
		bring(s, &sub->opts, m);
		message_unref(&m);
	}
	if (is_done)
		cursor_close(rare, 0);
	return is_done;
}

/* True: more may come now. */
static bool
pull_some(struct session *s, struct budget *left)
{
	struct budget rest = *left;
	uint32_t most = rest.steps < A_SESSION ? rest.steps : A_SESSION;
	bool is_over = true;

	rest.steps = most;
	while (is_over && !is_spent(&rest) && s->rare->cursors.n > 0) {
		is_over = pull_cursor(s, &rest);
		spend_step(&rest); /* finding and closing is work too */
	}
	left->steps -= most - rest.steps;
	left->messages = rest.messages;
	left->is_late = rest.is_late;
	return s->rare->cursors.n > 0 && (is_over || is_spent(&rest));
}

static void
line_up(struct session_rare *rare)
{
	if (rare->cursors.n > 0 && list_is_empty(&rare->pulling))
		list_push(&session_worker()->pulling, &rare->pulling);
}

static void
on_rate(struct timer *t)
{
	(void)t; /* the loop is awake, and at_deliver() comes in this turn */
}

static void
at_deliver(void *arg)
{
	struct session_worker *w = arg;
	struct budget left = { .steps = A_TURN };
	bool is_paced;

	if (list_is_empty(&w->pulling))
		return;
	left.messages = retain_may_deliver(A_TURN);
	left.end = mono_add(span_mono_now(), A_TIME);
	while (!is_spent(&left) && !list_is_empty(&w->pulling)) {
		struct session_rare *rare =
		    LIST_OWNER(w->pulling.next, struct session_rare, pulling);

		list_del(&rare->pulling);
		if (pull_some(rare->session, &left))
			line_up(rare);
		/* else session_pump() brings it back */
	}
	is_paced = left.messages == 0 && left.steps > 0 && !left.is_late;
	retain_not_delivered(left.messages);
	if (list_is_empty(&w->pulling))
		return;
	if (is_paced)
		timer_arm(&w->pace, PACE, on_rate);
	else
		loop_hurry(worker_self()->loop);
}

void
pull_birth(void)
{
	loop_at_turn(worker_self()->loop, LOOP_DELIVER, at_deliver, session_worker());
}

void
pull_schedule(struct session *s)
{
	struct session_worker *w = session_worker();

	line_up(s->rare);
	/* It may be the flush that asks: at_deliver() comes in the next turn, and that
	 * does not wait unless all wait for the rate. */
	if (!list_is_empty(&w->pulling) && !timer_is_armed(&w->pace))
		loop_hurry(worker_self()->loop);
}

/* A client may subscribe again and again, or come and go, and take nothing: of those that
 * have not begun yet one a subscription is enough. */
static void
tidy(struct session *s)
{
	struct session_rare *rare = s->rare;
	struct map seen = { 0 };

	for (size_t i = rare->cursors.n; i-- > 1;) {
		const struct session_cursor *c = &rare->cursors.p[i];
		struct slice filter = slice_of(c->filter, c->filter_n);

		if (router_find(&s->subscriber, SLICE_NONE, filter) == NULL ||
		    map_put(&seen, filter, rare) != NULL)
			cursor_close(rare, i);
	}
	map_fini(&seen);
}

void
pull_begin(struct session *s, struct slice filter)
{
	struct session_cursor c = { .filter_n = filter.n };
	struct session_rare *rare;

	if (!retain_may_match(filter))
		return;
	rare = session_rare_of(s);
	if (rare->cursors.n >= 2 * (size_t)s->subscriber.n + SPARE)
		tidy(s);
	c.cursor = retain_open(filter);
	c.filter = mem_dup(filter.p, filter.n);
	VEC_ADD(&rare->cursors, c);
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
