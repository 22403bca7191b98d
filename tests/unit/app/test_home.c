/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's folder: its lock, its format, what is left behind. */
#include "emqxd/app/home.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	char top[64], dir[96], path[128];
	struct fault f;
};

static void
begin(struct fixture *x)
{
	*x = (struct fixture){ .top = "/tmp/test_home.XXXXXX" };
	OK(mkdtemp(x->top) != NULL);
	snprintf(x->dir, sizeof x->dir, "%s/a/data", x->top);
}

static const char *
in_dir(struct fixture *x, const char *name)
{
	snprintf(x->path, sizeof x->path, "%s/%s", x->dir, name);
	return x->path;
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
end(struct fixture *x)
{
	char above[96];

	fault_clear(&x->f);
	unlink(in_dir(x, "FORMAT"));
	rmdir(x->dir);
	snprintf(above, sizeof above, "%s/a", x->top);
	rmdir(above);
	EQ(rmdir(x->top), 0);
}

static void
write_format(struct fixture *x, const char *text)
{
	int fd = open(in_dir(x, "FORMAT"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	OK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

TEST(a_start_that_fails_leaves_nothing)
{
	struct fixture x;
	struct home *h;

	begin(&x);
	EQ(home_open(x.dir, &h, &x.f), EM_OK);
	OK(is_there(in_dir(&x, "emqxd.pid")));
	home_close(&h);
	OK(h == NULL);
	OK(!is_there(x.dir));
	end(&x);
}

TEST(one_that_served_leaves_the_folder_and_its_format)
{
	struct fixture x;
	struct home *h;
	struct stat st;

	begin(&x);
	EQ(home_open(x.dir, &h, &x.f), EM_OK);
	EQ(home_serve(h, &x.f), EM_OK);
	EQ(stat(x.dir, &st), 0);
	EQ(st.st_mode & 0777, 0750);
	home_close(&h);
	OK(is_there(in_dir(&x, "FORMAT")));
	OK(!is_there(in_dir(&x, "emqxd.pid")));
	EQ(home_open(x.dir, &h, &x.f), EM_OK);
	home_close(&h);
	end(&x);
}

/* flock() is by open file, so one process can be both. */
TEST(a_second_daemon_is_refused_by_pid)
{
	struct fixture x;
	struct home *h, *second;
	char want[256];
	bool serves;
	pid_t pid;

	begin(&x);
	EQ(home_owner(x.dir, &pid, &serves), EM_NOTFOUND);
	EQ(home_open(x.dir, &h, &x.f), EM_OK);
	EQ(home_owner(x.dir, &pid, &serves), EM_OK);
	EQ(pid, getpid());
	OK(!serves);
	EQ(home_serve(h, &x.f), EM_OK);
	EQ(home_owner(x.dir, &pid, &serves), EM_OK);
	OK(serves);
	EQ(home_open(x.dir, &second, &x.f), EM_BUSY);
	OK(second == NULL);
	snprintf(want, sizeof want, "emqxd runs already with node.data_dir %s: pid %d",
	    x.dir, (int)getpid());
	STR_EQ(x.f.text, want);
	OK(is_there(in_dir(&x, "emqxd.pid")));
	home_close(&h);
	EQ(home_owner(x.dir, &pid, &serves), EM_NOTFOUND);
	end(&x);
}

TEST(a_lock_dies_with_its_process)
{
	struct fixture x;
	struct home *h;
	bool serves;
	pid_t pid;

	begin(&x);
	pid = fork();
	if (pid == 0) {
		if (home_open(x.dir, &h, NULL) == EM_OK && home_serve(h, NULL) == EM_OK)
			_exit(0);
		_exit(1);
	}
	OK(waitpid(pid, NULL, 0) == pid);
	OK(is_there(in_dir(&x, "emqxd.pid")));
	EQ(home_owner(x.dir, &pid, &serves), EM_NOTFOUND);
	EQ(home_open(x.dir, &h, &x.f), EM_OK);
	home_close(&h);
	end(&x);
}

TEST(a_newer_format_is_refused)
{
	struct fixture x;
	struct home *h;

	begin(&x);
	EQ(home_open(x.dir, &h, &x.f), EM_OK);
	EQ(home_serve(h, &x.f), EM_OK);
	home_close(&h);
	write_format(&x, "2\n");
	EQ(home_open(x.dir, &h, &x.f), EM_UNSUPPORTED);
	OK(strstr(x.f.text, "has format 2, this emqxd knows up to 1") != NULL);
	write_format(&x, "x\n");
	EQ(home_open(x.dir, &h, &x.f), EM_MALFORMED);
	end(&x);
}

TEST(what_is_no_folder_is_refused_with_its_name)
{
	struct fixture x;
	struct home *h;

	begin(&x);
	OK(home_open("/dev/null/data", &h, &x.f) != EM_OK);
	STR_EQ(x.f.text, "node.data_dir /dev/null/data: Not a directory");
	STR_EQ(x.f.hint, "it must be a folder that emqxd may write");
	end(&x);
}
