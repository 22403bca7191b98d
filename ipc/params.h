/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params: the values given for a command's arguments and options, by name.
 * The tool fills them from words, the daemon from a request; a value travels as
 * the word that was typed and is read and checked by the same function on
 * either side, so a handler can rely on what its row says (present unless
 * optional, one of values, between min and max, a column that there is).
 *
 * Texts are copied; slices handed out live until params_fini.  Reading a name
 * that the row does not declare is a CHECK.  Not thread-safe.
 */
#ifndef IPC_PARAMS_H
#define IPC_PARAMS_H

#include "ipc/base/span.h"
#include "ipc/base/vec.h"
#include "ipc/cmd.h"

struct wbuf;
struct pack_reader;

#define PARAMS_MAX 4096 /* values that a request may have */

struct param {
	const struct cmd_arg *arg;
	char *own;         /* the memory of text */
	struct slice text; /* as given; a file: its absolute path */
	int64_t
	    i;    /* INT LIMIT BYTES; SPAN in ns; BOOL and FLAG 0 or 1; ENUM: the index */
	double d; /* NUMBER */
	int fd;   /* INFILE, OUTFILE: open descriptor, owned; or -1 */
};

/* Zero-initialise. */
struct params {
	const struct cmd *cmd; /* whose, or NULL: the tool's options */
	VEC(struct param) v;   /* in the order given */
};

void params_fini(struct params *p); /* frees texts, closes descriptors */

/* Adds a value for @arg from @word, checked.  EM_USAGE with a fault that says what is
 * wrong with the word and what would be right. */
EM_MUST_USE em_err params_add_word(
    struct params *p, const struct cmd_arg *arg, struct slice word, struct fault *f);
/* Takes the values of @name away. */
void params_drop(struct params *p, const char *name);
/* Sets p->cmd: are all that @cmd demands there, none twice that may not be, are columns
 * its columns?  EM_USAGE. */
EM_MUST_USE em_err params_check(struct params *p, const struct cmd *cmd, struct fault *f);
/* Does this call change something: a WRITE command, or a value with ARGF_WRITES? */
bool params_is_write(const struct params *p);

/* Does this call do harm, so that who types it is asked?  YES: where nobody can be asked it
 * is not done without --yes. */
enum params_danger {
	PARAMS_SAFE,
	PARAMS_ASK,
	PARAMS_YES,
};
/* @what, unless NULL: what wants the --yes, "--recover" or "several at once". */
enum params_danger params_danger(const struct params *p, struct str *what);

/* By name of the argument or option; the first value. */
bool params_has(const struct params *p, const char *name);
struct slice params_text(
    const struct params *p, const char *name); /* empty when missing */
int64_t params_int(const struct params *p, const char *name, int64_t missing);
double params_number(const struct params *p, const char *name, double missing);
bool params_bool(const struct params *p, const char *name); /* false when missing */
span_t params_span(const struct params *p, const char *name, span_t missing);
/* Of a repeated one. */
size_t params_count(const struct params *p, const char *name);
struct slice params_text_at(const struct params *p, const char *name, size_t at);
/* The descriptor of a CT_INFILE or CT_OUTFILE, from now on the caller's; -1: none.  The
 * text is the file's absolute path. */
int params_take_fd(struct params *p, const char *name);
/* Gives the value a descriptor (the tool after opening; the daemon from the socket). */
void params_give_fd(struct params *p, const char *name, int fd, struct slice path);

/* As a log may show them: "clientid=c1 qos=1", secrets as ******, bytes escaped. */
void params_describe(const struct params *p, struct str *out);

/* A map of name to word, or to a list of words where ARGF_REPEAT. */
void params_pack(const struct params *p, struct wbuf *w);
/* Reads one for @cmd and checks it.  EM_MALFORMED: not such a map; EM_USAGE: names or
 * values that the row does not allow. */
EM_MUST_USE em_err params_unpack(
    struct params *p, const struct cmd *cmd, struct pack_reader *r, struct fault *f);

#endif
