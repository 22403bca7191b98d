/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ordered: how several nodes come to have the same rows: the seam between the store and
 * whoever gives the changes of a group one order (cluster/).
 *
 * Alone a change is a transaction.  Of a group that is ordered the store thread packs changes
 * into an entry, hands it to propose() and keeps it until it comes back by
 * store_apply_entry(), as every node's entries do, in one order everywhere.  Then it is
 * written, with the index of the entry in the same transaction, and answered.  What comes
 * twice, or with a gap before it, is dropped on every node alike; what does not come back is
 * proposed again, from the oldest on, by the same numbers.
 *
 * Kinds of a level (core/level.h) that not all members know are refused with EM_UNSUPPORTED.
 * An entry that this build cannot read because it is of a later level is not passed over: all
 * others have made rows of it.  The group stands still before it, with an alarm, and goes on
 * when a newer emqxd is started here.  What no build can read is passed over by all alike,
 * and is not let in: store_check_entry().
 *
 * Group META: without a leader for a second changes are refused with EM_NOQUORUM, and were
 * not proposed.  One that was proposed and does not come back is answered EM_TIMEOUT after
 * ten seconds, with all behind it, and not proposed again: it may still happen if somebody's
 * log has it, but not behind a change that is made after the answer.  Group RET: changes wait, up to 32 MiB, then EM_FULL;
 * each has a stamp (stamp.h), and one that is older than its row changes nothing.  A deleted
 * row leaves its stamp behind for ten minutes of the entries' own time, of at most
 * STORE_TOMBS_MOST rows: when a node's clock was ahead once that time hardly passes any
 * more, until all clocks have come so far (store_clock_ahead in the log).  A blob of up to 15 MiB
 * goes in parts (entry.h); what is larger is EM_TOOBIG, as is one above 4 MiB in META.
 *
 * Whole groups are fetched from another node (export there, import here): when this one
 * joins, or was away for longer than the order is remembered.  While rows are imported
 * entries wait; a crash meanwhile leaves store_is_importing() true: fetch again.
 *
 * Threads: as said; every done() on the thread that asked.
 */
#ifndef STORE_ORDERED_H
#define STORE_ORDERED_H

#include "emqxd/store/change.h"

/* The same on all nodes: some 50 MB. */
#define STORE_TOMBS_MOST (1u << 18)

/* Given by whoever orders; on the store thread. */
struct store_order {
	/* Shall be put in order; @entry is good during the call.  It may get lost. */
	void (*propose)(enum change_group g, struct slice entry);
	/* The disk has the entries up to here: they may be forgotten. */
	void (*applied)(enum change_group g, uint64_t index);
};

/* The group is ordered from here on: changes that were sent before are on the disk, later
 * ones are proposed.  @o stays where it is.  Any worker, and main before the threads start.
 * A group that was ordered when the process ended is so at once, without a leader. */
void store_order(enum change_group g, const struct store_order *o, uint64_t site);
/* The group is this node's alone: its rows stay, what was kept for the others goes, and
 * changes that wait are done.  Any worker. */
void store_order_end(enum change_group g);
/* Is there a leader, known to this node?  Also says that it is another one: what is under way
 * is proposed again.  Any worker. */
void store_set_leader(enum change_group g, bool is_there);
/* The level that all members know; LEVEL_MAX until it is said.  Any thread. */
void store_set_level(unsigned level);
/* The next entry in order; copies it.  Indexes not above store_applied() are skipped.  One
 * worker.  The letters of entries count for the store's mailbox: who has many asks
 * change_is_full(). */
void store_apply_entry(enum change_group g, uint64_t index, struct slice entry);

/* Of what the node of @site proposes: EM_MALFORMED; EM_UNSUPPORTED: of a later level;
 * EM_DENIED: in another node's name; EM_STATE: of a future that would leave no number for
 * what comes behind it. */
EM_MUST_USE em_err store_check_entry(
    enum change_group g, struct slice entry, uint64_t site);

/* Any thread. */
const char *store_group_name(enum change_group g); /* "meta", "ret" */
bool store_is_ordered(enum change_group g);
uint64_t store_applied(enum change_group g);
bool store_is_importing(enum change_group g);
/* Changes of ours that wait, and their bytes. */
uint64_t store_waiting(enum change_group g, uint64_t *bytes);

/* ---- all rows of a group */

/* Bytes of a part, but for one row that is larger.  Each takes a sync where it is taken. */
#define STORE_PART_MAX (256u << 10)

/* A part was read: @part is good during the call; the last one says so.  EM_OK or EM_IO,
 * EM_STATE: begin anew. */
typedef void store_part_fn(void *arg, em_err err, struct slice part, bool is_last);
struct store_export;
/* The group as it is now; it does not change while it is read, which should take no longer
 * than a minute.  NULL: it cannot be read, or too many are.  Any worker. */
struct store_export *store_export_open(enum change_group g);
/* The same of a folder that store_backup() made, at index 0; it is opened when the first part
 * is asked for, which says EM_IO or EM_MALFORMED when it cannot be. */
struct store_export *store_export_open_backup(enum change_group g, const char *dir);
/* Reads the next part on a jobs thread; one at a time. */
void store_export_next(struct store_export *x, store_part_fn *fn, void *arg);
/* Also while a part is being read: then fn() is not called. */
void store_export_close(struct store_export **xp);

/* The group's rows become those of the parts, which are given in order, each after the one
 * before is done.  The first one marks the group as importing, the last one ends that.  What
 * differs is followed, as changes of another node.  @done: EM_OK; EM_MALFORMED, EM_FULL, EM_IO:
 * begin anew with the first part of another export.  Any worker; copies @part. */
void store_import(
    enum change_group g, struct slice part, change_done_fn *done, void *arg);

/* A copy of the whole store in the folder @dir, which is made, with its parent; a node that
 * is started with it as data_dir/store has these rows.  On a jobs thread.  EM_IO, EM_FULL,
 * EM_DENIED, EM_EXISTS; then nothing is left of it.  Any worker; @done may be called when all
 * rooms have ended. */
void store_backup(const char *dir, change_done_fn *done, void *arg);
/* What that has made goes again, on a jobs thread; nothing else in the folder. */
void store_backup_remove(const char *dir);

#endif
