/* SPDX-License-Identifier: Apache-2.0 */
/* retain: what is stored, what a cursor finds, against a plain list. */
#include "emqxd/retain/retain.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/topic.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <stdio.h>

static const struct retain_limits no_limits = {
	.expiry_override = SPAN_INFINITE,
	.expiry = SPAN_INFINITE,
	.is_enabled = true,
};

static bool is_begun;

static void
begin(void)
{
	if (!is_begun) {
		worker_init(1);
		OK(jobs_start(1) == EM_OK);
		worker_act_as(worker_get(0));
		is_begun = true;
	} else
		retain_death();
	retain_birth();
	retain_configure(&no_limits);
}

static void
turn(void)
{
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
}

static em_err
put_for(const char *topic, const char *payload, span_t life)
{
	struct message m = message_view(slice_str(topic), slice_str(payload));

	m.expires = mono_add(worker_self()->now, life);
	m.retain = true;
	return retain_store(&m, NULL);
}

static em_err
put(const char *topic, const char *payload)
{
	return put_for(topic, payload, SPAN_INFINITE);
}

/* Topics that a cursor gives, with a blank behind each. */
static const char *
seen(const char *filter)
{
	static char text[4096];
	struct retain_cursor *c = retain_open(slice_str(filter));
	size_t n = 0;
	bool done = false;

	text[0] = '\0';
	while (!done) {
		struct message *m = retain_next(c, &done);

		if (m == NULL)
			continue;
		OK(m->is_kept && m->retain && !done);
		n += (size_t)snprintf(
		    text + n, sizeof text - n, "%.*s ", SLICE_FMT(m->topic));
		message_unref(&m);
	}
	retain_close(&c);
	return text;
}

TEST(a_filter_that_nothing_can_match_is_told_without_a_cursor)
{
	begin();
	OK(!retain_may_match(slice_str("a/b")) && !retain_may_match(slice_str("#")));
	OK(put("a/b", "1") == EM_OK);
	OK(retain_may_match(slice_str("a/b")) && !retain_may_match(slice_str("a/c")));
	OK(!retain_may_match(slice_str("a")) && retain_may_match(slice_str("x/+")));
}

TEST(what_is_in_sys_is_counted_apart)
{
	begin();
	OK(put("$SYS/a", "1") == EM_OK && put("$SYSTEM", "1") == EM_OK);
	OK(put("a/$SYS/b", "1") == EM_OK && put("$SYS/a", "2") == EM_OK);
	EQ(retain_count(), 3);
	EQ(retain_count_shared(), 2);
	OK(put("$SYS/a", "") == EM_OK && put("$SYSTEM", "") == EM_OK);
	EQ(retain_count(), 1);
	EQ(retain_count_shared(), 1);
}

TEST(the_last_message_of_a_topic_is_kept_and_an_empty_one_clears_it)
{
	struct retain_cursor *c;
	struct message *m;
	bool done;

	begin();
	OK(put("a/b", "1") == EM_OK);
	OK(put("a/b", "22") == EM_OK);
	EQ(retain_count(), 1);
	c = retain_open(slice_str("a/b"));
	m = retain_next(c, &done);
	OK(m != NULL && slice_eq_str(m->payload, "22"));
	message_unref(&m);
	OK(retain_next(c, &done) == NULL && done);
	retain_close(&c);
	OK(put("a/b", "") == EM_OK);
	OK(put("a/b", "") == EM_OK);
	EQ(retain_count(), 0);
	EQ(retain_count_shared(), 0);
	EQ(retain_bytes(), 0);
	STR_EQ(seen("a/b"), "");
}

TEST(wildcards_find_by_level_and_not_below_a_dollar)
{
	begin();
	put("a", "x");
	put("a/b", "x");
	put("a-/b", "x");
	put("a/b/c", "x");
	put("b/b/c", "x");
	put("/b", "x");
	put("b/", "x");
	put("$SYS/b", "x");
	put("$SYS/b/c", "x");
	STR_EQ(seen("a/#"), "a a/b a/b/c ");
	STR_EQ(seen("+/b"), "/b a/b a-/b ");
	STR_EQ(seen("+/+/c"), "a/b/c b/b/c ");
	STR_EQ(seen("+"), "a ");
	STR_EQ(seen("b/+"), "b/ ");
	STR_EQ(seen("#"), "/b a a/b a/b/c a-/b b/ b/b/c ");
	STR_EQ(seen("$SYS/#"), "$SYS/b $SYS/b/c ");
	STR_EQ(seen("$SYS/+"), "$SYS/b ");
	STR_EQ(seen("c/#"), "");
}

TEST(bounds_refuse_what_is_new_and_let_replace)
{
	struct retain_limits l = no_limits;

	begin();
	l.max_messages = 2;
	l.max_payload = 4;
	retain_configure(&l);
	OK(put("a", "1234") == EM_OK);
	OK(put("b", "12345") == EM_TOOBIG);
	OK(put("b", "1") == EM_OK);
	OK(put("c", "1") == EM_FULL);
	OK(put("a", "2") == EM_OK);
	l.max_messages = 0;
	l.max_bytes = retain_bytes();
	retain_configure(&l);
	OK(put("a", "23") == EM_FULL);
	OK(put("a", "3") == EM_OK);
	OK(put("c", "1") == EM_FULL);
	l.is_enabled = false;
	retain_configure(&l);
	OK(put("a", "3") == EM_STATE);
	EQ(retain_count(), 2);
}

