/* SPDX-License-Identifier: Apache-2.0 */
/* file: see file.h. */
#include "emqxd/core/file.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int
write_all(int fd, struct slice text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		text = slice_from(text, (size_t)n);
	}
	return fsync(fd) == 0 ? 0 : errno;
}

static int
write_new(const char *path, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	int error;

	if (fd < 0)
		return errno;
	error = write_all(fd, text);
	if (close(fd) != 0 && error == 0)
		error = errno;
	return error;
}

static int
sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir =
	    slash != NULL ? mem_dup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	mem_free(dir);
	return error;
}

int
file_replace(const char *path, struct slice text)
{
	struct str tmp = { 0 };
	int error;

	str_addf(&tmp, "%s.new", path);
	error = write_new(str_get(&tmp), text);
	if (error == 0 && rename(str_get(&tmp), path) != 0)
		error = errno;
	if (error == 0)
		error = sync_folder_of(path);
	else
		(void)unlink(str_get(&tmp));
	str_fini(&tmp);
	return error;
}
