/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wills_wire: wills.h over links (link.h): which frame carries what, and who hears of
 * which event.
 *
 * Birth and death on main; start and stop on the link thread.
 */
#ifndef WILLS_WILLS_WIRE_H
#define WILLS_WILLS_WIRE_H

#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#include <stddef.h>
#include <stdint.h>

struct link_house;
struct routes;

struct wills_wire_conf {
	struct link_house *house;
	struct routes *routes;
	uint64_t incarnation;
	span_t node_down_timeout;
	size_t memory; /* cluster.will_memory */
};

void wills_wire_birth(void);
void wills_wire_death(void);
/* Before links come up. */
void wills_wire_start(const struct wills_wire_conf *conf);
void wills_wire_stop(void);
/* The row of that member went. */
void wills_wire_removed(struct slice name);

#endif
