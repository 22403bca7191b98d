/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of links over TLS: certificates on both sides, the cookie all the same. */
#include "emqxd/link/link_tls.h"
#include "tests/unit/link/certs.h"
#include "tests/unit/link/houses.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static struct certs ours, others;
static char dir[64];
static struct home a, b;
static struct link_peer *ab, *ba;

static struct link_tls *
tls(const char *cert, const char *key, const char *ca)
{
	struct fault f = { .err = EM_OK };
	struct link_tls *t = link_tls_new(cert, key, ca, &f);

	STR_EQ(f.text != NULL ? f.text : "", "");
	return t;
}

static struct link_tls *
tls_of(const struct certs *c)
{
	return tls(c->cert, c->key, c->ca);
}

static void
begin(void)
{
	snprintf(dir, sizeof dir, "/tmp/emqxd-link-XXXXXX");
	OK(mkdtemp(dir) != NULL);
	certs_make(&ours, dir, "ours");
	certs_make(&others, dir, "others");
	signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	houses_begin();
}

static void
open_two(struct link_tls *ta, struct link_tls *tb, const char *cookie_of_b)
{
	struct link_house_conf ca = houses_conf(&a, "a", 1);
	struct link_house_conf cb = houses_conf(&b, "b", 2);

	ca.tls = ta;
	cb.tls = tb;
	cb.cookie = cookie_of_b;
	houses_open(&a, &ca);
	houses_open(&b, &cb);
	ab = houses_know(&a, &b);
	ba = houses_know(&b, &a);
}

static void
end(void)
{
	houses_free(&a);
	houses_free(&b);
	houses_end();
	certs_drop(&ours);
	certs_drop(&others);
	rmdir(dir);
}

static struct {
	unsigned n;
	bool is_wrong;
} got;

static void
on_told(struct link_peer *from, struct link_ask ask, struct slice body, void *arg)
{
	(void)from;
	(void)ask;
	(void)arg;
	got.is_wrong = got.is_wrong || body.n != 200000 || body.p[0] != got.n ||
		       body.p[body.n - 1] != got.n;
	got.n++;
}

TEST(frames_come_whole_over_tls)
{
	static uint8_t body[200000];

	memset(&got, 0, sizeof got);
	begin();
	open_two(tls_of(&ours), tls_of(&ours), "secret");
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	link_on(b.house, LINK_TEST_TOLD, on_told, NULL);
	for (unsigned sent = 0; sent < 50;) {
		em_err err;

		memset(body, (int)sent, sizeof body);
		err =
		    link_send(ab, LINK_DATA, LINK_TEST_TOLD, slice_of(body, sizeof body));
		if (err == EM_OK)
			sent++;
		else
			OK(err == EM_FULL);
		if (err == EM_FULL)
			houses_turn();
	}
	HOUSES_UNTIL(got.n == 50);
	OK(!got.is_wrong);
	end();
}

static void
fails_with(struct link_peer *p, em_err err, const char *what)
{
	struct link_peer_info i;

	HOUSES_UNTIL((link_peer_info(p, &i), i.err == err && strstr(i.why, what)));
	OK(!link_peer_is_reachable(p));
}

TEST(the_cookie_is_asked_for_over_tls_too)
{
	begin();
	open_two(tls_of(&ours), tls_of(&ours), "other");
	fails_with(ab, EM_COOKIE, "cookie");
	end();
}

TEST(a_certificate_of_another_authority_is_refused)
{
	begin();
	open_two(tls_of(&ours), tls_of(&others), "secret");
	fails_with(ab, EM_DENIED, "its certificate");
	end();
}

TEST(a_node_without_tls_does_not_come_in)
{
	begin();
	open_two(tls_of(&ours), NULL, "secret");
	/* b hears TLS where it speaks none; a hears no TLS */
	fails_with(ab, EM_PROTOCOL, "TLS");
	fails_with(ba, EM_UNREACHABLE, "closed");
	end();
}

TEST(a_file_that_is_none_is_named)
{
	struct fault f = { .err = EM_OK };

	begin();
	OK(link_tls_new(ours.cert, ours.key, "/nowhere.pem", &f) == NULL);
	OK(strstr(f.text, "cluster.tls.cacertfile /nowhere.pem") != NULL);
	OK(link_tls_new(ours.cert, others.key, ours.ca, &f) == NULL);
	OK(strstr(f.text, "cluster.tls.keyfile") != NULL);
	OK(link_tls_new(ours.key, ours.key, ours.ca, &f) == NULL);
	OK(strstr(f.text, "cluster.tls.certfile") != NULL);
	fault_clear(&f);
	certs_drop(&ours);
	certs_drop(&others);
	rmdir(dir);
	houses_end();
}

/* ---- Raft's bytes */

static int raft_a, raft_b;

static void
on_raft_fd(em_err err, int fd, void *arg)
{
	(void)arg;
	raft_a = err == EM_OK ? fd : -2;
}

static void
on_raft_accept(struct link_peer *from, struct slice group, int fd, void *arg)
{
	(void)from;
	(void)group;
	(void)arg;
	raft_b = fd;
}

static size_t
take(int fd, uint8_t *ended)
{
	uint8_t bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	*ended = n == 0;
	loop_hurry(worker_self()->loop);
	return n > 0 ? (size_t)n : 0;
}

TEST(rafts_bytes_end_one_by_one_over_tls)
{
	static uint8_t bytes[150000];
	size_t sent = 0, seen = 0;
	uint8_t ended = 0;

	raft_a = raft_b = -1;
	begin();
	open_two(tls_of(&ours), tls_of(&ours), "secret");
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	link_on_raft(b.house, on_raft_accept, NULL);
	link_raft_connect(a.house, SLICE_LIT("b"), SLICE_LIT("ret"), on_raft_fd, NULL);
	HOUSES_UNTIL(raft_a >= 0 && raft_b >= 0);
	while (sent < 3000000) {
		ssize_t n =
		    send(raft_a, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		seen += take(raft_b, &ended);
		houses_turn();
	}
	OK(shutdown(raft_a, SHUT_WR) == 0);
	HOUSES_UNTIL((seen += take(raft_b, &ended), ended == 1));
	EQ(seen, sent);
	OK(send(raft_b, "bye", 3, MSG_NOSIGNAL) == 3);
	close(raft_b);
	seen = 0;
	HOUSES_UNTIL((seen += take(raft_a, &ended), ended == 1));
	EQ(seen, 3);
	close(raft_a);
	end();
}
