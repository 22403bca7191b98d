/* SPDX-License-Identifier: Apache-2.0 */
/*
 * home: the folder, its FORMAT and its lock.
 *
 * The lock is flock() on emqxd.pid, so it ends with its process however that ends;
 * the text inside (the pid, and a line's end behind it once it serves) is for those
 * who come too late or look, kill -HUP $(cat emqxd.pid) too.  The file goes away with the daemon; whoever locked a
 * file that was just taken away sees that the name leads elsewhere and tries again.
 */
#include "emqxd/app/home.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "ipc/base/str.h"
#include "emqxd/app/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What lies in the folder.  A newer one is refused. */
enum { FORMAT = 1 };
enum { LOCK_TRIES = 5, LOCK_PAUSE_US = 10000 };

struct home {
	char *dir, *pid_path, *format_path;
	unsigned made; /* folders that this start made: the last so many of @dir */
	int fd;        /* the locked file */
	bool serves;
};

static char *
path_in(const char *dir, const char *name)
{
	struct str path = { 0 };

	str_addf(&path, "%s/%s", dir, name);
	return str_take(&path);
}

static em_err
fault_of(const struct home *h, int e, struct fault *f)
{
	em_err err =
	    fault_set(f, err_from_errno(e), "node.data_dir %s: %s", h->dir, strerror(e));

	fault_hint(f, "it must be a folder that emqxd may write");
	return err;
}

static em_err
make_dir(struct home *h, struct fault *f)
{
	int e = folder_make(h->dir, 0750, &h->made);

	return e == 0 ? EM_OK : fault_of(h, e, f);
}

/* The text of a small file, or -1 (errno). */
static ssize_t
read_small(const char *path, char *buf, size_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	ssize_t got;

	if (fd < 0)
		return -1;
	got = read(fd, buf, n - 1);
	saved = errno;
	close(fd);
	errno = saved;
	buf[got > 0 ? got : 0] = '\0';
	return got;
}

static em_err
check_format(const struct home *h, struct fault *f)
{
	char text[32];
	uint64_t format;
	ssize_t n = read_small(h->format_path, text, sizeof text);

	if (n < 0)
		return errno == ENOENT ? EM_OK : fault_of(h, errno, f);
	text[strcspn(text, "\n")] = '\0';
	if (num_parse_u64(slice_str(text), &format) != EM_OK)
		return fault_set(f, EM_MALFORMED,
		    "node.data_dir %s: its file FORMAT holds no number", h->dir);
	if (format <= FORMAT)
		return EM_OK;
	fault_set(f, EM_UNSUPPORTED,
	    "node.data_dir %s has format %s, this emqxd knows up to %d", h->dir, text,
	    FORMAT);
	fault_hint(f, "a newer emqxd wrote it: run that one, or name another folder");
	return EM_UNSUPPORTED;
}

/* "1234", or "1234\n" of one that serves. */
static bool
parse_owner(const char *text, pid_t *pid, bool *serves)
{
	size_t end = strcspn(text, "\n");
	uint64_t n;

	if (num_parse_u64(slice_of(text, end), &n) != EM_OK)
		return false;
	*pid = (pid_t)n;
	*serves = text[end] == '\n';
	return true;
}

static em_err
fault_busy(const struct home *h, struct fault *f)
{
	char text[64];
	pid_t pid = 0;
	bool serves;

	if (read_small(h->pid_path, text, sizeof text) <= 0 ||
	    !parse_owner(text, &pid, &serves))
		return fault_set(
		    f, EM_BUSY, "another emqxd uses node.data_dir %s", h->dir);
	return fault_set(f, EM_BUSY, "emqxd runs already with node.data_dir %s: pid %d",
	    h->dir, (int)pid);
}

/* Does the name still lead to what was locked? */
static bool
is_same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

/* Who only looks (home_owner) holds it for a moment: several tries. */
static em_err
lock_dir(struct home *h, struct fault *f)
{
	for (unsigned tries = 0;; tries++) {
		h->fd = open(h->pid_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (h->fd < 0)
			return fault_of(h, errno, f);
		if (flock(h->fd, LOCK_EX | LOCK_NB) != 0) {
			int e = errno;

			close(h->fd);
			h->fd = -1;
			if (e == EWOULDBLOCK && tries < LOCK_TRIES) {
				usleep(LOCK_PAUSE_US);
				continue;
			}
			return e == EWOULDBLOCK ? fault_busy(h, f) : fault_of(h, e, f);
		}
		if (is_same(h->fd, h->pid_path))
			return EM_OK;
		close(h->fd);
	}
}

static em_err
write_owner(struct home *h, struct fault *f)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%d%s", (int)getpid(), h->serves ? "\n" : "");

	if (ftruncate(h->fd, 0) != 0 || pwrite(h->fd, text, (size_t)n, 0) != n)
		return fault_of(h, errno, f);
	return EM_OK;
}

em_err
home_open(const char *dir, struct home **out, struct fault *f)
{
	struct home *h = MEM_NEW(struct home);
	em_err err;

	*out = NULL;
	h->dir = mem_strdup(dir);
	h->pid_path = path_in(dir, "emqxd.pid");
	h->format_path = path_in(dir, "FORMAT");
	h->fd = -1;
	err = make_dir(h, f);
	if (err == EM_OK)
		err = check_format(h, f);
	if (err == EM_OK)
		err = lock_dir(h, f);
	if (err == EM_OK)
		err = write_owner(h, f);
	if (err == EM_OK)
		*out = h;
	else
		home_close(&h);
	return err;
}

em_err
home_serve(struct home *h, struct fault *f)
{
	char text[16];
	int fd, n = snprintf(text, sizeof text, "%d\n", FORMAT);
	ssize_t did;

	fd = open(h->format_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return fault_of(h, errno, f);
	did = write(fd, text, (size_t)n);
	close(fd);
	if (did != n)
		return fault_of(h, did < 0 ? errno : ENOSPC, f);
	h->serves = true;
	return write_owner(h, f);
}

/* A folder that this start has made holds what this start has put there. */
static void
unmake(struct home *h)
{
	static const char *const made[] = { "store/data.mdb", "store/lock.mdb", "store",
		"licenses/history", "licenses", "site" };

	for (size_t i = 0; h->made > 0 && i < sizeof made / sizeof *made; i++) {
		char *path = path_in(h->dir, made[i]);

		remove(path);
		mem_free(path);
	}
	folder_unmake(h->dir, h->made);
}

void
home_close(struct home **hp)
{
	struct home *h = *hp;

	if (h == NULL)
		return;
	if (h->fd >= 0) {
		unlink(h->pid_path);
		close(h->fd);
	}
	if (!h->serves)
		unmake(h);
	mem_free(h->dir);
	mem_free(h->pid_path);
	mem_free(h->format_path);
	mem_free(h);
	*hp = NULL;
}

em_err
home_owner(const char *dir, pid_t *pid, bool *serves)
{
	char *path = path_in(dir, "emqxd.pid"), text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	em_err err = EM_NOTFOUND;
	ssize_t n;

	mem_free(path);
	*pid = 0;
	*serves = false;
	if (fd < 0)
		return errno == ENOENT ? EM_NOTFOUND : err_from_errno(errno);
	if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
		n = pread(fd, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		err = parse_owner(text, pid, serves) ? EM_OK : EM_AGAIN;
	}
	close(fd);
	return err;
}
