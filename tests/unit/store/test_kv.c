/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the tables on the disk. */
#include "emqxd/store/kv.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const tables[] = { "one", "two" };

static void
path_in(const char *dir, const char *name, char *out)
{
	snprintf(out, 200, "%s/%s", dir, name);
}

static struct kv *
open_in(const char *dir, uint64_t max)
{
	struct fault f = { .err = EM_OK };
	struct kv *k = NULL;

	OK(kv_open(dir, tables, 2, max, &k, &f) == EM_OK);
	return k;
}

static void
wipe(const char *dir)
{
	char path[200];

	path_in(dir, "data.mdb", path);
	unlink(path);
	path_in(dir, "lock.mdb", path);
	unlink(path);
	rmdir(dir);
}

static em_err
note(struct slice key, struct slice blob, void *arg)
{
	str_addf(arg, "%.*s=%.*s ", SLICE_FMT(slice_head(key, 20)),
	    SLICE_FMT(slice_head(blob, 20)));
	return EM_OK;
}

static const char *
all(struct kv *k, unsigned table, struct str *text)
{
	str_reset(text);
	OK(kv_each(k, table, note, text) == EM_OK);
	return str_get(text);
}

static void
put(struct kv *k, unsigned table, const char *key, const char *blob)
{
	OK(kv_put(k, table, slice_str(key), slice_str(blob)) == EM_OK);
}

TEST(what_was_committed_is_there_when_it_is_opened_again_and_what_was_not_is_not)
{
	char dir[] = "/tmp/emqxd-kv-XXXXXX";
	struct str text = { 0 };
	struct kv *k;

	OK(mkdtemp(dir) != NULL);
	k = open_in(dir, 1 << 20);
	OK(kv_begin(k) == EM_OK);
	put(k, 0, "b", "2");
	put(k, 0, "a", "1");
	put(k, 0, "a", "one");
	put(k, 1, "a", "other table");
	put(k, 0, "", "empty key");
	OK(kv_commit(k) == EM_OK);
	OK(kv_begin(k) == EM_OK);
	put(k, 0, "c", "3");
	kv_abort(k);
	OK(kv_begin(k) == EM_OK);
	put(k, 0, "d", "4");
	kv_close(&k); /* in the middle of one */
	k = open_in(dir, 1 << 20);
	STR_EQ(all(k, 0, &text), "=empty key a=one b=2 ");
	STR_EQ(all(k, 1, &text), "a=other table ");
	OK(kv_begin(k) == EM_OK);
	OK(kv_del(k, 0, slice_str("a")) == EM_OK);
	OK(kv_del(k, 0, slice_str("nothing")) == EM_OK);
	OK(kv_commit(k) == EM_OK);
	STR_EQ(all(k, 0, &text), "=empty key b=2 ");
	kv_close(&k);
	str_fini(&text);
	wipe(dir);
}

static em_err
is_long(struct slice key, struct slice blob, void *arg)
{
	unsigned *seen = arg;

	if (blob.n == 1 && key.n > 0 && key.p[key.n - 1] == blob.p[0])
		++*seen;
	return EM_OK;
}

TEST(keys_of_any_length_come_back_whole)
{
	static const size_t lengths[] = { 509, 510, 511, 512, 1000, 65535 };
	char dir[] = "/tmp/emqxd-kv-XXXXXX";
	static uint8_t key[65535];
	unsigned seen = 0, n = sizeof lengths / sizeof *lengths;
	struct kv *k;

	OK(mkdtemp(dir) != NULL);
	k = open_in(dir, 1 << 20);
	memset(key, 'x', sizeof key);
	OK(kv_begin(k) == EM_OK);
	/* Two of each length that differ in the last byte alone. */
	for (unsigned i = 0; i < 2 * n; i++) {
		size_t len = lengths[i / 2];

		key[len - 1] = (uint8_t)('0' + i);
		OK(kv_put(k, 0, slice_of(key, len), slice_of(&key[len - 1], 1)) == EM_OK);
		key[len - 1] = 'x';
	}
	OK(kv_commit(k) == EM_OK);
	OK(kv_each(k, 0, is_long, &seen) == EM_OK);
	EQ(seen, 2 * n);
	OK(kv_begin(k) == EM_OK);
	key[65534] = (uint8_t)('0' + 2 * n - 1);
	OK(kv_del(k, 0, slice_of(key, 65535)) == EM_OK);
	OK(kv_commit(k) == EM_OK);
	seen = 0;
	OK(kv_each(k, 0, is_long, &seen) == EM_OK);
	EQ(seen, 2 * n - 1);
	kv_close(&k);
	wipe(dir);
}

