/* SPDX-License-Identifier: Apache-2.0 */
/* peer: see peer.h.  What it does; what it understands is in peer_hear.c. */
#include "tests/sim/peer.h"
#include "tests/sim/chance.h"
#include "tests/sim/ledger.h"
#include "tests/sim/node.h"
#include "tests/sim/peer_inside.h"
#include "tests/sim/trail.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"
#include "ipc/base/mem.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>

#define PAYLOAD_MAX 3200u
#define SECOND INT64_C(1000000000)

struct peer *
peer_new(unsigned number, unsigned workers)
{
	struct peer *p = MEM_NEW(struct peer);

	p->number = number;
	p->workers = workers;
	p->version = chance_one_in(2) ? MQTT_V5 : MQTT_V311;
	p->is_kept = !chance_one_in(3);
	p->retained_qos = (uint8_t)(1 + chance_below(2));
	for (unsigned f = 0; f < LEDGER_FILTERS; f++)
		/* What a member of a group takes at QoS 0 may be lost with it. */
		p->filter_qos[f] = (uint8_t)(ledger_is_shared(f) ? 1 + chance_below(2)
								 : chance_below(3));
	p->window = (uint16_t)(1 + chance_below(4));
	return p;
}

void
peer_free(struct peer **pp)
{
	MEM_FREE((*pp)->in.p);
	MEM_FREE(*pp);
}

/* ---- sending */

void
peer_say(struct peer *p, struct mqtt_packet packet)
{
	uint8_t room[4096];
	struct wbuf w = wbuf_fixed(room, sizeof room);
	em_err err;

	packet.version = p->version;
	err = mqtt_encode(&w, &packet);
	CHECK(err == EM_OK);
	wire_send(p->wire, wbuf_slice(&w));
	p->said = node_now();
}

static size_t
fill_payload(uint8_t *to, unsigned number)
{
	static const uint16_t sizes[] = { 12, 12, 20, 40, 40, 200, 700, 3000 };
	size_t n = sizes[number * 7 % (sizeof sizes / sizeof *sizes)];
	int head = snprintf((char *)to, PAYLOAD_MAX, "%u;", number);

	for (size_t i = (size_t)head; i < n; i++)
		to[i] = (uint8_t)(number + i);
	return n;
}

bool
peer_read_payload(struct slice payload, unsigned *number)
{
	uint8_t want[PAYLOAD_MAX];
	unsigned long v = 0;
	size_t i = 0;

	while (i < payload.n && i < 9 && payload.p[i] >= '0' && payload.p[i] <= '9')
		v = 10 * v + (unsigned long)(payload.p[i++] - '0');
	*number = (unsigned)v;
	return fill_payload(want, *number) == payload.n &&
	       memcmp(want, payload.p, payload.n) == 0;
}

static void
say_publish(struct peer *p, const struct peer_out *o, bool dup)
{
	uint8_t payload[PAYLOAD_MAX];
	unsigned topic = ledger_topic_of(o->number);
	struct mqtt_publish m = { .topic = slice_str(ledger_topic(topic)),
		.packet_id = o->id,
		.qos = o->qos,
		.dup = dup,
		.retain = topic == ledger_retained(p->number) };

	m.payload = slice_of(payload, fill_payload(payload, o->number));
	trail_add("c%u sends message %u on %s, QoS %u, id %u%s", p->number, o->number,
	    ledger_topic(topic), o->qos, o->id, dup ? ", again" : "");
	peer_say(p, (struct mqtt_packet){ .type = MQTT_PUBLISH, .publish = m });
}

void
peer_say_ack(struct peer *p, enum mqtt_type type, uint16_t id)
{
	static const char *const names[] = { [MQTT_PUBACK] = "PUBACK",
		[MQTT_PUBREC] = "PUBREC",
		[MQTT_PUBREL] = "PUBREL",
		[MQTT_PUBCOMP] = "PUBCOMP" };

	trail_add("c%u sends %s %u", p->number, names[type], id);
	peer_say(p, (struct mqtt_packet){ .type = type,
			.first = (uint8_t)(type << 4 | (type == MQTT_PUBREL ? 2 : 0)),
			.ack = { .packet_id = id } });
}

