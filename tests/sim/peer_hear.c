/* SPDX-License-Identifier: Apache-2.0 */
/* peer_hear: what a peer understands of what the broker sends; see peer.h. */
#include "tests/sim/chance.h"
#include "tests/sim/node.h"
#include "tests/sim/peer_inside.h"
#include "tests/sim/trail.h"
#include "emqxd/mqtt/decode.h"
#include "emqxd/mqtt/prop.h"
#include "emqxd/mqtt/reason.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"

#include <string.h>

enum { TAKE_MAX = 16384 };

static void
add_ack(struct peer *p, enum mqtt_type type, uint16_t id)
{
	CHECK(p->acks < PEER_IDS);
	p->ack[p->acks++] = (struct peer_ack){ type, id };
}

static void
on_connack(struct peer *p, const struct mqtt_connack *a)
{
	trail_add("c%u is connected, session %s", p->number,
	    a->session_present ? "present" : "new");
	if (a->reason != 0)
		trail_finding("c%u is refused: %s", p->number, reason_name(a->reason));
	if (p->is_kept ? p->knows_session && !a->session_present : a->session_present)
		trail_finding(
		    "c%u: session present is %d", p->number, a->session_present);
	p->is_greeted = true;
	p->state = PEER_ON;
	if (!p->is_kept)
		return;
	p->knows_session = true;
	peer_resend(p);
}

static unsigned
find_two(const struct peer *p, uint16_t id)
{
	unsigned i = 0;

	while (i < p->twos && p->two[i].id != id)
		i++;
	return i;
}

/* At most so many at a time, each with an id of its own. */
static void
check_window(struct peer *p, const struct mqtt_publish *m)
{
	unsigned most = p->version == MQTT_V5 ? p->window : 4;

	if (p->id_state[m->packet_id] != 0)
		trail_finding("c%u gets a message with id %u, which is in use", p->number,
		    m->packet_id);
	p->id_state[m->packet_id] = m->qos;
	if (++p->under_way > most)
		trail_finding("c%u gets %u messages at once, its window is %u", p->number,
		    p->under_way, most);
}

static void
on_publish(struct peer *p, const struct mqtt_publish *m)
{
	unsigned number, i;

	if (!peer_read_payload(m->payload, &number))
		trail_finding("c%u gets a payload that nobody sent", p->number);
	trail_add("c%u gets message %u on %.*s, QoS %u, id %u%s%s", p->number, number,
	    (int)m->topic.n, (const char *)m->topic.p, m->qos, m->packet_id,
	    m->dup ? ", again" : "", m->retain ? ", retained" : "");
	if (m->qos > 0)
		check_window(p, m);
	if (m->qos == 1)
		add_ack(p, MQTT_PUBACK, m->packet_id);
	if (m->qos == 2) {
		add_ack(p, MQTT_PUBREC, m->packet_id);
		i = find_two(p, m->packet_id);
		if (i < p->twos) {
			if (p->two[i].number != number || !m->dup)
				trail_finding("c%u gets message %u with the id of %u",
				    p->number, number, p->two[i].number);
			return;
		}
		CHECK(p->twos < PEER_IDS);
		p->two[i].id = m->packet_id;
		p->two[i].number = number;
		p->twos++;
	}
	ledger_received(p->number, number, m->topic, m->qos, m->dup, node_now());
}

/* Its acknowledgement is on its way when it is sent, later; the broker cannot reuse the
 * id before that, so it is free from then on. */
void
peer_acked(struct peer *p, enum mqtt_type type, uint16_t id)
{
	if (p->id_state[id] == 0 || type == MQTT_PUBREC || type == MQTT_PUBREL)
		return;
	p->id_state[id] = 0;
	p->under_way--;
}

static void
drop_out(struct peer *p, unsigned i)
{
	memmove(&p->out[i], &p->out[i + 1], (p->outs - i - 1) * sizeof p->out[0]);
	p->outs--;
}

static void
on_ack(struct peer *p, enum mqtt_type type, const struct mqtt_ack *a)
{
	unsigned i = 0;

	trail_add(
	    "c%u gets acknowledgement %d of %u", p->number, (int)type, a->packet_id);
	if (a->reason >= 0x80 && a->reason != REASON_PACKET_IDENTIFIER_NOT_FOUND)
		trail_finding(
		    "c%u: message refused: %s", p->number, reason_name(a->reason));
	while (i < p->outs && p->out[i].id != a->packet_id)
		i++;
	if (i == p->outs)
		trail_finding("c%u: acknowledgement %d of %u, which is not under way",
		    p->number, (int)type, a->packet_id);
	if (type != MQTT_PUBCOMP)
		ledger_acked(p->out[i].number);
	if (type == MQTT_PUBREC) {
		p->out[i].is_released = true;
		peer_say_ack(p, MQTT_PUBREL, a->packet_id);
		return;
	}
	if ((type == MQTT_PUBACK) != (p->out[i].qos == 1))
		trail_finding("c%u: acknowledgement %d of a message of QoS %u", p->number,
		    (int)type, p->out[i].qos);
	drop_out(p, i);
}

