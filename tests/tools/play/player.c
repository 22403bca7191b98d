/* SPDX-License-Identifier: Apache-2.0 */
/*
 * player: the steps of a scenario, one a line.
 *
 * An arrow is one packet; a verb is a whole exchange:
 *	a -> PACKET words		a sends it
 *	a -> hex 10 0c ...		a sends these bytes
 *	a <- PACKET words [...]		the next thing that a gets is this; with "..."
 *					what is not named may be as it likes;
 *					name=absent: it may not be there
 *	a <- nothing			two PING round trips, and nothing else comes
 *	a <- close [REASON]		the broker closes; in 5 with DISCONNECT REASON before
 *	a <- any order / PACKET words / ... / end
 *	a opens | connects | resumes | disconnects | vanishes | resets | pings
 *	a subscribes | unsubscribes | publishes | receives words
 *	one of a b <- ... | receives ...	whichever gets something first
 *	repeat N as x / ... / end	{x} counts from 1
 *	on 3.1, 3.1.1: STEP		only in these versions
 *	wait 1.1s			where time itself is the rule
 * "after 1s..3s" at the end of what is expected measures from a's last packet.
 *
 * At its end every client that is still connected must have got nothing more.
 */
#include "tests/tools/play/player_packet.h"
#include "tests/tools/play/player_step.h"
#include "ipc/base/num.h"
#include <poll.h>
#include <stdio.h>

/* ---- lines */

static em_err play_lines(struct player *p, size_t from, size_t to);

/* "a <- any order" */
static bool
is_any_order(const struct script_line *line)
{
	return line->words.n == 4 && slice_eq_str(line->words.p[2], "any") &&
	       slice_eq_str(line->words.p[3], "order");
}

/* The line of the end that belongs to @at. */
static em_err
find_end(struct player *p, size_t at, size_t to, size_t *end)
{
	unsigned depth = 0;

	for (*end = at; *end < to; ++*end) {
		const struct script_line *l = &p->scenario->lines.p[*end];
		if (slice_eq_str(l->words.p[0], "repeat") || is_any_order(l))
			depth++;
		else if (slice_eq_str(l->words.p[0], "end") && --depth == 0)
			return EM_OK;
	}
	return fault_set(&p->fault, EM_USAGE, "without an end");
}

static em_err
play_repeat(struct player *p, const struct script_line *line, size_t from, size_t to)
{
	struct words count = { 0 };
	uint64_t n;
	char text[24];
	em_err err;

	if (line->words.n != 4 || !slice_eq_str(line->words.p[2], "as"))
		return fault_set(&p->fault, EM_USAGE, "repeat N as x");
	err = words_add(&count, &p->variables, line->words.p[1], &p->fault);
	if (err == EM_OK)
		err = num_parse_u64(count.args.p[0].value, &n);
	for (uint64_t i = 1; err == EM_OK && i <= n; i++) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)i);
		variables_set(&p->variables, line->words.p[3], slice_str(text));
		err = play_lines(p, from, to);
	}
	words_fini(&count);
	return err;
}

/* One packet against all lines that wait; the line that it meets is struck. */
static em_err
meet(struct player *p, struct actor *a, const struct mqtt_packet *got, size_t from,
    size_t to, bool *is_met)
{
	em_err err = EM_FAILED;

	for (size_t i = from; i < to && err != EM_OK; i++) {
		const struct script_line *l = &p->scenario->lines.p[i];
		struct words w = { 0 };
		enum mqtt_type type;

		if (is_met[i - from])
			continue;
		fault_clear(&p->fault);
		err = player_step_type(p, l->words.p[0], &type);
		if (err == EM_OK)
			err = player_step_words(p, &w, l->words.p + 1, l->words.n - 1);
		if (err == EM_OK)
			err = fields_settle(type, w.args.p, w.args.n, &p->fault);
		if (err == EM_OK)
			err = player_packet_compare(p, a, got, type, &w);
		is_met[i - from] = err == EM_OK;
		words_fini(&w);
	}
	return err;
}

