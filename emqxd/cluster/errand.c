/* SPDX-License-Identifier: Apache-2.0 */
/* errand: see errand.h. */
#include "emqxd/cluster/errand.h"
#include "emqxd/cluster/inside.h"
#include "emqxd/cluster/join.h"
#include "emqxd/core/worker.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct errand *
errand_new(enum errand_what what, errand_fn *done, void *arg)
{
	struct errand *e = MEM_NEW(struct errand);

	e->what = what;
	e->done = done;
	e->arg = arg;
	return e;
}

void
errand_free(struct errand **ep)
{
	struct errand *e = *ep;

	str_fini(&e->node);
	str_fini(&e->text);
	str_fini(&e->hint);
	str_fini(&e->cluster);
	str_fini(&e->backup);
	str_fini(&e->licence);
	str_fini(&e->others);
	MEM_FREE(*ep);
}

static void
on_home(struct letter *l)
{
	struct errand *e = LIST_OWNER(l, struct errand, letter);

	if (e->done == NULL) {
		errand_free(&e);
		return;
	}
	list_del(&e->under_way);
	e->done(e);
}

void
errand_give_up(void)
{
	struct cluster *c = cluster_inside();

	while (c != NULL && !list_is_empty(&c->errands)) {
		struct errand *e = LIST_OWNER(c->errands.next, struct errand, under_way);
		/* The other one is the link thread's for now. */
		struct errand *end = errand_new(e->what, e->done, e->arg);

		list_del(&e->under_way);
		e->done = NULL;
		end->err = EM_CANCELLED;
		str_add(&end->text, "emqxd stops, and this is not done");
		str_add(&end->hint, "emqx_ctl cluster status after its next start");
		end->done(end);
	}
}

static void
go_home(struct errand *e)
{
	e->letter = (struct letter){ .open = on_home };
	worker_post(worker_admin(), &e->letter);
}

static void
on_end(void *arg, const struct join_end *end)
{
	struct errand *e = arg;

	e->err = end->err;
	e->n = end->members;
	str_add(&e->text, end->text);
	if (end->hint != NULL)
		str_add(&e->hint, end->hint);
	if (end->cluster != NULL)
		str_add(&e->cluster, end->cluster);
	if (end->backup != NULL)
		str_add(&e->backup, end->backup);
	if (end->licence != NULL)
		str_add(&e->licence, end->licence);
	if (end->others != NULL)
		str_add(&e->others, end->others);
	e->runs = end->runs;
	e->was_removed = end->was_removed;
	finding_state(&e->finding);
	go_home(e);
}

static void
enable_discovery(struct errand *e)
{
	if (!e->is_dry_run && !finding_resume()) {
		e->err = EM_STATE;
		str_add(&e->text, "cluster.discovery_strategy finds no nodes");
		str_add(&e->hint,
		    "set it in emqx.conf to static, dns, mcast, etcd or k8s, "
		    "and restart emqxd");
	}
	finding_state(&e->finding);
	go_home(e);
}

static void
on_link(struct letter *l)
{
	struct errand *e = LIST_OWNER(l, struct errand, letter);

	switch (e->what) {
	case ERRAND_STATUS:
		e->n = status_rows(e->rows, NODES_MAX);
		go_home(e);
		break;
	case ERRAND_JOIN:
		join_cluster(str_slice(&e->node), e->is_dry_run, false, on_end, e);
		break;
	case ERRAND_LEAVE: join_leave(e->is_dry_run, on_end, e); break;
	case ERRAND_DISCOVERY:
		finding_state(&e->finding);
		go_home(e);
		break;
	case ERRAND_DISCOVERY_ENABLE: enable_discovery(e); break;
	case ERRAND_FORCE_LEAVE:
		join_force_leave(
		    str_slice(&e->node), e->recover, e->is_dry_run, on_end, e);
		break;
	}
}

void
errand_send(struct errand *e)
{
	list_push(&cluster_inside()->errands, &e->under_way);
	e->letter = (struct letter){ .open = on_link };
	worker_post(worker_link(), &e->letter);
}
