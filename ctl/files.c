/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files: opening, and the name by which the daemon will speak of it.
 */
#include "ctl/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

em_err
files_fault(struct fault *f, const char *what, const char *name)
{
	em_err err = fault_set(
	    f, err_from_errno(errno), "cannot %s %s: %s", what, name, strerror(errno));

	/* The usual hint of "not permitted" is about the daemon. */
	if (err == EM_DENIED)
		fault_hint(f, "emqx_ctl opens files itself, with your rights");
	return err;
}

/* *@made: it was not there before. */
static int
open_out(const char *name, bool *made)
{
	int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC;
	int fd = open(name, flags);

	*made = false;
	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open(name, flags | O_CREAT | O_EXCL, 0640);
	*made = fd >= 0;
	/* Another one was faster, or it is a link that leads to nothing yet. */
	return fd < 0 && errno == EEXIST ? open(name, flags | O_CREAT, 0640) : fd;
}

/* Not to wait for a pipe that nobody writes to. */
static int
open_in(const char *name)
{
	int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

static em_err
open_one(const char *name, cmd_type type, int *fd, bool *made, struct fault *f)
{
	bool out = type == CT_OUTFILE;
	struct stat st;

	*made = false;
	*fd = out ? open_out(name, made) : open_in(name);
	if (*fd < 0)
		return files_fault(f, out ? "write" : "read", name);
	if (fstat(*fd, &st) == 0 && !S_ISDIR(st.st_mode))
		return EM_OK;
	close(*fd);
	*fd = -1;
	return fault_set(f, EM_USAGE, "%s is a folder", name);
}

em_err
files_open(struct params *params, char **made, struct fault *f)
{
	*made = NULL;
	for (size_t i = 0; i < params->v.n; i++) {
		const struct param *p = &params->v.p[i];
		char *name, *path;
		bool is_new;
		int fd;
		em_err err;

		if (p->arg->type != CT_INFILE && p->arg->type != CT_OUTFILE)
			continue;
		name = mem_dup(p->text.p, p->text.n);
		err = open_one(name, p->arg->type, &fd, &is_new, f);
		if (err == EM_OK) {
			path = realpath(name, NULL);
			params_give_fd(params, p->arg->name, fd,
			    slice_str(path != NULL ? path : name));
			if (is_new && *made == NULL)
				*made = mem_strdup(name);
			free(path);
		}
		mem_free(name);
		if (err != EM_OK)
			return err;
	}
	return EM_OK;
}

void
files_unmake(const char *made)
{
	struct stat st;

	if (made != NULL && lstat(made, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == 0)
		(void)unlink(made);
}