static em_err
play_any_order(struct player *p, struct actor *a, size_t from, size_t to)
{
	bool *is_met = mem_new_array(to - from + 1, sizeof *is_met);
	mono_t deadline = player_packet_deadline();
	em_err err = EM_OK;

	for (size_t i = from; i < to && err == EM_OK; i++) {
		struct mqtt_packet got;

		err = player_packet_take(p, a, &got, deadline);
		if (err == EM_OK)
			err = meet(p, a, &got, from, to, is_met);
	}
	mem_free(is_met);
	if (err == EM_OK)
		fault_clear(&p->fault);
	return err;
}

/* "one of a b STEP": whichever of them gets something first. */
static em_err
play_one_of(struct player *p, const struct script_line *line)
{
	struct peer *peers[8];
	struct actor *who[8];
	size_t n = 0, at = 2;
	int first;

	for (; at < line->words.n && n < 8; at++) {
		struct actor *a = player_step_find(p, line->words.p[at]);

		if (a == NULL)
			break;
		who[n] = a;
		peers[n++] = &a->peer;
	}
	first = peer_wait(peers, n, player_packet_deadline());
	if (first < 0)
		return fault_set(&p->fault, EM_TIMEOUT, "none of them got anything");
	return player_step(p, who[first], line, at);
}

static em_err
play_wait(struct player *p, const struct script_line *line)
{
	span_t d;
	em_err err =
	    words_span(line->words.n == 2 ? line->words.p[1] : SLICE_NONE, &d, &p->fault);

	if (err == EM_OK)
		poll(NULL, 0, (int)span_to_ms(d));
	return err;
}

/* "on 3.1, 3.1.1: STEP": is it for this version?  *at is where the step begins. */
static bool
is_for_version(const struct player *p, const struct script_line *line, size_t *at)
{
	bool is_ours = false;

	*at = 0;
	if (!slice_eq_str(line->words.p[0], "on"))
		return true;
	for (*at = 1; *at < line->words.n; ++*at) {
		struct slice word = line->words.p[*at];
		bool is_last = word.p[word.n - 1] == ':';

		if (is_last)
			word.n--;
		is_ours |= fields_version(word) == (unsigned)p->version;
		if (is_last)
			break;
	}
	++*at;
	return is_ours && *at < line->words.n;
}

/* Plays the line at *i, and leaves *i at the last line that belongs to it. */
static em_err
play_line(struct player *p, size_t *i, size_t to)
{
	const struct script_line *line = &p->scenario->lines.p[*i];
	struct actor *a;
	size_t at, begin = *i;
	em_err err;

	p->at = line;
	if (!is_for_version(p, line, &at))
		return EM_OK;
	if (slice_eq_str(line->words.p[at], "repeat")) {
		err = find_end(p, begin, to, i);
		return err == EM_OK ? play_repeat(p, line, begin + 1, *i) : err;
	}
	str_addf(&p->log, "%u: %.*s\n", line->number, SLICE_FMT(line->text));
	if (slice_eq_str(line->words.p[at], "wait"))
		return play_wait(p, line);
	if (slice_eq_str(line->words.p[at], "one") && line->words.n > at + 1 &&
	    slice_eq_str(line->words.p[at + 1], "of"))
		return play_one_of(p, line);
	err = player_step_named(p, line->words.p[at], &a);
	if (err != EM_OK)
		return err;
	if (!is_any_order(line))
		return player_step(p, a, line, at + 1);
	err = find_end(p, begin, to, i);
	return err == EM_OK ? play_any_order(p, a, begin + 1, *i) : err;
}

static em_err
play_lines(struct player *p, size_t from, size_t to)
{
	em_err err = EM_OK;

	for (size_t i = from; i < to && err == EM_OK; i++)
		err = play_line(p, &i, to);
	return err;
}