TEST(what_expired_is_skipped_and_swept)
{
	struct retain_limits l = no_limits;

	begin();
	l.expiry = span_s(5);
	retain_configure(&l);
	put("a", "x"); /* by the store's own time */
	put_for("b", "x", span_s(100));
	put_for("c", "x", span_s(5));
	STR_EQ(seen("#"), "a b c ");
	worker_self()->now = mono_add(worker_self()->now, span_s(6));
	STR_EQ(seen("#"), "b ");
	STR_EQ(seen("a"), "");
	EQ(retain_count(), 3);
	OK(retain_sweep());
	EQ(retain_count(), 1);
	OK(!retain_sweep());
}

static void
put_expired(unsigned n, char *topic, size_t size)
{
	for (unsigned i = 0; i < n; i++) {
		snprintf(topic + size - 16, 16, "/%06u", i);
		OK(put_for(topic, "x", span_ns(0)) == EM_OK);
	}
}

TEST(while_much_is_found_expired_every_turn_sweeps)
{
	enum { MANY = 20000 };
	char topic[32] = "a              ";
	uint64_t before;

	begin();
	retain_worker_birth();
	put_expired(MANY, topic, 17);
	while (retain_count() == MANY)
		turn();
	before = retain_count();
	turn();
	OK(retain_count() < before);
	while (retain_count() > 0)
		turn();
	retain_worker_death();
}

TEST(a_sweep_takes_a_bounded_time)
{
	enum { LONG = 60000, MANY = 200 };
	static char topic[LONG];

	begin();
	memset(topic, 'a', LONG);
	put_expired(MANY, topic, LONG);
	OK(retain_sweep());
	OK(retain_count() > 0);
	while (retain_sweep())
		;
	EQ(retain_count(), 0);
}

TEST(a_message_outlives_its_place_on_the_board)
{
	struct retain_cursor *c;
	struct message *m;
	bool done;

	begin();
	put("a", "first");
	c = retain_open(slice_str("+"));
	m = retain_next(c, &done);
	put("a", "");
	for (int i = 0; i < 100; i++)
		turn();
	OK(slice_eq_str(m->payload, "first"));
	message_unref(&m);
	OK(retain_next(c, &done) == NULL && done);
	retain_close(&c);
}

/* ---- against a list */

#define TOPICS 600
static char list[TOPICS][64];
static bool is_there[TOPICS];

static void
random_text(char *out, bool is_filter)
{
	static const char *const level[] = { "", "a", "b", "ab", "a-", "$x", "z", "0" };
	unsigned n = 1 + (unsigned)rand_below(5);
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *l = level[rand_below(8)];

		if (is_filter && rand_below(3) == 0)
			l = "+";
		if (is_filter && i + 1 == n && rand_below(3) == 0)
			l = "#";
		at += (size_t)snprintf(out + at, 64 - at, "%s%s", i > 0 ? "/" : "", l);
	}
	if (at == 0)
		snprintf(out, 64, "a");
}

static unsigned
naive(const char *filter)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TOPICS; i++)
		n += is_there[i] && topic_match(slice_str(filter), slice_str(list[i]));
	return n;
}

static unsigned
found(const char *filter)
{
	struct retain_cursor *c = retain_open(slice_str(filter));
	bool done = false;
	unsigned n = 0;

	while (!done) {
		struct message *m = retain_next(c, &done);

		if (m == NULL)
			continue;
		OK(topic_match(slice_str(filter), m->topic));
		n++;
		message_unref(&m);
	}
	retain_close(&c);
	return n;
}

static unsigned
index_of(const char *topic, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(list[i], topic) == 0)
			return i;
	return n;
}

TEST(a_cursor_finds_what_a_list_finds)
{
	char text[64];

	begin();
	rand_seed(11);
	for (unsigned n = 0; n < TOPICS;) {
		random_text(text, false);
		if (index_of(text, n) < n)
			continue;
		snprintf(list[n++], 64, "%s", text);
	}
	for (unsigned round = 0; round < 4000; round++) {
		unsigned i = (unsigned)rand_below(TOPICS);

		is_there[i] = !is_there[i];
		OK(put(list[i], is_there[i] ? "x" : "") == EM_OK);
		random_text(text, true);
		EQ(found(text), naive(text));
		if (round % 64 == 0)
			turn();
	}
}

TEST(a_cursor_leaps_over_what_cannot_match)
{
	struct retain_cursor *c;
	struct message *m;
	bool done = false;
	unsigned calls = 0, n = 0;
	char topic[64];

	begin();
	for (unsigned i = 0; i < 20; i++)
		for (unsigned j = 0; j < 1000; j++) {
			snprintf(topic, sizeof topic, "site%u/d%04u/t", i, j);
			OK(put(topic, "x") == EM_OK);
		}
	c = retain_open(slice_str("+/d0500/#"));
	while (!done) {
		calls++;
		m = retain_next(c, &done);
		n += m != NULL;
		message_unref(&m);
	}
	retain_close(&c);
	EQ(n, 20);
	OK(calls <= 22); /* three steps a site, 64 in a call */
}

TEST(a_cursor_looks_at_few_long_topics_in_one_call)
{
	enum { LONG = 60000, N = 40 };
	static char topic[LONG];
	struct retain_cursor *c;
	unsigned calls = 0;
	bool done = false;

	begin();
	memset(topic, 'a', LONG);
	for (unsigned i = 0; i < N; i++) {
		snprintf(topic + LONG - 16, 16, "/%06u/x", i);
		OK(put(topic, "1") == EM_OK);
	}
	c = retain_open(slice_str("+/+/no"));
	for (; !done; calls++)
		OK(retain_next(c, &done) == NULL);
	OK(calls >= N);
	retain_close(&c);
}
