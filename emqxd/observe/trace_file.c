/* SPDX-License-Identifier: Apache-2.0 */
/* trace_file: see trace_file.h. */
#include "emqxd/observe/trace_file.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/span.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct trace_file {
	int fd;
	uint64_t max, bytes;
	trace_file_fn *on_written;
	void *arg;
	struct str next;    /* collected while a job writes */
	struct str failure; /* empty while all is well */
	bool is_writing;
	/* A portion under way: the job's until its letter comes. */
	struct job job;
	struct letter letter;
	struct str portion;
	uint64_t written;
	int error;
	bool is_full;
};

em_err
trace_file_new(int fd, uint64_t max, trace_file_fn *on_written, void *arg,
    struct trace_file **out, struct fault *f)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	struct trace_file *file;

	*out = NULL;
	if (flags < 0 || fstat(fd, &st) != 0)
		return fault_set(f, EM_IO, "file: %s", strerror(errno));
	/* Anything else could make the thread wait that also frees memory for all. */
	if (!S_ISREG(st.st_mode))
		return fault_set(f, EM_USAGE, "file: not a regular file");
	if ((flags & O_ACCMODE) == O_RDONLY)
		return fault_set(f, EM_USAGE, "file: not open for writing");
	(void)fcntl(fd, F_SETFL, flags | O_APPEND);
	file = MEM_NEW(struct trace_file);
	file->fd = fd;
	file->max = max;
	file->on_written = on_written;
	file->arg = arg;
	*out = file;
	return EM_OK;
}

void
trace_file_free(struct trace_file **fp)
{
	struct trace_file *file = *fp;

	if (file == NULL)
		return;
	CHECK(!file->is_writing);
	close(file->fd);
	str_fini(&file->next);
	str_fini(&file->portion);
	str_fini(&file->failure);
	MEM_FREE(*fp);
}

static int
write_all(struct trace_file *file, struct slice text)
{
	while (text.n > 0) {
		ssize_t n = write(file->fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		file->written += (uint64_t)n;
		text = slice_from(text, (size_t)n);
	}
	return 0;
}

static void on_written(struct letter *l);

/* On a jobs thread.  Instead of the portion that would not fit stands that it is so. */
static void
write_portion(struct job *j)
{
	struct trace_file *file = LIST_OWNER(j, struct trace_file, job);
	char time[SPAN_TEXT_MAX];
	struct str full = { 0 };

	file->written = 0;
	file->is_full = file->bytes + file->portion.n > file->max;
	if (file->is_full)
		str_addf(&full, "%s [TRACE] msg: file_full, \n",
		    wall_print(span_wall_now(), false, time));
	file->error = write_all(file, str_slice(file->is_full ? &full : &file->portion));
	str_fini(&full);
	file->letter = (struct letter){ .open = on_written };
	worker_post(worker_admin(), &file->letter);
}

static void
start(struct trace_file *file)
{
	if (file->is_writing || file->next.n == 0)
		return;
	file->portion = file->next;
	file->next = (struct str){ .p = NULL };
	file->is_writing = true;
	file->job.run = write_portion;
	jobs_post(&file->job);
}

static void
on_written(struct letter *l)
{
	struct trace_file *file = LIST_OWNER(l, struct trace_file, letter);
	size_t done = file->portion.n;

	file->is_writing = false;
	file->bytes += file->written;
	str_fini(&file->portion);
	if (file->is_full)
		str_addf(&file->failure, "full: %llu bytes are its bound",
		    (unsigned long long)file->max);
	else if (file->error != 0)
		str_addf(&file->failure, "cannot write: %s", strerror(file->error));
	if (file->failure.n > 0) {
		done += file->next.n;
		str_fini(&file->next);
	}
	start(file);
	file->on_written(file->arg, done);
}

void
trace_file_put(struct trace_file *file, struct str *text)
{
	if (file->failure.n > 0)
		file->on_written(file->arg, text->n);
	else if (file->next.n > 0)
		str_add_slice(&file->next, str_slice(text));
	else {
		file->next = *text;
		*text = (struct str){ .p = NULL };
	}
	str_fini(text);
	start(file);
}

bool
trace_file_is_busy(const struct trace_file *file)
{
	return file->is_writing || file->next.n > 0;
}

uint64_t
trace_file_bytes(const struct trace_file *file)
{
	return file->bytes;
}

const char *
trace_file_failure(const struct trace_file *file)
{
	return file->failure.n > 0 ? str_get(&file->failure) : NULL;
}
