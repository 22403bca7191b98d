/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a group that several nodes order: what is proposed, what comes back, and that
 * whoever gets the same entries has the same rows. */
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "tests/unit/store/whole.h"

TEST(alone_a_change_of_an_orderable_kind_is_a_transaction_and_leaves_no_stamp)
{
	fresh();
	put("a", "1", "a");
	settle();
	STR_EQ(str_get(&answers), "a:ok ");
	STR_EQ(str_get(&follows), "a=1! ");
	OK(!store_is_ordered(RET) && !store_is_importing(RET));
	EQ(proposed.n, 0);
	wipe();
}

TEST(a_change_is_proposed_and_done_when_it_came_back)
{
	uint64_t bytes;

	fresh_as(1);
	put("a", "1", "a");
	settle();
	EQ(proposed.n, 1);
	STR_EQ(str_get(&answers), "");
	STR_EQ(str_get(&follows), "");
	EQ(store_waiting(RET, &bytes), 1);
	apply(5, &proposed, 0);
	settle();
	STR_EQ(str_get(&answers), "a:ok ");
	STR_EQ(str_get(&follows), "a=1! ");
	EQ(store_applied(RET), 5);
	EQ(applied_told, 5);
	EQ(store_waiting(RET, &bytes), 0);
	EQ(bytes, 0);
	/* An index that was there, and an entry that came before. */
	apply(5, &proposed, 0);
	apply(6, &proposed, 0);
	settle();
	STR_EQ(str_get(&follows), "a=1! ");
	EQ(store_applied(RET), 6);
	wipe();
}

TEST(what_is_sent_while_an_entry_is_under_way_goes_together)
{
	fresh_as(1);
	put("a", "1", "a");
	settle();
	put("b", "1", "b");
	del("a", "del");
	put("c", "1", "c");
	turn(worker_store());
	turn(worker_get(0));
	apply(1, &proposed, 0);
	settle();
	EQ(proposed.n, 2);
	apply(2, &proposed, 1);
	settle();
	STR_EQ(str_get(&answers), "a:ok b:ok del:ok c:ok ");
	STR_EQ(str_get(&follows), "a=1! b=1! a-! c=1! ");
	wipe();
}

TEST(what_does_not_come_back_is_proposed_again_by_the_same_number)
{
	fresh_as(1);
	put_kind(CHANGE_CONF, "a", "1", "a");
	settle();
	put_kind(CHANGE_CONF, "b", "1", "b");
	settle();
	EQ(proposed.n, 2);
	pass(S / 2);
	EQ(proposed.n, 2);
	pass(2 * S / 3);
	EQ(proposed.n, 4);
	OK(slice_eq(bytes_at(&proposed, 0), bytes_at(&proposed, 2)));
	/* A slow link is not asked each second for the same again. */
	pass(S + S / 5);
	EQ(proposed.n, 4);
	/* Another leader: at once. */
	store_set_leader(META, true);
	settle();
	EQ(proposed.n, 6);
	/* The first was lost: what is behind it is dropped, and all is proposed again, once. */
	apply(1, &proposed, 1);
	apply(2, &proposed, 3);
	settle();
	EQ(proposed.n, 8);
	STR_EQ(str_get(&answers), "");
	apply(3, &proposed, 6);
	apply(4, &proposed, 4);
	apply(5, &proposed, 7);
	settle();
	STR_EQ(str_get(&answers), "a:ok b:ok ");
	STR_EQ(str_get(&follows), "a=1! b=1! ");
	wipe();
}

TEST(without_a_leader_meta_is_refused_and_ret_waits)
{
	fresh_as(1);
	store_set_leader(META, false);
	store_set_leader(RET, false);
	settle();
	put_kind(CHANGE_CONF, "early", "1", "early");
	put("a", "1", "a");
	settle();
	STR_EQ(str_get(&answers), "");
	pass(S + S / 5);
	STR_EQ(str_get(&answers), "early:noquorum ");
	put_kind(CHANGE_CONF, "late", "1", "late");
	pass(0);
	STR_EQ(str_get(&answers), "early:noquorum late:noquorum ");
	EQ(proposed.n, 0);
	store_set_leader(META, true);
	store_set_leader(RET, true);
	settle();
	EQ(proposed.n, 1);
	apply(1, &proposed, 0);
	settle();
	STR_EQ(str_get(&answers), "early:noquorum late:noquorum a:ok ");
	wipe();
}

