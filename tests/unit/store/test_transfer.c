/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of a group's rows on their way to another node, and over a kill. */
#include "tests/unit/store/whole.h"

#include <sys/resource.h>
#include <sys/wait.h>

static void
fill(unsigned n, const char *blob, uint64_t base)
{
	char key[700];

	for (unsigned i = 0; i < n; i++) {
		memset(key, 'l', sizeof key);
		snprintf(key + (i % 10 == 0 ? 600 : 0), 16, "/%u", i * 7919 % n);
		foreign(base + i, 2, base + i, i % 9 == 8 ? ENTRY_DEL : ENTRY_PUT, key,
		    blob, 1000 * S + base + i);
	}
	settle();
}

TEST(an_export_is_of_one_moment_and_its_import_elsewhere_has_the_same_rows)
{
	struct store_export *x;
	struct fetch a = { .err = EM_OK }, b;

	fresh_as(1);
	fill(3000, "first first first first first first first first", 1);
	x = store_export_open(RET);
	next_part(x, &a);
	fill(3000, "second", 3001);
	while (!a.is_over)
		next_part(x, &a);
	store_export_close(&x);
	EQ(a.err, EM_OK);
	OK(a.parts.n > 4);
	wipe();

	fresh_as(3);
	foreign(1, 2, 1, ENTRY_PUT, "/0", "another", 5);
	foreign(2, 2, 2, ENTRY_PUT, "only here", "1", 5);
	foreign(3, 2, 3, ENTRY_PUT, "~last", "1", 5);
	settle();
	str_reset(&follows);
	import_all(&a);
	OK(strstr(str_get(&follows), "only here- ") != NULL);
	OK(strstr(str_get(&follows), "~last- ") != NULL);
	OK(strstr(str_get(&follows), "=first fi ") != NULL);
	EQ(store_applied(RET), 3000);
	b = fetch(RET);
	OK(is_equal(&a, &b));
	/* Again: nothing differs, nothing is followed; then the entries behind it. */
	str_reset(&follows);
	import_all(&b);
	STR_EQ(str_get(&follows), "");
	foreign(3000, 2, 3000, ENTRY_PUT, "x", "skipped", 2000 * S);
	foreign(3001, 2, 3001, ENTRY_PUT, "x", "next", 2000 * S);
	settle();
	STR_EQ(str_get(&follows), "x=next ");
	clear(&a.parts);
	clear(&b.parts);
	wipe();
}

TEST(an_import_that_was_interrupted_says_so_and_is_begun_anew)
{
	struct fetch a, b;

	fresh_as(1);
	fill(2000, "some bytes of a message, so that there are some parts", 1);
	a = fetch(RET);
	OK(a.parts.n > 3);
	wipe();
	fresh_as(3);
	EQ(import_part(&a, 1), EM_STATE);
	OK(!store_is_importing(RET));
	EQ(import_part(&a, 0), EM_OK);
	EQ(import_part(&a, 1), EM_OK);
	OK(store_is_importing(RET));
	/* Entries wait, and so does what is ours. */
	foreign(2001, 2, 2001, ENTRY_PUT, "x", "1", 2000 * S);
	put("own", "1", "own");
	settle();
	EQ(proposed.n, 0);
	stop();
	start();
	store_order(RET, &order, 3);
	store_set_leader(RET, true);
	OK(store_is_importing(RET));
	EQ(import_part(&a, 2), EM_STATE);
	import_all(&a);
	OK(!store_is_importing(RET));
	b = fetch(RET);
	OK(is_equal(&a, &b));
	/* Bytes that are no part; of 9 it has no rows. */
	for (size_t n = 0; n < 40; n++) {
		struct fetch c = { .err = EM_OK };

		if (n == 9)
			continue;
		keep(&c.parts, RET, slice_head(bytes_at(&a.parts, 0), n));
		OK(import_part(&c, 0) != EM_OK);
		clear(&c.parts);
	}
	clear(&a.parts);
	clear(&b.parts);
	wipe();
}

