/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: taking the path.  The lock file decides between two daemons that start
 * at the same moment; the connect decides about one that is already there; the
 * socket is made under another name, given mode and owner, set to listen, and
 * only then renamed into place, so that nobody ever meets it half made.
 */
#include "ipc/peer.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "ipc/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define GROUPS_FIRST 64

const char *
peer_socket_path(const char *option)
{
	const char *env;

	if (option != NULL)
		return option;
	env = getenv("EMQX_SOCKET");
	return env != NULL && env[0] != '\0' ? env : PEER_SOCKET_DEFAULT;
}

em_err
peer_cred_get(int sock, struct peer_cred *out)
{
	struct ucred c;
	socklen_t n = sizeof c;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0)
		return err_from_errno(errno);
	*out = (struct peer_cred){ c.pid, c.uid, c.gid };
	return EM_OK;
}

bool
peer_has_group(int sock, gid_t gid)
{
	socklen_t size = GROUPS_FIRST * sizeof(gid_t);
	gid_t *groups = mem_new(size);
	struct peer_cred cred = { .gid = (gid_t)-1 };
	bool found;

	found = peer_cred_get(sock, &cred) == EM_OK && cred.gid == gid;
	while (
	    !found && getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
		if (errno != ERANGE)
			goto out;
		groups = mem_grow(groups, size); /* the kernel said how much */
	}
	for (size_t i = 0; !found && i < size / sizeof groups[0]; i++)
		found = groups[i] == gid;
out:
	MEM_FREE(groups);
	return found;
}

em_err
peer_group_find(const char *group, gid_t *out)
{
	uint64_t number;
	struct group g, *found = NULL;
	size_t n = 1024;
	char *buf = NULL;
	int rc;

	if (num_parse_u64(slice_str(group), &number) == EM_OK && number < (gid_t)-1) {
		*out = (gid_t)number;
		return EM_OK;
	}
	do { /* a group with many members needs more */
		n *= 2;
		buf = mem_grow(buf, n);
		rc = getgrnam_r(group, &g, buf, n, &found);
	} while (rc == ERANGE && n < (1u << 20));
	if (found != NULL)
		*out = found->gr_gid;
	MEM_FREE(buf);
	return found != NULL ? EM_OK : EM_NOTFOUND;
}

static em_err
set_address(struct sockaddr_un *sa, const char *path, struct fault *f)
{
	size_t n = strlen(path);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n == 0 || n >= sizeof sa->sun_path)
		return fault_set(f, EM_TOOBIG,
		    "socket path '%s': 1 to %zu bytes are possible", path,
		    sizeof sa->sun_path - 1);
	memcpy(sa->sun_path, path, n);
	return EM_OK;
}

static int
connect_to(const struct sockaddr_un *sa, int flags, span_t timeout)
{
	struct timeval tv = { .tv_sec = span_to_s(timeout),
		.tv_usec = timeout.ns % 1000000000 / 1000 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0), rc;

	if (fd < 0)
		return -1;
	/* The wait of a blocking connect for a place in the backlog. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	do
		rc = connect(fd, (const struct sockaddr *)sa, sizeof *sa);
	while (rc != 0 && errno == EINTR);
	if (rc != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* What a failed connect means to a human. */
static em_err
refused(const char *path, int error, struct fault *f)
{
	em_err err = error == EACCES || error == EPERM ? EM_DENIED
		     : error == EAGAIN                 ? EM_TIMEOUT
						       : EM_UNREACHABLE;

	if (err == EM_DENIED) {
		fault_set(f, err, "not permitted to reach emqxd at %s", path);
		fault_hint(
		    f, "root, the daemon's own user and its group may: ls -l %s", path);
	} else if (err == EM_TIMEOUT) {
		fault_set(f, err, "emqxd at %s does not accept", path);
		fault_hint(f, "it runs but hangs or is stopped: systemctl status emqxd");
	} else {
		fault_set(f, err, "cannot reach emqxd at %s: %s", path,
		    error == ENOENT         ? "there is no such socket"
		    : error == ECONNREFUSED ? "connection refused"
					    : strerror(error));
		fault_hint(f, "%s", err_hint(err));
	}
	return err;
}

em_err
peer_connect(const char *path, span_t timeout, int *out, struct fault *f)
{
	struct sockaddr_un sa;
	em_err err = set_address(&sa, path, f);

	*out = -1;
	if (err != EM_OK)
		return err;
	*out = connect_to(&sa, 0, timeout);
	if (*out < 0)
		return refused(path, errno, f);
	if (fcntl(*out, F_SETFL, O_NONBLOCK) != 0) {
		err = err_from_errno(errno);
		close(*out);
		*out = -1;
	}
	return err;
}

static em_err
no_lock(const char *path, int e, struct fault *f)
{
	fault_set(f, EM_IO, "%s: %s", path, strerror(e));
	if (e == ENOENT)
		fault_hint(f, "make its folder (mkdir), or say another place: "
			      "ctl.socket = PATH in emqx.conf");
	else if (e == EACCES)
		fault_hint(f, "give the folder to the user that emqxd runs as, or say "
			      "another place: ctl.socket = PATH in emqx.conf");
	return EM_IO;
}

/* Takes the lock file: the one that has the name when the lock is held, since its former
 * owner may have removed it meanwhile. */
static em_err
take_lock(const char *path, int *out, struct fault *f)
{
	for (;;) {
		struct stat held, named;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0)
			return no_lock(path, errno, f);
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			close(fd);
			return fault_set(f, EM_BUSY, "in use by another emqxd");
		}
		if (fstat(fd, &held) == 0 && stat(path, &named) == 0 &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
			*out = fd;
			return EM_OK;
		}
		close(fd);
	}
}

