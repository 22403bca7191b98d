/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon: start, stop, restart, ping.
 *
 * start: a child in a session of its own becomes the daemon; a byte in a pipe says
 * that it serves, the pipe's end that it does not.  Until it serves it has our
 * stderr, so its sentence reaches the operator.  It keeps the working directory:
 * relative paths of the configuration mean the same as in the foreground.
 *
 * The others find the daemon by the lock in the configured folder.
 */
#include "emqxd/app/daemon.h"
#include "ipc/base/span.h"
#include "ipc/call.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/boot.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/home.h"
#include "emqxd/app/options.h"
#include "emqxd/app/settings.h"
#include "emqxd/core/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A leave may take ten seconds (shutdown.c), and its end some more. */
#define STOP_LIMIT span_s(20)
#define PING_LIMIT span_s(5)
enum { POLL_US = 20000, FIRST_FD = 3 /* behind the standard ones */ };

static int
fail(const char *what)
{
	fprintf(stderr, "emqxd: %s: %s\n", what, strerror(errno));
	return 1;
}

/* ---- start */

static bool
is_logged(void)
{
	struct log_sink_info info;

	for (unsigned i = 0; log_sink_get(log_sinks(), i, &info); i++) {
		str_fini(&info.destination);
		if (info.is_started && info.kind != LOG_SINK_CONSOLE)
			return true;
	}
	return false;
}

/* The child serves: it tells, and lets go of the terminal. */
static void
on_ready(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (!is_logged())
		fputs("emqxd: the log goes nowhere from here on: set log.file.enable or "
		      "log.journald.enable\n",
		    stderr);
	for (int i = 0; i <= 2 && null >= 0; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
	n = write(fd, "r", 1);
	(void)n; /* whoever started us has gone */
	close(fd);
}

static int
be_daemon(const struct options *options, int fd)
{
	pid_t pid;

	if (setsid() < 0)
		return fail("setsid");
	pid = fork(); /* no session leader: no terminal will ever be ours */
	if (pid < 0)
		return fail("fork");
	if (pid > 0)
		_exit(0);
	umask(027);
	/* Whatever else was open is whoever started us's. */
	fd = dup2(fd, FIRST_FD);
	close_range(FIRST_FD + 1, UINT_MAX, 0);
	return boot_serve(options, on_ready, fd);
}

static int
await_ready(pid_t pid, int fd)
{
	char byte;
	ssize_t n;

	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n != 1)
		return 1; /* it has said why */
	puts("emqxd " EMQXD_VERSION " is started");
	return 0;
}

int
daemon_start(const struct options *options)
{
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return fail("pipe");
	fflush(stdout); /* or the child has it too */
	pid = fork();
	if (pid < 0)
		return fail("fork");
	if (pid > 0) {
		close(fd[1]);
		return await_ready(pid, fd[0]);
	}
	close(fd[0]);
	return be_daemon(options, fd[1]);
}

/* ---- the others */

/* The daemon of this configuration, 0: none.  False: that cannot be told. */
static bool
find_daemon(const struct core_conf *conf, pid_t *pid, bool *serves)
{
	em_err err = home_owner(conf->data_dir, pid, serves);

	if (err == EM_NOTFOUND || err == EM_AGAIN)
		return true; /* none, or it begins right now */
	if (err != EM_OK)
		fprintf(stderr, "emqxd: node.data_dir %s: %s\n", conf->data_dir,
		    err_text(err));
	return err == EM_OK;
}

static bool
is_gone(const struct core_conf *conf, pid_t pid)
{
	pid_t now;
	bool serves;

	return home_owner(conf->data_dir, &now, &serves) == EM_NOTFOUND || now != pid;
}

static int
stop_daemon(const struct core_conf *conf, pid_t pid)
{
	mono_t until = mono_add(span_mono_now(), STOP_LIMIT);

	if (kill(pid, SIGTERM) != 0)
		return fail("the daemon cannot be signalled");
	while (!is_gone(conf, pid)) {
		if (span_mono_now().ns > until.ns) {
			fprintf(stderr, "emqxd: pid %d is still there\n", (int)pid);
			return 1;
		}
		usleep(POLL_US);
	}
	return 0;
}

static int
none_runs(const struct core_conf *conf)
{
	fprintf(stderr,
	    "emqxd: no daemon runs with node.data_dir %s\n"
	    "  hint: one of another configuration: -c FILE\n",
	    conf->data_dir);
	return 1;
}

/* Asks the daemon for its status: the office answers, so main and admin turn. */
static bool
answers(const struct ctl_conf *ctl)
{
	const struct call_opts opts = {
		.path = ctl->socket, .version = EMQXD_VERSION, .timeout = PING_LIMIT
	};
	struct wire_req req = { .cmd = cmd_get(CMD_STATUS), .credit = 1 };
	struct call_answer answer;
	struct call *call = NULL;
	struct fault f = { .err = EM_OK };
	em_err err = call_open(&opts, &call, &f);

	if (err == EM_OK)
		err = call_start(call, &req, &f);
	if (err == EM_OK)
		err = call_next(call, &answer, &f);
	/* Who may not ask is answered too. */
	if (err != EM_OK && err != EM_DENIED)
		fprintf(stderr, "emqxd: the daemon does not answer: %s\n", f.text);
	call_close(&call);
	fault_clear(&f);
	return err == EM_OK || err == EM_DENIED;
}

static int
ping_daemon(const struct core_conf *conf, const struct ctl_conf *ctl)
{
	pid_t pid;
	bool serves;

	if (!find_daemon(conf, &pid, &serves))
		return 1;
	if (pid == 0)
		return none_runs(conf);
	if (!serves) {
		fprintf(
		    stderr, "emqxd: pid %d does not serve yet, or no longer\n", (int)pid);
		return 1;
	}
	if (!answers(ctl))
		return 1;
	puts("pong");
	return 0;
}

int
daemon_ping(const struct options *options)
{
	struct conf_snapshot *s;
	int status;

	if (settings_read(options->conf, false, &s) != EM_OK)
		return 1;
	status = ping_daemon(
	    conf_snapshot_get(s, CONF_CORE, NULL), conf_snapshot_get(s, CONF_CTL, NULL));
	conf_snapshot_free(&s);
	return status;
}

/* @must_run: that none does is a failure. */
static int
stop(const struct options *options, bool must_run)
{
	const struct core_conf *conf;
	struct conf_snapshot *s;
	int status;
	bool serves;
	pid_t pid;

	if (settings_read(options->conf, false, &s) != EM_OK)
		return 1;
	conf = conf_snapshot_get(s, CONF_CORE, NULL);
	if (!find_daemon(conf, &pid, &serves))
		status = 1;
	else if (pid != 0)
		status = stop_daemon(conf, pid);
	else
		status = must_run ? none_runs(conf) : 0;
	conf_snapshot_free(&s);
	return status;
}

int
daemon_stop(const struct options *options)
{
	int status = stop(options, true);

	if (status == 0)
		puts("ok");
	return status;
}

int
daemon_restart(const struct options *options)
{
	int status = stop(options, false);

	return status == 0 ? daemon_start(options) : status;
}