TEST(parts_without_rows_come_to_an_end)
{
	em_err err = EM_OK;
	unsigned n = 0;

	fresh_as(3);
	for (; n < 1000 && err == EM_OK; n++) {
		uint8_t bytes[9] = { 1, RET, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0,
			0 };
		struct fetch c = { .err = EM_OK };

		keep(&c.parts, RET, slice_of(bytes, sizeof bytes));
		err = import_part(&c, 0);
		clear(&c.parts);
	}
	EQ(err, EM_MALFORMED);
	EQ(n, 256);
	wipe();
}

/* A kind that comes later gets the number behind the last one's. */
TEST(parts_of_a_blob_travel_and_tables_come_by_numbers_that_no_kind_will_have)
{
	const struct entry_change part[] = { in_parts(0, NULL, 0, "01234"),
		in_parts(1, NULL, 0, "56789") };
	const struct entry_change whole = in_parts(2, "large", 10, "");
	struct fetch a;

	fresh_as(1);
	EQ(foreign_all(1, 1, &part[0], 1), EM_OK);
	settle();
	a = fetch(RET);
	for (size_t i = 0, was = 0; i + 1 < a.parts.n; i++) {
		uint8_t table = bytes_at(&a.parts, i).p[7];

		OK(table >= was && (table < CHANGE_KIND_N || table >= 252));
		was = table;
	}
	wipe();
	fresh_as(3);
	import_all(&a);
	EQ(foreign_all(2, 2, &part[1], 1), EM_OK);
	EQ(foreign_all(3, 3, &whole, 1), EM_OK);
	settle();
	STR_EQ(str_get(&follows), "large=01234567 ");
	clear(&a.parts);
	wipe();
}

TEST(rows_that_have_an_entry_of_ours_answer_it)
{
	struct fetch a;

	fresh_as(1);
	put("a", "1", "a");
	settle();
	apply(1, &proposed, 0);
	settle();
	a = fetch(RET);
	stop();
	unmake();
	/* The same entry, lost on its way back: here by a node of the same life. */
	fresh();
	store_order(RET, &order, 1);
	store_set_leader(RET, true);
	settle();
	put("a", "1", "again");
	settle();
	EQ(proposed.n, 2);
	import_all(&a);
	/* Another life: it gets a number of its own, above the one that was seen. */
	EQ(proposed.n, 3);
	apply(2, &proposed, 2);
	settle();
	STR_EQ(str_get(&answers), "again:ok ");
	clear(&a.parts);
	wipe();
}

TEST(a_backup_is_a_store_with_the_same_rows)
{
	char copy[sizeof dir + 20], was[sizeof dir];
	struct fetch a, b;

	fresh_as(1);
	fill(200, "some bytes", 1);
	a = fetch(RET);
	snprintf(copy, sizeof copy, "%s/b/join-1", dir);
	imported = EM_AGAIN;
	store_backup(copy, on_imported, NULL);
	while (imported == EM_AGAIN)
		turn(worker_get(0));
	EQ(imported, EM_OK);
	store_backup(copy, on_imported, NULL);
	while (imported == EM_OK)
		turn(worker_get(0));
	EQ(imported, EM_EXISTS);
	stop();
	strcpy(was, dir);
	strcpy(dir, copy);
	start();
	b = fetch(RET);
	OK(is_equal(&a, &b));
	clear(&a.parts);
	clear(&b.parts);
	wipe();
	snprintf(copy, sizeof copy, "%s/b", was);
	rmdir(copy);
	strcpy(dir, was);
	unmake();
}

static void
remove_backup(void)
{
	/* Without a file of locks: for that there may be no room. */
	static const char *const name[] = { "b/join-1/data.mdb", "b/join-1", "b" };
	char path[sizeof dir + 20];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, name[i]);
		EQ(remove(path), 0);
	}
}

