/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exclusive_wire: a filter that a client wants for itself is asked for at all nodes that
 * can be reached (session/exclusive.h); who does not answer within a second has it not.
 *
 * When a node comes back, or did not answer, it is told all that clients here have, a batch
 * at a time, each when the one before was answered; what was taken without asking is told
 * at once.  The answer says what a client there has by right.
 *
 * The link thread's; takeover_wire.c calls it.
 */
#ifndef TAKEOVER_EXCLUSIVE_WIRE_H
#define TAKEOVER_EXCLUSIVE_WIRE_H

#include <stdbool.h>

struct link_house;
struct link_peer;

void exclusive_wire_start(struct link_house *house);
void exclusive_wire_stop(void);
/* There are other nodes, or no longer. */
void exclusive_wire_use(bool has_others);
/* Of the link: it can be reached (again). */
void exclusive_wire_reachable(struct link_peer *p);

#endif
