/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup: a copy of the store in a folder of its own: see ordered.h.
 */
#include "emqxd/core/jobs.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/change_inside.h"
#include "emqxd/store/kv_copy.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct backup {
	struct job job;
	struct letter letter;
	struct kv_reader *reader;
	char *dir;
	struct worker *asker;
	change_done_fn *done;
	void *arg;
	em_err err;
};

/* The folder above @dir may be there. */
static em_err
make_parent(const char *dir)
{
	char *path = mem_strdup(dir);
	char *slash = strrchr(path, '/');
	em_err err = EM_OK;

	if (slash != NULL && slash != path) {
		*slash = '\0';
		if (mkdir(path, 0750) != 0 && errno != EEXIST)
			err = err_from_errno(errno);
	}
	mem_free(path);
	return err;
}

/* What was copied is on the disk, not on its way there; the names of the folders too. */
static em_err
sync_copy(const char *dir)
{
	static const char *const what[] = { "/data.mdb", "", "/..", "/../.." };
	em_err err = EM_OK;

	for (unsigned i = 0; i < sizeof what / sizeof what[0] && err == EM_OK; i++) {
		struct str path = { 0 };
		int fd;

		str_addf(&path, "%s%s", dir, what[i]);
		fd = open(str_get(&path), O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) != 0)
			err = err_from_errno(errno);
		if (fd >= 0)
			close(fd);
		str_fini(&path);
	}
	return err;
}

static void
remove_copy(const char *dir)
{
	static const char *const what[] = { "/data.mdb", "/lock.mdb" };

	for (unsigned i = 0; i < sizeof what / sizeof what[0]; i++) {
		struct str path = { 0 };

		str_addf(&path, "%s%s", dir, what[i]);
		(void)unlink(str_get(&path));
		str_fini(&path);
	}
	(void)rmdir(dir);
}

/* A part of a copy would keep a full disk full. */
static em_err
make_copy(struct backup *b)
{
	em_err err = make_parent(b->dir);

	if (err == EM_OK && mkdir(b->dir, 0750) != 0)
		err = err_from_errno(errno);
	if (err != EM_OK)
		return err;
	err = kv_reader_copy(b->reader, b->dir);
	if (err == EM_OK)
		err = sync_copy(b->dir);
	if (err != EM_OK)
		remove_copy(b->dir);
	return err;
}

static void
run(struct job *j)
{
	struct backup *b = LIST_OWNER(j, struct backup, job);

	if (b->err == EM_OK)
		b->err = make_copy(b);
	kv_reader_close(&b->reader);
	worker_post_now(b->asker, &b->letter);
}

static void
on_end(struct letter *l)
{
	struct backup *b = LIST_OWNER(l, struct backup, letter);

	b->done(b->arg, b->err);
	mem_free(b->dir);
	mem_free(b);
}

void
store_backup(const char *dir, change_done_fn *done, void *arg)
{
	struct backup *b = MEM_NEW(struct backup);

	*b = (struct backup){ .job.run = run,
		.letter.open = on_end,
		.dir = mem_strdup(dir),
		.asker = worker_self(),
		.done = done,
		.arg = arg };
	b->err = kv_reader_open(store_self()->kv, &b->reader);
	jobs_post(&b->job);
}

/* ---- away with it */

struct removal {
	struct job job;
	char *dir;
};

static void
run_removal(struct job *j)
{
	struct removal *r = LIST_OWNER(j, struct removal, job);

	remove_copy(r->dir);
	mem_free(r->dir);
	mem_free(r);
}

void
store_backup_remove(const char *dir)
{
	struct removal *r = MEM_NEW(struct removal);

	*r = (struct removal){ .job.run = run_removal, .dir = mem_strdup(dir) };
	jobs_post(&r->job);
}
