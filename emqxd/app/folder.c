/* SPDX-License-Identifier: Apache-2.0 */
/* folder: see folder.h. */
#include "emqxd/app/folder.h"
#include "ipc/base/mem.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
make_one(const char *path, mode_t mode, unsigned *made)
{
	if (mkdir(path, mode) != 0)
		return errno == EEXIST ? 0 : errno;
	(*made)++;
	return 0;
}

int
folder_make(const char *path, mode_t mode, unsigned *made)
{
	char *copy = mem_strdup(path), *p = copy;
	int e = 0;

	*made = 0;
	for (;;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		if (e != 0 || *p == '\0')
			break;
		*p = '\0';
		e = make_one(copy, 0755, made);
		*p = '/';
	}
	if (e == 0)
		e = make_one(copy, mode, made);
	mem_free(copy);
	return e;
}

int
folder_make_for(const char *file, mode_t mode, unsigned *made)
{
	const char *end = strrchr(file, '/');
	char *dir;
	int e;

	*made = 0;
	if (end == NULL || end == file)
		return 0;
	dir = mem_dup(file, (size_t)(end - file));
	e = folder_make(dir, mode, made);
	mem_free(dir);
	return e;
}

char *
folder_make_last(const char *file, mode_t mode, const char *user)
{
	const char *end = strrchr(file, '/');
	const struct passwd *pw = user[0] != '\0' ? getpwnam(user) : NULL;
	char *dir;

	if (end == NULL || end == file)
		return NULL;
	dir = mem_dup(file, (size_t)(end - file));
	if (mkdir(dir, mode) != 0) {
		mem_free(dir);
		return NULL;
	}
	/* a mask of the shell's counts for nobody who comes later */
	if (chmod(dir, mode) != 0 ||
	    (pw != NULL && geteuid() == 0 && chown(dir, pw->pw_uid, pw->pw_gid) != 0)) {
		(void)rmdir(dir);
		MEM_FREE(dir);
	}
	return dir;
}

void
folder_unmake(const char *path, unsigned made)
{
	char *copy = mem_strdup(path), *end;

	for (; made > 0 && rmdir(copy) == 0; made--) {
		end = strrchr(copy, '/');
		if (end == NULL)
			break;
		*end = '\0';
	}
	mem_free(copy);
}