TEST(a_change_of_meta_that_hangs_is_told_as_unknown_and_not_proposed_again)
{
	size_t n;

	fresh_as(1);
	put_kind(CHANGE_CONF, "a", "1", "a");
	settle();
	pass(S);
	put_kind(CHANGE_CONF, "b", "1", "b"); /* behind it */
	settle();
	store_set_leader(META, false);
	settle();
	for (unsigned i = 0; i < 12; i++)
		pass(S);
	STR_EQ(str_get(&answers), "a:timeout b:timeout ");
	n = proposed.n;
	store_set_leader(META, true);
	settle();
	pass(2 * S);
	EQ(proposed.n, n);
	apply(1, &proposed, 0); /* somebody's log had it */
	settle();
	STR_EQ(str_get(&answers), "a:timeout b:timeout ");
	STR_EQ(str_get(&follows), "a=1 ");
	wipe();
}

TEST(what_was_given_up_does_not_happen_behind_what_was_changed_later)
{
	uint64_t bytes;

	fresh_as(1);
	put_kind(CHANGE_CONF, "a", "1", "a");
	settle();
	for (unsigned i = 0; i < 12; i++)
		pass(S);
	put_kind(CHANGE_CONF, "a", "2", "a2");
	settle();
	apply(1, &proposed, proposed.n - 1);
	apply(2, &proposed, 0);
	settle();
	STR_EQ(str_get(&answers), "a:timeout a2:ok ");
	STR_EQ(str_get(&follows), "a=2! ");
	EQ(store_waiting(META, &bytes), 0);
	put_kind(CHANGE_CONF, "a", "3", "a3");
	settle();
	apply(3, &proposed, proposed.n - 1);
	settle();
	STR_EQ(str_get(&follows), "a=2! a=3! ");
	wipe();
}

TEST(what_waits_is_bounded_and_presses_publishers_only_with_a_leader)
{
	char *blob = mem_new((1 << 20) + 1);
	uint64_t bytes;

	fresh_as(1);
	memset(blob, 'x', 1 << 20);
	blob[1 << 20] = '\0';
	for (unsigned i = 0; i < 8; i++)
		put("k", blob, NULL);
	settle();
	OK(change_is_full() == worker_store());
	store_set_leader(RET, false);
	settle();
	OK(change_is_full() == NULL);
	for (unsigned i = 0; i < 24; i++)
		put("k", blob, i == 23 ? "last" : NULL);
	settle();
	STR_EQ(str_get(&answers), "last:full ");
	OK(store_waiting(RET, &bytes) == 31 && bytes < 32 << 20);
	mem_free(blob);
	wipe();
}

/* What was proposed, in order, as the entries behind @index; the last one's index. */
static uint64_t
apply_all(uint64_t index, size_t from)
{
	for (size_t i = from; i < proposed.n; i++)
		apply(++index, &proposed, i);
	settle();
	return index;
}

TEST(a_large_change_goes_in_parts_and_comes_back_whole)
{
	size_t n = (10 << 20) + 7;
	char *blob = mem_new(n + 1);

	fresh_as(1);
	for (size_t i = 0; i < n; i++)
		blob[i] = (char)('a' + i * 31 % 26);
	blob[n] = '\0';
	put("small", "1", "small");
	put("large", blob, "large");
	put("last", "2", "last");
	settle();
	apply_all(apply_all(0, 0), 1);
	OK(proposed.n >= 22);
	STR_EQ(str_get(&answers), "small:ok large:ok last:ok ");
	OK(strstr(str_get(&follows), "large=") != NULL);
	wipe();
	fresh_as(3);
	/* Begun and not ended, then another one: the parts are those of the second. */
	put("first", blob, "first");
	settle();
	EQ(proposed.n, 22);
	for (size_t i = 0; i < 5; i++)
		apply(i + 1, &proposed, i);
	settle();
	stop();
	start();
	store_order(RET, &order, 3);
	store_set_leader(RET, true);
	settle();
	clear(&proposed);
	blob[0] = 'Z';
	put("second", blob + 100, "second");
	settle();
	apply_all(5, 0);
	OK(strstr(str_get(&answers), "second:ok ") != NULL);
	OK(strstr(str_get(&follows), "second=") != NULL);
	/* Too large is said at once. */
	mem_free(blob);
	n = (15 << 20) + 1;
	blob = mem_new(n + 1);
	memset(blob, 'x', n);
	blob[n] = '\0';
	put("k", blob, "huge");
	settle();
	OK(strstr(str_get(&answers), "huge:toobig ") != NULL);
	mem_free(blob);
	wipe();
}

