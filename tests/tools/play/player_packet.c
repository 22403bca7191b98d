/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player_packet: what a scenario leaves unsaid is filled in here, so that its
 * lines hold only what matters to it.
 */
#include "tests/tools/play/player_packet.h"
#include "emqxd/mqtt/dump.h"
#include "emqxd/mqtt/encode.h"
#include "emqxd/mqtt/prop.h"

mono_t
player_packet_deadline(void)
{
	return mono_add(span_mono_now(), peer_patience());
}

/* ---- out */

static void
keep(text_vec *v, struct slice s)
{
	for (size_t i = 0; i < v->n; i++) {
		if (slice_eq_str(s, v->p[i]))
			return;
	}
	VEC_ADD(v, mem_dup(s.n > 0 ? s.p : (const uint8_t *)"", s.n));
}

/* What will have to be taken away behind the scenario. */
static void
remember(struct player *p, struct actor *a, const struct mqtt_packet *packet)
{
	const struct mqtt_connect *c = &packet->connect;

	if (packet->type == MQTT_PUBLISH) {
		if (packet->publish.retain)
			keep(&p->retained, packet->publish.topic);
		if (packet->publish.qos > 0)
			a->sent_id = packet->publish.packet_id;
	} else if (packet->type == MQTT_CONNECT) {
		if (c->has_will && c->will.retain)
			keep(&p->retained, c->will.topic);
		if (c->client_id.n > 0 &&
		    (!c->clean_start || prop_has(&c->props, MQTT_PROP_SESSION_EXPIRY)))
			keep(&p->kept, c->client_id);
		if (c->clean_start)
			a->releases.n = 0;
	} else if (packet->type == MQTT_SUBSCRIBE)
		a->sent_id = packet->subscribe.packet_id;
	else if (packet->type == MQTT_UNSUBSCRIBE)
		a->sent_id = packet->unsubscribe.packet_id;
	else if (packet->type == MQTT_PUBREL)
		a->sent_id = packet->ack.packet_id;
	else if (packet->type == MQTT_PUBREC)
		a->rec_id = packet->ack.packet_id;
}

static uint16_t
next_id(struct actor *a)
{
	a->next_id = (uint16_t)(a->next_id == UINT16_MAX ? 1 : a->next_id + 1);
	return a->next_id;
}

static bool
is_said(const struct words *w, const char *name)
{
	return fields_find(w->args.p, w->args.n, name) != NULL;
}

static void
presume(struct actor *a, struct mqtt_packet *packet, const struct words *w)
{
	const struct arg *qos = fields_find(w->args.p, w->args.n, "qos");
	bool has_id = is_said(w, "id");

	switch (packet->type) {
	case MQTT_CONNECT:
		packet->connect.version = packet->version;
		packet->connect.clean_start = true;
		packet->connect.keepalive = 60;
		packet->connect.client_id = slice_str(a->client_id);
		return;
	case MQTT_PUBLISH:
		if (!has_id && qos != NULL && !slice_eq_str(qos->value, "0"))
			packet->publish.packet_id = next_id(a);
		return;
	case MQTT_SUBSCRIBE:
		packet->subscribe.packet_id = has_id ? 0 : next_id(a);
		return;
	case MQTT_UNSUBSCRIBE:
		packet->unsubscribe.packet_id = has_id ? 0 : next_id(a);
		return;
	case MQTT_PUBREL: packet->ack.packet_id = a->sent_id; return;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBCOMP: packet->ack.packet_id = a->got_id; return;
	case MQTT_CONNACK:
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
	case MQTT_PINGREQ:
	case MQTT_PINGRESP:
	case MQTT_DISCONNECT:
	case MQTT_AUTH: return;
	}
	UNREACHABLE();
}

/* A version that the scenario gives to this client. */
static em_err
take_version(struct player *p, struct actor *a, enum mqtt_type type, struct words *w)
{
	const struct arg *said = fields_find(w->args.p, w->args.n, "version");
	unsigned v;

	if (type != MQTT_CONNECT)
		return EM_OK;
	a->peer.version = p->version;
	if (said == NULL)
		return EM_OK;
	v = fields_version(said->value);
	if (v == 0)
		return fault_set(&p->fault, EM_USAGE, "no version: 3.1, 3.1.1 or 5");
	a->peer.version = v;
	w->args.n--; /* the others move up */
	for (size_t i = (size_t)(said - w->args.p); i < w->args.n; i++)
		w->args.p[i] = w->args.p[i + 1];
	return EM_OK;
}

/* What is sent says what is known. */
static em_err
check_known(struct player *p, const struct words *w)
{
	for (size_t i = 0; i < w->args.n; i++) {
		struct slice name = w->args.p[i].capture;

		if (name.n > 0)
			return fault_set(&p->fault, EM_USAGE, "{%.*s} has no value yet",
			    SLICE_FMT(name));
	}
	return EM_OK;
}

static em_err
encode_and_send(struct player *p, struct actor *a, const struct mqtt_packet *packet)
{
	struct wbuf out = wbuf_growing(MQTT_LEN_MAX);
	em_err err = mqtt_encode(&out, packet);

	if (err != EM_OK)
		fault_set(&p->fault, EM_USAGE, "cannot be sent in this version");
	else
		err = peer_send(&a->peer, wbuf_slice(&out), &p->fault);
	wbuf_fini(&out);
	return err;
}

