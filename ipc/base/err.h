/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: how functions say that something expected went wrong.  em_err is a
 * code (err.def: text, exit code of the tool, default hint); struct fault is
 * for what a human must read: text wrapped on the way up, and a hint.
 * MQTT reason codes are no em_err; client/ translates.
 */
#ifndef IPC_BASE_ERR_H
#define IPC_BASE_ERR_H

#include "ipc/base/check.h"

typedef enum em_err {
#define ERR(id_, ...) EM_##id_,
#include "ipc/base/err.def"
#undef ERR
	EM_ERR_N
} em_err;

/* Constant name ("notfound") and text ("not found"); never NULL, also for a number that
 * is no code (another version of the other program may send one). */
const char *err_name(em_err e);
const char *err_text(em_err e);
/* Exit code of emqx_ctl for this error (CTL.md 6). */
int err_exit(em_err e);
/* Default hint, or NULL. */
const char *err_hint(em_err e);
/* The code of an errno value that the operating system gave; EM_IO if unusual. */
em_err err_from_errno(int e);

/* What a human must read.  Zero-initialise; fault_clear frees the texts.
 * Functions that take one accept NULL where nobody will read it. */
struct fault {
	em_err err;
	char *text; /* owned; NULL while there is none */
	char *hint; /* owned, or NULL */
};

/* Sets code and text (a former text and hint go) and returns the code. */
em_err fault_set(struct fault *f, em_err err, const char *fmt, ...) EM_PRINTF(3, 4);
/* Sets the hint. */
void fault_hint(struct fault *f, const char *fmt, ...) EM_PRINTF(2, 3);
/* Puts "text: " before what is there: fault_wrap(f, "listener %s", name).  Returns the
 * code; EM_FAILED where there is none or @f is NULL, since what is wrapped did fail. */
em_err fault_wrap(struct fault *f, const char *fmt, ...) EM_PRINTF(2, 3);
void fault_clear(struct fault *f);

#endif
