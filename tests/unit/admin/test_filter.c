/* SPDX-License-Identifier: Apache-2.0 */
/* The expressions of --filter, over rows of `clients list` and `vm`. */
#include "tests/unit/tap.h"
#include "emqxd/admin/filter.h"
#include "ipc/base/str.h"
#include "ipc/base/wbuf.h"

#include <stdio.h>

#define NOW ((wall_t){ INT64_C(1800000000000000000) })

/* A client: id, user name (NULL: none), queue, connected, since how long. */
struct client {
	const char *id, *user;
	int queue;
	bool connected;
	int minutes;
};

static const struct client sensor = { "sensor-17", "alice", 120, true, 5 };
static const struct client gone = { "lamp", NULL, 0, false, 120 };

/* -1: the expression is none. */
static int
holds_of(const struct client *c, const char *text)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_LIST);
	struct wbuf bytes = wbuf_growing(65536);
	struct fault f = { 0 };
	struct row_writer w;
	struct filter *filter;
	struct row row;
	int result;

	if (filter_new(cmd, slice_str(text), NOW, &filter, &f) != EM_OK) {
		OK(filter == NULL && f.err == EM_USAGE && f.text != NULL);
		fault_clear(&f);
		return -1;
	}
	row_writer_init(&w, cmd);
	row_begin(&w);
	row_str(&w, "clientid", c->id);
	row_str(&w, "username", c->user);
	row_int(&w, "mqueue_len", c->queue);
	row_bool(&w, "connected", c->connected);
	row_span(&w, "keepalive", span_s(60));
	row_int(&w, "mqueue_max", ROW_INFINITE);
	row_time(
	    &w, "connected_at", (wall_t){ NOW.ns - c->minutes * INT64_C(60000000000) });
	OK(row_end(&w, &bytes) == EM_OK);
	OK(row_get(cmd, wbuf_slice(&bytes), &row) == EM_OK);
	result = filter_is_true(filter, &row);
	row_writer_fini(&w);
	wbuf_fini(&bytes);
	filter_free(&filter);
	OK(filter == NULL);
	return result;
}

static int
holds(const char *text)
{
	return holds_of(&sensor, text);
}

/* The sentence that refuses @text. */
static void
refused(const char *text, const char *sentence, const char *hint)
{
	const struct cmd *cmd = cmd_get(CMD_CLIENTS_LIST);
	struct fault f = { 0 };
	struct filter *filter;

	EQ(filter_new(cmd, slice_str(text), NOW, &filter, &f), EM_USAGE);
	STR_EQ(f.text, sentence);
	if (hint != NULL)
		STR_EQ(f.hint, hint);
	fault_clear(&f);
}

TEST(numbers_are_compared)
{
	EQ(holds("mqueue_len > 100"), 1);
	EQ(holds("mqueue_len > 120"), 0);
	EQ(holds("mqueue_len >= 120"), 1);
	EQ(holds("mqueue_len < 120"), 0);
	EQ(holds("mqueue_len<=120"), 1);
	EQ(holds("mqueue_len = 120"), 1);
	EQ(holds("mqueue_len == 120.0"), 1);
	EQ(holds("mqueue_len != 120"), 0);
	EQ(holds("mqueue_len <> 7"), 1);
	EQ(holds("mqueue_len > -1"), 1);
	EQ(holds("mqueue_max = infinity"), 1);
	EQ(holds("mqueue_max > 1000"), 1);
}

TEST(texts_are_compared_and_fit_globs)
{
	EQ(holds("clientid = sensor-17"), 1);
	EQ(holds("clientid = 'sensor-17'"), 1);
	EQ(holds("clientid = \"sensor-18\""), 0);
	EQ(holds("clientid like 'sensor*'"), 1);
	EQ(holds("clientid like 'sensor-1?'"), 1);
	EQ(holds("clientid like 'ensor*'"), 0);
	EQ(holds("clientid not like 'lamp*'"), 1);
	EQ(holds("clientid > a and clientid < z"), 1);
}

TEST(a_value_may_be_one_of_several)
{
	EQ(holds("mqueue_len in (1, 120, 3)"), 1);
	EQ(holds("mqueue_len not in (1, 2)"), 1);
	EQ(holds("clientid in (a, 'b c', sensor-17)"), 1);
	EQ(holds("clientid in (a)"), 0);
}

TEST(and_binds_closer_than_or_and_not_closest)
{
	EQ(holds("mqueue_len = 1 or mqueue_len = 120 and connected"), 1);
	EQ(holds("mqueue_len = 120 or mqueue_len = 1 and not connected"), 1);
	EQ(holds("(mqueue_len = 120 or mqueue_len = 1) and not connected"), 0);
	EQ(holds("not mqueue_len = 1 and connected"), 1);
	EQ(holds("not not connected"), 1);
	EQ(holds("not (connected and mqueue_len > 1)"), 0);
}

