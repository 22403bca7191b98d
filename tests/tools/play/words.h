/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words: what a scenario's words say now: quotes taken off, variables replaced.
 */
#ifndef PLAY_WORDS_H
#define PLAY_WORDS_H

#include "tests/tools/play/fields.h"
#include "ipc/base/hash.h"
#include "ipc/base/span.h"

struct variables {
	struct map all; /* name -> char * */
};
void variables_set(struct variables *v, struct slice name, struct slice value);
void variables_fini(struct variables *v);

/* Words with the memory that their values stand in; zero-initialise. */
struct words {
	arg_vec args;
	VEC(char *) owned;
};
/* Adds one word. */
EM_MUST_USE em_err words_add(
    struct words *w, const struct variables *v, struct slice raw, struct fault *fault);
/* Adds name=value, ready as it is; both stay the caller's. */
void words_put(struct words *w, const char *name, struct slice value);
void words_fini(struct words *w);

/* A time: "1.5s". */
EM_MUST_USE em_err words_span(struct slice text, span_t *out, struct fault *fault);

#endif
