/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete: words that are typed -> what the last one may become.  Pure: what
 * only the daemon or the file system knows comes through a function.
 */
#ifndef CTL_COMPLETE_H
#define CTL_COMPLETE_H

#include "ipc/base/vec.h"
#include "ipc/cmdline.h"

struct complete_item {
	char *text; /* owned: the whole word, without quotes */
	char *help; /* owned, one line; or NULL */
	bool open;  /* more of the same word follows: "--limit=" no, "folder/" yes */
};

/* Zero-initialise. */
struct complete {
	VEC(struct complete_item) v; /* in the order to be shown */
	bool more;                   /* there are more than these */
};

/* Adds candidates of a type that begin with @prefix; @before: the arguments before it. */
typedef void complete_ask_fn(void *ctx, cmd_type type, struct slice prefix,
    const struct slice *before, size_t n_before, struct complete *out);

/* Candidates for the last of @words (which may be empty); @flags are cmdline's. */
void complete_words(struct complete *out, const struct slice *words, size_t n,
    unsigned flags, complete_ask_fn *ask, void *ctx);
/* Adds one; @help NULL: none. */
void complete_add(struct complete *c, struct slice text, const char *help);
/* What all candidates begin with. */
struct slice complete_common(const struct complete *c);
void complete_fini(struct complete *c);

/* The usual @ask: ctx is a struct reach; live names from the daemon, files from the folder
 * they are in. */
complete_ask_fn complete_ask;

#endif
