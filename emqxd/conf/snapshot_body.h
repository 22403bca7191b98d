/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshot_body: what a snapshot is, for the files of this room that make, show
 * and compare one.
 */
#ifndef CONF_SNAPSHOT_BODY_H
#define CONF_SNAPSHOT_BODY_H

#include "emqxd/conf/keys.h"
#include "emqxd/conf/load.h"
#include "emqxd/conf/tree.h"

/* A value that is not in force yet: it waits for a restart.  The texts are the pool's. */
struct conf_pending {
	const char *path, *in_force, *want;
	const char *owner; /* the struct's name with its prefix, "" of a single one */
	enum conf_id id;
	enum conf_reload reload;
	_Atomic bool is_over; /* the owner was restarted */
};

struct conf_snapshot {
	struct conf_part part[CONF_ID_N];              /* first: conf_get() reads it */
	const struct conf_section *section[CONF_ID_N]; /* in the order they were given */
	size_t sections;
	char
	    *structs[CONF_ID_N]; /* what part points to, to be written while it is made */
	bool *gone[CONF_ID_N];   /* of an array: was there before, is no more */
	struct conf_tree tree;
	const char *over; /* name of the text above the file, or NULL */
	struct conf_pool pool;
	VEC(struct conf_ignored) ignored;
	VEC(struct conf_pending) pending;
};

/* What waits for a restart under that path, or NULL. */
const struct conf_pending *snapshot_pending(
    const struct conf_snapshot *s, const char *path);

struct conf_settling {
	struct conf_snapshot *snapshot;
	struct conf_report *report;
	const struct conf_section *section;
	const void *self;
};

/* Is there a struct for every name? */
bool section_is_array(const struct conf_section *s);
/* Is it only there to keep its place? */
bool section_is_gone(
    const struct conf_snapshot *s, const struct conf_section *section, size_t i);
/* A struct's name without the prefix ("default" of "tcp:default"); "" of a single one. */
const char *section_name(const struct conf_section *s, const void *object);
/* Where the field of this struct stands: "zones.outdoor.mqtt.max_inflight", and of an
 * overlaid one @below is where it is looked for next ("mqtt.max_inflight"), else "". */
void section_path(const struct conf_section *s, const void *object,
    const struct conf_field *f, struct str *path, struct str *below);
/* Of a section without an overlay, where the struct stands: "listeners.tcp.default". */
void section_own_path(const struct conf_section *s, const void *object, struct str *path);
/* The path that says the field's value: of an overlaid one the overlay's where it sets
 * it, and the node there, NULL for a default.  False: the struct only repeats what is
 * said by another's path. */
bool section_shown_path(const struct conf_snapshot *s, const struct conf_section *section,
    const void *object, const struct conf_field *f, struct str *path,
    const struct tree_node **node);
const void *section_object(
    const struct conf_snapshot *s, const struct conf_section *section, size_t i);

/* Fills the snapshot's structs from its tree; what is wrong is reported. */
void validate(struct conf_snapshot *s, const struct conf_snapshot *before,
    const struct keys *keys, struct conf_report *r);

#endif
