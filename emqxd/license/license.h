/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license: the licence in force.  What lives here: which one that is, what follows from it
 * (limit/quota.h, alarms), its copies on this node's disk, and how it is replaced.  What
 * does not: reading and verifying (license_key.h), what a licence allows on a day
 * (license_rule.h), how an operator asks (admin/).
 *
 * A new licence is a change of the kind CHANGE_LICENSE (store/change.h), so all nodes of a
 * cluster get it, in the same order, and one that was down when it returns.  Each verifies
 * it, puts it in force, keeps a copy (license_file.h) and can say so (license_report()).  At
 * the start the licence that came so stands before the one of the configuration, unless
 * this node is alone and that is a file which was written later.
 *
 * Who joins a cluster takes its licence: that is a row by then (license_share()).
 *
 * Nobody is ever cut off by a licence: it is asked about new sessions only.
 *
 * Threads: birth, settle and death on main; all else on the admin thread, which owns it,
 * unless it says otherwise.
 */
#ifndef LICENSE_LICENSE_H
#define LICENSE_LICENSE_H

#include "emqxd/license/license_conf.h"
#include "emqxd/license/license_history.h"
#include "emqxd/license/license_key.h"
#include "emqxd/license/license_rule.h"
#include "ipc/base/str.h"

/* Reads what is configured; before store_recover(). */
EM_MUST_USE em_err license_birth(
    const struct license_conf *conf, const char *data_dir, struct fault *f);
/* Decides which one is in force; after store_recover(). */
EM_MUST_USE em_err license_settle(struct fault *f);
void license_worker_birth(void);
void license_worker_death(void);
void license_death(void);

/* Pointers are good until the end of the turn. */
struct license_info {
	const struct license_key *key; /* NULL: none, the community edition */
	enum license_state state;
	int64_t days_left;       /* with a key */
	uint64_t sessions;       /* of all nodes, now */
	bool is_full;            /* new ones are refused */
	const char *source;      /* "none", "configuration", "emqx_ctl" */
	wall_t since;            /* when it came by emqx_ctl; ns 0: it did not */
	const char *by;          /* who gave it then */
	const char *copy, *hash; /* "" : there is none */
};
void license_look(struct license_info *out);
const struct license_history *license_history(void);

/* The text of the one in force, for any thread: its length; 0: there is none. */
size_t license_text(uint8_t buf[LICENSE_KEY_MAX]);

/* ---- another one */

struct license_done {
	em_err err;
	struct fault *fault; /* of an error: the caller's to take */
	wall_t at;           /* that it was given: by this every node knows it */
	const char *would;   /* it was only tried: what it would be, half a sentence */
};
typedef void license_done_fn(void *arg, const struct license_done *d);

/* Each verifies first and changes nothing when that fails.  One at a time: EM_BUSY.  EM_OK:
 * @done follows on this thread, perhaps within the call, unless the process ends; then all
 * nodes agree on it.  @by NULL: no more than that is done, and nothing is changed. */
/* @fd: an open file, taken, or -1: the configured one, read again. */
EM_MUST_USE em_err license_reload(int fd, struct slice path, const char *by,
    license_done_fn *done, void *arg, struct fault *f);
/* @text: a licence, or "default": back to the configured one. */
EM_MUST_USE em_err license_update(
    struct slice text, const char *by, license_done_fn *done, void *arg, struct fault *f);

/* What became of it on this node; texts good for the call. */
struct license_report {
	em_err err;
	const char *why;                  /* of an error, a sentence; else "" */
	const char *copy, *backup, *hash; /* "": there is none */
	enum license_state state;
	int64_t days_left;
};
typedef void license_report_fn(void *arg, const struct license_report *r);
/* Of the one given at @at, when it has its copy here; EM_TIMEOUT: not within @limit.  ns 0:
 * how things are now, within this call. */
void license_report(wall_t at, span_t limit, license_report_fn *fn, void *arg);

/* The process ends: who waits for a change or a report is told so, now and from now on. */
void license_give_up(void);

/* ---- joining a cluster */

/* This node has begun a cluster: what is only configured here is its licence from now on.
 * Any thread. */
void license_share(void);

/* A node's own, before it joins; zero-initialise. */
struct license_own {
	struct str text;
	bool is_configured; /* it stays where the cluster has none */
};
void license_own_take(struct license_own *o);
void license_own_fini(struct license_own *o);
/* Appends what becomes of it beside @theirs, half a sentence; nothing where nobody has
 * one. */
void license_own_meets(const struct license_own *o, struct slice theirs, struct str *out);

#endif
