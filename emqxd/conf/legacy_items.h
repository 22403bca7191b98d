/* SPDX-License-Identifier: Apache-2.0 */
/*
 * legacy_items: lines of 4.x that are items of a list today:
 * module.rewrite.pub.rule.1 one of rewrite[], module.subscription.1.topic one of
 * auto_subscribe.topics[].
 */
#ifndef CONF_LEGACY_ITEMS_H
#define CONF_LEGACY_ITEMS_H

#include "emqxd/conf/tree.h"

/* After all is read and references are resolved: the lists, out of the tree's lines of 4.x;
 * in the order of their numbers, and as in 4.x first the rules for all, then those for
 * publish, then those for subscribe: of rewrite rules the last one that fits counts. */
void legacy_items_settle(struct conf_tree *t, struct conf_report *r);

#endif
