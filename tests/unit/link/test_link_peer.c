/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a connection on which nothing comes, and who is told. */
#include "emqxd/core/clock.h"
#include "emqxd/link/link_inside.h"
#include "tests/unit/link/two.h"

#include <netinet/tcp.h>

/* As if nothing had come for so long. */
static void
hush(struct link_conn *conn, span_t time)
{
	OK(conn != NULL);
	conn->heard.ns = clock_mono().ns - time.ns;
}

static bool
is_deaf(const struct link_peer *p)
{
	struct link_peer_info i;

	link_peer_info(p, &i);
	return i.is_deaf;
}

TEST(who_is_not_heard_any_more_is_told_that_nothing_arrives)
{
	two_up();
	OK(!is_deaf(ba));
	hush(ab->from[LINK_CTL], span_ns(LINK_SILENCE.ns + 1));
	link_peer_beat_one(ab);
	OK(!link_peer_is_reachable(ab));
	HOUSES_UNTIL(is_deaf(ba));
	OK(!is_deaf(ab));
	/* until they reach each other again */
	HOUSES_UNTIL(houses_is_up(ab) && houses_is_up(ba));
	OK(!is_deaf(ba));
	two_end();
}

TEST(who_dialled_waits_longer_so_that_the_last_word_can_come)
{
	two_up();
	hush(ab->way[LINK_CTL].conn, span_ns(LINK_SILENCE.ns + 1));
	link_peer_beat_one(ab);
	OK(link_peer_is_reachable(ab));
	hush(ab->way[LINK_CTL].conn, span_ns(LINK_SILENCE.ns + LINK_LAST_WORD.ns + 1));
	link_peer_beat_one(ab);
	OK(!link_peer_is_reachable(ab));
	OK(houses_has(&a, "b:ctl_down"));
	two_end();
}

static int
option(const struct link_conn *conn, int level, int name)
{
	socklen_t n = sizeof(int);
	int value = -1;

	OK(conn != NULL);
	OK(getsockopt(conn->watch.fd, level, name, &value, &n) == 0);
	return value;
}

TEST(the_kernel_looks_after_connections_on_which_nothing_is_said)
{
	two_up();
	for (unsigned i = 0; i < 4; i++) {
		const struct link_conn *conn = i < 2 ? ab->way[i].conn : ab->from[i - 2];

		EQ(option(conn, SOL_SOCKET, SO_KEEPALIVE), 1);
		EQ(option(conn, IPPROTO_TCP, TCP_KEEPIDLE), 5);
		EQ(option(conn, IPPROTO_TCP, TCP_KEEPINTVL), 1);
		EQ(option(conn, IPPROTO_TCP, TCP_USER_TIMEOUT), 6500);
		EQ(option(conn, IPPROTO_TCP, TCP_NODELAY), 1);
	}
	two_end();
}
