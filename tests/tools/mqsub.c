/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqsub: receives what mqpub sends and compares every byte.  Arguments: mq.h, and
 *
 *	-l  some may be missing, as after a full queue; the last must come
 *
 * Prints "ready" when it is subscribed.  With -l it then reads nothing from the
 * broker until a line comes on stdin: a subscriber that does not read.  At the end
 * "received N"; status 1 and a sentence when one is missing, doubled, changed or out
 * of order.
 */
#include "tests/tools/mq.h"

struct subscriber {
	struct mq mq;
	bool is_lossy;
	uint64_t next; /* the number that must come, or the least that may */
	uint64_t received;
	uint8_t *payload;
};

static void
subscribe(struct subscriber *s)
{
	struct wbuf filters = wbuf_growing(65536);
	struct mqtt_filter f = { .filter = slice_str(s->mq.topic),
		.qos = (uint8_t)s->mq.qos };
	struct mqtt_packet p = { .type = MQTT_SUBSCRIBE, .version = s->mq.version };

	mqtt_encode_filter(&filters, &f);
	p.subscribe.packet_id = 1;
	p.subscribe.filters = wbuf_slice(&filters);
	mq_send_packet(&s->mq, &p);
	mq_await(&s->mq, MQTT_SUBACK, &p);
	if (p.suback.codes.p[0] != s->mq.qos)
		mq_die(&s->mq, "not granted");
	wbuf_fini(&filters);
}

/* Which message is it?  The next one, unless some may be missing. */
static uint64_t
number_of(const struct subscriber *s, struct slice payload)
{
	uint64_t number = s->next;
	struct slice digits = slice_head(payload, MQ_NUMBER);

	if (s->is_lossy &&
	    (digits.n < MQ_NUMBER || num_parse_u64(digits, &number) != EM_OK))
		mq_die(&s->mq, "a message without a number");
	return number;
}

static void
answer(struct subscriber *s, enum mqtt_type type, uint16_t id)
{
	uint8_t ack[MQTT_ACK_SHORT];

	mqtt_encode_ack_short(ack, type, id);
	mq_send(&s->mq, slice_of(ack, sizeof ack));
}

static void
on_publish(struct subscriber *s, const struct mqtt_publish *p)
{
	uint64_t number = number_of(s, p->payload);
	char text[96];

	if (number < s->next || number >= s->mq.count ||
	    !slice_eq(p->payload, mq_payload(&s->mq, number, s->payload)) ||
	    p->qos != s->mq.qos || p->dup) {
		snprintf(text, sizeof text,
		    "message %llu of %zu bytes is not what was sent",
		    (unsigned long long)number, p->payload.n);
		mq_die(&s->mq, text);
	}
	s->next = number + 1;
	s->received++;
	if (p->qos == 1)
		answer(s, MQTT_PUBACK, p->packet_id);
	else if (p->qos == 2)
		answer(s, MQTT_PUBREC, p->packet_id);
}

int
main(int argc, char **argv)
{
	struct subscriber s = { .received = 0 };
	struct mqtt_packet p;

	mq_open(&s.mq, argc, argv, "l", &s.is_lossy);
	s.payload = mem_new(s.mq.max + 1);
	subscribe(&s);
	printf("ready\n");
	fflush(stdout);
	if (s.is_lossy && getchar() == EOF)
		mq_die(&s.mq, "nobody said that it may read");
	while (s.next < s.mq.count) {
		if (!mq_take(&s.mq, &p))
			mq_fill(&s.mq, 0);
		else if (p.type == MQTT_PUBLISH)
			on_publish(&s, &p.publish);
		else if (p.type == MQTT_PUBREL)
			answer(&s, MQTT_PUBCOMP, p.ack.packet_id);
		else
			mq_die(&s.mq, "an unexpected packet");
	}
	printf("received %llu\n", (unsigned long long)s.received);
	mq_close(&s.mq);
	mem_free(s.payload);
	return 0;
}
