/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pressure: a publisher whose messages meet a full mailbox stops being read until the
 * receiver has opened what waits there.
 *
 * Mailboxes are first in, first out: a probe posted behind the data comes back when all
 * of that was opened.  One probe a receiver is under way at a time; everybody who waits for
 * that receiver goes on with it.  A receiver that takes no more data for a reason of its own
 * (the link thread, whose peer's buffer is full) keeps the probe meanwhile.  Who has taken his share of a turn waits for the worker
 * that he is on.
 */
#include "emqxd/client/channel.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/mailbox.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

#define A_LOOK span_ms(20) /* whether the receiver takes data again */

struct probe {
	struct letter letter;
	struct timer wait; /* the receiver's */
	uint16_t about;    /* the receiver */
	uint16_t asker;
	bool is_back;
};

static void on_probe(struct letter *l);

static void
swap(struct client_waiting *w)
{
	struct client_waiting was = *w;

	memcpy(&w->going, &was.channels, sizeof w->going);
	memcpy(&w->channels, &was.going, sizeof w->channels);
}

static void
ask(struct client_waiting *waiting, struct worker *about)
{
	struct probe *p;

	if (waiting->is_probed)
		return;
	p = MEM_NEW(struct probe);
	p->letter.open = on_probe;
	p->about = about->id;
	waiting->is_probed = true;
	worker_post(about, &p->letter);
}

/* The turn is over before @from of those that may go on: they are the first in the next. */
static void
leave_rest(struct client_waiting *w, size_t from, struct worker *about)
{
	size_t n = 0;

	for (size_t i = from; i < w->going.n; i++) {
		if (w->going.p[i] != NULL)
			w->going.p[n++] = w->going.p[i];
	}
	w->going.n = n;
	for (size_t i = 0; i < w->channels.n; i++)
		VEC_ADD(&w->going, w->channels.p[i]);
	w->channels.n = 0;
	swap(w);
	ask(w, about);
}

/* Who goes on may have to wait again, and then does so in the other list. */
static void
go_on(struct worker *about)
{
	struct client_waiting *w = &client_worker()->waiting[about->id];
	size_t i;

	swap(w);
	w->is_probed = false;
	for (i = 0; i < w->going.n && (i == 0 || !loop_is_late()); i++) {
		struct channel *ch = w->going.p[i];

		if (ch == NULL)
			continue; /* it ended meanwhile */
		w->going.p[i] = NULL;
		ch->flags &= (uint16_t)~CHANNEL_WAITS;
		channel_read_on(ch);
	}
	if (i < w->going.n)
		leave_rest(w, i, about);
	else
		w->going.n = 0;
}

static void
send_back(struct timer *t)
{
	struct probe *p = LIST_OWNER(t, struct probe, wait);

	if (mailbox_is_blocked(worker_self())) {
		timer_arm(t, A_LOOK, send_back);
		return;
	}
	p->is_back = true;
	worker_post(worker_get(p->asker), &p->letter);
}

static void
on_probe(struct letter *l)
{
	struct probe *p = LIST_OWNER(l, struct probe, letter);

	if (!p->is_back) {
		p->asker = l->from;
		send_back(&p->wait);
		return;
	}
	if (client_worker() != NULL) /* NULL: the thread has ended */
		go_on(worker_get(p->about));
	mem_free(p);
}

void
pressure_pause(struct channel *ch, struct worker *full)
{
	struct client_waiting *waiting = &client_worker()->waiting[full->id];

	if (conn_is_ended(ch->conn) || (ch->flags & CHANNEL_WAITS) != 0)
		return;
	conn_pause(ch->conn);
	ch->flags |= CHANNEL_WAITS;
	VEC_ADD(&waiting->channels, ch);
	ask(waiting, full);
}

void
pressure_forget(struct channel *ch)
{
	struct client_worker *w = client_worker();

	if ((ch->flags & CHANNEL_WAITS) == 0)
		return;
	for (unsigned i = 0; i < worker_all(); i++) {
		for (size_t k = 0; k < w->waiting[i].going.n; k++)
			if (w->waiting[i].going.p[k] == ch)
				w->waiting[i].going.p[k] = NULL;
		for (size_t k = 0; k < w->waiting[i].channels.n; k++)
			if (w->waiting[i].channels.p[k] == ch)
				w->waiting[i].channels.p[k--] =
				    w->waiting[i].channels.p[--w->waiting[i].channels.n];
	}
}
