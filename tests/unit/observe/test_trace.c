/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces: whom they want, what stands in their files, and how they end.  One thread
 * acts as two workers and admin; a jobs thread writes.
 */
#include "tests/unit/tap.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/core/worker.h"
#include "emqxd/observe/observe.h"
#include "emqxd/observe/trace.h"
#include "ipc/base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORKERS 2u

struct house {
	char path[64];
	bool is_stopped;
	uint64_t bytes;
};

static void
build(struct house *h)
{
	*h = (struct house){ .is_stopped = false };
	strcpy(h->path, "/tmp/test_trace.XXXXXX");
	close(mkstemp(h->path));
	setenv("TZ", "UTC", 1);
	worker_init(WORKERS);
	OK(jobs_start(1) == EM_OK);
	OK(observe_birth(NULL) == EM_OK);
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_act_as(worker_get(i));
		observe_trace_worker_birth();
	}
	worker_act_as(worker_admin());
}

/* All threads' turns; this one stands for them, and jobs may wait for it. */
static void
turn(void)
{
	for (unsigned i = 0; i < WORKERS + 2; i++) {
		struct worker *w = worker_get(i);

		worker_act_as(w);
		loop_hurry(w->loop);
		loop_turn(w->loop);
	}
	worker_act_as(worker_admin());
}

static void
turns(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		turn();
		qsbr_offline();
		usleep(1000);
		qsbr_online();
	}
}

/* As app does when the threads have ended. */
static void
bury(struct house *h)
{
	worker_act_as(worker_main());
	observe_death();
	qsbr_offline();
	jobs_stop();
	qsbr_online();
	for (unsigned round = 0; round < 8; round++) {
		for (unsigned i = 0; i < WORKERS + 2; i++) {
			worker_act_as(worker_get(i));
			qsbr_drain();
			mailbox_open_all(worker_get(i));
			mailbox_post_all(worker_get(i));
		}
	}
	worker_act_as(worker_main());
	OK(qsbr_is_idle());
	worker_fini();
	unlink(h->path);
}

static void
tear_down(struct house *h)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_act_as(worker_get(i));
		observe_trace_worker_death();
		mailbox_post_all(worker_get(i));
	}
	bury(h);
}

static em_err
start(struct house *h, enum observe_trace_kind kind, const char *value)
{
	int fd = open(h->path, O_WRONLY | O_APPEND | O_CLOEXEC);

	return observe_trace_start(
	    kind, slice_str(value), LOG_DEBUG, fd, slice_str(h->path), NULL);
}

static void
on_stopped(void *arg, const struct observe_trace_info *info)
{
	struct house *h = arg;

	h->is_stopped = true;
	h->bytes = info->bytes;
}

static void
stop(struct house *h, enum observe_trace_kind kind, const char *value)
{
	OK(observe_trace_stop(kind, slice_str(value), on_stopped, h) == EM_OK);
	for (unsigned i = 0; i < 2000 && !h->is_stopped; i++)
		turns(1);
	OK(h->is_stopped);
}

/* Worker @at says a line about this client. */
static void
say(unsigned at, const char *id, const char *topic, const char *peer, const char *details)
{
	struct trace_subject s = { .clientid = slice_str(id),
		.topic = slice_str(topic),
		.peer = slice_str(peer) };

	worker_act_as(worker_get(at));
	if (trace_is_on() && trace_wants(&s))
		trace_line(&s, "MQTT", "m", slice_str(details));
	worker_act_as(worker_admin());
}

/* The file without the times. */
static const char *
file_of(struct house *h, char *text, size_t size)
{
	FILE *file = fopen(h->path, "r");
	char line[512];
	size_t n = 0;

	text[0] = '\0';
	while (fgets(line, sizeof line, file) != NULL)
		n += (size_t)snprintf(text + n, size - n, "%s", strchr(line, ' ') + 1);
	fclose(file);
	return text;
}

/* Turns until so many lines are in the file, and a little longer for one too many. */
static void
filled(struct house *h, unsigned lines)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 10000 && n < lines; i++) {
		FILE *file = fopen(h->path, "r");

		turns(1);
		n = 0;
		for (int c = getc(file); c != EOF; c = getc(file))
			n += c == '\n';
		fclose(file);
	}
	turns(3);
}

