/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: the office.  Operators ask here what happens in the house and change it:
 * one operation (op.h) a row of the command table (ipc/cmd), answered over the Unix
 * socket (control.h), the office's counter.
 *
 * A request comes in at the counter; gather.h walks it through the threads that
 * know the answer, a bounded step a turn, and hands rows back in order while the
 * tool grants credit.  Handlers therefore never post, lock or wait.
 *
 * What does not live here: facts.  They are read from the rooms below.
 *
 * Threads: birth and death on main; everything else on the admin thread, but for
 * the operations' steps, which run where op.where says.
 */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include "ipc/base/err.h"
#include "ipc/base/span.h"

#include <stdbool.h>

struct conf_changes;
struct rpc_ops;

/* On main's thread; takes what is in @changes and in @f. */
typedef void admin_reloaded_fn(
    void *arg, em_err err, struct conf_changes *changes, struct fault *f);

enum admin_state { ADMIN_BOOTING, ADMIN_READY, ADMIN_DRAINING };

/* One key of the whole cluster. */
struct admin_setting {
	const char *path, *value; /* NULL: set no more */
	bool is_dry_run;
};

/* What app hands over. */
struct admin_house {
	const char *node; /* its name */
	/* On main's thread: reads the configuration again and puts it in force; @done is told,
	 * at once or later.  NULL: cannot be done. */
	void (*reload)(admin_reloaded_fn *done, void *arg);
	const struct rpc_ops *rpc; /* remote.h; NULL: there are no other nodes */
	/* On main's thread: sets it (the texts are good during the call) and reloads; @done is
	 * told what changed, or would.  NULL: cannot be done. */
	void (*set)(const struct admin_setting *s, admin_reloaded_fn *done, void *arg);
	/* On main's thread: is what the cluster set up to that place of its order (store's
	 * applied index) in force here?  EM_BUSY: it has not come yet; EM_REFUSED: it came, and
	 * cannot be.  NULL: nobody knows. */
	void (*settle)(uint64_t index, admin_reloaded_fn *done, void *arg);
};

/* Opens the control socket (ctl.socket); served once admin's thread turns. */
EM_MUST_USE em_err admin_birth(const struct admin_house *house, struct fault *f);
/* After the threads ended: closes it and removes its file. */
void admin_death(void);
/* On every new thread; only the admin thread has something to do. */
void admin_worker_birth(void);
void admin_worker_death(void);

/* What `status` says; any thread.  @detail is a constant text ("starting listeners") or
 * NULL. */
void admin_set_state(enum admin_state state, const char *detail);

/* ---- for the office's own files */

const struct admin_house *admin_house(void);
enum admin_state admin_get_state(const char **detail);
/* Since admin_birth. */
span_t admin_uptime(void);

#endif
