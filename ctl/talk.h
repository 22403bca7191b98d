/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk: what the tool says besides the answer, on stderr: errors in three parts
 * (who and where, what is wrong, what to do), hints, warnings, progress.
 */
#ifndef CTL_TALK_H
#define CTL_TALK_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

struct talk {
	bool color; /* of stderr */
	bool quiet; /* errors alone */
};

/* "emqx_ctl: clients kick: no client 'x'" and its hint; @what: words of the command, or
 * NULL. */
void talk_fault(const struct talk *t, const char *what, const struct fault *f);
/* A line that is no error; nothing when quiet. */
void talk_say(const struct talk *t, const char *fmt, ...) EM_PRINTF(2, 3);
/* The same for text that came from the daemon. */
void talk_say_text(const struct talk *t, struct slice text);

#endif
