/* SPDX-License-Identifier: Apache-2.0 */
/* member: the row, and who votes. */
#include "emqxd/model/member.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <string.h>

static uint8_t room[512];

static struct slice
row_of(const struct member *m)
{
	struct wbuf w = wbuf_fixed(room, sizeof room);

	member_write(m, &w);
	OK(w.err == EM_OK);
	return wbuf_slice(&w);
}

TEST(a_row_is_read_as_it_was_written)
{
	struct member m = { .address = SLICE_LIT("10.0.0.1:4370"),
		.level = 3,
		.product = SLICE_LIT("1.2.3"),
		.site = 0xfedcba9876543210,
		.raft_id = 7,
		.joined = { INT64_C(1764300000123000000) } };
	struct member out;

	OK(member_read(SLICE_LIT("emqx@a"), row_of(&m), &out) == EM_OK);
	OK(slice_eq(out.name, SLICE_LIT("emqx@a")));
	OK(slice_eq(out.address, m.address));
	OK(out.site == m.site && out.raft_id == 7);
	EQ(out.joined.ns, m.joined.ns);
	EQ(out.level, 3);
	OK(slice_eq_str(out.product, "1.2.3"));
}

TEST(who_was_removed_for_being_away_leaves_a_row_of_another_kind)
{
	struct member m = { .address = SLICE_LIT("h:1"),
		.site = 1,
		.raft_id = 2,
		.joined = { 5000000 },
		.is_cleaned = true };
	struct member out;

	OK(member_read(SLICE_LIT("a"), row_of(&m), &out) == EM_OK);
	OK(out.is_cleaned && out.site == 1);
	EQ(out.joined.ns, 5000000);
	m.is_cleaned = false;
	OK(member_read(SLICE_LIT("a"), row_of(&m), &out) == EM_OK);
	OK(!out.is_cleaned);
}

TEST(a_node_is_meant_by_what_stands_before_the_at)
{
	OK(member_is_called(SLICE_LIT("a@h"), SLICE_LIT("a@h")));
	OK(member_is_called(SLICE_LIT("a@h"), SLICE_LIT("a@10.0.0.1:4370")));
	OK(member_is_called(SLICE_LIT("a@h"), SLICE_LIT("10.0.0.1:4370")));
	OK(member_is_called(SLICE_LIT("a@h"), SLICE_LIT("@h")));
	OK(!member_is_called(SLICE_LIT("a@h"), SLICE_LIT("b@h")));
	OK(!member_is_called(SLICE_LIT("a@h"), SLICE_LIT("ab@h")));
	OK(!member_is_called(SLICE_LIT("ab@h"), SLICE_LIT("a@h")));
	OK(!member_is_called(SLICE_LIT("h"), SLICE_LIT("a@h")));
	OK(member_is_called(SLICE_LIT("h"), SLICE_NONE));
	/* A node.name needs no '@'. */
	OK(member_is_called(SLICE_LIT("a"), SLICE_LIT("a@10.0.0.1:4370")));
	OK(!member_is_called(SLICE_LIT("ab"), SLICE_LIT("a@10.0.0.1:4370")));
	OK(member_is_called(SLICE_LIT("a"), SLICE_LIT("10.0.0.1:4370")));
}

static bool
is_at(const char *target, const char *place)
{
	struct str out = { 0 };
	bool is_so = member_place_of(slice_str(target), 4372, &out) &&
		     strcmp(str_get(&out), place) == 0;

	str_fini(&out);
	return is_so;
}

TEST(a_place_has_a_host_and_a_port)
{
	OK(is_at("a@h", "h:4372"));
	OK(is_at("a@h:1", "h:1"));
	OK(is_at("h:65535", "h:65535"));
	OK(is_at("a@::1", "[::1]:4372"));
	OK(is_at("a@[::1]", "[::1]:4372"));
	OK(is_at("[fe80::1]:80", "[fe80::1]:80"));
}

