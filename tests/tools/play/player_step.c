/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player_step: the verbs and arrows: what one client does, or what it must get.
 */
#include "tests/tools/play/player_step.h"
#include "tests/tools/play/player_packet.h"
#include "tests/tools/play/prover.h"

typedef em_err step_fn(struct player *p, struct actor *a, struct slice *words, size_t n);

/* ---- clients */

struct actor *
player_step_find(const struct player *p, struct slice name)
{
	for (size_t i = 0; i < p->actors.n; i++) {
		if (slice_eq_str(name, p->actors.p[i]->name))
			return p->actors.p[i];
	}
	return NULL;
}

struct actor *
player_step_get(struct player *p, struct slice name)
{
	struct actor *a = player_step_find(p, name);
	struct str id = { NULL, 0, 0 };

	if (a != NULL)
		return a;
	a = MEM_NEW(struct actor);
	a->name = mem_dup(name.p, name.n);
	a->peer.fd = -1;
	a->peer.version = p->version;
	str_addf(&id, "p%u-%s", p->nth, a->name);
	variables_set(&p->variables, name, str_slice(&id));
	a->client_id = str_take(&id);
	VEC_ADD(&p->actors, a);
	return a;
}

/* ---- packets from words */

em_err
player_step_words(struct player *p, struct words *w, const struct slice *words, size_t n)
{
	em_err err = EM_OK;

	for (size_t i = 0; i < n && err == EM_OK; i++)
		err = words_add(w, &p->variables, words[i], &p->fault);
	return err;
}

em_err
player_step_named(struct player *p, struct slice word, struct actor **out)
{
	struct words w = { 0 };
	em_err err = player_step_words(p, &w, &word, 1);

	*out = err == EM_OK ? player_step_get(p, w.args.p[0].value) : NULL;
	words_fini(&w);
	return err;
}

static em_err
send_words(struct player *p, struct actor *a, enum mqtt_type type,
    const struct slice *words, size_t n)
{
	struct words w = { 0 };
	em_err err = player_step_words(p, &w, words, n);

	if (err == EM_OK)
		err = player_packet_send(p, a, type, &w);
	words_fini(&w);
	return err;
}

static em_err
expect_words(struct player *p, struct actor *a, enum mqtt_type type,
    const struct slice *words, size_t n, mono_t deadline)
{
	struct words w = { 0 };
	em_err err = player_step_words(p, &w, words, n);

	if (err == EM_OK)
		err = player_packet_expect(p, a, type, &w, deadline);
	words_fini(&w);
	return err;
}

static em_err
send_plain(struct player *p, struct actor *a, enum mqtt_type type)
{
	return send_words(p, a, type, NULL, 0);
}

static em_err
expect_plain(struct player *p, struct actor *a, enum mqtt_type type)
{
	return expect_words(p, a, type, NULL, 0, player_packet_deadline());
}

/* ---- connecting and leaving */

static em_err
step_open(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	(void)words;
	if (n > 0)
		return fault_set(&p->fault, EM_USAGE, "opens has no words");
	peer_close(&a->peer, false);
	return peer_open(&a->peer, p->host, p->port, &p->fault);
}

static em_err
connect_with(struct player *p, struct actor *a, struct slice *words, size_t n,
    const char *more_out, const char *more_in)
{
	struct words out = { 0 }, in = { 0 };
	em_err err = step_open(p, a, NULL, 0);

	if (err == EM_OK && more_out != NULL)
		err = words_add(&out, &p->variables, slice_str(more_out), &p->fault);
	if (err == EM_OK)
		err = player_step_words(p, &out, words, n);
	if (err == EM_OK)
		err = player_packet_send(p, a, MQTT_CONNECT, &out);
	if (err == EM_OK)
		err = words_add(&in, &p->variables, slice_str(more_in), &p->fault);
	if (err == EM_OK)
		err = player_packet_expect(
		    p, a, MQTT_CONNACK, &in, player_packet_deadline());
	words_fini(&out);
	words_fini(&in);
	return err;
}

static em_err
step_connect(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	return connect_with(p, a, words, n, NULL, "session_present=0");
}