/* ---- the end */

/* Whoever is still there has got all that came to him. */
static em_err
check_rest(struct player *p)
{
	em_err err = EM_OK;

	for (size_t i = 0; i < p->actors.n && err == EM_OK; i++) {
		struct actor *a = p->actors.p[i];

		if (a->peer.fd < 0)
			continue;
		err = player_step_nothing(p, a);
		if (err != EM_OK)
			fault_wrap(&p->fault, "at the end of the scenario");
	}
	return err;
}

/* Plays a line that stands in no file. */
static em_err
play_text(struct player *p, struct actor *a, const char *text)
{
	struct script_line line = { .text = slice_str(text) };
	struct slice rest = line.text;
	struct slice word;
	em_err err;

	while ((word = script_word(&rest)).n > 0)
		VEC_ADD(&line.words, word);
	err = player_step(p, a, &line, 0);
	VEC_FINI(&line.words);
	return err;
}

/* A clean start and a DISCONNECT leave no session; then no retained messages. */
static em_err
sweep(struct player *p)
{
	struct actor *a = player_step_get(p, SLICE_LIT("sweeper"));
	size_t retained = p->retained.n; /* clearing one adds none */
	em_err err = EM_OK;

	for (size_t i = 0; i < p->kept.n && err == EM_OK; i++) {
		variables_set(&p->variables, SLICE_LIT("swept"), slice_str(p->kept.p[i]));
		err = play_text(p, a, "connects client_id={swept}");
		if (err == EM_OK)
			err = play_text(p, a, "disconnects");
	}
	if (err == EM_OK && retained > 0)
		err = play_text(p, a, "connects");
	for (size_t i = 0; i < retained && err == EM_OK && !p->has_no_retain; i++) {
		variables_set(
		    &p->variables, SLICE_LIT("swept"), slice_str(p->retained.p[i]));
		err = play_text(p, a, "publishes topic={swept} qos=1 retain");
	}
	if (err == EM_OK && retained > 0)
		err = play_text(p, a, "disconnects");
	return err == EM_OK ? err : fault_wrap(&p->fault, "cleaning up");
}

/* No will on its way while the next scenario plays. */
static void
leave(struct player *p)
{
	for (size_t i = 0; i < p->actors.n; i++) {
		struct actor *a = p->actors.p[i];

		if (a->peer.fd >= 0 && !a->peer.is_ended &&
		    play_text(p, a, "-> DISCONNECT") != EM_OK)
			fault_clear(&p->fault);
		peer_close(&a->peer, false);
	}
}

bool
player_run(struct player *p)
{
	em_err err = play_lines(p, 0, p->scenario->lines.n);
	struct fault first;

	if (err == EM_OK)
		err = check_rest(p);
	first = p->fault;
	p->fault = (struct fault){ 0 };
	leave(p);
	if (sweep(p) == EM_OK && err == EM_OK)
		return true;
	if (err != EM_OK) { /* what came first is what matters */
		fault_clear(&p->fault);
		p->fault = first;
	}
	return false;
}

static void
free_actor(struct actor *a)
{
	peer_close(&a->peer, false);
	VEC_FINI(&a->releases);
	mem_free(a->name);
	mem_free(a->client_id);
	mem_free(a);
}

void
player_fini(struct player *p)
{
	for (size_t i = 0; i < p->actors.n; i++)
		free_actor(p->actors.p[i]);
	for (size_t i = 0; i < p->kept.n; i++)
		mem_free(p->kept.p[i]);
	for (size_t i = 0; i < p->retained.n; i++)
		mem_free(p->retained.p[i]);
	VEC_FINI(&p->actors);
	VEC_FINI(&p->kept);
	VEC_FINI(&p->retained);
	variables_fini(&p->variables);
	str_fini(&p->log);
	fault_clear(&p->fault);
}
