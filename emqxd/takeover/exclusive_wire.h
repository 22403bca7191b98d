/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exclusive_wire: a filter that a client wants for itself is asked for at all nodes that
 * can be reached (session/exclusive.h); who does not answer within a second has it not.
 *
 * The link thread's; takeover_wire.c calls it.
 */
#ifndef TAKEOVER_EXCLUSIVE_WIRE_H
#define TAKEOVER_EXCLUSIVE_WIRE_H

#include <stdbool.h>

struct link_house;

void exclusive_wire_start(struct link_house *house);
void exclusive_wire_stop(void);
/* There are other nodes, or no longer. */
void exclusive_wire_use(bool has_others);

#endif
