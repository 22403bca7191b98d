/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hocon_parse: a file (with what it includes), or the text of one value, into a
 * tree.  Flat lines `a.b = c` and nested objects give the same tree.
 *
 * A top-level line whose key is a name of 4.x has the rest of the line as its
 * value, verbatim; what it means today legacy.c knows.
 *
 * The first thing that is no HOCON ends the parsing, with a fault at its place:
 * what would follow is guesswork.
 */
#ifndef CONF_HOCON_PARSE_H
#define CONF_HOCON_PARSE_H

#include "emqxd/conf/tree.h"

#define HOCON_FILE_MAX (4u << 20)
#define HOCON_INCLUDE_DEPTH 8
#define HOCON_FILES_MAX 256

/* EM_OK, or a fault is in @r. */
EM_MUST_USE em_err hocon_parse_file(
    struct conf_tree *t, const char *path, struct conf_report *r);
/* The same from memory; includes are relative to the folder of @name. */
EM_MUST_USE em_err hocon_parse_text(
    struct conf_tree *t, const char *name, struct slice text, struct conf_report *r);
/* One value (of an environment variable), for the dotted @path. */
EM_MUST_USE em_err hocon_parse_value(struct conf_tree *t, struct slice path,
    struct slice text, struct tree_pos pos, struct conf_report *r);

#endif
