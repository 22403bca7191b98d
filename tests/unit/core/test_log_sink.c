/* SPDX-License-Identifier: Apache-2.0 */
/* Where lines go: rotation, reopening, full disks, slow pipes, journald. */
#include "emqxd/core/log_sink.h"
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct fixture {
	char dir[64], path[96];
	char text[65536];
	struct log_sinks *sinks;
};

static struct log_sink_conf
conf_of(const struct fixture *x)
{
	return (struct log_sink_conf){ .id = "file",
		.kind = LOG_SINK_FILE,
		.level = LOG_INFO,
		.is_enabled = true,
		.time_offset = "utc",
		.path = x->path,
		.rotation_size = UINT64_MAX,
		.rotation_count = 3 };
}

static void
begin(struct fixture *x)
{
	snprintf(x->dir, sizeof x->dir, "/tmp/test_log_sink.XXXXXX");
	OK(mkdtemp(x->dir) != NULL);
	snprintf(x->path, sizeof x->path, "%s/log", x->dir);
	x->sinks = log_sinks_new();
}

static void
end(struct fixture *x)
{
	static const char *const names[] = { "log", "log.1", "log.2", "log.3", "moved",
		"socket" };
	char path[128];

	log_sinks_free(&x->sinks);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", x->dir, names[i]);
		unlink(path);
	}
	EQ(rmdir(x->dir), 0);
}

static const char *
text_of(struct fixture *x, const char *name)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%s/%s", x->dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return NULL;
	n = read(fd, x->text, sizeof x->text - 1);
	OK(n >= 0);
	x->text[n] = '\0';
	close(fd);
	return x->text;
}

static void
say_pairs(struct fixture *x, const char *event, const struct log_pair *pairs, size_t n)
{
	const struct log_line line = { .time = { INT64_C(1700000000123456000) },
		.level = LOG_INFO,
		.room = "net",
		.event = event,
		.pairs = pairs,
		.n = n };

	log_sink_write(x->sinks, &line);
}

static void
say(struct fixture *x, const char *event)
{
	say_pairs(x, event, NULL, 0);
}

static struct log_sink_info
info_of(struct fixture *x, unsigned i)
{
	struct log_sink_info info;

	OK(log_sink_get(x->sinks, i, &info));
	return info;
}

TEST(a_line_has_the_time_of_the_sinks_zone)
{
	static const struct {
		const char *offset, *time;
	} zones[] = { { "utc", "2023-11-14T22:13:20.123456+00:00" },
		{ "+08:00", "2023-11-15T06:13:20.123456+08:00" },
		{ "-02:30", "2023-11-14T19:43:20.123456-02:30" } };
	struct fixture x;
	struct log_sink_conf conf;

	begin(&x);
	conf = conf_of(&x);
	for (size_t i = 0; i < 3; i++) {
		unlink(x.path);
		conf.time_offset = zones[i].offset;
		EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
		say(&x, "hello");
		OK(text_of(&x, "log") != NULL);
		OK(strncmp(x.text, zones[i].time, strlen(zones[i].time)) == 0);
		STR_EQ(x.text + strlen(zones[i].time), " [info] hello\n");
	}
	end(&x);
}

TEST(json_lines_are_whole_objects)
{
	struct fixture x;
	struct log_sink_conf conf;

	begin(&x);
	conf = conf_of(&x);
	conf.format = LOG_FORMAT_JSON;
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	say(&x, "hello");
	STR_EQ(text_of(&x, "log"),
	    "{\"time\":\"2023-11-14T22:13:20.123456+00:00\",\"level\":\"info\","
	    "\"event\":\"hello\",\"room\":\"net\"}\n");
	end(&x);
}

TEST(files_rotate_by_size_and_the_oldest_goes)
{
	struct fixture x;
	struct log_sink_conf conf;

	begin(&x);
	conf = conf_of(&x);
	conf.rotation_size = 100; /* two lines of 46 bytes */
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	for (unsigned i = 0; i < 9; i++) {
		char event[16];

		snprintf(event, sizeof event, "line%u", i);
		say(&x, event);
	}
	OK(strstr(text_of(&x, "log"), "line8") != NULL);
	OK(strstr(text_of(&x, "log.1"), "line7") != NULL);
	OK(strstr(text_of(&x, "log.2"), "line4") != NULL);
	OK(text_of(&x, "log.3") == NULL);
	end(&x);
}

