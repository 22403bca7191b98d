/* SPDX-License-Identifier: Apache-2.0 */
/* debt: see debt.h. */
#include "emqxd/model/debt.h"
#include "emqxd/core/worker.h"
#include "ipc/base/check.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"

struct debts {
	debt_paid_fn *fn;
};

struct paid {
	struct letter letter;
	uint32_t debt;
};

void
debt_use(debt_paid_fn *fn)
{
	struct debts *d = worker_slot(ROOM_DEBT);

	MEM_FREE(d);
	if (fn != NULL) {
		d = MEM_NEW(struct debts);
		d->fn = fn;
	}
	worker_self()->slot[ROOM_DEBT] = d;
}

/* On the link thread. */
static void
on_paid(struct letter *l)
{
	struct paid *p = LIST_OWNER(l, struct paid, letter);
	const struct debts *d = worker_slot(ROOM_DEBT);

	if (d != NULL)
		d->fn(p->debt);
	mem_free(p);
}

void
debt_pay(uint32_t debt)
{
	struct paid *p = MEM_NEW(struct paid);

	CHECK(debt != 0);
	p->letter.open = on_paid;
	p->debt = debt;
	worker_post(worker_link(), &p->letter);
}