static bool
is_id_used(const struct peer *p, uint16_t id)
{
	for (unsigned i = 0; i < p->outs; i++)
		if (p->out[i].id == id)
			return true;
	return p->asked_id == id;
}

static uint16_t
new_id(struct peer *p)
{
	do
		p->last_id = (uint16_t)(p->last_id % 30 + 1);
	while (is_id_used(p, p->last_id));
	return p->last_id;
}

static void
publish(struct peer *p)
{
	unsigned topic = chance_below(p->is_kept ? 7 : 5);
	struct peer_out o = { .qos = (uint8_t)chance_below(3) };

	if (topic >= LEDGER_SHARED) { /* retained: by a kept session, of one QoS */
		topic = ledger_retained(p->number);
		o.qos = p->retained_qos;
	}
	if (o.qos > 0 && p->outs == PEER_OUTS)
		return;
	o.number = ledger_publish(p->number, topic, o.qos);
	if (o.qos > 0) {
		o.id = new_id(p);
		p->out[p->outs++] = o;
	}
	say_publish(p, &o, false);
}

/* After a session went on: in the order in which they were sent [MQTT5-4.4.0-1]. */
void
peer_resend(struct peer *p)
{
	for (unsigned i = 0; i < p->outs; i++) {
		if (p->out[i].is_released) {
			peer_say_ack(p, MQTT_PUBREL, p->out[i].id);
			continue;
		}
		ledger_resend(p->out[i].number);
		say_publish(p, &p->out[i], true);
	}
}

static void
ask(struct peer *p)
{
	unsigned f = chance_below(LEDGER_FILTERS);
	uint8_t room[64];
	struct wbuf w = wbuf_fixed(room, sizeof room);
	struct slice text = slice_str(ledger_filter(f));

	if (p->asked_id != 0 || (!p->is_kept && ledger_is_shared(f)))
		return;
	p->asked_id = 31;
	p->asked_filter = f;
	/* Again, when the answer was lost. */
	if (ledger_is_off(p->number, f) || ledger_is_asked(p->number, f)) {
		struct mqtt_filter filter = { .filter = text, .qos = p->filter_qos[f] };

		trail_add("c%u subscribes %s, QoS %u", p->number, ledger_filter(f),
		    p->filter_qos[f]);
		if (ledger_is_off(p->number, f))
			ledger_asks(p->number, f, p->filter_qos[f]);
		mqtt_encode_filter(&w, &filter);
		peer_say(p, (struct mqtt_packet){ .type = MQTT_SUBSCRIBE,
				.first = 0x82,
				.subscribe = { .packet_id = p->asked_id,
				    .filters = wbuf_slice(&w) } });
		return;
	}
	trail_add("c%u unsubscribes %s", p->number, ledger_filter(f));
	ledger_leaves(p->number, f);
	wbuf_bytes16(&w, text);
	peer_say(p,
	    (struct mqtt_packet){ .type = MQTT_UNSUBSCRIBE,
		.first = 0xa2,
		.unsubscribe = { .packet_id = p->asked_id, .filters = wbuf_slice(&w) } });
}

/* What it heard of is acknowledged late, in order. */
static bool
acknowledge(struct peer *p, unsigned most)
{
	unsigned n = p->acks < most ? p->acks : most;

	for (unsigned i = 0; i < n; i++) {
		peer_acked(p, p->ack[i].type, p->ack[i].id);
		peer_say_ack(p, p->ack[i].type, p->ack[i].id);
	}
	memmove(p->ack, p->ack + n, (p->acks - n) * sizeof *p->ack);
	p->acks -= n;
	return n > 0;
}

