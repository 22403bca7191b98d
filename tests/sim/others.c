/* SPDX-License-Identifier: Apache-2.0 */
/* others: see others.h. */
#include "tests/sim/others.h"
#include "emqxd/core/worker.h"
#include "emqxd/router/remote.h"
#include "ipc/base/list.h"

static void
on_changed(struct slice group, struct slice filter, uint32_t online, uint32_t offline)
{
	CHECK(filter.n > 0 && (group.n > 0 || online + offline <= 1));
}

static void
on_forward(uint64_t places, struct message *m)
{
	(void)places;
	(void)m;
	UNREACHABLE(); /* they want nothing */
}

static void
on_forward_shared(unsigned place, uint64_t tried, struct slice group, struct slice filter,
    struct message *m)
{
	(void)place;
	(void)tried;
	(void)group;
	(void)filter;
	(void)m;
	UNREACHABLE();
}

static void
on_back(struct letter *l)
{
	struct router_settle *s = LIST_OWNER(l, struct router_settle, letter);

	CHECK(worker_self()->id == s->from);
	s->done(s);
}

static void
on_there(struct letter *l)
{
	struct router_settle *s = LIST_OWNER(l, struct router_settle, letter);

	s->letter.open = on_back;
	worker_post(worker_get(s->from), &s->letter);
}

static void
on_settle(struct router_settle *s)
{
	s->from = worker_self()->id;
	s->letter = (struct letter){ .open = on_there };
	worker_post(worker_get((s->from + 1u) % worker_count()), &s->letter);
}

static const struct router_remote remote = { on_changed, on_forward, on_forward_shared,
	on_settle };

void
others_birth(void)
{
	router_remote_use(&remote);
}

void
others_death(void)
{
	router_remote_use(NULL);
}
