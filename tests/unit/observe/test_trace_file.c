/* SPDX-License-Identifier: Apache-2.0 */
/* A file that a jobs thread writes: order, its bound, a disk that takes no more. */
#include "tests/unit/tap.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/worker.h"
#include "emqxd/observe/trace_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct fixture {
	char path[40];
	struct trace_file *file;
	size_t told; /* bytes that no longer wait */
};

static void
on_written(void *arg, size_t bytes)
{
	((struct fixture *)arg)->told += bytes;
}

static void
build(struct fixture *x, uint64_t max)
{
	*x = (struct fixture){ .told = 0 };
	strcpy(x->path, "/tmp/test_file.XXXXXX");
	worker_init(1);
	worker_act_as(worker_admin());
	OK(jobs_start(1) == EM_OK);
	OK(trace_file_new(mkstemp(x->path), max, on_written, x, &x->file, NULL) == EM_OK);
}

/* Until all is written. */
static void
settle(struct fixture *x)
{
	for (unsigned ms = 0; ms < 5000 && trace_file_is_busy(x->file); ms++) {
		usleep(1000);
		mailbox_open_all(worker_admin());
	}
	OK(!trace_file_is_busy(x->file));
}

static void
tear_down(struct fixture *x)
{
	settle(x);
	trace_file_free(&x->file);
	worker_act_as(worker_main());
	jobs_stop();
	worker_fini();
	unlink(x->path);
}

static void
put(struct fixture *x, const char *text)
{
	struct str s = { 0 };

	str_add(&s, text);
	trace_file_put(x->file, &s);
	OK(s.p == NULL);
}

static const char *
content(struct fixture *x, char *text, size_t size)
{
	FILE *file = fopen(x->path, "r");
	size_t n = fread(text, 1, size - 1, file);

	text[n] = '\0';
	fclose(file);
	return text;
}

TEST(lines_stand_in_the_order_in_which_they_were_put)
{
	char text[4096], line[16], wanted[4096] = "";
	struct fixture x;

	build(&x, 1 << 20);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(line, sizeof line, "line %u\n", i);
		strcat(wanted, line);
		put(&x, line);
		if (i % 7 == 0)
			mailbox_open_all(worker_admin());
	}
	settle(&x);
	STR_EQ(content(&x, text, sizeof text), wanted);
	EQ(trace_file_bytes(x.file), strlen(wanted));
	EQ(x.told, strlen(wanted));
	OK(trace_file_failure(x.file) == NULL);
	tear_down(&x);
}

TEST(a_file_that_is_full_says_so_and_takes_no_more)
{
	char text[256];
	struct fixture x;

	build(&x, 10);
	put(&x, "12345678\n");
	settle(&x);
	OK(trace_file_failure(x.file) == NULL);
	put(&x, "too much\n");
	settle(&x);
	STR_EQ(trace_file_failure(x.file), "full: 10 bytes are its bound");
	put(&x, "more\n");
	settle(&x);
	content(&x, text, sizeof text);
	OK(strncmp(text, "12345678\n20", 11) == 0);
	OK(strstr(text, " [TRACE] msg: file_full, \n") != NULL);
	OK(strstr(text, "much") == NULL && strstr(text, "more") == NULL);
	EQ(x.told, 9 + 9 + 5); /* what is not written does not wait either */
	tear_down(&x);
}

TEST(a_disk_that_takes_no_more_is_told)
{
	struct rlimit was, none = { 0, 0 };
	struct fixture x;

	build(&x, 1 << 20);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	none.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	put(&x, "a line\n");
	settle(&x);
	setrlimit(RLIMIT_FSIZE, &was);
	STR_EQ(trace_file_failure(x.file), "cannot write: File too large");
	EQ(trace_file_bytes(x.file), 0);
	EQ(x.told, 7);
	tear_down(&x);
}
