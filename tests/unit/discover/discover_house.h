/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover_house: what discovery needs around it in a unit test: main with its loop, a jobs
 * thread; and what it found last.
 */
#ifndef TESTS_UNIT_DISCOVER_DISCOVER_HOUSE_H
#define TESTS_UNIT_DISCOVER_DISCOVER_HOUSE_H

#include "emqxd/discover/discover.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "tests/unit/tap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct found {
	struct discover_list list;
	unsigned rounds, unchanged;
};

static inline void
house_on_found(void *arg, const struct discover_list *list, unsigned unchanged)
{
	struct found *f = arg;

	f->list = *list;
	f->unchanged = unchanged;
	f->rounds++;
}

static inline void
house_open(void)
{
	worker_init(1);
	OK(jobs_start(1) == EM_OK);
}

/* As the daemon ends: what was retired goes its way, and letters that nobody opened. */
static inline void
house_close(void)
{
	bool were_opened = true;

	jobs_stop();
	for (unsigned i = 0; i < worker_all(); i++) {
		worker_act_as(worker_get(i));
		qsbr_drain();
	}
	for (unsigned rounds = 0; rounds < 100 && were_opened; rounds++) {
		were_opened = false;
		for (unsigned i = 0; i < worker_all(); i++) {
			worker_act_as(worker_get(i));
			were_opened = mailbox_open_all(worker_get(i)) || were_opened;
			mailbox_post_all(worker_get(i));
		}
	}
	worker_act_as(worker_main());
	worker_fini();
}

/* Turns of main, a quarter of a minute at most. */
#define TURN_UNTIL(cond_)                                                               \
	do {                                                                            \
		mono_t begun_ = span_mono_now();                                        \
		while (                                                                 \
		    !(cond_) && mono_since(span_mono_now(), begun_).ns < span_s(15).ns) \
			loop_turn(worker_self()->loop);                                 \
		OK(cond_);                                                              \
	} while (0)

static inline struct discover_conf
house_conf(enum discover_strategy strategy)
{
	return (struct discover_conf){ .strategy = strategy,
		.cluster = "emqxcl",
		.node = "emqx@10.0.0.7",
		.secret = "tasty",
		.me = { .name = "emqx", .host = "10.0.0.7", .port = 4370 },
		.pace = span_ms(10) };
}

/* "emqx@10.0.0.1:4370 emqx@..." */
static inline const char *
house_texts(const struct discover_list *list)
{
	static struct str out;
	char text[DISCOVER_TEXT_MAX];

	str_reset(&out);
	for (unsigned i = 0; i < list->n; i++)
		str_addf(&out, "%s%s", i > 0 ? " " : "",
		    discover_addr_print(&list->item[i], text));
	return str_get(&out);
}

/* A port of the loopback that is free for TCP and UDP; whoever is quick may take it. */
static inline unsigned
house_port(void)
{
	for (unsigned i = 0; i < 100; i++) {
		struct sockaddr_in sa = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t n = sizeof sa;
		int tcp = socket(AF_INET, SOCK_STREAM, 0);
		int udp = socket(AF_INET, SOCK_DGRAM, 0);
		bool is_free = bind(tcp, (void *)&sa, n) == 0 &&
			       getsockname(tcp, (void *)&sa, &n) == 0 &&
			       bind(udp, (void *)&sa, n) == 0;

		close(tcp);
		close(udp);
		if (is_free)
			return ntohs(sa.sin_port);
	}
	tap_fail(__FILE__, __LINE__, "no port is free");
}

/* Another program; @argv[0] is looked for in PATH and sbin.  Ends with the test at last. */
static inline pid_t
house_spawn(char *const argv[])
{
	pid_t pid = fork();
	int null;

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	null = open("/dev/null", O_RDWR);
	dup2(null, 1);
	dup2(null, 2);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	execvp(argv[0], argv);
	_exit(127);
}

static inline void
house_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* It listens at the port; false: it has ended (somebody was quicker). */
static inline bool
house_is_up(pid_t pid, unsigned port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	mono_t begun = span_mono_now();

	while (mono_since(span_mono_now(), begun).ns < span_s(20).ns) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bool is_up = connect(fd, (void *)&sa, sizeof sa) == 0;

		close(fd);
		if (is_up)
			return true;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return false;
		usleep(5000);
	}
	tap_fail(__FILE__, __LINE__, "the program does not listen");
}

/* Is there such a program? */
static inline bool
house_has(const char *program)
{
	static const char *const folders[] = { "/usr/bin", "/usr/sbin", "/bin", "/sbin" };
	char path[256];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", folders[i], program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

#endif
