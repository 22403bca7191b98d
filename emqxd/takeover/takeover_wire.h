/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover_wire: the node's struct takeover (takeover.h), with the links of link.h and the
 * rows of owner.h.
 *
 * Threads: birth and death on main, before and after the threads; start and stop on the
 * link thread, where the links are; the worker's on client workers.
 */
#ifndef TAKEOVER_TAKEOVER_WIRE_H
#define TAKEOVER_TAKEOVER_WIRE_H

struct link_house;
struct routes;

void takeover_wire_birth(void);
void takeover_wire_death(void);
/* Takes the frames TAKEOVER_*; before links come up. */
void takeover_wire_start(struct link_house *house, struct routes *routes);
void takeover_wire_stop(void);
/* Members came or went: alone nobody who comes asks. */
void takeover_wire_members(void);

void takeover_wire_worker_birth(void);
void takeover_wire_worker_death(void);

#endif
