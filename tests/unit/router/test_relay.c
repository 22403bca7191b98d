/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: two threads that publish to each other while filters and members come and go.
 * Whoever stays gets everything, once and in order; a group gets everything once.
 */
#include "emqxd/core/jobs.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/worker.h"
#include "emqxd/retain/retain.h"
#include "emqxd/router/router.h"
#include "ipc/base/mem.h"
#include "ipc/base/rand.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <unistd.h>

enum { WORKERS = 2, STEPS = 1500, EACH = 4, STAY = 3, CHURN = 24, FILTERS = 64 };

struct ear {
	struct subscriber s;
	enum ear_kind { EAR_STAYS, EAR_CHURNS, EAR_SHARES } kind;
	uint32_t next[WORKERS]; /* number of each publisher's next message */
	struct message *kept;
};

struct thread {
	struct ear stay[STAY], member[2], churn[CHURN];
	uint32_t sent;
	unsigned step;
	bool is_wrong;
	_Atomic uint64_t stayed, shared;
};

static struct thread threads[WORKERS];

static struct thread *
own(void)
{
	return &threads[worker_self()->id];
}

static bool
on_deliver(struct subscriber *s, const struct subscription *sub, struct message *m)
{
	struct ear *e = (struct ear *)s;
	struct thread *t = own();
	uint32_t number;

	memcpy(&number, m->payload.p, sizeof number);
	if (worker_self()->id != s->home || m->publisher >= WORKERS)
		t->is_wrong = true;
	if (sub->group != NULL) {
		if (e->kind == EAR_CHURNS && rand_below(4) == 0)
			return false;
		atomic_fetch_add(&t->shared, 1);
		return true;
	}
	message_unref(&e->kept);
	e->kept = message_keep(m);
	if (e->kind != EAR_STAYS)
		return true;
	if (number != e->next[m->publisher]++)
		t->is_wrong = true;
	atomic_fetch_add(&t->stayed, 1);
	return true;
}

static void
subscribe(struct ear *e, const char *group, const char *filter)
{
	bool is_new;

	if (router_subscribe(&e->s, slice_str(group), slice_str(filter),
		(struct subopts){ .qos = 1 }, &is_new) != EM_OK)
		own()->is_wrong = true;
}

static void
publish(struct thread *t)
{
	static const size_t size[] = { 8, 100, 1900, 3000, 40000 };
	static uint8_t zeros[40000];
	char *payload = mem_dup(zeros, sizeof zeros);
	char topic[32];
	struct message m;

	memcpy(payload, &t->sent, sizeof t->sent);
	snprintf(topic, sizeof topic, "s/%u", (unsigned)rand_below(FILTERS));
	m = message_view(slice_str(topic), slice_of(payload, size[rand_below(5)]));
	m.publisher = worker_self()->id;
	m.qos = 1;
	/* More than a block takes, behind one in which there is little. */
	if (rand_below(16) == 0)
		m.props = slice_of(zeros, sizeof zeros);
	if (rand_below(8) == 0 && retain_store(&m, NULL) != EM_OK)
		t->is_wrong = true;
	router_publish(&m);
	message_done(&m);
	mem_free(payload);
	t->sent++;
}

static void
look(void)
{
	struct retain_cursor *c = retain_open(slice_str("s/+"));
	struct str filter = { 0 };
	bool done = false;

	while (!done) {
		struct message *m = retain_next(c, &done);

		message_unref(&m);
	}
	retain_close(&c);
	while (router_next(str_slice(&filter), &filter))
		;
	str_fini(&filter);
}

static void
change(struct ear *e)
{
	char filter[32];
	unsigned what = (unsigned)rand_below(8);

	snprintf(filter, sizeof filter, "s/%u", (unsigned)rand_below(FILTERS));
	if (what == 0)
		router_unsubscribe_some(&e->s, UINT32_MAX);
	else if (what == 1)
		subscribe(e, "g", "s/#");
	else if (what == 2)
		router_set_online(&e->s, !e->s.is_online);
	else if (what < 6)
		subscribe(e, "", filter);
	else if (router_unsubscribe(&e->s, SLICE_NONE, slice_str(filter)) == EM_OK)
		return;
}

