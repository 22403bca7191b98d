/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sub: a subscriber and its share of the oracle.
 *
 * QoS 0: each number once at most, rising.  QoS 1: first deliveries rise one by one; a
 * number that comes again must say DUP, or its publisher has sent it again.  QoS 2: one
 * by one, never again.  In a shared group each member's numbers rise, and the group
 * together has each number.
 */
#include "tests/tools/soak/soak.h"

#include <stdio.h>
#include <string.h>

#define EVERY 8u /* a subscriber hears one publisher in so many */

static void
add_filter(struct wbuf *w, const char *text, uint8_t qos)
{
	struct mqtt_filter f = { .filter = slice_str(text), .qos = qos };

	mqtt_encode_filter(w, &f);
}

static void
add_filters(const struct client *c, struct wbuf *w)
{
	char text[64];

	if (c->sub->group >= 0) {
		for (unsigned qos = 1; qos <= 2; qos++) {
			snprintf(text, sizeof text, "$share/g%d/soak/+/%u", c->sub->group,
			    qos);
			add_filter(w, text, 2);
		}
		return;
	}
	for (unsigned i = 0; i < c->soak->pairs; i++) {
		if ((i + c->number) % EVERY != 0)
			continue;
		snprintf(text, sizeof text, "soak/%u/+", i);
		add_filter(w, text, 2);
		for (unsigned qos = 0; qos < SOAK_QOS; qos++)
			c->sub->track[i * SOAK_QOS + qos].is_subscribed = true;
	}
}

void
sub_connected(struct client *c)
{
	struct mqtt_packet p = { .type = MQTT_SUBSCRIBE, .version = c->version };
	struct wbuf filters = wbuf_growing(1u << 20);

	if (c->is_subscribed) {
		c->state = CLIENT_ON;
		return;
	}
	add_filters(c, &filters);
	p.subscribe.packet_id = 1;
	p.subscribe.filters = wbuf_slice(&filters);
	if (client_send(c, &p))
		c->state = CLIENT_WAITS_SUBACK;
	wbuf_fini(&filters);
}

static bool
send_ack(struct client *c, enum mqtt_type type, uint16_t id)
{
	struct mqtt_packet p = { .type = type, .version = c->version };

	p.ack.packet_id = id;
	return client_send(c, &p);
}

/* ---- the oracle */

static bool
was_sent_again(struct publisher *b, uint64_t number)
{
	for (size_t i = b->again.n; i-- > 0;)
		if (b->again.p[i] == number)
			return true;
	return false;
}

/* May this one come again?  The broker says DUP, or the publisher sent it again. */
static bool
may_repeat(struct client *c, const struct mqtt_publish *p, unsigned from, uint64_t number)
{
	return p->qos == 1 && (p->dup || was_sent_again(c->soak->pubs[from].pub, number));
}

static void
note_in_group(
    struct client *c, const struct mqtt_publish *p, unsigned from, uint64_t number)
{
	struct track *t = &c->sub->track[from * SOAK_QOS + p->qos];
	struct seen *seen =
	    &c->soak->groups[c->sub->group].seen[from * SOAK_QOS + p->qos];

	while (seen->n <= number)
		VEC_ADD(seen, 0);
	if (p->qos == 2 && seen->p[number] > 0)
		soak_finding(c, "QoS 2: its group had %llu of publisher %u before",
		    (unsigned long long)number, from);
	seen->p[number] = 1;
	if (number > t->last) {
		t->last = number;
		t->got++;
	} else if (may_repeat(c, p, from, number)) {
		t->doubled++;
	} else {
		soak_finding(c, "QoS %u: %llu of publisher %u behind %llu in a group",
		    p->qos, (unsigned long long)number, from,
		    (unsigned long long)t->last);
	}
}

static void
note(struct client *c, const struct mqtt_publish *p, unsigned from, uint64_t number)
{
	struct track *t = &c->sub->track[from * SOAK_QOS + p->qos];
	uint8_t qos = p->qos;

	if (!t->is_subscribed)
		soak_finding(c, "a message of publisher %u, which it did not want", from);
	if (number == t->last + 1 || (qos == 0 && number > t->last)) {
		t->last = number;
		t->got++;
	} else if (number > t->last + 1) {
		soak_finding(c, "QoS %u: %llu comes behind %llu: lost or out of order",
		    qos, (unsigned long long)number, (unsigned long long)t->last);
		t->last = number;
	} else if (may_repeat(c, p, from, number)) {
		t->doubled++;
	} else {
		soak_finding(c, "QoS %u: %llu comes again, behind %llu", qos,
		    (unsigned long long)number, (unsigned long long)t->last);
	}
}

static void
deliver(struct client *c, const struct mqtt_publish *p)
{
	struct soak *s = c->soak;
	unsigned long long number;
	unsigned from, qos;
	char text[64] = "";

	memcpy(text, p->payload.p,
	    p->payload.n < sizeof text ? p->payload.n : sizeof text - 1);
	if (sscanf(text, "%u %u %llu", &from, &qos, &number) != 3 || from >= s->pairs ||
	    qos != p->qos) {
		soak_finding(
		    c, "a payload that nobody sent, or of another QoS: %s", text);
		return;
	}
	s->received++;
	if (c->sub->group >= 0)
		note_in_group(c, p, from, number);
	else
		note(c, p, from, number);
}

/* ---- packets */

static size_t
find(const struct subscriber *b, uint16_t id)
{
	size_t i = 0;

	while (i < b->held.n && b->held.p[i] != id)
		i++;
	return i;
}

static bool
on_publish(struct client *c, const struct mqtt_publish *p)
{
	struct subscriber *b = c->sub;

	if (p->retain)
		soak_finding(c, "a retained message");
	if (p->qos == 2) {
		if (find(b, p->packet_id) == b->held.n) {
			VEC_ADD(&b->held, p->packet_id);
			deliver(c, p);
		} else if (!p->dup) {
			soak_finding(
			    c, "QoS 2: id %u is used before its PUBREL", p->packet_id);
		}
		return send_ack(c, MQTT_PUBREC, p->packet_id);
	}
	deliver(c, p);
	return p->qos == 0 || send_ack(c, MQTT_PUBACK, p->packet_id);
}

static bool
on_suback(struct client *c, const struct mqtt_packet *p)
{
	for (size_t i = 0; i < p->suback.codes.n; i++)
		if (p->suback.codes.p[i] != 2)
			soak_finding(c, "SUBACK with 0x%02x", p->suback.codes.p[i]);
	c->is_subscribed = true;
	c->state = CLIENT_ON;
	return true;
}

bool
sub_packet(struct client *c, const struct mqtt_packet *p)
{
	struct subscriber *b = c->sub;
	size_t i;

	if (p->type == MQTT_PUBLISH)
		return on_publish(c, &p->publish);
	if (p->type == MQTT_SUBACK && c->state == CLIENT_WAITS_SUBACK)
		return on_suback(c, p);
	if (p->type != MQTT_PUBREL) {
		soak_finding(c, "packet %d for a subscriber", p->type);
		return true;
	}
	i = find(b, p->ack.packet_id);
	if (i < b->held.n)
		b->held.p[i] = b->held.p[--b->held.n];
	return send_ack(c, MQTT_PUBCOMP, p->ack.packet_id);
}