static em_err
step_resume(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	return connect_with(p, a, words, n, "clean_start=0", "session_present=1");
}

/* What the broker may say or leave out before it closes. */
static bool
is_last_word(const struct mqtt_packet *p)
{
	return p->type == MQTT_DISCONNECT ||
	       (p->type == MQTT_CONNACK && p->connack.reason != 0);
}

/* The end of the stream, with at most a last word before it. */
static em_err
expect_end(struct player *p, struct actor *a, const struct slice *reason, mono_t deadline)
{
	struct mqtt_packet got;
	em_err err;

	if (reason != NULL && a->peer.version == MQTT_V5) {
		err = expect_words(p, a, MQTT_DISCONNECT, reason, 1, deadline);
		if (err != EM_OK)
			return err;
	}
	err = player_packet_take(p, a, &got, deadline);
	if (err == EM_OK && reason == NULL && is_last_word(&got))
		err = player_packet_take(p, a, &got, deadline);
	if (err == EM_OK)
		return fault_set(&p->fault, EM_FAILED,
		    "%s got a packet, wanted the end of the connection", a->name);
	if (err != EM_UNREACHABLE)
		return fault_wrap(&p->fault, "wanted the end of the connection");
	fault_clear(&p->fault);
	peer_close(&a->peer, false);
	return EM_OK;
}

static em_err
step_disconnect(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	em_err err = send_words(p, a, MQTT_DISCONNECT, words, n);

	return err == EM_OK ? expect_end(p, a, NULL, player_packet_deadline()) : err;
}

static em_err
step_vanish(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	(void)p;
	(void)words;
	(void)n;
	peer_close(&a->peer, false);
	return EM_OK;
}

static em_err
step_reset(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	(void)p;
	(void)words;
	(void)n;
	peer_close(&a->peer, true);
	return EM_OK;
}

static em_err
step_ping(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	em_err err;

	(void)words;
	(void)n;
	err = send_plain(p, a, MQTT_PINGREQ);
	return err == EM_OK ? expect_plain(p, a, MQTT_PINGRESP) : err;
}

/* Twice: what another thread of the broker has put in a letter may pass the first. */
em_err
player_step_nothing(struct player *p, struct actor *a)
{
	em_err err = step_ping(p, a, NULL, 0);

	if (err == EM_OK)
		err = step_ping(p, a, NULL, 0);
	if (err == EM_OK && a->releases.n > 0)
		err = fault_set(
		    &p->fault, EM_FAILED, "no PUBREL came for id %u", a->releases.p[0]);
	return err;
}

/* ---- whole exchanges */

static em_err
step_subscribe(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	struct words out = { 0 }, in = { 0 };
	em_err err = player_step_words(p, &out, words, n);

	if (err == EM_OK)
		err = player_packet_send(p, a, MQTT_SUBSCRIBE, &out);
	for (size_t i = 0; i < out.args.n && err == EM_OK; i++) {
		const struct arg *arg = &out.args.p[i];

		if (slice_eq_str(arg->name, "filter"))
			words_put(&in, "code", SLICE_LIT("0"));
		else if (slice_eq_str(arg->name, "qos") && in.args.n > 0)
			in.args.p[in.args.n - 1].value = arg->value;
	}
	if (err == EM_OK)
		err = player_packet_expect(
		    p, a, MQTT_SUBACK, &in, player_packet_deadline());
	words_fini(&out);
	words_fini(&in);
	return err;
}

static em_err
step_unsubscribe(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	struct words in = { 0 };
	em_err err = send_words(p, a, MQTT_UNSUBSCRIBE, words, n);

	for (size_t i = 0; i < n; i++)
		words_put(&in, "code", SLICE_LIT("0"));
	if (err == EM_OK)
		err = player_packet_expect(
		    p, a, MQTT_UNSUBACK, &in, player_packet_deadline());
	words_fini(&in);
	return err;
}

