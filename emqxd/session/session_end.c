/* SPDX-License-Identifier: Apache-2.0 */
/* session_end: see session_end.h.  Each worker ends its own, some a turn. */
#include "emqxd/session/session_end.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/end.h"
#include "emqxd/session/registry.h"
#include "emqxd/session/session.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

enum { A_TURN = 100 };

struct sweep {
	struct letter letter;
	uint64_t at;
};

static void
kick(struct session *s, void *arg)
{
	(void)arg;
	session_kick(s, END_KICKED);
}

static void
on_sweep(struct letter *l)
{
	struct sweep *s = LIST_OWNER(l, struct sweep, letter);

	if (worker_slot(ROOM_SESSION) == NULL ||
	    !registry_step(&s->at, A_TURN, kick, NULL)) {
		mem_free(s);
		return;
	}
	s->letter = (struct letter){ .open = on_sweep };
	worker_post(worker_self(), &s->letter);
	loop_hurry(worker_self()->loop);
}

void
session_end_all(void)
{
	for (unsigned i = 0; i < worker_count(); i++) {
		struct sweep *s = MEM_NEW(struct sweep);

		s->letter.open = on_sweep;
		worker_post(worker_get(i), &s->letter);
	}
}
