/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license: the licence in force.  What lives here: which one that is, what follows from it
 * (limit/quota.h, alarms), its copies on this node's disk, and how it is replaced.  What
 * does not: reading and verifying (license_key.h), what a licence allows on a day
 * (license_rule.h), how an operator asks (admin/).
 *
 * A new licence is a change of the kind CHANGE_LICENSE (store/change.h), so all nodes of a
 * cluster get it, in the same order, and one that was down when it returns.  Each verifies
 * it, puts it in force and keeps a copy (license_file.h).  At the start the licence that
 * came so stands before the one of the configuration, unless that is a file which was
 * written later.
 *
 * Nobody is ever cut off by a licence: it is asked about new sessions only.
 *
 * Threads: birth, settle and death on main; all else on the admin thread, which owns it.
 */
#ifndef LICENSE_LICENSE_H
#define LICENSE_LICENSE_H

#include "emqxd/license/license_conf.h"
#include "emqxd/license/license_history.h"
#include "emqxd/license/license_key.h"
#include "emqxd/license/license_rule.h"

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

/* What became of a replacement on this node. */
struct license_done {
	em_err err;
	struct fault *fault;       /* of an error: the caller's to take */
	const char *copy, *backup; /* "": there is none */
	enum license_state state;
	int64_t days_left;
};
typedef void license_done_fn(void *arg, const struct license_done *d);

/* Each verifies first and changes nothing when that fails.  One at a time: EM_BUSY.  EM_OK:
 * @done follows on this thread, unless the process ends. */
/* @fd: an open file, taken, or -1: the configured one, read again. */
EM_MUST_USE em_err license_reload(int fd, struct slice path, const char *by,
    license_done_fn *done, void *arg, struct fault *f);
/* @text: a licence, or "default": back to the configured one. */
EM_MUST_USE em_err license_update(
    struct slice text, const char *by, license_done_fn *done, void *arg, struct fault *f);

#endif
