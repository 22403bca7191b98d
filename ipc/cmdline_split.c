/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline_split: a line to words.  The words never take more bytes than the
 * line, so one piece of memory of its size holds them all.
 */
#include "ipc/cmdline.h"

/* Reads one word at @s into @to; returns the bytes read.  *n: the word's length. */
static size_t
read_word(struct slice s, char *to, size_t *n, bool *open)
{
	char quote = '\0';
	size_t i = 0;

	*n = 0;
	for (; i < s.n; i++) {
		char c = (char)s.p[i];

		if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
			break;
		if (quote == '\0' && (c == '\'' || c == '"')) {
			quote = c;
		} else if (quote != '\0' && c == quote) {
			quote = '\0';
		} else if (c == '\\' && quote != '\'') {
			char next = i + 1 < s.n ? (char)s.p[i + 1] : '\0';

			if (next == '\0') {
				*open = true;
			} else if (next == '\n') {
				i++; /* the line goes on */
			} else if (quote == '"' && next != '"' && next != '\\') {
				to[(*n)++] = c;
			} else {
				to[(*n)++] = next;
				i++;
			}
		} else {
			to[(*n)++] = c;
		}
	}
	if (quote != '\0')
		*open = true;
	return i;
}

void
cmdline_split(struct cmdline_words *out, struct slice line)
{
	char *to = mem_new(line.n + 1);
	struct slice rest = line;

	*out = (struct cmdline_words){ .mem = to, .blank_end = true };
	while (rest.n > 0) {
		uint8_t c = rest.p[0];
		size_t n;

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			rest = slice_from(rest, 1);
			out->blank_end = true;
			continue;
		}
		if (c == '#')
			break;
		rest = slice_from(rest, read_word(rest, to, &n, &out->open));
		VEC_ADD(&out->v, slice_of(to, n));
		to += n;
		out->blank_end = false;
	}
}

void
cmdline_words_fini(struct cmdline_words *w)
{
	VEC_FINI(&w->v);
	MEM_FREE(w->mem);
}
