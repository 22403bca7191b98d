/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy: what a key of 4.x says, in today's words.
 */
#ifndef CONF_LEGACY_H
#define CONF_LEGACY_H

#include "emqxd/conf/tree.h"

/* %c and %u as ${clientid} and ${username}. */
void legacy_template(struct slice v, struct str *out);

/* @path is an old name (names_is_old): its value goes to today's keys in the tree, or,
 * when it has none, to the tree's list of them. */
void legacy_put(struct conf_tree *t, struct slice path, struct slice value,
    struct tree_pos pos, struct conf_report *r);
/* After all is read.  In 4.x the shipped listeners belonged to the zone "external": where
 * that zone is set by its 4.x name, listeners that name no zone belong to it. */
void legacy_settle(struct conf_tree *t);
/* Does the file name its listeners the way of 4.x?  Then none is there unasked. */
bool legacy_has_listener(const struct conf_tree *t);

#endif
