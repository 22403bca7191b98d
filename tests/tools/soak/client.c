/* SPDX-License-Identifier: Apache-2.0 */
/* client: see soak.h. */
#include "tests/tools/soak/soak.h"

#include <stdio.h>
#include <string.h>

#define AWAY_MS 300u /* at most, before it comes back */
#define PATIENCE span_s(60)
#define SILENCE span_s(20) /* at most, of the keep alive of 60 s */

void
client_connect(struct client *c)
{
	c->link = link_open(c->soak, c);
	c->state = CLIENT_CONNECTING;
}

static void
come_back_later(struct client *c)
{
	struct soak *s = c->soak;

	c->state = CLIENT_AWAY;
	c->due = mono_add(
	    s->now, span_ms(s->is_draining ? 0 : (int64_t)soak_below(s, AWAY_MS)));
}

void
client_cut(struct client *c)
{
	link_cut(c->soak, &c->link);
	come_back_later(c);
}

/* The broker closed: it may only after we gave it a reason, which it never has. */
static void
lost(struct client *c)
{
	soak_finding(c, "the broker closed the connection");
	client_cut(c);
}

static void
send_connect(struct client *c)
{
	struct mqtt_packet p = { .type = MQTT_CONNECT, .version = c->version };
	char id[32];

	snprintf(id, sizeof id, "soak-%s-%u", c->is_sub ? "sub" : "pub", c->number);
	p.connect.version = c->version;
	p.connect.client_id = slice_str(id);
	p.connect.keepalive = 60;
	if (c->version == MQTT_V5) {
		p.connect.props.set = MQTT_PROP_BIT(MQTT_PROP_SESSION_EXPIRY);
		p.connect.props.session_expiry = UINT32_MAX;
	}
	c->state = CLIENT_WAITS_CONNACK;
	(void)client_send(c, &p);
}

bool
client_send(struct client *c, const struct mqtt_packet *p)
{
	struct soak *s = c->soak;
	struct link *l = c->link;
	size_t from = l->out.n, size;
	bool is_cut = !s->is_draining && soak_one_in(s, s->cut_one_in);
	unsigned where = is_cut ? (unsigned)soak_below(s, 3) : 3;

	c->spoke = s->now;
	if (where == 0) {
		s->cuts.before[c->is_sub][p->type]++;
		client_cut(c);
		return false;
	}
	if (mqtt_encode(&l->out, p) != EM_OK) {
		soak_finding(c, "a packet of type %d that cannot be", p->type);
		return true;
	}
	size = l->out.n - from;
	if (where == 1) {
		l->out.n = from + 1 + (size_t)soak_below(s, size > 1 ? size - 1 : 1);
		s->cuts.half[c->is_sub][p->type]++;
	} else if (where == 2) {
		s->cuts.behind[c->is_sub][p->type]++;
	}
	if (is_cut) {
		(void)link_flush(l);
		client_cut(c);
	}
	return !is_cut;
}

static bool
on_connack(struct client *c, const struct mqtt_packet *p)
{
	if (p->type != MQTT_CONNACK || p->connack.reason != 0) {
		soak_finding(c, "packet %d, reason %d for a CONNECT", p->type,
		    p->type == MQTT_CONNACK ? p->connack.reason : 0);
		client_cut(c);
		return false;
	}
	if (c->has_session && !p->connack.session_present)
		soak_finding(c, "its session is gone");
	c->has_session = true;
	if (c->is_sub)
		sub_connected(c);
	else
		pub_connected(c);
	return c->link != NULL;
}

/* False: the connection is gone. */
static bool
on_packet(struct client *c, const struct mqtt_packet *p)
{
	struct soak *s = c->soak;

	if (!s->is_draining && soak_one_in(s, s->cut_one_in)) {
		s->cuts.before[c->is_sub][p->type]++;
		client_cut(c); /* it came and was never looked at */
		return false;
	}
	if (c->state == CLIENT_WAITS_CONNACK)
		return on_connack(c, p);
	if (p->type == MQTT_DISCONNECT) {
		soak_finding(c, "DISCONNECT 0x%02x", p->disconnect.reason);
		return true;
	}
	if (p->type == MQTT_PINGRESP)
		return true;
	return c->is_sub ? sub_packet(c, p) : pub_packet(c, p);
}

void
client_readable(struct client *c)
{
	struct link *l = c->link;
	struct mqtt_packet p;
	const char *wrong;
	size_t at = 0;

	if (!link_fill(l)) {
		lost(c);
		return;
	}
	while (link_take(l, &at, &p, &wrong)) {
		if (wrong != NULL) {
			soak_finding(c, "the broker sent what breaks a rule: %s", wrong);
			client_cut(c);
			return;
		}
		if (!on_packet(c, &p))
			return;
	}
	link_forget(l, at);
}

void
client_writable(struct client *c)
{
	if (c->state == CLIENT_CONNECTING) {
		c->link->is_connecting = false;
		send_connect(c);
	}
}

/* A second connection of the same client while the first one lives. */
static void
take_over(struct client *c)
{
	struct link *old = c->link;

	old->client = NULL;
	old->since = c->soak->now;
	VEC_ADD(&c->soak->strays, old);
	c->soak->takeovers++;
	client_connect(c);
}

static void
say_farewell(struct client *c)
{
	struct mqtt_packet p = { .type = MQTT_DISCONNECT, .version = c->version };

	c->soak->farewells++;
	if (client_send(c, &p)) {
		(void)link_flush(c->link);
		client_cut(c);
	}
}

/* One who only waits, for receivers that are behind or at the end, says that he is there;
 * false: that was cut. */
static bool
keep_alive(struct client *c)
{
	struct mqtt_packet p = { .type = MQTT_PINGREQ, .version = c->version };

	return c->soak->now.ns - c->spoke.ns < SILENCE.ns || client_send(c, &p);
}

void
client_chance(struct client *c)
{
	struct soak *s = c->soak;

	if (c->state == CLIENT_AWAY && c->due.ns <= s->now.ns) {
		client_connect(c);
		return;
	}
	if (c->state != CLIENT_AWAY && c->state != CLIENT_ON &&
	    s->now.ns - c->link->since.ns > PATIENCE.ns) {
		soak_finding(c, "no answer in state %d", c->state);
		client_cut(c);
	}
	if (c->state != CLIENT_ON || !keep_alive(c) || s->is_draining)
		return;
	switch (soak_below(s, 20 * s->cut_one_in)) {
	case 0: take_over(c); break;
	case 1: say_farewell(c); break;
	case 2: client_cut(c); break;
	}
}
