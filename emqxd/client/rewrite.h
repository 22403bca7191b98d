/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite: the rules of rewrite[], in force for clients that come after they were read.
 * Of the rules whose source_topic matches, the last one counts; where its expression does
 * not match the topic stays as it is (EMQX).
 *
 * A rule's expression is PCRE's, compiled once, with a bound on its work: one that would
 * take longer matches nothing, and is counted.
 *
 * Threads: rewrite_configure() main; the others client workers.
 */
#ifndef CLIENT_REWRITE_H
#define CLIENT_REWRITE_H

#include "emqxd/client/topics.h"
#include "emqxd/conf/section.h"

struct rewrite_rule {
	const char *name; /* "1", "2": its place in the list */
	uint8_t action;   /* enum topics_use, both: all */
	const char *source_topic, *re, *dest_topic;
};

extern const struct conf_section rewrite_conf;

struct rewrite_set;
/* Compiles what is configured now; on main, at birth and after a reload. */
void rewrite_configure(void);
void rewrite_death(void);
/* The rules; NULL: there are none. */
const struct rewrite_set *rewrite_rules(void);
/* True: @out got the new topic. */
bool rewrite_apply(const struct clientinfo *who, enum topics_use use, struct slice topic,
    struct str *out);

#endif
