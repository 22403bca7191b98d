/* SPDX-License-Identifier: Apache-2.0 */
/* The socket as a place: taken once, left clean, and never in somebody's way. */
#include "ipc/peer.h"
#include "ipc/base/str.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A folder for one test; leave() checks that it is empty and removes it. */
struct place {
	char dir[32], path[64];
};

static struct place
enter(void)
{
	struct place p = { .dir = "/tmp/test_peer_XXXXXX" };

	OK(mkdtemp(p.dir) != NULL);
	strcpy(p.path, p.dir);
	strcat(p.path, "/ctl.sock");
	return p;
}

static void
leave(struct place *p)
{
	EQ(rmdir(p->dir), 0);
}

TEST(the_path_is_option_then_environment_then_default)
{
	setenv("EMQX_SOCKET", "/env", 1);
	STR_EQ(peer_socket_path("/opt"), "/opt");
	STR_EQ(peer_socket_path(NULL), "/env");
	setenv("EMQX_SOCKET", "", 1);
	STR_EQ(peer_socket_path(NULL), PEER_SOCKET_DEFAULT);
	unsetenv("EMQX_SOCKET");
	STR_EQ(peer_socket_path(NULL), PEER_SOCKET_DEFAULT);
}

TEST(a_server_is_reached_and_knows_its_peer)
{
	struct place p = enter();
	struct peer_server s;
	struct peer_cred c;
	struct stat st;
	int fd, at;

	EQ(peer_server_open(&s, p.path, 0640, NULL, NULL), EM_OK);
	EQ(stat(p.path, &st), 0);
	EQ(st.st_mode & 0777, 0640);
	EQ(peer_server_accept(&s), -1);
	EQ(peer_connect(p.path, span_s(1), &fd, NULL), EM_OK);
	OK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	OK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	at = peer_server_accept(&s);
	OK(at >= 0);
	EQ(peer_cred_get(at, &c), EM_OK);
	EQ(c.pid, getpid());
	EQ(c.uid, getuid());
	OK(peer_has_group(at, getgid()));
	OK(!peer_has_group(at, 4242424));
	close(at);
	close(fd);
	peer_server_close(&s);
	leave(&p);
}

TEST(a_live_daemon_keeps_its_path)
{
	struct place p = enter();
	struct peer_server s, second;
	struct fault f = { 0 };
	int fd;

	EQ(peer_server_open(&s, p.path, 0600, NULL, NULL), EM_OK);
	EQ(peer_server_open(&second, p.path, 0600, NULL, &f), EM_BUSY);
	OK(strstr(f.text, "in use by another emqxd") != NULL);
	OK(strstr(f.text, p.path) != NULL);
	EQ(peer_connect(p.path, span_s(1), &fd, NULL), EM_OK); /* still there */
	close(fd);
	fault_clear(&f);
	peer_server_close(&s);
	leave(&p);
}

static int
bare_listener(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	EQ(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	EQ(listen(fd, 1), 0);
	return fd;
}

TEST(a_daemon_without_a_lock_file_keeps_its_path_too)
{
	struct place p = enter();
	int fd = bare_listener(p.path);
	struct peer_server s;

	EQ(peer_server_open(&s, p.path, 0600, NULL, NULL), EM_BUSY);
	close(fd);
	EQ(peer_server_open(&s, p.path, 0600, NULL, NULL), EM_OK); /* it is dead now */
	peer_server_close(&s);
	leave(&p);
}

TEST(what_is_no_socket_is_left_alone)
{
	struct place p = enter();
	struct peer_server s;
	struct fault f = { 0 };
	struct stat st;
	int fd = open(p.path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	EQ(peer_server_open(&s, p.path, 0600, NULL, &f), EM_EXISTS);
	OK(f.text != NULL);
	EQ(stat(p.path, &st), 0);
	unlink(p.path);
	fault_clear(&f);
	leave(&p);
}

TEST(a_start_that_fails_leaves_nothing_and_says_why)
{
	struct place p = enter();
	struct peer_server s;
	struct fault f = { 0 };
	char deep[200];

	EQ(peer_server_open(&s, p.path, 0600, "no-such-group", &f), EM_NOTFOUND);
	OK(strstr(f.text, "no-such-group") != NULL);
	EQ(s.sock, -1);
	leave(&p);
	EQ(peer_server_open(&s, p.path, 0600, NULL, &f), EM_IO); /* no such folder */
	memset(deep, 'x', sizeof deep - 1);
	deep[0] = '/';
	deep[sizeof deep - 1] = '\0';
	EQ(peer_server_open(&s, deep, 0600, NULL, &f), EM_TOOBIG);
	EQ(peer_server_open(&s, "", 0600, NULL, &f), EM_TOOBIG);
	fault_clear(&f);
}

TEST(nobody_there_is_said_with_a_hint)
{
	struct place p = enter();
	struct fault f = { 0 };
	int fd;

	EQ(peer_connect(p.path, span_s(1), &fd, &f), EM_UNREACHABLE);
	OK(strstr(f.text, "cannot reach emqxd at ") != NULL);
	OK(strstr(f.text, p.path) != NULL);
	OK(strstr(f.hint, "systemctl status emqxd") != NULL);
	fd = bare_listener(p.path);
	close(fd);
	EQ(peer_connect(p.path, span_s(1), &fd, &f), EM_UNREACHABLE);
	OK(strstr(f.text, "connection refused") != NULL);
	unlink(p.path);
	fault_clear(&f);
	leave(&p);
}

TEST(a_daemon_that_does_not_accept_is_a_timeout)
{
	struct place p = enter();
	struct fault f = { 0 };
	int fd = bare_listener(p.path), c[3] = { -1, -1, -1 };
	em_err err = EM_OK;

	for (size_t i = 0; i < 3 && err == EM_OK; i++)
		err = peer_connect(p.path, span_ms(100), &c[i], &f);
	EQ(err, EM_TIMEOUT);
	for (size_t i = 0; i < 3; i++)
		if (c[i] >= 0)
			close(c[i]);
	close(fd);
	unlink(p.path);
	fault_clear(&f);
	leave(&p);
}

TEST(groups_are_found_by_name_or_number)
{
	gid_t gid;

	EQ(peer_group_find("root", &gid), EM_OK);
	EQ(gid, 0);
	EQ(peer_group_find("123", &gid), EM_OK);
	EQ(gid, 123);
	EQ(peer_group_find("no-such-group", &gid), EM_NOTFOUND);
}
