/* SPDX-License-Identifier: Apache-2.0 */
/* license_file: this node's copy, and backups of those before. */
#include "emqxd/license/license_file.h"
#include "emqxd/core/file.h"
#include "emqxd/license/license_key.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *
folder(void)
{
	static char name[64];

	snprintf(name, sizeof name, "/tmp/test_license_file.XXXXXX");
	OK(mkdtemp(name) != NULL);
	return name;
}

static void
clean(const char *dir)
{
	char line[128];

	snprintf(line, sizeof line, "rm -rf %s", dir);
	OK(system(line) == 0);
}

static void
reads(const char *path, const char *text)
{
	struct fault f = { .err = EM_OK };
	struct str s = { 0 };
	wall_t written;

	OK(license_file_read(path, &s, &written, &f) == EM_OK);
	STR_EQ(str_get(&s), text);
	OK(written.ns > 0);
	str_fini(&s);
}

TEST(the_one_before_becomes_a_dated_backup_when_it_is_another)
{
	struct fault f = { .err = EM_OK };
	struct license_file_kept k;
	const char *dir = folder();
	wall_t now = { INT64_C(1764288000000000000) };

	OK(license_file_keep(dir, SLICE_LIT("one.1"), now, &k, &f) == EM_OK);
	EQ(k.backup.n, 0);
	EQ(strlen(k.hash), 64);
	reads(str_get(&k.path), "one.1\n");
	license_file_kept_fini(&k);
	OK(license_file_keep(dir, SLICE_LIT("one.1"), now, &k, &f) == EM_OK);
	EQ(k.backup.n, 0);
	EQ(strlen(k.hash), 64);
	license_file_kept_fini(&k);
	OK(license_file_keep(dir, SLICE_LIT("two.2"), now, &k, &f) == EM_OK);
	OK(strstr(str_get(&k.backup),
	       "/licenses/emqx.lic.2025-11-28T00:00:00.000000+00:00.backup") != NULL);
	reads(str_get(&k.backup), "one.1\n");
	reads(str_get(&k.path), "two.2\n");
	license_file_kept_fini(&k);
	/* At the same moment again. */
	OK(license_file_keep(dir, SLICE_LIT("three.3"), now, &k, &f) == EM_OK);
	OK(strstr(str_get(&k.backup), "+00:00.1.backup") != NULL);
	license_file_kept_fini(&k);
	/* None: the last one is a backup. */
	OK(license_file_keep(dir, SLICE_NONE, now, &k, &f) == EM_OK);
	EQ(k.path.n, 0);
	STR_EQ(k.hash, "");
	reads(str_get(&k.backup), "three.3\n");
	license_file_kept_fini(&k);
	clean(dir);
}

TEST(a_copy_that_cannot_be_written_has_emqx_s_name_for_it)
{
	struct fault f = { .err = EM_OK };
	struct license_file_kept k;
	const char *dir = folder();
	struct str path = { 0 };

	OK(license_file_keep(
	       "/nowhere/at/all", SLICE_LIT("a.b"), (wall_t){ 0 }, &k, &f) != EM_OK);
	OK(strstr(f.text, "error_creating_license_dir") != NULL);
	license_file_kept_fini(&k);
	str_addf(&path, "%s/licenses", dir);
	OK(mkdir(str_get(&path), 0700) == 0);
	str_add(&path, "/emqx.lic");
	OK(mkdir(str_get(&path), 0700) == 0); /* a folder is in the way */
	OK(license_file_keep(dir, SLICE_LIT("a.b"), (wall_t){ 0 }, &k, &f) != EM_OK);
	OK(strstr(f.text, "error_reading_existing_license") != NULL);
	license_file_kept_fini(&k);
	fault_clear(&f);
	str_fini(&path);
	clean(dir);
}

TEST(a_licence_is_read_from_a_small_regular_file_only)
{
	static char big[LICENSE_KEY_MAX + 1];
	struct fault f = { .err = EM_OK };
	const char *dir = folder();
	struct str path = { 0 }, text = { 0 };
	wall_t written;

	str_addf(&path, "%s/f", dir);
	OK(license_file_read(str_get(&path), &text, &written, &f) == EM_NOTFOUND);
	OK(license_file_read("/dev/zero", &text, &written, &f) == EM_MALFORMED);
	OK(license_file_read(dir, &text, &written, &f) == EM_MALFORMED);
	memset(big, 'A', sizeof big);
	EQ(file_replace(str_get(&path), slice_of(big, sizeof big)), 0);
	OK(license_file_read(str_get(&path), &text, &written, &f) == EM_TOOBIG);
	fault_clear(&f);
	str_fini(&text);
	str_fini(&path);
	clean(dir);
}

TEST(a_file_of_any_age_is_read)
{
	static const int64_t ages[] = { INT64_C(15032385535), /* the last that ext4 has */
		INT64_C(9223372037), -1, 0 };
	struct fault f = { .err = EM_OK };
	const char *dir = folder();
	struct str path = { 0 };

	str_addf(&path, "%s/f", dir);
	EQ(file_replace(str_get(&path), SLICE_LIT("one.1")), 0);
	for (unsigned i = 0; i < sizeof ages / sizeof ages[0]; i++) {
		const struct timespec at = { .tv_sec = ages[i], .tv_nsec = 7 };
		struct str text = { 0 };
		wall_t written;

		EQ(utimensat(AT_FDCWD, str_get(&path), (struct timespec[]){ at, at }, 0),
		    0);
		OK(license_file_read(str_get(&path), &text, &written, &f) == EM_OK);
		OK(written.ns >= 0 && (ages[i] < 1 || written.ns > INT64_MAX / 2));
		str_fini(&text);
	}
	str_fini(&path);
	clean(dir);
}
