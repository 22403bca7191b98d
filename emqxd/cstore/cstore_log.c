/* SPDX-License-Identifier: Apache-2.0 */
/* cstore_log: see cstore_log.h. */
#include "emqxd/cstore/cstore_log.h"
#include "ipc/base/check.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

const char *
cstore_log_name(enum cstore_group g)
{
	static const char *const names[] = {
		[CSTORE_META] = "meta", [CSTORE_RET] = "ret"
	};

	_Static_assert(sizeof names / sizeof names[0] == CSTORE_GROUP_N, "no name");
	CHECK(g < CSTORE_GROUP_N);
	return names[g];
}

char *
cstore_log_path(const char *folder, enum cstore_group g)
{
	struct str path = { 0 };

	str_addf(&path, "%s/%s", folder, cstore_log_name(g));
	return str_take(&path);
}

int
cstore_log_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int error = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : errno;
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    unlinkat(dirfd(dir), e->d_name, 0) != 0)
			error = errno;
	}
	closedir(dir);
	if (error == 0 && rmdir(path) != 0)
		error = errno;
	return error;
}

/* They are written by turns, before all else. */
bool
cstore_log_is_there(const char *path)
{
	static const char *const names[] = { "metadata1", "metadata2" };
	bool is_there = false;

	for (unsigned i = 0; i < 2; i++) {
		struct str file = { 0 };

		str_addf(&file, "%s/%s", path, names[i]);
		is_there = is_there || access(str_get(&file), F_OK) == 0;
		str_fini(&file);
	}
	return is_there;
}
