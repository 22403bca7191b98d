/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot: one list of steps up, and the same list down again, from where it got to.
 * So a start that fails leaves as little behind as a life that ends.
 */
#include "emqxd/app/boot.h"
#include "emqxd/admin/admin.h"
#include "emqxd/admin/ctl_conf.h"
#include "emqxd/app/app.h"
#include "emqxd/app/core_conf.h"
#include "emqxd/app/cpus.h"
#include "emqxd/app/doors.h"
#include "emqxd/app/folder.h"
#include "emqxd/app/home.h"
#include "emqxd/app/logs.h"
#include "emqxd/app/notify.h"
#include "emqxd/app/options.h"
#include "emqxd/app/privileges.h"
#include "emqxd/app/reload.h"
#include "emqxd/app/settings.h"
#include "emqxd/app/shutdown.h"
#include "emqxd/app/signals.h"
#include "emqxd/app/state.h"
#include "emqxd/app/watchdog.h"
#include "emqxd/core/crash.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/log.h"
#include "emqxd/core/log_sink.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/slab.h"
#include "ipc/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { JOBS_THREADS = 2, END_LIMIT_S = 30, ROUNDS_MAX = 1000000 };

static const struct core_conf *
core_of(const struct app *a)
{
	size_t n;

	return conf_snapshot_get(a->loaded, CONF_CORE, &n);
}

/* ---- who we are, the log, the folder */

static void
user_down(struct app *a)
{
	if (a->run_dir != NULL)
		folder_unmake(a->run_dir, 1);
	MEM_FREE(a->run_dir);
}

/* The folder of the control socket is under /run, which a start finds empty after a boot:
 * where no service manager has made it, we do while we may. */
static em_err
user_up(struct app *a, struct fault *f)
{
	const struct ctl_conf *ctl =
	    conf_snapshot_get(a->loaded, CONF_CTL, &(size_t){ 0 });
	em_err err;

	a->files = privileges_raise_files();
	a->run_dir = folder_make_last(ctl->socket, 0755, core_of(a)->user);
	err = privileges_drop(core_of(a)->user, f);
	if (err != EM_OK)
		user_down(a);
	return err;
}

static em_err
log_up(struct app *a, struct fault *f)
{
	const struct core_conf *conf = core_of(a);
	em_err err = logs_configure(conf, a->options->word == OPTIONS_CONSOLE, f);

	if (err != EM_OK)
		return err;
	LOG(INFO, "emqxd_starting", "version", EMQXD_VERSION, "node", conf->node_name,
	    "conf", a->options->conf, "data_dir", conf->data_dir, "pid", getpid());
	settings_log_warnings(a->report);
	return EM_OK;
}

static em_err
home_up(struct app *a, struct fault *f)
{
	return home_open(core_of(a)->data_dir, &a->home, f);
}

static void
home_down(struct app *a)
{
	home_close(&a->home);
}

/* ---- the engine, with main as a worker of it */

static void
on_signal(void *arg, int sig)
{
	struct app *a = arg;

	switch (sig) {
	case SIGTERM:
	case SIGINT:
		LOG(INFO, "signal", "name", sig == SIGTERM ? "TERM" : "INT");
		shutdown_begin(a);
		break;
	case SIGHUP: reload_run(NULL, NULL); break;
	case SIGUSR1: log_sink_reopen(log_sinks()); break;
	case SIGUSR2: state_dump(a); break;
	}
}

static em_err
engine_up(struct app *a, struct fault *f)
{
	const struct core_conf *conf = core_of(a);
	unsigned workers = conf->workers > 0 ? conf->workers : cpus_count();

	mem_give_back();
	worker_init(workers < WORKER_MAX ? workers : WORKER_MAX);
	node_slot_set(ROOM_APP, a);
	a->signals = signals_open(on_signal, a);
	if (jobs_start(JOBS_THREADS) != EM_OK) {
		signals_close(&a->signals);
		worker_fini();
		return fault_set(f, EM_NOMEM, "no threads can be started");
	}
	slab_use_jobs(true);
	conf_birth(qsbr_retire);
	conf_publish(&a->loaded);
	return EM_OK;
}

/* What was retired last goes its way, and letters that nobody opened: no other thread
 * runs. */
static void
bury(void)
{
	unsigned n = worker_all();
	bool were_opened = true;

	for (unsigned i = 0; i < n; i++) {
		worker_act_as(worker_get(i));
		qsbr_drain();
	}
	/* A mailbox is opened for a bounded time, and letters go on from there. */
	for (unsigned rounds = 0; rounds < ROUNDS_MAX && were_opened; rounds++) {
		were_opened = false;
		for (unsigned i = 0; i < n; i++) {
			worker_act_as(worker_get(i));
			were_opened = mailbox_open_all(worker_get(i)) || were_opened;
			mailbox_post_all(worker_get(i));
		}
	}
	worker_act_as(worker_main());
}