/* Fills it until it says so; how many rows it took. */
static unsigned
fill(struct kv *k, const struct slice *blob)
{
	char key[32];

	for (unsigned i = 0; i < 10000; i++) {
		em_err err = kv_begin(k);

		snprintf(key, sizeof key, "%u", i);
		if (err == EM_OK)
			err = kv_put(k, 0, slice_str(key), *blob);
		if (err == EM_OK)
			err = kv_commit(k);
		if (err != EM_OK) {
			EQ(err, EM_FULL);
			return i;
		}
	}
	return UINT32_MAX;
}

TEST(one_that_is_full_says_so_and_takes_more_when_something_is_deleted)
{
	char dir[] = "/tmp/emqxd-kv-XXXXXX";
	uint64_t used, max;
	struct slice blob;
	unsigned n;
	struct kv *k;

	OK(mkdtemp(dir) != NULL);
	k = open_in(dir, 1 << 20);
	blob = slice_of(mem_new(10000), 10000);
	n = fill(k, &blob);
	OK(n > 20 && n < 120);
	kv_size(k, &used, &max);
	EQ(max, 1 << 20);
	OK(used > max / 2 && used <= max);
	/* Pages go free with the transaction after the next. */
	for (unsigned i = 0; i < n; i++) {
		char key[32];

		OK(kv_begin(k) == EM_OK);
		snprintf(key, sizeof key, "%u", i);
		OK(kv_del(k, 0, slice_str(key)) == EM_OK);
		OK(kv_commit(k) == EM_OK);
	}
	OK(kv_begin(k) == EM_OK);
	OK(kv_put(k, 0, slice_str("again"), blob) == EM_OK);
	OK(kv_commit(k) == EM_OK);
	mem_free((void *)(uintptr_t)blob.p);
	kv_close(&k);
	wipe(dir);
}

TEST(a_file_that_is_no_store_is_refused_with_a_hint)
{
	char dir[] = "/tmp/emqxd-kv-XXXXXX", path[200];
	struct fault f = { .err = EM_OK };
	struct kv *k = NULL;
	FILE *file;

	OK(mkdtemp(dir) != NULL);
	path_in(dir, "data.mdb", path);
	file = fopen(path, "w");
	for (unsigned i = 0; i < 10000; i++)
		fputs("no store ", file);
	fclose(file);
	EQ(kv_open(dir, tables, 2, 1 << 20, &k, &f), EM_MALFORMED);
	OK(k == NULL && f.hint != NULL && strstr(f.text, dir) != NULL);
	fault_clear(&f);
	wipe(dir);
}

static off_t
size_in(const char *dir)
{
	char path[200];
	struct stat st;

	path_in(dir, "data.mdb", path);
	OK(stat(path, &st) == 0);
	return st.st_size;
}

TEST(a_file_that_ends_before_its_last_page_may_be_whole_and_is_made_longer)
{
	char dir[] = "/tmp/emqxd-kv-XXXXXX";
	struct str text = { 0 };
	uint64_t used, max;
	struct slice large;
	struct kv *k;

	OK(mkdtemp(dir) != NULL);
	k = open_in(dir, 1 << 24);
	large = slice_of(mem_new(1 << 20), 1 << 20);
	/* With free pages known, what is taken and given back is never written. */
	for (unsigned i = 0; i < 8; i++) {
		OK(kv_begin(k) == EM_OK);
		OK(kv_put(k, 0, slice_str("a"), slice_head(large, 10000)) == EM_OK);
		OK(kv_commit(k) == EM_OK);
	}
	OK(kv_begin(k) == EM_OK);
	OK(kv_put(k, 0, slice_str("a"), large) == EM_OK);
	OK(kv_del(k, 0, slice_str("a")) == EM_OK);
	put(k, 0, "a", "small");
	OK(kv_commit(k) == EM_OK);
	kv_size(k, &used, &max);
	OK((uint64_t)size_in(dir) < used);
	kv_close(&k);
	k = open_in(dir, 1 << 24);
	EQ(size_in(dir), used);
	STR_EQ(all(k, 0, &text), "a=small ");
	kv_close(&k);
	mem_free((void *)(uintptr_t)large.p);
	str_fini(&text);
	wipe(dir);
}

TEST(a_file_that_was_cut_is_refused_with_a_hint)
{
	char dir[] = "/tmp/emqxd-kv-XXXXXX", path[200];
	struct fault f = { .err = EM_OK };
	struct kv *k;

	OK(mkdtemp(dir) != NULL);
	k = open_in(dir, 1 << 20);
	OK(kv_begin(k) == EM_OK);
	put(k, 0, "a", "1");
	OK(kv_commit(k) == EM_OK);
	kv_close(&k);
	path_in(dir, "data.mdb", path);
	OK(truncate(path, 2 * 4096) == 0); /* all but LMDB's two heads */
	EQ(kv_open(dir, tables, 2, 1 << 20, &k, &f), EM_MALFORMED);
	OK(k == NULL && f.hint != NULL && strstr(f.text, dir) != NULL);
	fault_clear(&f);
	wipe(dir);
}
