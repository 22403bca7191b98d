/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach: the link to the daemon, kept over the lines of a shell or script, and
 * made again when the daemon came back.
 */
#ifndef CTL_REACH_H
#define CTL_REACH_H

#include "ctl/prefs.h"
#include "ipc/call.h"

/* Zero-initialise. */
struct reach {
	struct call *call;  /* NULL: no link now */
	const char *socket; /* of the daemon; NULL: the usual place */
	char *node;         /* owned: what the daemon last called itself, or NULL */
	span_t timeout;     /* what the link was opened with */
	bool lost;          /* there was a link, and it broke while nobody used it */
};

/* A link that is good as far as one can see without asking. */
EM_MUST_USE em_err reach_open(
    struct reach *r, const struct prefs *prefs, struct fault *f);
/* Looks whether an idle link broke (then it is closed and lost is set). */
bool reach_is_there(struct reach *r);
void reach_close(struct reach *r);
void reach_fini(struct reach *r);

/* Sends a request whose params are taken from @params (emptied). */
EM_MUST_USE em_err reach_start(struct reach *r, const struct cmd *cmd,
    struct params *params, unsigned flags, struct fault *f);
/* call_next; keeps the node's name, and closes a link that is of no more use. */
EM_MUST_USE em_err reach_next(struct reach *r, struct call_answer *out, struct fault *f);

#endif
