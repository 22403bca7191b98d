/* SPDX-License-Identifier: Apache-2.0 */
/* site: the number stays; a file that is none of ours stops the start. */
#include "emqxd/app/site.h"
#include "ipc/base/str.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/test_site.XXXXXX";
static struct str path;

static void
put(const char *text)
{
	FILE *file = fopen(str_get(&path), "w");

	OK(file != NULL);
	fputs(text, file);
	fclose(file);
}

TEST(it_is_made_once)
{
	struct fault f = { .err = EM_OK };
	uint64_t a, b;

	OK(mkdtemp(dir) != NULL);
	str_addf(&path, "%s/site", dir);
	OK(site_open(dir, &a, &f) == EM_OK);
	OK(site_open(dir, &b, &f) == EM_OK);
	OK(a != 0 && a == b);
}

TEST(a_file_of_another_kind_is_refused)
{
	static const char *const bad[] = { "", "0000000000000000\n", "123\n",
		"00000000000000ag\n", "0123456789abcdef", "0123456789abcdef0\n" };
	uint64_t a;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fault f = { .err = EM_OK };

		put(bad[i]);
		OK(site_open(dir, &a, &f) == EM_MALFORMED);
		fault_clear(&f);
	}
}

TEST(a_folder_that_is_not_there_is_an_error)
{
	struct fault f = { .err = EM_OK };
	uint64_t a;

	unlink(str_get(&path));
	rmdir(dir);
	OK(site_open(dir, &a, &f) != EM_OK);
	OK(f.err != EM_OK);
	fault_clear(&f);
	str_fini(&path);
}
