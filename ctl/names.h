/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: candidates that only the daemon knows: client ids, topics, listeners,
 * keys of the configuration.
 */
#ifndef CTL_NAMES_H
#define CTL_NAMES_H

#include "ctl/reach.h"

#define NAMES_MAX 200
#define NAMES_WAIT span_ms(300)

struct names {
	VEC(char *) v; /* sorted as the daemon sorts */
	bool more;     /* there may be more than these */
};

/* Asks for names of @type that begin with @prefix; @before are the arguments that stand
 * before the word.  Whatever goes wrong, what came in time is there. */
void names_ask(struct reach *r, cmd_type type, struct slice prefix,
    const struct slice *before, size_t n_before, struct names *out);
void names_fini(struct names *n);

#endif
