/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: the register of every key of EMQX that no field of ours declares.
 *
 * known_5.def holds the keys of 5.8, known_4.def those names of 4.x that have no
 * key today, alias.def those that have.  A name is known without meaning here
 * (accepted, one warning in all), or a guard: a key that an operator relies on to
 * keep somebody out or to keep data safe.  A guard's value that asks for nothing
 * is accepted; any other stops the start until what it asks for is built.
 *
 * In a pattern $name stands for any segment, a|b for one of these, and a last **
 * for the rest of the path.
 */
#ifndef CONF_NAMES_H
#define CONF_NAMES_H

#include "emqxd/conf/tree.h"

enum name_class {
	NAME_KNOWN,
	NAME_GUARD,
	NAME_DOOR, /* an object that opens a door unless its `enable` is false */
	NAME_ALIAS,
	NAME_ITEM /* lines of 4.x: of each number one item of a list of today */
};

/* How the value of an old name becomes the value of today's. */
enum name_how {
	HOW_SAME,
	HOW_MILLIS,        /* a bare number is milliseconds */
	HOW_SECONDS,       /* a bare number is seconds */
	HOW_DOUBLED,       /* keepalive_backoff 0.75: multiplier 1.5 */
	HOW_ZERO_INFINITY, /* 0 is infinity */
	HOW_ZERO_DISABLED, /* 0 is disabled */
	HOW_ZERO_MAX,      /* 0 is 65535 */
	HOW_HAS_FILE,      /* file, both: true */
	HOW_HAS_CONSOLE,   /* console, both: true */
	HOW_OFF_INFINITY,  /* off is infinity; on says nothing */
	HOW_PRIORITIES,    /* t/1=10,t/2=8 or none: a map or disabled */
	HOW_DISC,          /* disc_only: disc */
	HOW_TEMPLATE,      /* %c %u: ${clientid} ${username} */
	HOW_FILE_URL,      /* etc/emqx.lic: file://etc/emqx.lic */
	HOW_SHARE,         /* hash: hash_clientid */
	/* items, in their order */
	HOW_RULE_ALL,
	HOW_RULE_PUBLISH,
	HOW_RULE_SUBSCRIBE,
	HOW_SUBSCRIPTION,
};

struct conf_name {
	const char *pattern;
	enum name_class class;
	enum name_how how; /* of an alias */
	bool is_hocon;     /* of an alias: its line is HOCON, not a line of 4.x */
	const char *to;    /* of an alias: today's key; its $segments in order; of an
	                      item: the list */
	const char
	    *off; /* of a guard: values that ask for nothing, a|b; "[]" is nothing at
	                      all, "[off]" also items that are all disabled */
	const char *hint; /* of a guard, or NULL */
};

/* What stood for the pattern's $name and a|b segments, in order. */
#define NAMES_CAPTURES 4
struct name_captures {
	struct slice v[NAMES_CAPTURES];
	size_t n;
};
/* Is the segment one of a|b? */
bool names_is_choice(struct slice choices, struct slice segment);
bool names_match(const char *pattern, struct slice path, struct name_captures *c);
/* Is the path a beginning of something that the pattern matches? */
bool names_match_above(const char *pattern, struct slice path);
/* Puts the captures in place of the $segments of @to. */
void names_fill(const char *to, const struct name_captures *c, struct str *out);

/* Today's register. NULL: not in it. */
const struct conf_name *names_find_today(struct slice path);
/* Old names (of 4.x, and of 5.x where 5.8 has another); an alias may have several rows:
 * start with *at = 0. */
const struct conf_name *names_find_old(
    struct slice path, size_t *at, struct name_captures *c);
/* All rows, for docs and "did you mean". */
const struct conf_name *names_row(size_t i);
size_t names_count(void);
/* Is the row of 5.8's register? */
bool names_is_of_today(const struct conf_name *name);

#endif