TEST(a_line_says_who_and_what)
{
	char text[4096];
	struct house h;

	build(&h);
	OK(!trace_is_on());
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_OK);
	OK(trace_is_on());
	say(0, "c1", "t/1", "127.0.0.1:5", ", packet: P, username: u");
	say(0, "c2", "t/1", "127.0.0.1:6", ", packet: Q");
	say(1, "c1", NULL, NULL, NULL);
	filled(&h, 2);
	STR_EQ(file_of(&h, text, sizeof text), "[MQTT] c1@127.0.0.1:5 msg: m, packet: P, "
					       "username: u\n[MQTT] c1@ msg: m, \n");
	stop(&h, TRACE_CLIENT, "c1");
	STR_EQ(file_of(&h, text, sizeof text),
	    "[MQTT] c1@127.0.0.1:5 msg: m, packet: P, username: u\n[MQTT] c1@ msg: m, \n"
	    "[CLI] c1@ msg: trace_stopping, \n");
	OK(!trace_is_on());
	tear_down(&h);
}

TEST(times_are_rfc_3339_with_microseconds)
{
	char line[128] = "";
	struct house h;
	FILE *file;
	unsigned at = 0;

	build(&h);
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_OK);
	say(0, "c1", NULL, NULL, NULL);
	filled(&h, 1);
	file = fopen(h.path, "r");
	OK(fgets(line, sizeof line, file) != NULL);
	fclose(file);
	/* 2026-11-22T10:56:13.494552+00:00 [ */
	for (const char *c = "dddd-dd-ddTdd:dd:dd.dddddd+00:00 ["; *c != '\0'; c++, at++)
		OK(*c == 'd' ? line[at] >= '0' && line[at] <= '9' : line[at] == *c);
	tear_down(&h);
}

TEST(a_topic_trace_takes_what_its_filter_matches)
{
	char text[4096];
	struct house h;

	build(&h);
	EQ(start(&h, TRACE_TOPIC, "t/#"), EM_OK);
	say(0, "a", "t/1", NULL, ", 1");
	say(0, "b", "u/1", NULL, ", 2");
	say(1, "c", NULL, NULL, ", 3");
	say(1, "d", "t", NULL, ", 4");
	filled(&h, 2);
	STR_EQ(
	    file_of(&h, text, sizeof text), "[MQTT] a@ msg: m, 1\n[MQTT] d@ msg: m, 4\n");
	tear_down(&h);
}

TEST(an_address_is_matched_exactly_and_a_network_by_its_bits)
{
	char text[4096];
	struct house h;

	build(&h);
	EQ(start(&h, TRACE_ADDRESS, "10.0.0.1"), EM_OK);
	say(0, "a", NULL, "10.0.0.1:99", ", 1");
	say(0, "b", NULL, "10.0.0.10:99", ", 2");
	filled(&h, 1);
	STR_EQ(file_of(&h, text, sizeof text), "[MQTT] a@10.0.0.1:99 msg: m, 1\n");
	stop(&h, TRACE_ADDRESS, "10.0.0.1");
	OK(truncate(h.path, 0) == 0);
	EQ(start(&h, TRACE_ADDRESS, "10.0.0.0/30"), EM_OK);
	say(0, "a", NULL, "10.0.0.3:1", ", 1");
	say(0, "b", NULL, "10.0.0.4:1", ", 2");
	filled(&h, 1);
	STR_EQ(file_of(&h, text, sizeof text), "[MQTT] a@10.0.0.3:1 msg: m, 1\n");
	tear_down(&h);
}

TEST(the_same_thing_is_not_traced_twice)
{
	struct house h;

	build(&h);
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_OK);
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_EXISTS);
	EQ(start(&h, TRACE_TOPIC, "c1"), EM_OK);
	EQ(observe_trace_stop(TRACE_CLIENT, SLICE_LIT("c2"), on_stopped, &h),
	    EM_NOTFOUND);
	stop(&h, TRACE_CLIENT, "c1");
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_OK);
	tear_down(&h);
}

