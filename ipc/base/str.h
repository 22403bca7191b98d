/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str: text that grows, and how bytes that a peer chose are printed.
 */
#ifndef IPC_BASE_STR_H
#define IPC_BASE_STR_H

#include "ipc/base/check.h"
#include "ipc/base/slice.h"

#include <stdarg.h>

/* A growing text, always NUL-terminated once something was added.
 * Zero-initialise; str_fini frees; aborts without memory. */
struct str {
	char *p;
	size_t n, cap;
};

void str_add(struct str *s, const char *text);
void str_add_bytes(struct str *s, const void *p, size_t n);
void str_add_slice(struct str *s, struct slice v);
void str_add_char(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) EM_PRINTF(2, 3);
void str_vaddf(struct str *s, const char *fmt, va_list ap) EM_PRINTF(2, 0);
/* The one way that bytes a peer chose reach a terminal, a log or a csv: \xNN for C0, C1,
 * DEL, bidirectional marks and ill-formed UTF-8, and \\ for the backslash. */
void str_add_escaped(struct str *s, struct slice v);
/* Inside a JSON string, without the quotes: ill-formed bytes become U+FFFD, and what is
 * dangerous above is escaped here too, as \uNNNN. */
void str_add_json(struct str *s, struct slice v);
/* Shortens to @n bytes. */
void str_cut(struct str *s, size_t n);
void str_reset(struct str *s); /* to empty; keeps the memory */
void str_fini(struct str *s);
/* Gives the text away (caller frees with mem_free; never NULL) and empties @s. */
char *str_take(struct str *s);
/* The text; "" when nothing was added.  Valid until the next change. */
const char *str_get(const struct str *s);
static inline struct slice
str_slice(const struct str *s)
{
	return slice_of(s->p, s->n);
}

/* Columns that @v takes on a terminal after escaping (wcwidth, so by LC_CTYPE: what the
 * locale does not know counts one). */
size_t str_width(struct slice v);
/* Does @text fit the glob @pattern?  * is any characters, ? is one; nothing else is
 * special. */
bool str_glob(struct slice pattern, struct slice text);

#endif
