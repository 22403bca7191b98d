/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the folders that the logs are in. */
#include "emqxd/cstore/cstore_log.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void
make(const char *path, const char *name)
{
	char file[200];
	int fd;

	snprintf(file, sizeof file, "%s/%s", path, name);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	OK(fd >= 0);
	close(fd);
}

TEST(a_log_is_there_once_libraft_has_begun_it_and_gone_when_it_was_removed)
{
	char dir[] = "/tmp/emqxd-log-XXXXXX";
	char *path;

	OK(mkdtemp(dir) != NULL);
	path = cstore_log_path(dir, CSTORE_RET);
	OK(strcmp(path + strlen(dir), "/ret") == 0);
	EQ(cstore_log_remove(path), 0); /* there is none */
	OK(!cstore_log_is_there(path));
	EQ(mkdir(path, 0700), 0);
	make(path, "open-1");
	OK(!cstore_log_is_there(path));
	make(path, "metadata2");
	OK(cstore_log_is_there(path));
	EQ(cstore_log_remove(path), 0);
	OK(access(path, F_OK) != 0);
	/* What is none of ours stays, and is told. */
	EQ(mkdir(path, 0700), 0);
	make(path, "metadata1");
	OK(cstore_log_is_there(path));
	{
		char *inner = cstore_log_path(path, CSTORE_META);

		EQ(mkdir(inner, 0700), 0);
		EQ(cstore_log_remove(path), EISDIR);
		EQ(rmdir(inner), 0);
		mem_free(inner);
	}
	EQ(cstore_log_remove(path), 0);
	EQ(rmdir(dir), 0);
	mem_free(path);
}
