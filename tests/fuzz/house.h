/* SPDX-License-Identifier: Apache-2.0 */
/*
 * house: what fuzzers of rooms with threads and settings begin with.
 *
 * All of it on the one thread that there is.
 */
#ifndef FUZZ_HOUSE_H
#define FUZZ_HOUSE_H

#include "emqxd/conf/load.h"
#include "emqxd/conf/snapshot.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/worker.h"
#include "ipc/base/check.h"

/* @text, lines of emqx.conf, is in force. */
static inline void
house_configure(const struct conf_section *const *sections, size_t n, struct slice text)
{
	struct conf_load how = {
		.file = "emqx.conf", .text = text, .section = sections, .n = n
	};
	struct conf_report report = { 0 };
	struct conf_snapshot *s;

	CHECK(conf_load(&how, &s, &report) == EM_OK);
	conf_report_fini(&report);
	conf_birth(NULL);
	conf_publish(&s);
}

/* A turn of the link thread, then one of the client worker. */
static inline void
house_turn(void)
{
	for (unsigned i = 0; i < 2; i++) {
		worker_act_as(i == 0 ? worker_link() : worker_get(0));
		loop_hurry(worker_self()->loop);
		loop_turn(worker_self()->loop);
	}
	worker_act_as(worker_link());
}

#endif
