/* SPDX-License-Identifier: Apache-2.0 */
/*
 * persist: what an operator set at run time in the whole cluster (`conf set`), and the
 * file that keeps it for the next start: configs/cluster.hocon in the data folder, EMQX's
 * name.  It is a layer above emqx.conf and below the EMQX_ variables.
 *
 * The rows themselves come from the store, which orders them among the nodes; here is
 * what they are as text: which keys may have one, what a value must look like, and the
 * file, written whole or not at all.  A row that this version cannot read (it is of
 * a newer one) stands in the file behind a '#'.
 *
 * A file that does not start with our line was put there by EMQX or by hand: it is read
 * as it is, and kept under another name before ours takes its place.
 *
 * One thread at a time: main's.
 */
#ifndef CONF_PERSIST_H
#define CONF_PERSIST_H

#include "emqxd/conf/section.h"
#include "ipc/base/err.h"
#include "ipc/base/str.h"

#define PERSIST_ROWS_MAX 1024
#define PERSIST_VALUE_MAX (32u << 10)

struct persist;

/* No rows yet.  @dir: the data folder; the sections live longer. */
struct persist *persist_new(
    const char *dir, const struct conf_section *const *section, size_t n);
void persist_free(struct persist **pp);

/* Where the file is. */
void persist_path(const char *dir, struct str *out);
/* The file's text; EM_NOTFOUND: there is none. */
EM_MUST_USE em_err persist_read(const char *dir, struct str *text, struct fault *f);
/* Is there a file, and not of ours? */
bool persist_is_foreign(const struct persist *p);

/* May it be set?  *today: its path of today, where an old name was given. */
EM_MUST_USE em_err persist_may_set(
    const struct persist *p, struct slice path, struct str *today, struct fault *f);
/* The text of a value as the file has it.  What the key makes of it is seen when it is
 * loaded. */
EM_MUST_USE em_err persist_value(struct slice text, struct str *value, struct fault *f);

bool persist_has(const struct persist *p, struct slice path);
/* @value.p NULL: it goes.  EM_NOTFOUND, EM_FULL: nothing was done. */
EM_MUST_USE em_err persist_put(struct persist *p, struct slice path, struct slice value);
/* What the file has to say. */
void persist_print(const struct persist *p, struct str *out);
/* The same with one row changed, which nobody has been told of yet. */
void persist_print_with(
    struct persist *p, struct slice path, struct slice value, struct str *out);
/* Writes the file unless it says so already; *is_new: it did not. */
EM_MUST_USE em_err persist_write(const struct persist *p, bool *is_new, struct fault *f);

#endif
