/* SPDX-License-Identifier: Apache-2.0 */
/* repick: see repick.h. */
#include "emqxd/routes/repick.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/mailbox.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/metrics.h"
#include "emqxd/router/remote.h"
#include "emqxd/routes/forward_record.h"
#include "ipc/base/mem.h"

#define A_LOOK 32u /* records between two looks at the clock */

bool
repick_must_wait(void)
{
	for (unsigned i = 0; i < worker_count(); i++)
		if (mailbox_is_full(worker_get(i)))
			return true;
	return false;
}

/* Its members do not get it: another one is picked. */
static void
pick(const struct piece *p)
{
	struct rbuf r = rbuf_of(slice_of(p->bytes, p->n));
	struct forward_record rec;

	if (!forward_record_next(&r, &rec, clock_mono()))
		return;
	if (!router_redispatch(rec.group, rec.filter, &rec.m))
		metric_inc(METRIC_MESSAGES_FORWARD_DROPPED);
	message_done(&rec.m);
}

static void
pick_first(struct pieces *left)
{
	struct piece *p = pieces_take(left);

	pick(p);
	mem_free(p);
}

void
repick_add(struct pieces *left, struct pieces *records)
{
	pieces_join(left, records);
	while (left->bytes > REPICK_MAX)
		pick_first(left);
}

bool
repick_some(struct pieces *left)
{
	for (unsigned n = 1; left->first != NULL; n++) {
		pick_first(left);
		if (n % A_LOOK == 0 && loop_is_late())
			break;
	}
	return left->first != NULL;
}
