/* SPDX-License-Identifier: Apache-2.0 */
/* pending: see pending.h. */
#include "emqxd/client/pending.h"
#include "emqxd/client/extra.h"
#include "ipc/base/mem.h"

struct pending {
	struct pending *next;
	struct channel *ch; /* NULL: its channel has ended */
	uint16_t packet_id;
	uint8_t qos, code;
	bool is_due, is_lost; /* lost: the disk did not take it */
};

struct pending *
pending_open(struct channel *ch, uint16_t id, uint8_t qos)
{
	struct pending_queue *q = &extra_of(&ch->extra)->pending;
	struct pending *p = MEM_NEW(struct pending);

	p->ch = ch;
	p->packet_id = id;
	p->qos = qos;
	if (q->last != NULL)
		q->last->next = p;
	else
		q->first = p;
	q->last = p;
	q->n++;
	ch->flags |= CHANNEL_ACKS_WAIT;
	if (!pending_may_read(ch))
		conn_pause(ch->conn);
	return p;
}

void
pending_code(struct pending *p, uint8_t code)
{
	p->code = code;
}

static void
say(struct channel *ch, const struct pending *p)
{
	if (p->is_lost && !channel_is_v5(ch))
		/* PUBACK has no code there: it would say that all is well. */
		channel_refuse(ch, REASON_QUOTA_EXCEEDED,
		    "the disk does not take a retained message");
	else
		publish_acknowledge(ch, p->qos, p->packet_id, p->code);
}

void
pending_due(struct pending *due)
{
	struct channel *ch = due->ch;
	struct pending_queue *q = &ch->extra->pending;
	struct conn *conn = ch->conn;

	due->is_due = true;
	while (q->first != NULL && q->first->is_due) {
		struct pending *p = q->first;

		q->first = p->next;
		if (q->first == NULL)
			q->last = NULL;
		q->n--;
		say(ch, p);
		mem_free(p);
		if (conn_is_ended(conn))
			return; /* the channel is gone, and the others are left */
	}
	if (q->first == NULL)
		ch->flags &= (uint16_t)~CHANNEL_ACKS_WAIT;
	channel_read_on(ch);
}

void
pending_done(void *arg, em_err err)
{
	struct pending *p = arg;

	if (p->ch == NULL) {
		mem_free(p);
		return;
	}
	if (err != EM_OK) {
		p->code = REASON_QUOTA_EXCEEDED;
		p->is_lost = true;
	}
	pending_due(p);
}

void
pending_leave(struct channel *ch)
{
	struct pending *p = ch->extra != NULL ? ch->extra->pending.first : NULL;

	while (p != NULL) {
		struct pending *next = p->next;

		if (p->is_due)
			mem_free(p);
		else
			p->ch = NULL; /* pending_done() frees it */
		p = next;
	}
	if (ch->extra != NULL)
		ch->extra->pending = (struct pending_queue){ .n = 0 };
}

/* The Receive Maximum, as CONNACK told it. */
static unsigned
most(const struct channel *ch)
{
	uint32_t max = channel_promise(ch).max_awaiting_rel;

	return max > 0 && max < UINT16_MAX ? max : UINT16_MAX;
}

bool
pending_may_read(const struct channel *ch)
{
	return (ch->flags & CHANNEL_ACKS_WAIT) == 0 || ch->extra->pending.n < most(ch);
}