TEST(rows_of_a_backup_come_back_at_index_0)
{
	char copy[sizeof dir + 20];
	struct store_export *x;
	struct fetch a = { .err = EM_OK }, b;

	fresh_as(1);
	fill(200, "some bytes", 1);
	snprintf(copy, sizeof copy, "%s/b/join-1", dir);
	imported = EM_AGAIN;
	store_backup(copy, on_imported, NULL);
	while (imported == EM_AGAIN)
		turn(worker_get(0));
	fill(300, "others", 201);
	str_reset(&follows);
	x = store_export_open_backup(RET, copy);
	while (!a.is_over)
		next_part(x, &a);
	store_export_close(&x);
	EQ(a.err, EM_OK);
	import_all(&a);
	OK(strstr(str_get(&follows), "/1=some byt ") != NULL);
	EQ(store_applied(RET), 0);
	OK(!store_is_importing(RET));
	b = fetch(RET);
	OK(is_equal(&a, &b));
	clear(&a.parts);
	clear(&b.parts);
	/* A folder that is not there is not made. */
	copy[strlen(copy) - 1] = '2';
	a = (struct fetch){ .err = EM_OK };
	x = store_export_open_backup(RET, copy);
	next_part(x, &a);
	EQ(a.err, EM_NOTFOUND);
	store_export_close(&x);
	OK(access(copy, F_OK) != 0);
	clear(&a.parts);
	remove_backup();
	wipe();
}

TEST(a_copy_that_finds_no_room_leaves_nothing_and_one_that_is_there_can_go)
{
	struct rlimit was, small;
	char copy[sizeof dir + 20];

	fresh_as(1);
	fill(2000, "some bytes of a message, so that there are some pages", 1);
	snprintf(copy, sizeof copy, "%s/b/join-1", dir);
	OK(getrlimit(RLIMIT_FSIZE, &was) == 0);
	small = (struct rlimit){ 64 << 10, was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	OK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	imported = EM_AGAIN;
	store_backup(copy, on_imported, NULL);
	while (imported == EM_AGAIN)
		turn(worker_get(0));
	OK(setrlimit(RLIMIT_FSIZE, &was) == 0);
	EQ(imported, EM_FULL);
	OK(access(copy, F_OK) != 0);
	imported = EM_AGAIN;
	store_backup(copy, on_imported, NULL);
	while (imported == EM_AGAIN)
		turn(worker_get(0));
	EQ(imported, EM_OK);
	store_backup_remove(copy);
	while (access(copy, F_OK) == 0)
		usleep(1000);
	*strrchr(copy, '/') = '\0';
	EQ(rmdir(copy), 0);
	wipe();
}

/* ---- crashes */

/* A child that is killed somewhere in the middle of entries. */
static void
live_and_die(uint64_t from)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		dies_at = 20;
		start();
		store_order(RET, &order, 1);
		for (uint64_t i = from + 1;; i++) {
			char blob[32];

			snprintf(blob, sizeof blob, "%llu", (unsigned long long)i);
			foreign(i, 2, i, ENTRY_PUT, i % 2 == 0 ? "even" : "odd", blob,
			    1000 * S + i);
			if (i % 3 == 0)
				turn(worker_store());
		}
	}
	OK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL);
}

TEST(after_a_kill_rows_and_index_belong_together)
{
	char text[64];
	uint64_t at = 0;

	fresh_as(1);
	stop();
	for (unsigned i = 0; i < 3; i++) {
		live_and_die(at);
		start();
		at = store_applied(RET);
		OK(at >= 18);
		/* What was applied comes again and is skipped, what was not is taken. */
		foreign(at, 2, at, ENTRY_PUT, "odd", "twice", 2000 * S);
		foreign(at + 1, 2, at + 1, ENTRY_PUT, "x", "next", 1000 * S + at + 1);
		settle();
		STR_EQ(str_get(&follows), "x=next ");
		at++;
		stop();
	}
	snprintf(text, sizeof text, "%llu", (unsigned long long)at);
	start();
	EQ(store_applied(RET), at);
	wipe();
}
