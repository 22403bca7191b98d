/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pressure: a publisher whose messages meet a full mailbox stops being read until the
 * receiver has opened what waits there.
 *
 * Mailboxes are first in, first out: a probe posted behind the data comes back when all
 * of that was opened.  One probe a receiver is under way at a time; everybody who waits for
 * that receiver goes on with it.  Who has taken his share of a turn waits for the worker
 * that he is on.
 */
#include "emqxd/client/channel.h"
#include "emqxd/core/mailbox.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct probe {
	struct letter letter;
	uint16_t about; /* the receiver */
	bool is_back;
};

static void
go_on(struct client_waiting *waiting)
{
	for (size_t i = 0; i < waiting->channels.n; i++) {
		struct channel *ch = waiting->channels.p[i];

		ch->flags &= (uint16_t)~CHANNEL_WAITS;
		channel_read_on(ch);
	}
	waiting->channels.n = 0;
	waiting->is_probed = false;
}

static void
on_probe(struct letter *l)
{
	struct probe *p = LIST_OWNER(l, struct probe, letter);
	uint16_t asker = l->from;

	if (!p->is_back) {
		p->is_back = true;
		worker_post(worker_get(asker), l);
		return;
	}
	if (client_worker() != NULL) /* NULL: the thread has ended */
		go_on(&client_worker()->waiting[p->about]);
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
	if (!waiting->is_probed) {
		struct probe *p = MEM_NEW(struct probe);

		p->letter.open = on_probe;
		p->about = full->id;
		waiting->is_probed = true;
		worker_post(full, &p->letter);
	}
}

void
pressure_forget(struct channel *ch)
{
	struct client_worker *w = client_worker();

	if ((ch->flags & CHANNEL_WAITS) == 0)
		return;
	for (unsigned i = 0; i < worker_all(); i++)
		for (size_t k = 0; k < w->waiting[i].channels.n; k++)
			if (w->waiting[i].channels.p[k] == ch)
				w->waiting[i].channels.p[k--] =
				    w->waiting[i].channels.p[--w->waiting[i].channels.n];
}