/* Each has its own buffer while it is followed. */
TEST(a_blob_in_parts_is_the_only_change_of_its_entry)
{
	const struct entry_change part = in_parts(0, NULL, 0, "0123456789");
	const struct entry_change wholes[] = { in_parts(1, "a", 10, ""),
		in_parts(0, "b", 0, "") };

	fresh_as(1);
	EQ(foreign_all(1, 1, &part, 1), EM_OK);
	EQ(foreign_all(2, 2, wholes, 2), EM_MALFORMED);
	settle();
	STR_EQ(str_get(&follows), "");
	EQ(foreign_all(3, 2, wholes, 1), EM_OK);
	settle();
	STR_EQ(str_get(&follows), "a=01234567 ");
	wipe();
}

TEST(a_flush_waits_for_what_was_sent_before)
{
	struct change *c;

	fresh_as(1);
	put("a", "1", "a");
	c = change_flush();
	change_send(&c, on_done, "flush");
	settle();
	STR_EQ(str_get(&answers), "");
	apply(1, &proposed, 0);
	settle();
	STR_EQ(str_get(&answers), "a:ok flush:ok ");
	c = change_flush();
	change_send(&c, on_done, "flush");
	settle();
	STR_EQ(str_get(&answers), "a:ok flush:ok flush:ok ");
	wipe();
}

TEST(a_flush_does_not_say_that_all_is_well_when_the_end_leaves_changes_undone)
{
	struct change *c;

	fresh_as(1);
	store_set_leader(RET, false);
	settle();
	put("a", "1", "a");
	c = change_flush();
	change_send(&c, on_done, "flush");
	settle();
	STR_EQ(str_get(&answers), "");
	stop();
	STR_EQ(str_get(&answers), "a:noquorum flush:noquorum ");
	unmake();
	clear(&proposed);
}

TEST(of_two_changes_of_a_row_the_newer_one_wins_in_whatever_order_they_come)
{
	uint64_t now;

	fresh_as(1);
	now = (uint64_t)worker_store()->now_wall.ns;
	foreign(1, 2, 1, ENTRY_PUT, "a", "new", now + 50);
	foreign(2, 3, 1, ENTRY_PUT, "a", "old", now + 40);
	foreign(3, 3, 2, ENTRY_DEL, "a", "", now + 45);
	foreign(4, 3, 3, ENTRY_PUT, "a", "same", now + 50); /* the higher site */
	foreign(5, 2, 2, ENTRY_DEL, "b", "", now + 60);
	foreign(6, 3, 4, ENTRY_PUT, "b", "old", now + 59);
	settle();
	STR_EQ(str_get(&follows), "a=new a=same b- ");
	/* Ours are newer than all that we saw. */
	put("a", "own", "own");
	settle();
	apply(7, &proposed, 0);
	settle();
	STR_EQ(str_get(&follows), "a=new a=same b- a=own! ");
	/* One that was overtaken on its way. */
	put("a", "late", "late");
	settle();
	foreign(8, 2, 3, ENTRY_PUT, "a", "newest", now + 1000 * S);
	apply(9, &proposed, 1);
	settle();
	STR_EQ(str_get(&answers), "own:ok a overtaken by newest late:ok ");
	wipe();
}

TEST(what_expires_goes_only_if_it_is_still_the_same)
{
	uint64_t now;

	fresh_as(1);
	now = (uint64_t)worker_store()->now_wall.ns;
	foreign(1, 2, 1, ENTRY_PUT, "a", "1", now);
	foreign(2, 2, 2, ENTRY_PUT, "b", "1", now);
	settle();
	send(change_expire(CHANGE_RETAINED, slice_str("a")), "a");
	send(change_expire(CHANGE_RETAINED, slice_str("b")), "b");
	settle();
	foreign(3, 2, 3, ENTRY_PUT, "b", "2", now + 1);
	apply(4, &proposed, 0);
	settle();
	STR_EQ(str_get(&follows), "a=1 b=1 b=2 a-! ");
	STR_EQ(str_get(&answers), "b overtaken by 2 a:ok b:ok ");
	wipe();
}

