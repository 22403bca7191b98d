/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hocon_lex: characters of one file to words, with line and column.
 *
 * Bare values are read as EMQX's users write them: 0.0.0.0:1883 and
 * emqx@127.0.0.1 need no quotes.  A bare value ends at the end of the line, a
 * comma, a closing bracket, '#', or "//" behind a blank (http://x is one word).
 */
#ifndef CONF_HOCON_LEX_H
#define CONF_HOCON_LEX_H

#include "emqxd/conf/tree.h"

struct hocon_lex {
	const char *file; /* the tree's */
	const uint8_t *p, *end, *line_start;
	uint32_t line;
	char wrong[160]; /* why the last call said false */
};

void hocon_lex_init(struct hocon_lex *x, const char *file, struct slice text);
struct tree_pos hocon_lex_pos(const struct hocon_lex *x);
/* Next character, -1 at the end. */
int hocon_lex_peek(const struct hocon_lex *x);
bool hocon_lex_is(const struct hocon_lex *x, const char *text);
/* Skips @n characters, none of them the end of a line. */
void hocon_lex_skip(struct hocon_lex *x, size_t n);
/* Blanks of this line. */
void hocon_lex_blank(struct hocon_lex *x);
/* Blanks, ends of lines and comments.  True: there was an end of a line. */
bool hocon_lex_gap(struct hocon_lex *x);
/* "quoted" or """raw""", from its first quote. */
EM_MUST_USE bool hocon_lex_quoted(struct hocon_lex *x, struct str *out);
/* One bare segment of a key; false: there is none. */
EM_MUST_USE bool hocon_lex_key(struct hocon_lex *x, struct slice *out);
/* A bare piece of a value with the blanks inside it, up to what ends it; with @commas a
 * comma does not.  False: there is none. */
EM_MUST_USE bool hocon_lex_bare(struct hocon_lex *x, bool commas, struct slice *out);
/* The path in ${path} or ${?path}, from its dollar. */
EM_MUST_USE bool hocon_lex_ref(
    struct hocon_lex *x, struct slice *path, bool *is_optional);
/* What is left of the line, without blanks around it. */
struct slice hocon_lex_rest_of_line(struct hocon_lex *x);

#endif