/* May the path be taken?  Nothing there, or the socket of a daemon that is gone. */
static em_err
check_place(const struct sockaddr_un *sa, struct fault *f)
{
	struct stat st;
	int fd;

	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT ? EM_OK
				       : fault_set(f, EM_IO, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fault_set(f, EM_EXISTS, "there is a file that is no socket");
	fd = connect_to(sa, SOCK_NONBLOCK, span_s(0));
	if (fd >= 0)
		close(fd);
	else if (errno == ECONNREFUSED || errno == ENOENT)
		return EM_OK;
	return fault_set(f, EM_BUSY, "in use by another emqxd");
}

/* A socket that listens under @path, with mode and group. */
static em_err
bind_at(const char *path, mode_t mode, const char *group, int *out, struct fault *f)
{
	struct sockaddr_un sa;
	gid_t gid = (gid_t)-1;
	em_err err = set_address(&sa, path, f);
	int fd;

	if (err != EM_OK)
		return err;
	if (group != NULL && group[0] != '\0' && peer_group_find(group, &gid) != EM_OK)
		return fault_set(f, EM_NOTFOUND, "there is no group '%s'", group);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault_set(f, EM_IO, "%s", strerror(errno));
	(void)unlink(path); /* of a start that broke off; the lock is ours */
	if (bind(fd, (const struct sockaddr *)&sa, sizeof sa) != 0 ||
	    (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) != 0) ||
	    chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
		fault_set(f, EM_IO, "%s", strerror(errno));
		(void)unlink(path);
		close(fd);
		return EM_IO;
	}
	*out = fd;
	return EM_OK;
}

em_err
peer_server_open(struct peer_server *out, const char *path, mode_t mode,
    const char *group, struct fault *f)
{
	struct str lock = { 0 }, birth = { 0 };
	struct sockaddr_un sa;
	em_err err;

	*out = (struct peer_server){ .sock = -1, .lock = -1 };
	str_addf(&lock, "%s.lock", path);
	str_addf(&birth, "%s.new", path);
	err = set_address(&sa, path, f);
	if (err == EM_OK)
		err = take_lock(str_get(&lock), &out->lock, f);
	if (err == EM_OK)
		err = check_place(&sa, f);
	if (err == EM_OK)
		err = bind_at(str_get(&birth), mode, group, &out->sock, f);
	if (err == EM_OK && rename(str_get(&birth), path) != 0) {
		err = fault_set(f, EM_IO, "%s", strerror(errno));
		(void)unlink(str_get(&birth));
	}
	if (err == EM_OK) {
		out->path = mem_strdup(path);
	} else {
		fault_wrap(f, "control socket %s", path);
		if (out->lock >= 0)
			(void)unlink(str_get(&lock)); /* while it is held */
		peer_server_close(out);
	}
	str_fini(&lock);
	str_fini(&birth);
	return err;
}

void
peer_server_close(struct peer_server *s)
{
	if (s->path != NULL) {
		struct str lock = { 0 };

		(void)unlink(s->path);
		str_addf(&lock, "%s.lock", s->path);
		(void)unlink(str_get(&lock)); /* while it is held */
		str_fini(&lock);
	}
	if (s->sock >= 0)
		close(s->sock);
	if (s->lock >= 0)
		close(s->lock);
	MEM_FREE(s->path);
	s->sock = s->lock = -1;
}

int
peer_server_accept(struct peer_server *s)
{
	return accept4(s->sock, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