/* Entries of several nodes, some twice, some with gaps, some that are none. */
static void
replay(uint64_t base)
{
	uint64_t index = 0;
	char key[16];

	for (unsigned i = 0; i < 300; i++) {
		uint64_t site = 2 + i % 3, seq = 1 + i / 3;

		snprintf(key, sizeof key, "k%u", i * 7 % 40);
		foreign(++index, site, seq, i % 5 == 0 ? ENTRY_DEL : ENTRY_PUT, key,
		    i % 2 != 0 ? "odd" : "even", base + (i * 37 % 300) * 3 * S);
		if (i % 11 == 0)
			foreign(++index, site, seq, ENTRY_PUT, key, "again", base);
		if (i % 13 == 0)
			foreign(++index, site, seq + 2, ENTRY_PUT, key, "gap", base);
		if (i % 17 == 0)
			store_apply_entry(RET, ++index, slice_str("\1no entry"));
	}
}

TEST(kinds_that_not_all_members_know_are_refused_and_nothing_is_proposed)
{
	fresh_as(1);
	store_set_level(0);
	put("a", "1", "a");
	settle();
	EQ(proposed.n, 0);
	STR_EQ(str_get(&answers), "a:unsupported ");
	store_set_level(LEVEL_MAX);
	put("b", "1", "b");
	settle();
	EQ(proposed.n, 1);
	wipe();
}

/* As foreign()'s, but for a byte: @at 0 is the version, 28 the kind, 27 what is done. */
static void
later(uint64_t index, unsigned at, uint8_t by)
{
	struct slice e = bytes_at(&proposed, 0);

	proposed.p[0].p[at] = by;
	store_apply_entry(RET, index, e);
}

TEST(a_proposal_in_another_nodes_name_or_of_the_far_future_is_refused)
{
	/* The incarnation stands at 9, the stamp of the first change behind what and kind. */
	static const unsigned far[] = { 9, 29 };

	fresh_as(1);
	put("own", "1", NULL);
	settle();
	OK(store_check_entry(RET, bytes_at(&proposed, 0), 1) == EM_OK);
	OK(store_check_entry(RET, bytes_at(&proposed, 0), 2) == EM_DENIED);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t was = proposed.p[0].p[far[i]];

		proposed.p[0].p[far[i]] = 0xff;
		OK(store_check_entry(RET, bytes_at(&proposed, 0), 1) == EM_STATE);
		proposed.p[0].p[far[i]] = was;
	}
	OK(store_check_entry(RET, bytes_at(&proposed, 0), 1) == EM_OK);
	wipe();
}

TEST(a_proposal_of_a_row_without_a_key_is_refused)
{
	fresh_as(1);
	put("", "1", NULL);
	settle();
	OK(store_check_entry(RET, bytes_at(&proposed, 0), 1) == EM_MALFORMED);
	wipe();
}

TEST(an_entry_of_a_later_level_is_not_passed_over_but_waits_for_a_newer_build)
{
	static const struct {
		unsigned at;
		uint8_t by;
	} new[] = { { 0, 2 }, { 27, 6 }, { 28, 200 } };

	for (unsigned i = 0; i < 3; i++) {
		fresh_as(1);
		put("own", "1", NULL);
		settle();
		OK(store_check_entry(RET, bytes_at(&proposed, 0), 1) == EM_OK);
		foreign(1, 2, 1, ENTRY_PUT, "before", "1", 10 * S);
		later(2, new[i].at, new[i].by);
		OK(store_check_entry(RET, bytes_at(&proposed, 0), 1) == EM_UNSUPPORTED);
		foreign(3, 2, 2, ENTRY_PUT, "behind", "1", 10 * S);
		settle();
		foreign(4, 2, 3, ENTRY_PUT, "behind", "2", 10 * S);
		settle();
		STR_EQ(str_get(&follows), "before=1 ");
		EQ(store_applied(RET), 1);
		/* Until then it is alone, perhaps. */
		store_order_end(RET);
		settle();
		OK(!store_is_ordered(RET));
		wipe();
	}
}

