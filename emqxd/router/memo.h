/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo: the routes of a topic, remembered.  Each worker has a small table from topics
 * to the routes that they had under a generation of the trie: publishers repeat
 * themselves, and walking the trie is half the work of a small message.
 */
#ifndef ROUTER_MEMO_H
#define ROUTER_MEMO_H

#include "emqxd/router/inside.h"

#define MEMO_BITS 10u
#define MEMO_ENTRIES (1u << MEMO_BITS)
#define MEMO_TOPIC_MAX 64u
#define MEMO_ROUTES_MAX 4u

struct memo_routes {
	struct route *const *v;
	size_t n;
};

struct memo_entry *memo_new(void);
void memo_free(struct memo_entry **ep);
/* Good until the next call, and until the end of the turn. */
struct memo_routes memo_match(struct router_worker *here, struct slice topic);
/* Without memory, into @hits. */
struct memo_routes memo_match_apart(
    const struct router_worker *here, struct slice topic, struct trie_hits *hits);

#endif
