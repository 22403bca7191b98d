/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of small files that are replaced whole. */
#include "emqxd/core/file.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *
content(const char *path)
{
	static char text[200];
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return text;
}

TEST(a_file_is_replaced_whole_or_stays_as_it_was)
{
	char dir[] = "/tmp/emqxd-file-XXXXXX", path[100], other[110];
	struct rlimit was, small;

	OK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/a", dir);
	snprintf(other, sizeof other, "%s.new", path);
	EQ(file_replace(path, slice_str("first")), 0);
	STR_EQ(content(path), "first");
	EQ(file_replace(path, slice_str("second one")), 0);
	STR_EQ(content(path), "second one");
	OK(getrlimit(RLIMIT_FSIZE, &was) == 0);
	small = (struct rlimit){ 4, was.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	OK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	EQ(file_replace(path, slice_str("third one")), EFBIG);
	OK(setrlimit(RLIMIT_FSIZE, &was) == 0);
	STR_EQ(content(path), "second one");
	OK(access(other, F_OK) != 0);
	EQ(remove(path), 0);
	EQ(remove(dir), 0);
	EQ(file_replace(path, slice_str("x")), ENOENT);
}
