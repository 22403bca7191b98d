/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mqpub: publishes numbered messages as fast as the broker takes them, and ends
 * when all are acknowledged.  Arguments: mq.h.  Prints "sent N".
 *
 * With QoS 1 and 2 at most 64 messages are under way, or the broker's receive
 * maximum when that is less.
 */
#include "tests/tools/mq.h"
#include <poll.h>

enum { WINDOW = 64, CHUNK = 262144 };

struct publisher {
	struct mq mq;
	uint64_t sent, done; /* done: acknowledged */
	struct wbuf out;     /* not yet sent */
	uint8_t *payload;
};

static bool
has_room(const struct publisher *b)
{
	uint64_t window = b->mq.receive_max < WINDOW ? b->mq.receive_max : WINDOW;

	return b->sent < b->mq.count && b->out.n < CHUNK &&
	       (b->mq.qos == 0 || b->sent - b->done < window);
}

static void
add_publish(struct publisher *b)
{
	struct mqtt_publish p = { .topic = slice_str(b->mq.topic),
		.payload = mq_payload(&b->mq, b->sent, b->payload),
		.qos = (uint8_t)b->mq.qos,
		.packet_id = (uint16_t)(b->mq.qos > 0 ? 1 + b->sent % 65535 : 0) };

	if (mqtt_encode_publish_whole(&b->out, &p, b->mq.version) != EM_OK)
		mq_die(&b->mq, "no memory");
	b->sent++;
}

static void
on_packet(struct publisher *b, const struct mqtt_packet *p)
{
	uint8_t *rel;

	if (p->type == MQTT_PUBREC && p->ack.reason < 0x80) {
		rel = wbuf_room(&b->out, MQTT_ACK_SHORT);
		if (rel == NULL)
			mq_die(&b->mq, "no memory");
		mqtt_encode_ack_short(rel, MQTT_PUBREL, p->ack.packet_id);
	} else if ((p->type == MQTT_PUBACK || p->type == MQTT_PUBCOMP) &&
		   p->ack.reason < 0x80)
		b->done++;
	else
		mq_die(&b->mq, "the broker refused a message");
}

/* Sends what the socket takes and reads what came. */
static void
turn(struct publisher *b)
{
	struct pollfd fd = { .fd = b->mq.fd, .events = POLLIN };
	struct mqtt_packet p;
	ssize_t n;

	if (b->out.n > 0)
		fd.events |= POLLOUT;
	if (poll(&fd, 1, -1) <= 0)
		return;
	if ((fd.revents & POLLOUT) != 0) {
		n = send(b->mq.fd, b->out.p, b->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			memmove(b->out.p, b->out.p + n, b->out.n - (size_t)n);
			b->out.n -= (size_t)n;
		}
	}
	if ((fd.revents & ~POLLOUT) == 0)
		return;
	mq_fill(&b->mq, MSG_DONTWAIT);
	while (mq_take(&b->mq, &p))
		on_packet(b, &p);
}

int
main(int argc, char **argv)
{
	struct publisher b = { .out = wbuf_growing(MQTT_LEN_MAX) };

	mq_open(&b.mq, argc, argv, "", NULL);
	b.payload = mem_new(b.mq.max + 1);
	while (b.sent < b.mq.count || b.out.n > 0 || (b.mq.qos > 0 && b.done < b.sent)) {
		while (has_room(&b))
			add_publish(&b);
		turn(&b);
	}
	printf("sent %llu\n", (unsigned long long)b.sent);
	mq_close(&b.mq);
	wbuf_fini(&b.out);
	mem_free(b.payload);
	return 0;
}
