/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line: a line of the shell or of a script -> words, and what shall happen to
 * the answer.
 *
 *	clients list --filter 'mqueue_len > 100' | grep -v test > /tmp/full
 *
 * Words are parted by blanks; '...' keeps all, "..." all but \" and \\, a
 * backslash the next character.  | and > mean something only where a word
 * begins, so a>b is one word.  A line that begins with # is a comment (a # in
 * it is a topic).  The tool's own name before a command is dropped, since hints
 * and examples have it.  Pure.
 */
#ifndef CTL_LINE_H
#define CTL_LINE_H

#include "ipc/base/err.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"

struct line_word {
	char *text; /* owned; NUL-terminated */
	size_t n;
	size_t at, end; /* where it stands in the line */
	char quote;     /* the quote that is open at its end, or 0 */
};

struct line_grep {
	char *pattern; /* owned */
	bool invert, nocase;
};

struct line {
	VEC(struct line_word) words;
	VEC(struct line_grep) greps;
	char *file; /* owned; of > or >>, or NULL */
	bool append;
	bool open;    /* a quote is open, or the last character is a backslash */
	bool in_tail; /* behind the first | or > */
};

/* Reads @text.  EM_USAGE (a fault is set) for a tail that means nothing; @line is to be
 * cleared in any case.  What is open is no fault: the words so far are there. */
EM_MUST_USE em_err line_parse(struct slice text, struct line *line, struct fault *fault);
/* Does more have to follow @text? */
bool line_is_open(struct slice text);
/* The words as slices; an array of line->words.n, and room for one more, that the caller
 * frees. */
struct slice *line_slices(const struct line *line);
void line_clear(struct line *line);
/* Adds @word so that line_parse gives it back: bare, or in quotes, which are left open
 * unless it is @whole. */
void line_quote(struct str *s, struct slice word, bool whole);

#endif