static em_err
step_publish(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	struct words out = { 0 };
	em_err err = player_step_words(p, &out, words, n);
	const struct arg *said;
	struct slice qos = SLICE_LIT("0");

	if (err == EM_OK)
		err = player_packet_send(p, a, MQTT_PUBLISH, &out);
	said = fields_find(out.args.p, out.args.n, "qos");
	if (said != NULL)
		qos = said->value;
	if (err == EM_OK && slice_eq_str(qos, "1"))
		err = expect_plain(p, a, MQTT_PUBACK);
	else if (err == EM_OK && slice_eq_str(qos, "2")) {
		err = expect_plain(p, a, MQTT_PUBREC);
		if (err == EM_OK)
			err = send_plain(p, a, MQTT_PUBREL);
		if (err == EM_OK)
			err = expect_plain(p, a, MQTT_PUBCOMP);
	}
	words_fini(&out);
	return err;
}

static em_err
receive_by(
    struct player *p, struct actor *a, struct slice *words, size_t n, mono_t deadline)
{
	struct words in = { 0 };
	struct mqtt_packet got = { 0 };
	em_err err = player_step_words(p, &in, words, n);

	if (err == EM_OK)
		err = fields_settle(MQTT_PUBLISH, in.args.p, in.args.n, &p->fault);
	if (err == EM_OK)
		err = player_packet_take(p, a, &got, deadline);
	if (err == EM_OK)
		err = player_packet_compare(p, a, &got, MQTT_PUBLISH, &in);
	words_fini(&in);
	if (err != EM_OK || got.publish.qos == 0)
		return err;
	if (got.publish.qos == 1)
		return send_plain(p, a, MQTT_PUBACK);
	VEC_ADD(&a->releases, got.publish.packet_id);
	return send_plain(p, a, MQTT_PUBREC);
}

/* ---- what is expected, and when */

struct when {
	bool is_said;
	span_t low, high;
	mono_t since, deadline;
};

/* Takes "after 1s..3s" off the end of the words.  A slow machine may be later. */
static em_err
read_when(struct player *p, const struct actor *a, struct slice *words, size_t *n,
    struct when *when)
{
	const uint8_t *dots;
	struct slice range;
	em_err err;

	*when = (struct when){ .since = a->peer.last_sent,
		.deadline = player_packet_deadline() };
	range = *n >= 2 ? words[*n - 1] : SLICE_NONE;
	dots = range.n > 2 ? memmem(range.p, range.n, "..", 2) : NULL;
	if (dots == NULL || !slice_eq_str(words[*n - 2], "after"))
		return EM_OK;
	err = words_span(
	    slice_head(range, (size_t)(dots - range.p)), &when->low, &p->fault);
	if (err == EM_OK)
		err = words_span(slice_from(range, (size_t)(dots - range.p) + 2),
		    &when->high, &p->fault);
	when->is_said = true;
	when->deadline = mono_add(when->deadline, when->high);
	*n -= 2;
	return err;
}

static em_err
check_when(struct player *p, const struct when *when)
{
	span_t took = mono_since(span_mono_now(), when->since);
	char text[SPAN_TEXT_MAX];
	int64_t slow = span_to_s(peer_patience()) / 5;

	if (!when->is_said ||
	    (took.ns >= when->low.ns && took.ns <= when->high.ns * slow))
		return EM_OK;
	return fault_set(&p->fault, EM_FAILED, "it came after %s",
	    span_print(span_ms(span_to_ms(took)), text));
}

static em_err
step_receive(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	struct when when;
	em_err err = read_when(p, a, words, &n, &when);

	if (err == EM_OK)
		err = receive_by(p, a, words, n, when.deadline);
	return err == EM_OK ? check_when(p, &when) : err;
}

em_err
player_step_type(struct player *p, struct slice word, enum mqtt_type *out)
{
	unsigned type = fields_type(word);

	*out = (enum mqtt_type)type;
	if (type != 0)
		return EM_OK;
	return fault_set(&p->fault, EM_USAGE, "'%.*s' is no packet", SLICE_FMT(word));
}