TEST(whoever_gets_the_same_entries_has_the_same_rows_and_forgets_the_same_tombs)
{
	struct fetch a, b;

	fresh_as(1);
	replay(1000 * S);
	settle();
	a = fetch(RET);
	wipe();
	/* In other transactions, with a life that ends in the middle, as another node. */
	fresh_as(2);
	replay(1000 * S);
	turn(worker_store());
	stop();
	start();
	store_order(RET, &order, 2);
	replay(1000 * S);
	settle();
	b = fetch(RET);
	OK(is_equal(&a, &b));
	/* Much later all tombs go, with bounded work for each entry. */
	for (uint64_t i = 0; i < 3; i++)
		foreign(1000 + i, 9, 1 + i, ENTRY_PUT, "x", "1", 100000 * S + i);
	settle();
	foreign(1010, 9, 4, ENTRY_PUT, "k0", "older than its deletion", 2);
	settle();
	OK(strstr(str_get(&follows), "k0=older th") != NULL);
	clear(&a.parts);
	clear(&b.parts);
	wipe();
}

TEST(where_a_clock_was_ahead_the_latest_tombs_stay_and_no_more)
{
	uint64_t now, ahead;
	char key[16];

	fresh_as(1);
	store_self()->tombs_most = 20;
	now = (uint64_t)worker_store()->now_wall.ns;
	foreign(1, 2, 1, ENTRY_PUT, "x", "1", now);
	settle();
	OK(!store_self()->is_ahead);
	ahead = now + 365 * 86400 * S;
	foreign(2, 2, 2, ENTRY_PUT, "x", "2", ahead);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "k%u", i);
		foreign(3 + i, 2, 3 + i, ENTRY_DEL, key, "", ahead + 1 + i);
	}
	settle();
	OK(store_self()->is_ahead);
	str_reset(&follows);
	foreign(103, 3, 1, ENTRY_PUT, "k79", "older", now); /* known no more */
	foreign(104, 3, 2, ENTRY_PUT, "k80", "older", now);
	settle();
	STR_EQ(str_get(&follows), "k79=older ");
	/* Ours are newer all the same, also in another life. */
	stop();
	start();
	OK(store_self()->is_ahead);
	store_order(RET, &order, 1);
	store_set_leader(RET, true);
	settle();
	str_reset(&follows);
	put("x", "own", "own");
	settle();
	apply(105, &proposed, 0);
	settle();
	STR_EQ(str_get(&follows), "x=own! ");
	wipe();
}

TEST(a_site_that_begins_another_life_counts_from_one_and_the_former_is_over)
{
	fresh_as(1);
	put("a", "1", NULL);
	settle();
	store_set_leader(RET, false); /* else its end waits for what is under way */
	stop();
	start();
	store_order(RET, &order, 1);
	store_set_leader(RET, true);
	settle();
	put("b", "1", "b");
	settle();
	EQ(proposed.n, 2);
	apply(1, &proposed, 0); /* of the former life, and still first */
	apply(2, &proposed, 1);
	apply(3, &proposed, 0);
	settle();
	STR_EQ(str_get(&follows), "a=1 b=1! ");
	STR_EQ(str_get(&answers), "b:ok ");
	wipe();
}

TEST(a_group_that_was_ordered_is_so_after_a_restart_and_no_more_when_that_is_ended)
{
	fresh_as(1);
	put("a", "1", NULL);
	settle();
	apply(1, &proposed, 0);
	settle();
	stop();
	start();
	OK(store_is_ordered(RET));
	EQ(store_applied(RET), 1);
	put("b", "1", "b");
	settle();
	STR_EQ(str_get(&answers), "");
	store_order_end(RET);
	settle();
	STR_EQ(str_get(&answers), "b:ok ");
	OK(!store_is_ordered(RET));
	stop();
	start();
	OK(!store_is_ordered(RET));
	put("c", "1", "c");
	settle();
	STR_EQ(str_get(&answers), "c:ok ");
	wipe();
}

TEST(any_bytes_are_an_entry_or_malformed)
{
	uint64_t seed = 88172645463325252u;
	struct entry_head h;
	uint8_t room[64];

	for (unsigned i = 0; i < 200000; i++) {
		size_t n = i % sizeof room;
		em_err err;

		for (size_t k = 0; k < n; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			/* Small numbers: they get further. */
			room[k] = (uint8_t)(seed % 4 == 0 ? seed >> 8 : seed >> 8 & 1);
		}
		if (n > 0 && i % 2 == 0)
			room[0] = 1;
		err = entry_check(i % 3 == 0 ? META : RET, slice_of(room, n), &h);
		OK(err == EM_OK || err == EM_MALFORMED || err == EM_UNSUPPORTED);
	}
}