TEST(one_file_alone_is_emptied)
{
	struct fixture x;
	struct log_sink_conf conf;

	begin(&x);
	conf = conf_of(&x);
	conf.rotation_size = 100;
	conf.rotation_count = 1;
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	for (unsigned i = 0; i < 3; i++)
		say(&x, "hello");
	OK(strlen(text_of(&x, "log")) < 60);
	OK(text_of(&x, "log.1") == NULL);
	end(&x);
}

TEST(a_moved_file_is_made_anew_on_reopen)
{
	struct fixture x;
	struct log_sink_conf conf;
	char moved[128];

	begin(&x);
	conf = conf_of(&x);
	snprintf(moved, sizeof moved, "%s/moved", x.dir);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	say(&x, "first");
	EQ(rename(x.path, moved), 0);
	say(&x, "second");
	log_sink_reopen(x.sinks);
	say(&x, "third");
	OK(strstr(text_of(&x, "moved"), "second") != NULL);
	OK(strstr(text_of(&x, "log"), "third") != NULL);
	OK(strstr(text_of(&x, "log"), "second") == NULL);
	end(&x);
}

TEST(a_full_disk_loses_whole_lines_and_counts_them)
{
	struct fixture x;
	struct log_sink_conf conf;
	struct rlimit was, small = { 70, 70 };
	struct log_sink_info info;

	begin(&x);
	conf = conf_of(&x);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	signal(SIGXFSZ, SIG_IGN);
	EQ(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
	say(&x, "fits");
	say(&x, "fits_in_part");
	say(&x, "too_soon_to_try");
	EQ(setrlimit(RLIMIT_FSIZE, &was), 0);
	info = info_of(&x, 0);
	EQ(info.lines, 1);
	EQ(info.lost, 2);
	OK(info.error != 0);
	str_fini(&info.destination);
	STR_EQ(text_of(&x, "log"), "2023-11-14T22:13:20.123456+00:00 [info] fits\n");
	end(&x);
}

TEST(a_file_that_cannot_be_opened_is_a_sentence)
{
	struct fixture x;
	struct log_sink_conf conf;
	struct fault f = { 0 };
	struct log_sink_info info;

	begin(&x);
	conf = conf_of(&x);
	conf.path = "/nonexistent/emqx.log";
	EQ(log_sink_add(x.sinks, &conf, &f), EM_IO);
	STR_EQ(
	    f.text, "log handler file: /nonexistent/emqx.log: No such file or directory");
	fault_clear(&f);
	OK(!log_sink_get(x.sinks, 0, &info));
	end(&x);
}

TEST(handlers_stop_and_start)
{
	struct fixture x;
	struct log_sink_conf conf;
	struct fault f = { 0 };
	struct log_sink_info info;

	begin(&x);
	conf = conf_of(&x);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	EQ(log_sink_level(x.sinks), LOG_INFO);
	EQ(log_sink_stop(x.sinks, SLICE_LIT("file"), &f), EM_OK);
	EQ(log_sink_level(x.sinks), LOG_OFF);
	say(&x, "unheard");
	EQ(log_sink_stop(x.sinks, SLICE_LIT("file"), &f), EM_EXISTS);
	STR_EQ(f.text, "log handler file is stopped already");
	EQ(log_sink_start(x.sinks, SLICE_LIT("file"), &f), EM_OK);
	EQ(log_sink_start(x.sinks, SLICE_LIT("file"), &f), EM_EXISTS);
	EQ(log_sink_start(x.sinks, SLICE_LIT("x"), &f), EM_NOTFOUND);
	STR_EQ(f.text, "no log handler 'x'");
	say(&x, "heard");
	fault_clear(&f);
	OK(strstr(text_of(&x, "log"), "unheard") == NULL);
	info = info_of(&x, 0);
	STR_EQ(info.id, "file");
	STR_EQ(str_get(&info.destination), x.path);
	EQ(info.is_started, true);
	EQ(info.lines, 1);
	str_fini(&info.destination);
	end(&x);
}

TEST(a_changed_handler_keeps_its_place_and_counts)
{
	struct fixture x;
	struct log_sink_conf conf;
	struct log_sink_info info;

	begin(&x);
	conf = conf_of(&x);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	say(&x, "one");
	conf.level = LOG_ERROR;
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	say(&x, "two");
	info = info_of(&x, 0);
	EQ(info.lines, 1);
	EQ(info.level, LOG_ERROR);
	str_fini(&info.destination);
	OK(!log_sink_get(x.sinks, 1, &info));
	end(&x);
}

/* A pipe whose reader is away: the writer goes on. */
TEST(a_slow_reader_holds_nobody_up)
{
	struct fixture x;
	struct log_sink_conf conf;
	struct log_sink_info info;
	char big[1500];
	const struct log_pair pair = { "v", { .kind = LOG_TEXT, .text = big } };
	int fd;

	begin(&x);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	conf = conf_of(&x);
	EQ(mkfifo(x.path, 0600), 0);
	fd = open(x.path, O_RDONLY | O_NONBLOCK);
	OK(fd >= 0);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	for (unsigned i = 0; i < 100; i++)
		say_pairs(&x, "big", &pair, 1);
	info = info_of(&x, 0);
	EQ(info.lines + info.lost, 100);
	OK(info.lost > 0 && info.lines > 20);
	str_fini(&info.destination);
	close(fd);
	end(&x);
}

TEST(journald_gets_the_line_and_each_fact)
{
	static const struct log_pair pair = { "client_id",
		{ .kind = LOG_TEXT, .text = "a\nb" } };
	struct fixture x;
	struct log_sink_conf conf;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char want[] = "SYSLOG_IDENTIFIER=emqxd\nPRIORITY=6\nMESSAGE=[info] hello "
		      "client_id=a\\x0ab\nEMQX_EVENT\n\5\0\0\0\0\0\0\0hello\nEMQX_ROOM\n"
		      "\3\0\0\0\0\0\0\0net\nEMQX_CLIENT_ID\n\3\0\0\0\0\0\0\0a\nb\n";
	int fd;

	begin(&x);
	conf = conf_of(&x);
	conf.kind = LOG_SINK_JOURNAL;
	conf.id = "journald";
	snprintf(x.path, sizeof x.path, "%s/socket", x.dir);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_IO);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", x.path);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	EQ(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	say_pairs(&x, "hello", &pair, 1);
	EQ(recv(fd, x.text, sizeof x.text, MSG_DONTWAIT), sizeof want - 1);
	MEM_EQ(x.text, want, sizeof want - 1);
	close(fd);
	end(&x);
}

TEST(the_last_lines_are_kept_for_a_crash)
{
	struct fixture x;
	struct log_sink_conf conf;
	int pipe_fd[2], fd[4];
	char *nl, event[32];
	ssize_t n;
	unsigned lines = 0;

	begin(&x);
	conf = conf_of(&x);
	conf.is_enabled = false;
	EQ(log_sink_add(x.sinks, &conf, NULL), EM_OK);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(event, sizeof event, "event%u", i);
		say(&x, event);
	}
	EQ(pipe(pipe_fd), 0);
	log_sink_crash_lines(x.sinks, pipe_fd[1]);
	close(pipe_fd[1]);
	n = read(pipe_fd[0], x.text, sizeof x.text - 1);
	OK(n > 0);
	x.text[n] = '\0';
	close(pipe_fd[0]);
	for (nl = x.text; (nl = strchr(nl, '\n')) != NULL; nl++)
		lines++;
	EQ(lines, 64);
	OK(strstr(x.text, "event36\n") != NULL && strstr(x.text, "event35\n") == NULL);
	OK(strstr(x.text, "event99\n") != NULL);
	EQ(log_sink_crash_fds(x.sinks, fd, 4), 1);
	EQ(fd[0], STDERR_FILENO);
	end(&x);
}
