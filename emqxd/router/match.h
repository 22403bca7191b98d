/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match: the routes of a topic, remembered.  Each worker has a small table from topics
 * to the routes that they had under a generation of the trie: publishers repeat
 * themselves, and walking the trie is half the work of a small message.
 */
#ifndef ROUTER_MATCH_H
#define ROUTER_MATCH_H

#include "emqxd/router/inside.h"

#define MATCH_ENTRIES 1024u
#define MATCH_TOPIC_MAX 64u
#define MATCH_ROUTES_MAX 4u

struct match_result {
	struct route *const *v;
	size_t n;
};

struct match_entry *match_new(void);
void match_free(struct match_entry **ep);
/* Good until the next call, and until the end of the turn. */
struct match_result match_topic(struct router_worker *here, struct slice topic);

#endif
