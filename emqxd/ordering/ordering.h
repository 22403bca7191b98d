/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordering: between the store, whose changes all nodes shall make in one order, and the child
 * that keeps it.
 *
 * What the store proposes goes to the child when this node leads the group, else in a frame
 * to the node that does; what gets lost there the store proposes again.  What was agreed on
 * comes from the child, goes to the store, and is named to the child when it is on the disk:
 * so no more than the child's window is under way.  When entries are missing for good, or an
 * import was interrupted, the rows themselves are fetched from the leader, part by part.
 *
 * What does not live here: who is a member, and the child's life (join, groups).
 *
 * The link thread's.
 */
#ifndef ORDERING_ORDERING_H
#define ORDERING_ORDERING_H

#include "emqxd/cstore/cstore.h"
#include "emqxd/link/link.h"
#include "emqxd/store/change.h"

/* Takes the frames of ORDER_*: also a node that is alone gives out its rows, when asked
 * after it has a group (ordering_start()). */
void ordering_birth(struct link_house *h);
/* Fetches under way are answered EM_CANCELLED. */
void ordering_death(void);

/* Both groups are ordered by @c from here on; it is not freed before ordering_stop(). */
void ordering_start(struct cstore *c);
/* The rows are this node's alone again; what waits is done here.  May be called when @c was
 * stopped. */
void ordering_stop(void);
bool ordering_is_started(void);
/* The child is gone, but the rows stay the cluster's: without a leader. */
void ordering_pause(void);
/* ENTRY, MARKER, STATE and DOWN; others are of no interest. */
void ordering_on_event(const struct cstore_event *e);

/* Fetches all rows of both groups from that node, a member or a guest, which is to keep them
 * ordered.  Before ordering_start(): the groups are ordered from the call on, so what is
 * changed here meanwhile waits; call ordering_stop() when it failed.  @done once, later;
 * EM_BUSY: another fetch is under way; a failed one leaves the group marked
 * (store_is_importing()), with some rows of either. */
typedef void ordering_done_fn(void *arg, em_err err, const char *text);
void ordering_fetch(struct link_peer *from, ordering_done_fn *done, void *arg);

/* The rows of both groups become those of a folder that store_backup() made; then call
 * ordering_stop().  When it fails the rows are of either.  @done once, later; what stops the
 * node meanwhile answers nobody. */
void ordering_restore(const char *dir, change_done_fn *done, void *arg);

#endif
