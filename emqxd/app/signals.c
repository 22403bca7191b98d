/* SPDX-License-Identifier: Apache-2.0 */
/* signals: see signals.h. */
#include "emqxd/app/signals.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
	struct watch watch;
	signals_fn *fn;
	void *arg;
};

static sigset_t
ours(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	return set;
}

void
signals_block(void)
{
	sigset_t set = ours();

	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static void
on_signal(struct watch *w, uint32_t events)
{
	struct signals *s = LIST_OWNER(w, struct signals, watch);
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof info) == sizeof info)
		s->fn(s->arg, (int)info.ssi_signo);
}

struct signals *
signals_open(signals_fn *fn, void *arg)
{
	struct signals *s = MEM_NEW(struct signals);
	sigset_t set = ours();
	em_err err;

	s->fn = fn;
	s->arg = arg;
	s->watch = (struct watch){ .on_ready = on_signal,
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) };
	CHECK(s->watch.fd >= 0);
	err = loop_watch(worker_self()->loop, &s->watch, EPOLLIN);
	CHECK(err == EM_OK);
	return s;
}

void
signals_close(struct signals **sp)
{
	struct signals *s = *sp;

	if (s == NULL)
		return;
	loop_unwatch(worker_self()->loop, &s->watch);
	close(s->watch.fd);
	mem_free(s);
	*sp = NULL;
}