static void
step(void *arg)
{
	struct thread *t = arg;

	loop_hurry(worker_self()->loop);
	if (t->step >= STEPS)
		return;
	for (unsigned i = 0; i < EACH; i++) {
		publish(t);
		change(&t->churn[rand_below(CHURN)]);
	}
	if (t->step % 32 == 0)
		look();
	t->step++;
}

static void
birth(struct worker *w)
{
	struct thread *t = &threads[w->id < WORKERS ? w->id : 0];

	router_worker_birth();
	if (w->kind != WORKER_CLIENTS)
		return;
	rand_seed(w->id + 1u);
	for (unsigned i = 0; i < STAY; i++) {
		t->stay[i].kind = EAR_STAYS;
		subscribe(&t->stay[i], "", i == 0 ? "#" : "s/+");
	}
	for (unsigned i = 0; i < 2; i++) {
		t->member[i].kind = EAR_SHARES;
		router_set_online(&t->member[i].s, true);
		subscribe(&t->member[i], "g", "s/#");
	}
	for (unsigned i = 0; i < CHURN; i++)
		t->churn[i].kind = EAR_CHURNS;
}

static void
ear_end(struct ear *e)
{
	router_unsubscribe_some(&e->s, UINT32_MAX);
	message_unref(&e->kept);
}

static void
death(struct worker *w)
{
	struct thread *t = &threads[w->id < WORKERS ? w->id : 0];

	for (unsigned i = 0; w->kind == WORKER_CLIENTS && i < STAY; i++)
		ear_end(&t->stay[i]);
	for (unsigned i = 0; w->kind == WORKER_CLIENTS && i < 2; i++)
		ear_end(&t->member[i]);
	for (unsigned i = 0; w->kind == WORKER_CLIENTS && i < CHURN; i++)
		ear_end(&t->churn[i]);
	router_worker_death();
}

/* Publishing starts when both threads have their subscribers. */
static void
begin_steps(struct letter *l)
{
	struct worker *w = worker_self();

	mem_free(l);
	loop_at_turn(w->loop, LOOP_DELIVER, step, &threads[w->id]);
	loop_hurry(w->loop);
}

static uint64_t
sum(bool shared)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		n += atomic_load(shared ? &threads[i].shared : &threads[i].stayed);
	return n;
}

TEST(whoever_stays_gets_everything_in_order_and_a_group_everything_once)
{
	const uint64_t all = (uint64_t)STEPS * EACH * WORKERS;
	const struct retain_limits l = { .expiry = SPAN_INFINITE,
		.expiry_override = SPAN_INFINITE,
		.is_enabled = true };

	worker_init(WORKERS);
	OK(jobs_start(1) == EM_OK);
	router_birth(on_deliver);
	retain_birth();
	retain_configure(&l);
	OK(worker_start(birth, death) == EM_OK);
	qsbr_offline();
	while (router_shared_count() < 2 * WORKERS)
		usleep(1000);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct letter *letter = mem_new(sizeof *letter);

		letter->open = begin_steps;
		worker_post(worker_get(i), letter);
	}
	mailbox_post_all(worker_self());
	for (unsigned i = 0; i < 20000; i++) {
		if (sum(false) == all * STAY * WORKERS && sum(true) == all)
			break;
		usleep(1000);
	}
	qsbr_online();
	worker_stop();
	EQ(sum(false), all * STAY * WORKERS);
	EQ(sum(true), all);
	for (unsigned i = 0; i < WORKERS; i++) {
		OK(!threads[i].is_wrong);
		EQ(threads[i].sent, STEPS * EACH);
	}
	EQ(router_filters(), 0);
	jobs_stop();
	retain_death();
	router_death();
}
