/* SPDX-License-Identifier: Apache-2.0 */
/*
 * levels: what all members of the cluster know of each other's language.
 *
 * Each member's row says up to which level (core/level.h) it speaks.  The least of them is
 * the cluster's, nodes_level(): what a later level has brought is neither written nor, by
 * this node, said before.  A node that was upgraded writes its row anew as soon as there is
 * a quorum; with the last one the level rises, on every node, and from then on who does not
 * speak it is not let in any more: the links' hello says so by both versions.
 *
 * Who asks to join counts for a minute, so that an older node may be the second one of a
 * cluster that begins for it.
 *
 * A node that is started with an older emqxd than its cluster has agreed on is refused at
 * boot; while another member is as old it is not, since nothing newer has been written.
 *
 * Threads: levels_check() on main; all else the link thread's.
 */
#ifndef MEMBERS_LEVELS_H
#define MEMBERS_LEVELS_H

#include "emqxd/link/link.h"

/* Both texts stay. */
void levels_birth(struct link_house *h, const char *product, const char *advertise);
void levels_death(void);
/* Rows have come, changed or gone. */
void levels_follow(void);
/* A node that speaks up to @level may become a member soon. */
void levels_hold(unsigned level);

/* After the rows were read at boot: EM_TOONEW, and which version it takes. */
EM_MUST_USE em_err levels_check(struct fault *f);

#endif
