/* SPDX-License-Identifier: Apache-2.0 */
/* turn: for tests: a worker that has no thread here opens all its letters. */
#ifndef TESTS_UNIT_TURN_H
#define TESTS_UNIT_TURN_H

#include "emqxd/core/loop.h"
#include "emqxd/core/mailbox.h"
#include "emqxd/core/worker.h"

static inline void
turn_of(struct worker *w)
{
	worker_act_as(w);
	do {
		loop_hurry(w->loop);
		loop_turn(w->loop);
	} while (mailbox_has_more(w));
}

#endif