static void
ping(struct peer *p)
{
	trail_add("c%u pings", p->number);
	peer_say(p, (struct mqtt_packet){ .type = MQTT_PINGREQ, .first = 0xc0 });
}

/* ---- coming and going */

static void
set_will(struct peer *p, struct mqtt_connect *c, uint8_t *payload)
{
	p->has_will = !p->is_settling && chance_one_in(3);
	p->will_delay = 0;
	if (!p->has_will)
		return;
	c->has_will = true;
	c->will.qos = (uint8_t)(1 + chance_below(2));
	p->will = ledger_will(p->number, c->will.qos);
	c->will.topic = slice_str(ledger_topic(ledger_will_topic(p->number)));
	c->will.payload = slice_of(payload, fill_payload(payload, p->will));
	if (p->version == MQTT_V5 && p->is_kept && chance_one_in(2)) {
		p->will_delay = 1 + chance_below(5);
		*PROP_SET(&c->will.props, WILL_DELAY, will_delay) = p->will_delay;
		/* Until its connection ends, and for so long afterwards. */
		ledger_will_from(p->will, INT64_MAX);
	}
}

static void
begin_connection(struct peer *p)
{
	p->wire = wire_new();
	p->wire->is_whole = p->is_settling;
	p->state = PEER_CONNECTING;
	p->in.n = 0;
	p->acks = 0;
	p->asked_id = 0;
	p->under_way = 0;
	p->was_deaf = p->is_deaf = p->was_sent_away = false;
	memset(p->id_state, 0, sizeof p->id_state);
	if (p->is_kept)
		return;
	p->outs = 0;
	p->twos = 0;
	ledger_session_gone(p->number);
}

static void
come(struct peer *p)
{
	uint8_t payload[PAYLOAD_MAX];
	char id[4];
	struct mqtt_packet packet = { .type = MQTT_CONNECT, .first = 0x10 };
	struct mqtt_connect *c = &packet.connect;
	unsigned worker = chance_below(p->workers);

	begin_connection(p);
	snprintf(id, sizeof id, "c%u", p->number);
	c->version = p->version;
	c->client_id = slice_str(id);
	c->clean_start = !p->is_kept;
	p->keepalive = chance_one_in(3) ? 10 : 0;
	c->keepalive = p->keepalive;
	if (p->version == MQTT_V5) {
		*PROP_SET(&c->props, RECEIVE_MAX, receive_max) = p->window;
		if (p->is_kept)
			*PROP_SET(&c->props, SESSION_EXPIRY, session_expiry) = UINT32_MAX;
	}
	set_will(p, c, payload);
	trail_add("c%u connects at worker %u: version %u, %s session%s", p->number,
	    worker, p->version, p->is_kept ? "kept" : "clean",
	    p->has_will ? ", a will" : "");
	if (p->has_will)
		trail_add("c%u's will is message %u, delay %u", p->number, p->will,
		    p->will_delay);
	peer_say(p, packet);
	if (chance_one_in(4))
		ping(p); /* it need not wait for the CONNACK */
	node_accept(worker, p->wire);
}

/* The connection is no more. */
void
peer_part(struct peer *p, bool is_will_due)
{
	if (p->has_will) {
		if (is_will_due && p->is_greeted && p->will_delay == 0)
			ledger_will_is_due(p->will);
		if (p->will_delay > 0)
			ledger_will_from(
			    p->will, (p->wire->ended != 0 ? p->wire->ended : node_now()) +
					 p->will_delay * SECOND);
	}
	p->has_will = false;
	p->is_greeted = false;
	p->state = PEER_AWAY;
	p->wire = NULL;
	p->asked_id = 0;
	if (!p->is_kept)
		ledger_session_gone(p->number);
}

