/* SPDX-License-Identifier: Apache-2.0 */
/* worker: see worker.h. */
#include "emqxd/core/worker.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/timer.h"
#include "ipc/base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ADMIN_NICE (-5)

_Thread_local struct worker *worker_current;

static struct {
	unsigned clients;
	struct worker *all; /* by id */
	pthread_t *thread;  /* in the order of their starts */
	unsigned started;
	worker_life_fn *birth, *death;
	void *slot[ROOM_N];
} node;

static enum worker_kind
kind_of(unsigned id)
{
	static const enum worker_kind behind[] = { WORKER_ADMIN, WORKER_MAIN,
		WORKER_STORE, WORKER_LINK };

	return id < node.clients ? WORKER_CLIENTS : behind[id - node.clients];
}

/* Which thread is the @i-th to be started; main's is there. */
static struct worker *
startee(unsigned i)
{
	if (i == 0)
		return worker_link();
	return i == 1 ? worker_store() : &node.all[i - 2];
}

static unsigned
threads(void)
{
	return node.clients + 3;
}

void
worker_init(unsigned clients)
{
	CHECK(node.all == NULL && clients > 0 && clients <= WORKER_MAX);
	node.clients = clients;
	node.all = aligned_alloc(64, sizeof *node.all * worker_all());
	CHECK(node.all != NULL);
	memset(node.all, 0, sizeof *node.all * worker_all());
	node.thread = mem_new_array(threads(), sizeof *node.thread);
	for (unsigned i = 0; i < worker_all(); i++) {
		struct worker *w = &node.all[i];

		w->id = (uint16_t)i;
		w->kind = kind_of(i);
		mailbox_init(&w->box);
		w->loop = loop_new();
		clock_read(w);
		w->wheel = wheel_new(w->now);
	}
	worker_current = worker_main();
	qsbr_register();
}

const char *
worker_kind_name(enum worker_kind kind)
{
	switch (kind) {
	case WORKER_CLIENTS: return "clients";
	case WORKER_ADMIN: return "admin";
	case WORKER_MAIN: return "main";
	case WORKER_STORE: return "store";
	case WORKER_LINK: return "link";
	}
	UNREACHABLE();
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	char name[16];

	if (w->kind == WORKER_CLIENTS)
		snprintf(name, sizeof name, "worker %u", w->id);
	else
		snprintf(name, sizeof name, "%s", worker_kind_name(w->kind));
	/* An operator gets an answer also while the data path takes all there is; where it
	 * is not permitted the thread is one like the others. */
	if (w->kind == WORKER_ADMIN)
		setpriority(PRIO_PROCESS, 0, ADMIN_NICE);
	pthread_setname_np(pthread_self(), name);
	worker_current = w;
	qsbr_register();
	clock_read(w);
	node.birth(w);
	while (!atomic_load_explicit(&w->is_over, memory_order_relaxed))
		loop_turn(w->loop);
	node.death(w);
	mailbox_post_all(w);
	qsbr_unregister();
	return NULL;
}

em_err
worker_start(worker_life_fn *birth, worker_life_fn *death)
{
	sigset_t all, was;
	em_err err = EM_OK;

	node.birth = birth;
	node.death = death;
	/* Signals are main's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	for (; node.started < threads(); node.started++)
		if (pthread_create(&node.thread[node.started], NULL, run,
			startee(node.started)) != 0) {
			err = EM_NOMEM;
			break;
		}
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (err != EM_OK)
		worker_stop();
	return err;
}

/* Ends the threads but for those that were started first. */
static void
stop_but(unsigned stay)
{
	for (unsigned i = stay; i < node.started; i++) {
		atomic_store(&startee(i)->is_over, true);
		loop_wake(startee(i)->loop);
	}
	while (node.started > stay)
		pthread_join(node.thread[--node.started], NULL);
}

void
worker_stop(void)
{
	qsbr_offline();
	/* Admin first: it asks, and the others answer; store after the clients' and link
	 * last, for the same reason. */
	stop_but(2 + node.clients);
	stop_but(2);
	stop_but(1);
	stop_but(0);
	qsbr_online();
}

void
worker_fini(void)
{
	qsbr_unregister();
	worker_current = NULL;
	for (unsigned i = 0; i < worker_all(); i++) {
		struct worker *w = &node.all[i];

		loop_free(&w->loop);
		wheel_free(&w->wheel);
		mailbox_fini(&w->box);
	}
	MEM_FREE(node.thread);
	MEM_FREE(node.all);
	memset(node.slot, 0, sizeof node.slot);
	node.clients = 0;
}

unsigned
worker_count(void)
{
	return node.clients;
}

unsigned
worker_all(void)
{
	return node.clients + 4;
}

struct worker *
worker_get(unsigned id)
{
	CHECK(id < worker_all());
	return &node.all[id];
}

struct worker *
worker_admin(void)
{
	return &node.all[node.clients];
}

struct worker *
worker_main(void)
{
	return &node.all[node.clients + 1];
}

struct worker *
worker_store(void)
{
	return &node.all[node.clients + 2];
}

struct worker *
worker_link(void)
{
	return &node.all[node.clients + 3];
}

void
worker_act_as(struct worker *w)
{
	worker_current = w;
}

void *
node_slot(enum room room)
{
	return node.slot[room];
}

void
node_slot_set(enum room room, void *state)
{
	node.slot[room] = state;
}
