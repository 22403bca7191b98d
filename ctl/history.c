/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history: libedit's own format, a line appended at a time; when a shell starts
 * and finds more than twice what is kept, it writes the file anew.
 *
 * libedit's H_NSAVE_FP writes one line more than it is asked for (a unit test
 * would see another libedit), so one less is asked for.
 */
#include "ctl/history.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static em_err
make_folders(char *path)
{
	for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST) {
			*p = '/';
			return err_from_errno(errno);
		}
		*p = '/';
	}
	return EM_OK;
}

static char *
file_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	struct str path = { 0 };

	if (state != NULL && state[0] == '/')
		str_add(&path, state);
	else if (home != NULL && home[0] == '/')
		str_addf(&path, "%s/.local/state", home);
	else
		return NULL;
	str_add(&path, "/emqx_ctl/history");
	return str_take(&path);
}

/* libedit must not truncate or create with other rights than ours. */
static FILE *
open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "a") : NULL;

	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

static void
shorten(struct history_file *h, int n)
{
	HistEvent ev;
	FILE *file;

	if (n <= 2 * HISTORY_MAX)
		return;
	file = open_file(h->path, O_TRUNC);
	if (file == NULL)
		return;
	(void)history(h->lines, &ev, H_NSAVE_FP, (size_t)HISTORY_MAX - 1, file);
	(void)fclose(file);
}

void
history_open(struct history_file *h)
{
	HistEvent ev;
	int n;

	*h = (struct history_file){ history_init(), file_path() };
	CHECK(h->lines != NULL);
	(void)history(h->lines, &ev, H_SETSIZE, 3 * HISTORY_MAX);
	(void)history(h->lines, &ev, H_SETUNIQUE, 1);
	if (h->path != NULL && make_folders(h->path) != EM_OK)
		MEM_FREE(h->path);
	if (h->path == NULL)
		return;
	n = history(h->lines, &ev, H_LOAD, h->path);
	shorten(h, n);
}

void
history_keep(struct history_file *h, const char *line)
{
	HistEvent ev;
	FILE *file;

	(void)history(h->lines, &ev, H_ENTER, line);
	file = h->path != NULL ? open_file(h->path, O_APPEND) : NULL;
	if (file == NULL)
		return;
	/* The head of the file is written where the position is 0. */
	(void)fseek(file, 0, SEEK_END);
	(void)history(h->lines, &ev, H_NSAVE_FP, (size_t)0, file);
	(void)fclose(file);
}

void
history_close(struct history_file *h)
{
	history_end(h->lines);
	MEM_FREE(h->path);
}

bool
history_may_keep(const struct params *params)
{
	for (size_t i = 0; i < params->v.n; i++)
		if (params->v.p[i].arg->type == CT_SECRET)
			return false;
	return true;
}