TEST(values_and_files_that_cannot_be_are_refused)
{
	struct house h;
	int fd;

	build(&h);
	EQ(start(&h, TRACE_TOPIC, "a#"), EM_USAGE);
	EQ(start(&h, TRACE_ADDRESS, "10.0.0"), EM_USAGE);
	EQ(start(&h, TRACE_ADDRESS, "10.0.0.0/33"), EM_USAGE);
	fd = open(h.path, O_RDONLY | O_CLOEXEC);
	EQ(observe_trace_start(
	       TRACE_CLIENT, SLICE_LIT("c"), LOG_DEBUG, fd, SLICE_LIT("f"), NULL),
	    EM_USAGE);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	EQ(observe_trace_start(
	       TRACE_CLIENT, SLICE_LIT("c"), LOG_DEBUG, fd, SLICE_LIT("f"), NULL),
	    EM_USAGE);
	OK(fcntl(fd, F_GETFD) < 0); /* closed in every case */
	OK(!trace_is_on());
	tear_down(&h);
}

TEST(only_so_many_traces_run)
{
	struct observe_trace_info info;
	struct house h;
	char value[8];
	unsigned n = 0;

	build(&h);
	for (unsigned i = 0; i < TRACES_MAX; i++) {
		snprintf(value, sizeof value, "c%u", i);
		EQ(start(&h, TRACE_CLIENT, value), EM_OK);
	}
	EQ(start(&h, TRACE_CLIENT, "more"), EM_FULL);
	while (observe_trace_get(n, &info))
		n++;
	EQ(n, TRACES_MAX);
	tear_down(&h);
}

TEST(a_level_leaves_out_what_is_below_it)
{
	struct trace_subject s = { .clientid = SLICE_LIT("c1") };
	int fd;
	char text[4096];
	struct house h;

	build(&h);
	fd = open(h.path, O_WRONLY | O_CLOEXEC);
	EQ(observe_trace_start(
	       TRACE_CLIENT, SLICE_LIT("c1"), LOG_INFO, fd, slice_str(h.path), NULL),
	    EM_OK);
	worker_act_as(worker_get(0));
	trace_line(&s, "MQTT", "mqtt_packet_received", SLICE_NONE);
	trace_line(&s, "MQTT", "packet_parse_error", SLICE_NONE);
	trace_line(&s, "SOCKET", "connection_ended", SLICE_NONE);
	filled(&h, 2);
	STR_EQ(file_of(&h, text, sizeof text),
	    "[MQTT] c1@ msg: packet_parse_error, "
	    "\n[SOCKET] c1@ msg: connection_ended, \n");
	tear_down(&h);
}

TEST(what_a_peer_chose_forges_no_line)
{
	char text[4096];
	struct house h;

	build(&h);
	EQ(start(&h, TRACE_CLIENT, "c\n1"), EM_OK);
	say(0, "c\n1", NULL, NULL, ", ok");
	filled(&h, 1);
	STR_EQ(file_of(&h, text, sizeof text), "[MQTT] c\\x0a1@ msg: m, ok\n");
	tear_down(&h);
}

TEST(a_flood_is_cut_and_counted)
{
	char details[1024], text[256];
	struct house h;
	uint64_t lines = 0, told = 0;
	FILE *file;

	build(&h);
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_OK);
	memset(details, 'x', sizeof details - 1);
	details[sizeof details - 1] = '\0';
	for (unsigned i = 0; i < 10000; i++) /* 10 MB in one turn */
		say(0, "c1", NULL, NULL, details);
	turns(100);
	file = fopen(h.path, "r");
	while (fgets(text, sizeof text, file) != NULL) {
		char *count = strstr(text, "lines_dropped, count: ");

		if (count != NULL)
			told = strtoull(count + 22, NULL, 10);
		else if (strstr(text, "[MQTT]") != NULL)
			lines++;
	}
	fclose(file);
	OK(lines > 1000 && lines < 10000);
	EQ(lines + told, 10000);
	tear_down(&h);
}

TEST(a_trace_that_runs_at_the_end_is_closed_with_all_its_lines)
{
	char text[4096];
	struct house h, kept;

	build(&h);
	EQ(start(&h, TRACE_CLIENT, "c1"), EM_OK);
	say(1, "c1", NULL, NULL, ", last");
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_act_as(worker_get(i));
		observe_trace_worker_death();
		mailbox_post_all(worker_get(i));
	}
	snprintf(kept.path, sizeof kept.path, "%.40s.kept", h.path);
	OK(link(h.path, kept.path) == 0);
	bury(&h);
	file_of(&kept, text, sizeof text);
	unlink(kept.path);
	STR_EQ(text, "[MQTT] c1@ msg: m, last\n[CLI] c1@ msg: trace_stopping, \n");
}