TEST(what_is_no_place_is_refused_and_leaves_nothing)
{
	static const char *const bad[] = { "", "@", "a@", "@h", "a@h:", "a@h:0", "a@h:x",
		"a@h:65536", "a@h:90906", "a@h:+1", "a@:1", "a@[]:1", "a@[::1]1",
		"a@[::1", "a@h h" };
	struct str out = { 0 };
	char text[MEMBER_ADDRESS_MAX + 2];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		OK(!member_place_of(slice_str(bad[i]), 1, &out) && out.n == 0);
	memset(text, 'h', sizeof text);
	OK(!member_place_of(slice_of(text, MEMBER_ADDRESS_MAX - 1), 1, &out));
	OK(out.n == 0);
	OK(member_place_of(slice_of(text, MEMBER_ADDRESS_MAX - 2), 1, &out));
	str_fini(&out);
}

TEST(what_is_no_row_is_malformed)
{
	struct member m = { .address = SLICE_LIT("h:1"), .site = 1, .raft_id = 2 };
	struct slice row = row_of(&m);
	struct member out;

	for (size_t n = 0; n < row.n; n++)
		OK(member_read(SLICE_LIT("a"), slice_of(row.p, n), &out) == EM_MALFORMED);
	OK(member_read(SLICE_NONE, row, &out) == EM_MALFORMED);
	OK(member_read(SLICE_LIT("a b"), row, &out) == EM_MALFORMED);
	OK(member_read(SLICE_LIT("a\0b"), row, &out) == EM_MALFORMED);
	room[0] = 3;
	OK(member_read(SLICE_LIT("a"), row, &out) == EM_MALFORMED);
	room[0] = 1;
	memset(room + 1, 0, 8);
	OK(member_read(SLICE_LIT("a"), row, &out) == EM_MALFORMED);
}

TEST(what_a_later_version_appends_to_a_row_is_passed_over)
{
	struct member m = {
		.address = SLICE_LIT("h:1"), .site = 1, .raft_id = 2, .level = 1
	};
	struct slice row = row_of(&m);
	struct member out;

	OK(member_read(SLICE_LIT("a"), slice_of(row.p, row.n + 9), &out) == EM_OK);
	EQ(out.level, 1);
}

/* ---- who votes */

enum { MOST = 9 };

static void
apply(struct member_seat *v, size_t *n, const struct member_change *c)
{
	for (size_t i = 0; i < *n; i++) {
		if (v[i].raft_id != c->raft_id)
			continue;
		if (c->what == MEMBER_REMOVE)
			v[i] = v[--*n];
		else
			v[i].role =
			    c->what == MEMBER_PROMOTE ? MEMBER_VOTER : MEMBER_STANDBY;
		return;
	}
	OK(false); /* it names a seat */
}

static size_t
count(const struct member_seat *v, size_t n, bool votes, bool runs)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i].is_running == runs && (v[i].role == MEMBER_VOTER) == votes;
	return sum;
}

TEST(whatever_a_group_was_few_changes_make_it_right)
{
	for (unsigned round = 0; round < 5000; round++) {
		struct member_seat v[MOST];
		struct member_change c;
		size_t n = 1 + rand_below(MOST);
		unsigned steps = 0;

		for (size_t i = 0; i < n; i++)
			v[i] = (struct member_seat){ .raft_id = i + 1,
				.role = (enum member_role)rand_below(3),
				.is_running = rand_below(3) > 0,
				.is_member = rand_below(5) > 0 };
		for (; steps <= 3 * MOST && member_next_change(v, n, &c); steps++)
			apply(v, &n, &c);
		OK(steps <= 3 * MOST);
		OK(count(v, n, true, true) + count(v, n, true, false) <=
		    MEMBER_VOTERS_MAX);
		/* Nobody who runs waits while a seat is free or held by who does not. */
		OK(count(v, n, false, true) == 0 ||
		    count(v, n, true, true) == MEMBER_VOTERS_MAX);
		for (size_t i = 0; i < n; i++)
			OK(v[i].is_member);
	}
}

TEST(who_does_not_run_keeps_a_seat_that_nobody_else_needs)
{
	struct member_seat v[] = { { 1, MEMBER_VOTER, true, true },
		{ 2, MEMBER_VOTER, false, true }, { 3, MEMBER_VOTER, true, true } };
	struct member_change c;

	OK(!member_next_change(v, 3, &c));
}
