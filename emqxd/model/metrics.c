/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: see metrics.h. */
#include "emqxd/model/metrics.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"

static const struct metrics_info info[] = {
#define METRIC(id_, name_, help_) [METRIC_##id_] = { name_, help_ },
#include "emqxd/model/metric.def"
#undef METRIC
};

const struct metrics_info *
metrics_get(unsigned id)
{
	CHECK(id < METRIC_N);
	return &info[id];
}

static uint64_t
sum(const uint8_t *part, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += metric_sum(part[i]);
	return total;
}

static uint64_t
messages_received(void)
{
	static const uint8_t part[] = { METRIC_MESSAGES_QOS0_RECEIVED,
		METRIC_MESSAGES_QOS1_RECEIVED, METRIC_MESSAGES_QOS2_RECEIVED };

	return sum(part, sizeof part);
}

static uint64_t
messages_sent(void)
{
	static const uint8_t part[] = { METRIC_MESSAGES_QOS0_SENT,
		METRIC_MESSAGES_QOS1_SENT, METRIC_MESSAGES_QOS2_SENT };

	return sum(part, sizeof part);
}

/* All packets: PUBLISH and what has a counter of its own. */
static uint64_t
packets_received(void)
{
	static const uint8_t part[] = { METRIC_PACKETS_CONNECT_RECEIVED,
		METRIC_PACKETS_PUBLISH_ERROR, METRIC_PACKETS_PUBACK_RECEIVED,
		METRIC_PACKETS_PUBREC_RECEIVED, METRIC_PACKETS_PUBREL_RECEIVED,
		METRIC_PACKETS_PUBCOMP_RECEIVED, METRIC_PACKETS_SUBSCRIBE_RECEIVED,
		METRIC_PACKETS_UNSUBSCRIBE_RECEIVED, METRIC_PACKETS_PINGREQ_RECEIVED,
		METRIC_PACKETS_DISCONNECT_RECEIVED, METRIC_PACKETS_AUTH_RECEIVED };

	return messages_received() + sum(part, sizeof part);
}

static uint64_t
packets_sent(void)
{
	static const uint8_t part[] = { METRIC_PACKETS_CONNACK_SENT,
		METRIC_PACKETS_PUBACK_SENT, METRIC_PACKETS_PUBREC_SENT,
		METRIC_PACKETS_PUBREL_SENT, METRIC_PACKETS_PUBCOMP_SENT,
		METRIC_PACKETS_SUBACK_SENT, METRIC_PACKETS_UNSUBACK_SENT,
		METRIC_PACKETS_PINGRESP_SENT, METRIC_PACKETS_DISCONNECT_SENT,
		METRIC_PACKETS_AUTH_SENT };

	return messages_sent() + sum(part, sizeof part);
}

static uint64_t
turns(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_count(); i++)
		n += loop_turns(worker_get(i)->loop);
	return n;
}

static uint64_t
turns_long(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < worker_count(); i++)
		n += loop_turns_long(worker_get(i)->loop);
	return n;
}

static uint64_t
turn_max(void)
{
	int64_t longest = 0;

	for (unsigned i = 0; i < worker_count(); i++)
		if (loop_turn_max(worker_get(i)->loop).ns > longest)
			longest = loop_turn_max(worker_get(i)->loop).ns;
	return (uint64_t)longest / 1000;
}

/* The broker's own are counted; of what clients sent all that went its way. */
static uint64_t
messages_published(void)
{
	return messages_received() + metric_sum(METRIC_MESSAGES_PUBLISH) -
	       metric_sum(METRIC_PACKETS_PUBLISH_REPEATED) -
	       metric_sum(METRIC_PACKETS_PUBLISH_INUSE) -
	       metric_sum(METRIC_PACKETS_PUBLISH_DROPPED);
}

uint64_t
metrics_read(unsigned id)
{
	switch (id) {
	case METRIC_MESSAGES_RECEIVED: return messages_received();
	case METRIC_MESSAGES_SENT:
	case METRIC_MESSAGES_DELIVERED:
	case METRIC_PACKETS_PUBLISH_SENT: return messages_sent();
	case METRIC_MESSAGES_PUBLISH: return messages_published();
	case METRIC_PACKETS_PUBLISH_RECEIVED:
		return messages_received() + metric_sum(METRIC_PACKETS_PUBLISH_ERROR);
	case METRIC_PACKETS_RECEIVED: return packets_received();
	case METRIC_PACKETS_SENT: return packets_sent();
	case METRIC_LOOP_TURNS: return turns();
	case METRIC_LOOP_TURNS_LONG: return turns_long();
	case METRIC_LOOP_TURN_MAX: return turn_max();
	case METRIC_LOOP_TURN_MAX_LINK:
		return (uint64_t)loop_turn_max(worker_link()->loop).ns / 1000;
	}
	return metric_sum(id);
}