static void
engine_down(struct app *a)
{
	slab_use_jobs(false);
	jobs_stop();
	bury();
	conf_death();
	signals_close(&a->signals);
	worker_fini();
}

/* ---- rooms, threads, doors */

static em_err
rooms_up(struct app *a, struct fault *f)
{
	(void)a;
	return app_rooms_birth(f);
}

static void
rooms_down(struct app *a)
{
	(void)a;
	app_rooms_death();
}

static void
thread_birth(struct worker *w)
{
	crash_thread_birth();
	if (w->kind != WORKER_STORE) /* it may wait for a disk as long as that takes */
		watchdog_worker_birth(app_self()->watchdog);
	app_rooms_worker_birth(w);
}

static void
thread_death(struct worker *w)
{
	app_rooms_worker_death(w);
	crash_thread_death();
}

static em_err
threads_up(struct app *a, struct fault *f)
{
	a->watchdog = watchdog_new();
	if (worker_start(thread_birth, thread_death) == EM_OK)
		return EM_OK;
	watchdog_free(&a->watchdog);
	return fault_set(f, EM_NOMEM, "no threads can be started");
}

static void
on_overdue(int sig)
{
	(void)sig;
	crash_all_stacks("its threads do not end");
}

/* Main waits for threads and no longer looks after them: an alarm does. */
static void
threads_down(struct app *a)
{
	const struct sigaction overdue = { .sa_handler = on_overdue };

	sigaction(SIGALRM, &overdue, NULL);
	alarm(END_LIMIT_S);
	worker_stop();
	alarm(0);
	watchdog_free(&a->watchdog);
}

static em_err
doors_up(struct app *a, struct fault *f)
{
	em_err err;

	admin_set_state(ADMIN_BOOTING, "starting listeners");
	err = doors_open(a, f);
	if (err != EM_OK)
		shutdown_drain(a); /* those that are open */
	return err;
}

static em_err
serve_up(struct app *a, struct fault *f)
{
	em_err err;

	if (a->phase == APP_DRAINING)
		return EM_OK; /* asked to end meanwhile */
	err = home_serve(a->home, f);
	if (err != EM_OK)
		return err;
	a->phase = APP_READY;
	admin_set_state(ADMIN_READY, NULL);
	LOG(INFO, "emqxd_ready", "workers", worker_count(), "files", a->files);
	puts("emqxd ready");
	fflush(stdout);
	notify_send("READY=1");
	if (a->on_ready != NULL)
		a->on_ready(a->ready_fd);
	return EM_OK;
}

/* ---- all of it */

static const struct step {
	em_err (*up)(struct app *a, struct fault *f);
	void (*down)(struct app *a);
} steps[] = {
	{ user_up, user_down },
	{ home_up, home_down }, /* first: the log may be that of the daemon that has it */
	{ log_up, NULL },
	{ engine_up, engine_down },
	{ rooms_up, rooms_down },
	{ threads_up, threads_down },
	{ doors_up, shutdown_drain },
	{ serve_up, NULL },
};
enum { STEPS_N = sizeof steps / sizeof steps[0] };

static void
say(const struct fault *f)
{
	fprintf(stderr, "emqxd: %s\n", f->text);
	if (f->hint != NULL)
		fprintf(stderr, "  hint: %s\n", f->hint);
}

static int
live(struct app *a)
{
	struct fault f = { .err = EM_OK };
	unsigned up = 0;

	while (up < STEPS_N && steps[up].up(a, &f) == EM_OK)
		up++;
	if (up == STEPS_N) {
		while (a->phase != APP_DRAINING)
			loop_turn(worker_main()->loop);
		LOG(INFO, "emqxd_stopping");
	}
	while (up-- > 0) {
		if (steps[up].down != NULL)
			steps[up].down(a);
	}
	if (f.err == EM_OK) {
		LOG(INFO, "emqxd_stopped");
		return 0;
	}
	say(&f);
	fault_clear(&f);
	return 1;
}

int
boot_serve(const struct options *options, boot_ready_fn *on_ready, int fd)
{
	struct conf_report report = { .more = false };
	struct app a = { .options = options,
		.on_ready = on_ready,
		.ready_fd = fd,
		.report = &report };
	int status = 1;

	log_start();
	crash_install();
	crash_thread_birth();
	signals_block();
	if (settings_load(options->conf, NULL, &a.loaded, &report) == EM_OK)
		status = live(&a);
	else
		settings_refuse(&report);
	conf_report_fini(&report);
	conf_snapshot_free(&a.loaded);
	log_stop();
	crash_thread_death();
	return status;
}
