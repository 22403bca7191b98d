/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes, a process each, over real links: what one's clients want the other knows, and
 * messages go there and back. */
#include "emqxd/routes/routes.h"
#include "emqxd/model/nodes.h"
#include "tests/unit/link/houses.h"
#include "tests/unit/router/ears.h"

#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES 2000u

static struct routes *routes;
static struct home home;

/* A turn of all threads. */
static void
cycle(void)
{
	struct worker *was = worker_current;

	worker_act_as(worker_link());
	loop_hurry(worker_self()->loop);
	loop_turn(worker_self()->loop);
	worker_act_as(was);
	turns(1);
}

#define UNTIL(e_)                                                              \
	do {                                                                   \
		mono_t until_ = mono_add(span_mono_now(), HOUSES_LIMIT);       \
		while (!(e_)) {                                                \
			OK("waits for " #e_ &&span_mono_now().ns < until_.ns); \
			cycle();                                               \
		}                                                              \
	} while (0)

static void
on_running(struct link_peer *p, enum link_event event, void *arg)
{
	(void)arg;
	if (event == LINK_REACHABLE || event == LINK_UNREACHABLE)
		nodes_set_running(link_peer_place(p), event == LINK_REACHABLE);
}

/* @me knows of @other after an exchange of addresses over @wire. */
static void
begin_node(const char *me, const char *other, uint64_t site, int wire)
{
	const struct routes_conf conf = { .incarnation = site,
		.buffer = 4 << 20,
		.node_down_timeout = span_ms(100),
		.suback_wait = span_s(10),
		.rows_max = 5000 };
	char address[sizeof home.address];
	struct link_peer *p;
	unsigned place;

	begin();
	nodes_birth(me, site);
	OK(nodes_add(slice_str(other), site ^ 3, &place) == EM_OK);
	worker_act_as(worker_link());
	router_worker_birth();
	houses_new(&home, me, site);
	link_on_peer(home.house, on_running, NULL);
	routes = routes_new(home.house, &conf);
	OK(write(wire, home.address, sizeof address) == sizeof address);
	OK(read(wire, address, sizeof address) == sizeof address);
	OK(link_peer_add(home.house, slice_str(other), slice_str(address), site ^ 3,
	       place, &p) == EM_OK);
	as(0);
}

static void
publish_numbers(const char *topic)
{
	char text[16];

	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(text, sizeof text, "%u", i);
		EQ(pub_qos(topic, text, 1), 1);
	}
}

static void
a_node(int wire)
{
	struct ear e = { .s.home = 1 };

	begin_node("emqx@a", "emqx@b", 1, wire);
	sub(&e, "", "to/a", 1);
	UNTIL(router_remote_nodes(slice_str("to/b")) == 2 &&
	      router_remote_nodes(slice_str("job")) == 2 && nodes_is_running(1));
	publish_numbers("to/b");
	publish_numbers("job");
	UNTIL(e.got == 1);
	STR_EQ(e.payload, "thanks");
	/* The other one goes. */
	OK(write(wire, "!", 1) == 1);
	UNTIL(router_remote_count() == 0);
	EQ(pub_qos("to/b", "x", 1), 0);
}

static unsigned settled;

static void
on_settled(struct router_settle *s)
{
	(void)s;
	settled++;
}

static void
b_node(int wire)
{
	struct ear e = { .s.home = 0 },
		   member = { .s = { .home = 1, .is_online = true } };
	struct router_settle s = { .done = on_settled };
	struct owner_info info;
	char c;

	begin_node("emqx@b", "emqx@a", 2, wire);
	UNTIL(router_remote_nodes(slice_str("to/a")) == 2);
	UNTIL((owner_info(routes_owner(routes), 1, &info), info.is_whole));
	sub(&e, "", "to/b", 1);
	sub(&member, "g", "job", 1);
	OK(router_remote_settle(&s));
	UNTIL(settled == 1);
	owner_info(routes_owner(routes), 1, &info);
	EQ(info.acked, info.sent);
	UNTIL(e.got == MESSAGES && member.got == MESSAGES);
	STR_EQ(e.payload, "1999");
	STR_EQ(member.payload, "1999");
	pub_qos("to/a", "thanks", 1);
	UNTIL(recv(wire, &c, 1, MSG_DONTWAIT) == 1);
}

TEST(two_nodes_over_links)
{
	int fd[2], status[2];
	pid_t child[2];

	OK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	fflush(stdout);
	for (unsigned i = 0; i < 2; i++) {
		child[i] = fork();
		OK(child[i] >= 0);
		if (child[i] != 0)
			continue;
		close(fd[!i]);
		if (i == 0)
			a_node(fd[i]);
		else
			b_node(fd[i]);
		_exit(0);
	}
	for (unsigned i = 0; i < 2; i++) {
		close(fd[i]);
		OK(waitpid(child[i], &status[i], 0) == child[i]);
	}
	OK(status[0] == 0 && status[1] == 0);
}