static void
break_off(struct peer *p)
{
	size_t keep = chance_below((unsigned)p->wire->up.n + 1);

	switch (chance_below(4)) {
	case 0:
		trail_add("c%u closes", p->number);
		wire_close(p->wire);
		break;
	case 1:
	case 2:
		trail_add("c%u breaks off, %zu of %zu bytes arrive", p->number, keep,
		    p->wire->up.n);
		wire_cut(p->wire, keep, chance_one_in(2));
		break;
	case 3:
		trail_add("c%u is lost", p->number);
		wire_lose(p->wire);
		break;
	}
	peer_part(p, true);
}

static void
say_bye(struct peer *p)
{
	trail_add("c%u says DISCONNECT", p->number);
	peer_say(p, (struct mqtt_packet){ .type = MQTT_DISCONNECT, .first = 0xe0 });
	if (p->keepalive == 0 && !p->was_deaf && chance_one_in(2)) {
		p->state = PEER_LEAVING; /* until the broker has closed */
		return;
	}
	wire_close(p->wire);
	peer_part(p, false);
}

static void
turn_deaf(struct peer *p)
{
	p->is_deaf = !p->is_deaf;
	p->was_deaf = true;
	p->wire->room = p->is_deaf ? 1 + chance_below(200) : WIRE_ROOM;
	trail_add("c%u %s", p->number, p->is_deaf ? "stops reading" : "reads again");
}

/* ---- by chance */

static void
act_connected(struct peer *p)
{
	unsigned what = chance_below(100);

	if (what < 30)
		publish(p);
	else if (what < 42)
		ask(p);
	else if (what < 62)
		acknowledge(p, 1 + chance_below(4));
	else if (what < 92)
		p->is_deaf ? (void)0 : peer_hear(p, false);
	else if (what < 94)
		turn_deaf(p);
	else if (what < 96)
		ping(p);
	else if (what < 97)
		say_bye(p);
	else if (what < 99)
		break_off(p);
}

void
peer_act(struct peer *p)
{
	switch (p->state) {
	case PEER_AWAY:
		if (chance_one_in(4))
			come(p);
		return;
	case PEER_CONNECTING:
		if (chance_one_in(40))
			break_off(p);
		else
			peer_hear(p, false);
		return;
	case PEER_ON: act_connected(p); return;
	case PEER_LEAVING: peer_hear(p, false); return;
	}
}

void
peer_settle(struct peer *p)
{
	p->is_settling = true;
	if (p->wire == NULL)
		return;
	p->wire->is_whole = true;
	p->wire->room = WIRE_ROOM;
	p->is_deaf = false;
}

bool
peer_settle_step(struct peer *p)
{
	bool did;

	if (p->state == PEER_AWAY) {
		come(p);
		return true;
	}
	did = peer_hear(p, true);
	if (p->state == PEER_ON) {
		did |= acknowledge(p, 1000);
		if (peer_next_ping(p) <= node_now())
			ping(p);
	}
	return did;
}

const char *
peer_wants(const struct peer *p)
{
	if (p->state != PEER_ON)
		return "is not connected";
	if (p->outs > 0)
		return p->out[0].is_released ? "waits for PUBCOMP"
					     : "waits for PUBACK or PUBREC";
	if (p->asked_id != 0)
		return "waits for SUBACK or UNSUBACK";
	if (p->twos > 0)
		return "waits for PUBREL";
	if (p->acks > 0)
		return "has something to acknowledge";
	return NULL;
}

bool
peer_is_done(const struct peer *p)
{
	return peer_wants(p) == NULL;
}

void
peer_leave(struct peer *p)
{
	if (p->wire != NULL) {
		/* Its will would be owed to the others. */
		peer_say(
		    p, (struct mqtt_packet){ .type = MQTT_DISCONNECT, .first = 0xe0 });
		wire_close(p->wire);
	}
	p->wire = NULL;
	p->has_will = false;
	p->state = PEER_AWAY;
}

int64_t
peer_next_ping(const struct peer *p)
{
	if (p->state != PEER_ON || p->keepalive == 0)
		return INT64_MAX;
	return p->said + p->keepalive * SECOND / 2;
}
