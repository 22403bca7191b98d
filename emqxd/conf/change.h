/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change: what differs between two snapshots, and what each difference takes to
 * be in force.  `conf reload` prints it; app's reload acts on it.
 */
#ifndef CONF_CHANGE_H
#define CONF_CHANGE_H

#include "emqxd/conf/load.h"

struct conf_change {
	char *path;
	char *before, *after; /* masked if secret; "" where there was or is none */
	char *
	    owner; /* the struct's name with its prefix: "tcp:default"; "" of a single one */
	enum conf_id id;
	enum conf_reload reload;
	char *failure; /* why it is not in force all the same, or NULL */
};

struct conf_changes {
	VEC(struct conf_change) list; /* in the order of the tables */
};

/* A struct of a name that only one of them has is one change: "listeners.tcp.x", and as its
 * value what was written in it.  Also remembers in @after what waits for a restart; what waited before and still does is
 * a change again. */
void conf_changes_find(const struct conf_snapshot *before, struct conf_snapshot *after,
    struct conf_changes *out);
void conf_changes_fini(struct conf_changes *c);
/* "at once", "new connections", "restart of the listener", "restart of emqxd". */
const char *conf_reload_text(enum conf_reload reload);

#endif
