/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pub: a publisher: a window of QoS 1 and 2 messages, sent again in order after each
 * reconnection as the standard says [MQTT5-4.4.0-1].
 */
#include "tests/tools/soak/soak.h"

#include <stdio.h>
#include <string.h>

static bool
send_publish(struct client *c, const struct under_way *u, bool dup)
{
	char topic[40], payload[64];
	struct mqtt_packet p = { .type = MQTT_PUBLISH, .version = c->version };

	snprintf(topic, sizeof topic, "soak/%u/%u", c->number, u->qos);
	snprintf(payload, sizeof payload, "%u %u %llu", c->number, u->qos,
	    (unsigned long long)u->number);
	p.publish.topic = slice_str(topic);
	p.publish.payload = slice_str(payload);
	p.publish.qos = u->qos;
	p.publish.packet_id = u->id;
	p.publish.dup = dup;
	p.first = MQTT_FIRST_PUBLISH(dup, u->qos, false);
	return client_send(c, &p);
}

static bool
send_ack(struct client *c, enum mqtt_type type, uint16_t id)
{
	struct mqtt_packet p = { .type = type, .version = c->version };

	p.ack.packet_id = id;
	return client_send(c, &p);
}

void
pub_connected(struct client *c)
{
	struct publisher *b = c->pub;

	c->state = CLIENT_ON;
	for (size_t i = 0; i < b->window.n; i++) {
		const struct under_way *u = &b->window.p[i];

		if (u->is_released) {
			if (!send_ack(c, MQTT_PUBREL, u->id))
				return;
			continue;
		}
		if (u->qos == 1) {
			VEC_ADD(&b->again, u->number);
			b->repeated++;
		}
		if (!send_publish(c, u, true))
			return;
	}
}

static size_t
find(const struct publisher *b, uint16_t id)
{
	size_t i = 0;

	while (i < b->window.n && b->window.p[i].id != id)
		i++;
	return i;
}

static void
over(struct publisher *b, size_t i)
{
	b->window.n--;
	memmove(&b->window.p[i], &b->window.p[i + 1],
	    (b->window.n - i) * sizeof b->window.p[0]);
}

bool
pub_packet(struct client *c, const struct mqtt_packet *p)
{
	struct publisher *b = c->pub;
	size_t i;

	if (p->type != MQTT_PUBACK && p->type != MQTT_PUBREC && p->type != MQTT_PUBCOMP) {
		soak_finding(c, "packet %d for a publisher", p->type);
		return true;
	}
	i = find(b, p->ack.packet_id);
	if (i == b->window.n) {
		soak_finding(c, "packet %d for id %u, which is not under way", p->type,
		    p->ack.packet_id);
		return true;
	}
	if (p->ack.reason >= 0x80 &&
	    !(p->type == MQTT_PUBCOMP && p->ack.reason == 0x92)) {
		soak_finding(c, "packet %d with reason 0x%02x", p->type, p->ack.reason);
		return true;
	}
	if ((p->type == MQTT_PUBACK) != (b->window.p[i].qos == 1)) {
		soak_finding(c, "packet %d for QoS %u", p->type, b->window.p[i].qos);
		return true;
	}
	if (p->type == MQTT_PUBREC) {
		b->window.p[i].is_released = true;
		return send_ack(c, MQTT_PUBREL, p->ack.packet_id);
	}
	if (p->type == MQTT_PUBCOMP && !b->window.p[i].is_released)
		soak_finding(c, "PUBCOMP before PUBREL");
	over(b, i);
	return true;
}

static uint16_t
next_id(struct publisher *b)
{
	do
		b->id = b->id == UINT16_MAX ? 1 : (uint16_t)(b->id + 1);
	while (find(b, b->id) < b->window.n);
	return b->id;
}

void
pub_turn(struct client *c)
{
	struct publisher *b = c->pub;
	struct soak *s = c->soak;
	struct under_way u = { 0 };

	if (c->state != CLIENT_ON || s->is_draining || b->is_ahead)
		return;
	if (b->next_qos0.ns <= s->now.ns) {
		b->next_qos0 = mono_add(s->now, span_ms(1));
		u.number = ++b->sent[0];
		if (!send_publish(c, &u, false))
			return;
	}
	while (b->window.n < s->window) {
		u.qos = (uint8_t)(1 + soak_below(s, 2));
		u.number = ++b->sent[u.qos];
		u.id = next_id(b);
		VEC_ADD(&b->window, u);
		if (!send_publish(c, &u, false))
			return;
	}
}