static void
on_pubrel(struct peer *p, const struct mqtt_ack *a)
{
	unsigned i = find_two(p, a->packet_id);

	trail_add("c%u gets PUBREL %u", p->number, a->packet_id);
	if (i < p->twos)
		p->two[i] = p->two[--p->twos];
	if (p->id_state[a->packet_id] == 0) { /* of an earlier connection */
		p->id_state[a->packet_id] = 2;
		p->under_way++;
	}
	add_ack(p, MQTT_PUBCOMP, a->packet_id);
}

static void
on_suback(struct peer *p, enum mqtt_type type, const struct mqtt_suback *a)
{
	bool is_refused = a->codes.n > 0 && a->codes.p[0] >= 0x80;

	if (a->packet_id != p->asked_id)
		trail_finding("c%u: SUBACK or UNSUBACK %u", p->number, a->packet_id);
	if (is_refused)
		trail_finding(
		    "c%u: subscription refused, 0x%02x", p->number, a->codes.p[0]);
	trail_add("c%u gets %s of %s", p->number,
	    type == MQTT_SUBACK ? "SUBACK" : "UNSUBACK", ledger_filter(p->asked_filter));
	if (type == MQTT_SUBACK)
		ledger_granted(p->number, p->asked_filter);
	else
		ledger_left(p->number, p->asked_filter);
	p->asked_id = 0;
}

/* Why a broker may end the connection of a peer that breaks no rule. */
static void
on_disconnect(struct peer *p, const struct mqtt_disconnect *d)
{
	trail_add("c%u gets DISCONNECT: %s", p->number, reason_name(d->reason));
	p->was_sent_away = true;
	if (d->reason != REASON_KEEPALIVE_TIMEOUT &&
	    d->reason != REASON_SESSION_TAKEN_OVER && !p->was_deaf)
		trail_finding("c%u is sent away: %s", p->number, reason_name(d->reason));
}

static void
on_packet(struct peer *p, const struct mqtt_frame *f)
{
	struct mqtt_packet m;
	struct mqtt_fault fault;

	if (mqtt_decode(f, p->version, MQTT_STRICT | MQTT_FROM_SERVER, &m, &fault) !=
	    EM_OK)
		trail_finding("c%u gets what is no packet: %s", p->number, fault.rule);
	if ((m.type == MQTT_CONNACK) != (p->state == PEER_CONNECTING))
		trail_finding(
		    "c%u gets packet %d, connected or not", p->number, (int)m.type);
	switch (m.type) {
	case MQTT_CONNACK: on_connack(p, &m.connack); return;
	case MQTT_PUBLISH: on_publish(p, &m.publish); return;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBCOMP: on_ack(p, m.type, &m.ack); return;
	case MQTT_PUBREL: on_pubrel(p, &m.ack); return;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK: on_suback(p, m.type, &m.suback); return;
	case MQTT_PINGRESP: return;
	case MQTT_DISCONNECT: on_disconnect(p, &m.disconnect); return;
	case MQTT_CONNECT:
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
	case MQTT_PINGREQ:
	case MQTT_AUTH: break;
	}
	trail_finding("c%u gets packet %d", p->number, (int)m.type);
}

static void
understand(struct peer *p)
{
	struct slice rest = slice_of(p->in.p, p->in.n);
	struct mqtt_frame f;

	while (rest.n > 0 && mqtt_frame_peek(rest, &f) == MQTT_PEEK_WHOLE) {
		if (p->state == PEER_LEAVING && mqtt_frame_type(&f) != MQTT_DISCONNECT) {
			/* It said DISCONNECT and listens no more. */
		} else {
			on_packet(p, &f);
		}
		rest = slice_from(rest, f.total);
	}
	if (rest.n > 0)
		memmove(p->in.p, rest.p, rest.n);
	p->in.n = rest.n;
}

static void
end_of_stream(struct peer *p)
{
	trail_add("c%u's connection was closed by the broker", p->number);
	if (p->state == PEER_LEAVING && p->has_will && !p->was_sent_away)
		ledger_will_is_void(p->will);
	wire_close(p->wire);
	peer_part(p, p->state != PEER_LEAVING);
}

bool
peer_hear(struct peer *p, bool all)
{
	size_t want = all ? TAKE_MAX : 1 + chance_below(chance_one_in(3) ? 8 : 600);
	size_t n;

	if (p->in.n + want > p->in.cap) {
		p->in.cap = 2 * (p->in.n + want);
		p->in.p = mem_grow(p->in.p, p->in.cap);
	}
	n = wire_take(p->wire, p->in.p + p->in.n, want);
	p->in.n += n;
	if (n > 0)
		understand(p);
	else if (wire_is_over(p->wire))
		end_of_stream(p);
	else
		return false;
	return true;
}
