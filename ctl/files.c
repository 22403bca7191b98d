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

static em_err
open_one(const char *name, cmd_type type, int *fd, struct fault *f)
{
	bool out = type == CT_OUTFILE;
	struct stat st;

	*fd = open(name,
	    O_CLOEXEC | (out ? O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK : O_RDONLY),
	    0640);
	if (*fd < 0)
		return fault_set(f, err_from_errno(errno), "cannot %s %s: %s",
		    out ? "write" : "read", name, strerror(errno));
	if (fstat(*fd, &st) == 0 && !S_ISDIR(st.st_mode))
		return EM_OK;
	close(*fd);
	*fd = -1;
	return fault_set(f, EM_USAGE, "%s is a folder", name);
}

em_err
files_open(struct params *params, struct fault *f)
{
	for (size_t i = 0; i < params->v.n; i++) {
		const struct param *p = &params->v.p[i];
		char *name, *path;
		int fd;
		em_err err;

		if (p->arg->type != CT_INFILE && p->arg->type != CT_OUTFILE)
			continue;
		name = mem_dup(p->text.p, p->text.n);
		err = open_one(name, p->arg->type, &fd, f);
		if (err == EM_OK) {
			path = realpath(name, NULL);
			params_give_fd(params, p->arg->name, fd,
			    slice_str(path != NULL ? path : name));
			free(path);
		}
		mem_free(name);
		if (err != EM_OK)
			return err;
	}
	return EM_OK;
}