em_err
player_packet_send(
    struct player *p, struct actor *a, enum mqtt_type type, struct words *w)
{
	struct mqtt_packet packet = { .type = type };
	struct fields_scratch scratch;
	em_err err = fields_settle(type, w->args.p, w->args.n, &p->fault);

	if (err == EM_OK)
		err = check_known(p, w);
	if (err == EM_OK)
		err = take_version(p, a, type, w);
	if (err != EM_OK)
		return err;
	packet.version = a->peer.version;
	presume(a, &packet, w);
	err = fields_build(&packet, w->args.p, w->args.n, &scratch, &p->fault);
	if (err == EM_OK) {
		remember(p, a, &packet);
		err = encode_and_send(p, a, &packet);
	}
	fields_scratch_fini(&scratch);
	return err;
}

/* ---- in */

/* Strikes the id off those whose PUBREL is due. */
static bool
strike_release(struct actor *a, uint16_t id)
{
	for (size_t i = 0; i < a->releases.n; i++) {
		if (a->releases.p[i] != id)
			continue;
		a->releases.p[i] = a->releases.p[--a->releases.n];
		return true;
	}
	return false;
}

static em_err
answer_release(struct player *p, struct actor *a, uint16_t id)
{
	uint8_t bytes[MQTT_ACK_SHORT];

	mqtt_encode_ack_short(bytes, MQTT_PUBCOMP, id);
	return peer_send(&a->peer, slice_of(bytes, sizeof bytes), &p->fault);
}

em_err
player_packet_take(
    struct player *p, struct actor *a, struct mqtt_packet *out, mono_t deadline)
{
	em_err err;

	for (;;) {
		err = peer_take(&a->peer, out, deadline, &p->fault);
		if (err != EM_OK)
			return err;
		str_addf(&p->log, "%s got ", a->name);
		fields_print(&p->log, out);
		str_add_char(&p->log, '\n');
		if (out->type != MQTT_PUBREL || !strike_release(a, out->ack.packet_id))
			break;
		err = answer_release(p, a, out->ack.packet_id);
		if (err != EM_OK)
			return err;
	}
	if (out->type == MQTT_PUBLISH && out->publish.qos > 0)
		a->got_id = out->publish.packet_id;
	else if (out->type == MQTT_PUBREL)
		a->got_id = out->ack.packet_id;
	else if (out->type == MQTT_CONNACK)
		p->has_no_retain = PROP_GET(&out->connack.props, RETAIN_AVAILABLE,
				       retain_available, 1) == 0;
	return EM_OK;
}

/* The id that an ack must have when the scenario names none; 0: any. */
static uint16_t
id_due(const struct actor *a, enum mqtt_type type)
{
	bool is_answer = type == MQTT_PUBACK || type == MQTT_PUBREC ||
			 type == MQTT_PUBCOMP || type == MQTT_SUBACK ||
			 type == MQTT_UNSUBACK;

	return is_answer ? a->sent_id : type == MQTT_PUBREL ? a->rec_id : 0;
}

static em_err
check_id(const struct actor *a, const field_vec *got, enum mqtt_type type,
    const struct words *w, struct fault *fault)
{
	uint16_t due = is_said(w, "id") ? 0 : id_due(a, type);

	for (size_t i = 0; i < got->n && due != 0; i++) {
		if (strcmp(got->p[i].name, "id") == 0 && got->p[i].number != due)
			return fault_set(fault, EM_FAILED,
			    "id: wanted %u, the one that it answers", due);
	}
	return EM_OK;
}

static void
capture(struct player *p, const field_vec *got, const struct words *w, const size_t *hit)
{
	struct str text = { NULL, 0, 0 };

	for (size_t i = 0; i < w->args.n; i++) {
		const struct arg *arg = &w->args.p[i];

		if (arg->capture.n == 0 || hit[i] >= got->n)
			continue;
		str_reset(&text);
		if (got->p[hit[i]].is_number)
			str_addf(&text, "%u", got->p[hit[i]].number);
		else
			str_add_slice(&text, got->p[hit[i]].bytes);
		variables_set(&p->variables, arg->capture, str_slice(&text));
	}
	str_fini(&text);
}

em_err
player_packet_compare(struct player *p, struct actor *a, const struct mqtt_packet *got,
    enum mqtt_type type, const struct words *w)
{
	field_vec values = { NULL, 0, 0 };
	struct str shown = { NULL, 0, 0 };
	size_t *hit = mem_new_array(w->args.n + 1, sizeof *hit);
	em_err err = EM_FAILED;

	if (got->type != type) {
		fault_set(&p->fault, err, "wanted %s", mqtt_dump_type(type));
	} else {
		fields_list(got, &values);
		err = fields_match(got, &values, w->args.p, w->args.n, hit, &p->fault);
		if (err == EM_OK)
			err = check_id(a, &values, type, w, &p->fault);
	}
	if (err == EM_OK)
		capture(p, &values, w, hit);
	else {
		fields_print(&shown, got);
		fault_wrap(&p->fault, "%s got %s", a->name, str_get(&shown));
	}
	str_fini(&shown);
	VEC_FINI(&values);
	mem_free(hit);
	return err;
}

em_err
player_packet_expect(struct player *p, struct actor *a, enum mqtt_type type,
    struct words *w, mono_t deadline)
{
	struct mqtt_packet got;
	em_err err = fields_settle(type, w->args.p, w->args.n, &p->fault);

	if (err == EM_OK)
		err = player_packet_take(p, a, &got, deadline);
	return err == EM_OK ? player_packet_compare(p, a, &got, type, w) : err;
}