TEST(a_column_of_true_and_false_stands_for_itself)
{
	EQ(holds("connected"), 1);
	EQ(holds("connected = true"), 1);
	EQ(holds_of(&gone, "connected"), 0);
	EQ(holds_of(&gone, "connected = false"), 1);
	EQ(holds("mqueue_len"), -1);
}

TEST(times_have_units_and_moments_lie_before_now)
{
	EQ(holds("keepalive = 1m"), 1);
	EQ(holds("keepalive = 60"), 1);
	EQ(holds("keepalive > 1h"), 0);
	EQ(holds("connected_at > 10m ago"), 1);
	EQ(holds("connected_at > '10m ago'"), 1);
	EQ(holds_of(&gone, "connected_at > 10m ago"), 0);
	EQ(holds_of(&gone, "connected_at < 1h ago"), 1);
	/* 1800000000 is 2027-01-15 08:00:00 UTC */
	EQ(holds("connected_at = 2027-01-15T07:55:00Z"), 1);
	EQ(holds("connected_at = 2027-01-15T08:55:00+01:00"), 1);
	EQ(holds("connected_at = 2027-01-15T02:25:00-05:30"), 1);
	EQ(holds("connected_at > 2027-01-15T07:54:59.5Z"), 1);
	EQ(holds("connected_at < 2027-01-15T07:55:00.5+00:00"), 1);
}

TEST(what_is_missing_is_an_empty_text_and_no_number)
{
	EQ(holds_of(&gone, "username = ''"), 1);
	EQ(holds_of(&gone, "username != alice"), 1);
	EQ(holds_of(&gone, "username is null"), 1);
	EQ(holds("username is not null"), 1);
	EQ(holds("disconnected_at is null"), 1);
	EQ(holds("inflight > 0"), 0);
	EQ(holds("inflight <= 0"), 0);
	EQ(holds("inflight != 0"), 1);
}

TEST(quotes_may_hold_anything)
{
	const struct client odd = { "it's \\ (a, b)", NULL, 0, true, 0 };

	EQ(holds_of(&odd, "clientid = 'it\\'s \\\\ (a, b)'"), 1);
	EQ(holds_of(&odd, "clientid = \"it's \\\\ (a, b)\""), 1);
}

TEST(what_is_wrong_is_said_with_its_place)
{
	refused("clientd = a", "filter: no such column at 'clientd = a'",
	    "did you mean 'clientid'?");
	refused("mqueue_len > many", "filter: not a number at 'many'", NULL);
	refused("keepalive > soon", "filter: not a time such as 15s or 1h30m at 'soon'",
	    NULL);
	refused("connected = yes", "filter: neither true nor false at 'yes'", NULL);
	refused("mqueue_len >", "filter: a value is missing at 'the end'", NULL);
	refused("", "filter: a column is missing at 'the end'", NULL);
	refused("connected connected", "filter: 'and' or 'or' is missing at 'connected'",
	    NULL);
	refused("(connected", "filter: ')' is missing at 'the end'", NULL);
	refused("clientid in a", "filter: '(' is missing at 'a'", NULL);
	refused("clientid = 'a", "filter: a quote is not closed at ''a'", NULL);
	refused("mqueue_len like 1", "filter: 'like' is for texts at '1'", NULL);
	refused("connected_at > 2027-13-01T00:00:00Z",
	    "filter: not a point in time such as '10m ago' or 2026-01-31T00:00:00Z at "
	    "'2027-13-01T00:00:00Z'",
	    NULL);
}

TEST(a_column_of_counts_cannot_be_compared)
{
	struct fault f = { 0 };
	struct filter *filter;

	EQ(filter_new(
	       cmd_get(CMD_LISTENERS), slice_str("shutdown_count > 1"), NOW, &filter, &f),
	    EM_USAGE);
	fault_clear(&f);
}

TEST(depth_and_length_are_bounded)
{
	struct str text = { 0 };

	for (int i = 0; i < 100000; i++)
		str_add_char(&text, '(');
	EQ(holds(str_get(&text)), -1);
	str_reset(&text);
	for (int i = 0; i < 100000; i++)
		str_add(&text, "connected and ");
	str_add(&text, "connected");
	EQ(holds(str_get(&text)), -1);
	str_reset(&text);
	for (int i = 0; i < 99999; i++)
		str_add(&text, "not ");
	str_add(&text, "connected");
	EQ(holds(str_get(&text)), 0);
	str_fini(&text);
}

TEST(any_bytes_are_taken_or_refused)
{
	static const char alphabet[] = "ac()'\"\\<>=!,. 19lientd_-";
	uint64_t x = 88172645463325252u;
	char text[40];

	for (size_t round = 0; round < 20000; round++) {
		struct fault f = { 0 };
		struct filter *filter;
		size_t n = round % sizeof text;

		for (size_t i = 0; i < n; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			text[i] = alphabet[x % (sizeof alphabet - 1)];
		}
		if (filter_new(cmd_get(CMD_CLIENTS_LIST), slice_of(text, n), NOW, &filter,
			&f) == EM_OK)
			filter_free(&filter);
		fault_clear(&f);
	}
}