static em_err
step_expect(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	struct when when;
	enum mqtt_type type;
	em_err err = read_when(p, a, words, &n, &when);

	if (err != EM_OK)
		return err;
	if (n == 1 && slice_eq_str(words[0], "nothing"))
		return player_step_nothing(p, a);
	if (n > 0 && slice_eq_str(words[0], "close"))
		err = expect_end(p, a, n > 1 ? &words[1] : NULL, when.deadline);
	else {
		err = player_step_type(p, n > 0 ? words[0] : SLICE_NONE, &type);
		if (err == EM_OK)
			err = expect_words(p, a, type, words + 1, n - 1, when.deadline);
	}
	return err == EM_OK ? check_when(p, &when) : err;
}

static em_err
send_hex(struct player *p, struct actor *a, const struct slice *words, size_t n)
{
	struct words w = { 0 };
	struct str all = { NULL, 0, 0 };
	em_err err;

	str_add(&all, "hex(");
	for (size_t i = 0; i < n; i++)
		str_add_slice(&all, words[i]);
	str_add(&all, ")");
	err = words_add(&w, &p->variables, str_slice(&all), &p->fault);
	if (err == EM_OK)
		err = peer_send(&a->peer, w.args.p[0].value, &p->fault);
	words_fini(&w);
	str_fini(&all);
	return err;
}

static em_err
step_send(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	enum mqtt_type type;
	em_err err;

	if (n > 0 && slice_eq_str(words[0], "hex"))
		return send_hex(p, a, words + 1, n - 1);
	err = player_step_type(p, n > 0 ? words[0] : SLICE_NONE, &type);
	return err == EM_OK ? send_words(p, a, type, words + 1, n - 1) : err;
}

/* a proves METHOD CLIENT-FIRST-BARE PASSWORD CHALLENGE: {answer} and {signature}. */
static em_err
step_prove(struct player *p, struct actor *a, struct slice *words, size_t n)
{
	struct str answer = { NULL, 0, 0 }, signature = { NULL, 0, 0 };
	struct words w = { 0 };
	em_err err = player_step_words(p, &w, words, n);

	(void)a;
	if (err == EM_OK && n != 4)
		err = fault_set(&p->fault, EM_USAGE,
		    "proves METHOD CLIENT-FIRST-BARE PASSWORD CHALLENGE");
	if (err == EM_OK)
		err = prover_answer((const char *)w.args.p[0].value.p, w.args.p[1].value,
		    w.args.p[3].value, w.args.p[2].value, &answer, &signature, &p->fault);
	if (err == EM_OK) {
		variables_set(&p->variables, SLICE_LIT("answer"), str_slice(&answer));
		variables_set(
		    &p->variables, SLICE_LIT("signature"), str_slice(&signature));
	}
	str_fini(&answer);
	str_fini(&signature);
	words_fini(&w);
	return err;
}

static const struct verb {
	const char *name;
	step_fn *fn;
} verbs[] = {
	{ "->", step_send },
	{ "<-", step_expect },
	{ "opens", step_open },
	{ "connects", step_connect },
	{ "resumes", step_resume },
	{ "disconnects", step_disconnect },
	{ "vanishes", step_vanish },
	{ "resets", step_reset },
	{ "pings", step_ping },
	{ "subscribes", step_subscribe },
	{ "unsubscribes", step_unsubscribe },
	{ "publishes", step_publish },
	{ "receives", step_receive },
	{ "proves", step_prove },
};
enum { VERBS_N = sizeof verbs / sizeof verbs[0] };

em_err
player_step(struct player *p, struct actor *a, const struct script_line *line, size_t at)
{
	struct slice word = at < line->words.n ? line->words.p[at] : SLICE_NONE;
	slice_vec words = { NULL, 0, 0 };
	em_err err;

	for (unsigned i = 0; i < VERBS_N; i++) {
		if (!slice_eq_str(word, verbs[i].name))
			continue;
		for (size_t j = at + 1; j < line->words.n; j++)
			VEC_ADD(&words, line->words.p[j]);
		err = verbs[i].fn(p, a, words.p, words.n);
		VEC_FINI(&words);
		return err;
	}
	return fault_set(&p->fault, EM_USAGE, "'%.*s' is no step", SLICE_FMT(word));
}
