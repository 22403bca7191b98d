/* SPDX-License-Identifier: Apache-2.0 */
/* one_node: a store whose order of changes the test gives: what it proposes is a list. */
#ifndef TESTS_UNIT_STORE_ONE_NODE_H
#define TESTS_UNIT_STORE_ONE_NODE_H

#include "emqxd/core/alarm.h"
#include "emqxd/core/jobs.h"
#include "emqxd/core/level.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/metric.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/store/entry.h"
#include "emqxd/store/ordered.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"
#include "tests/unit/tap.h"
#include "tests/unit/turn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHANGES, COMMITS, REFUSED };
#define MAX_SIZE (1u << 26)
#define RET CHANGE_GROUP_RET
#define META CHANGE_GROUP_META
#define S UINT64_C(1000000000)

struct bytes {
	enum change_group group;
	size_t n;
	uint8_t *p;
};
typedef VEC(struct bytes) bytes_list;

static char dir[100];
static struct str answers, follows;
static bytes_list proposed; /* since clear() */
static uint64_t applied_told;
static unsigned
    dies_at; /* so many rows are followed: behind the disk, before the answer */

static inline void
keep(bytes_list *l, enum change_group g, struct slice s)
{
	struct bytes *b = VEC_PUSH(l);

	*b = (struct bytes){ g, s.n, mem_new(s.n + 1) };
	if (s.n > 0)
		memcpy(b->p, s.p, s.n);
}

static inline void
clear(bytes_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->p[i].p);
	VEC_FINI(l);
}

static inline struct slice
bytes_at(const bytes_list *l, size_t i)
{
	CHECK(i < l->n);
	return slice_of(l->p[i].p, l->p[i].n);
}

static inline void
on_propose(enum change_group g, struct slice entry)
{
	OK(worker_self() == worker_store());
	keep(&proposed, g, entry);
}

static inline void
on_applied(enum change_group g, uint64_t index)
{
	(void)g;
	applied_told = index;
}

static const struct store_order order = { on_propose, on_applied };

static inline void
on_follow(struct slice key, struct slice blob, bool is_own)
{
	if (dies_at > 0 && --dies_at == 0)
		kill(getpid(), SIGKILL);
	str_addf(&follows, "%.*s%s%.*s%s ", SLICE_FMT(key), blob.p == NULL ? "-" : "=",
	    SLICE_FMT(slice_head(blob, 8)), is_own ? "!" : "");
}

static inline void
turn(struct worker *w)
{
	turn_of(w);
}

static inline void
settle(void)
{
	turn(worker_store());
	turn(worker_get(0));
}

static inline void
start(void)
{
	static const struct store_metrics metrics = { CHANGES, COMMITS, REFUSED };
	struct fault f = { .err = EM_OK };

	str_reset(&answers);
	str_reset(&follows);
	worker_init(1);
	OK(jobs_start(1) == EM_OK);
	alarm_birth();
	OK(store_birth(dir, MAX_SIZE, &metrics, &f) == EM_OK);
	store_follow(CHANGE_RETAINED, on_follow);
	store_follow(CHANGE_CONF, on_follow);
	OK(store_recover(&f) == EM_OK);
	worker_act_as(worker_store());
	store_worker_birth();
	worker_act_as(worker_get(0));
}

static inline void
fresh(void)
{
	strcpy(dir, "/tmp/emqxd-ordered-XXXXXX");
	OK(mkdtemp(dir) != NULL);
	start();
}

/* With an order and a leader. */
static inline void
fresh_as(uint64_t site)
{
	fresh();
	store_order(RET, &order, site);
	store_order(META, &order, site);
	store_set_leader(RET, true);
	store_set_leader(META, true);
	settle();
}

static inline void
stop(void)
{
	worker_act_as(worker_store());
	store_worker_death();
	mailbox_post_all(worker_store());
	worker_act_as(worker_get(0));
	mailbox_open_all(worker_get(0));
	worker_act_as(worker_main());
	store_death();
	alarm_death();
	qsbr_offline();
	jobs_stop();
	qsbr_online();
	worker_fini();
}

static inline void
unmake(void)
{
	char path[200];

	snprintf(path, sizeof path, "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
}

static inline void
wipe(void)
{
	stop();
	unmake();
	clear(&proposed);
}

/* On the store's thread, until its next turn. */
static inline void
pass(uint64_t ns)
{
	struct worker *w = worker_store();

	worker_act_as(w);
	w->now.ns += (int64_t)ns;
	w->now_wall.ns += (int64_t)ns;
	while (mailbox_open_all(w))
		;
	while (wheel_run(w->wheel, w->now))
		;
	mailbox_post_all(w);
	worker_act_as(worker_get(0));
	mailbox_open_all(worker_get(0));
}

static inline void
on_done(void *arg, em_err err)
{
	str_addf(&answers, "%s:%s ", (const char *)arg, err_name(err));
}

static inline void
on_end(const struct change_end *e)
{
	if (e->is_overtaken)
		str_addf(&answers, "%.*s overtaken by %.*s ", SLICE_FMT(e->key),
		    SLICE_FMT(slice_head(e->row, 8)));
}

static inline void
send(struct change *c, const char *name)
{
	union {
		const char *in;
		void *out;
	} arg = { .in = name };

	change_watch(c, on_end);
	change_send(&c, name != NULL ? on_done : NULL, arg.out);
}

static inline void
put_kind(enum change_kind kind, const char *key, const char *blob, const char *name)
{
	uint8_t *p;
	struct change *c = change_put(kind, slice_str(key), strlen(blob), &p);

	memcpy(p, blob, strlen(blob));
	send(c, name);
}

static inline void
put(const char *key, const char *blob, const char *name)
{
	put_kind(CHANGE_RETAINED, key, blob, name);
}

static inline void
del(const char *key, const char *name)
{
	send(change_del(CHANGE_RETAINED, slice_str(key)), name);
}

static inline void
apply(uint64_t index, const bytes_list *l, size_t i)
{
	store_apply_entry(l->p[i].group, index, bytes_at(l, i));
}

/* An entry of another node. */
static inline void
foreign(uint64_t index, uint64_t site, uint64_t seq, enum entry_what what,
    const char *key, const char *blob, uint64_t clock)
{
	struct wbuf w = wbuf_growing(1 << 20);
	struct entry_head h = { site, 7, seq, 1 };
	struct entry_change c = { .what = what,
		.kind = CHANGE_RETAINED,
		.stamp = { clock, site },
		.key = slice_str(key),
		.blob = slice_str(blob) };

	entry_write_head(&w, &h);
	entry_write(&w, &c);
	store_apply_entry(RET, index, wbuf_slice(&w));
	wbuf_fini(&w);
}

#endif
