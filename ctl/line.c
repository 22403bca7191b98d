/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line: one pass over the characters makes the words; the first bare | or >
 * begins the tail, whose words are then read by a second, small grammar:
 *
 *	tail = { "|" "grep" { "-v" | "-i" } PATTERN } [ ( ">" | ">>" ) FILE ]
 */
#include "ctl/line.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct line_word *
begin_word(struct line *line, size_t at)
{
	struct line_word *w = VEC_PUSH(&line->words);

	*w = (struct line_word){ .at = at, .end = at };
	return w;
}

/* Is there a backslash at @i that joins two lines?  The second may still be to come. */
static bool
goes_on(struct slice s, size_t i, struct line *line)
{
	if (s.p[i] != '\\' || i + 1 >= s.n || s.p[i + 1] != '\n')
		return false;
	line->open |= i + 2 == s.n;
	return true;
}

/* Takes one word that begins at @i; returns where it ends. */
static size_t
take_word(struct slice s, size_t i, struct line *line)
{
	struct line_word *w = begin_word(line, i);
	struct str text = { 0 };
	char quote = '\0';

	str_add(&text, "");
	for (; i < s.n && (quote != '\0' || !is_blank(s.p[i])); i++) {
		char c = (char)s.p[i];

		if (quote == '\0' && (c == '\'' || c == '"')) {
			quote = c;
		} else if (quote != '\0' && c == quote) {
			quote = '\0';
		} else if (c == '\\' && quote != '\'') {
			if (i + 1 == s.n) {
				line->open = true;
				i++;
				break;
			}
			if (goes_on(s, i, line)) {
				i++;
				continue;
			}
			if (quote == '"' && s.p[i + 1] != '"' && s.p[i + 1] != '\\')
				str_add_char(&text, c);
			str_add_char(&text, (char)s.p[++i]);
		} else {
			str_add_char(&text, c);
		}
	}
	line->open |= quote != '\0';
	w->quote = quote;
	w->end = i;
	w->n = text.n;
	w->text = str_take(&text);
	return i;
}

/* A bare |, > or >>: words of their own, also without a blank behind them. */
static size_t
operator_at(struct slice s, size_t i)
{
	if (s.p[i] == '|')
		return 1;
	if (s.p[i] != '>')
		return 0;
	return i + 1 < s.n && s.p[i + 1] == '>' ? 2 : 1;
}

struct tail {
	struct line *line;
	struct line_word *w, *end;
	struct fault *fault;
};

static bool
word_is(const struct line_word *w, const char *text)
{
	return strcmp(w->text, text) == 0;
}

static em_err
take_grep(struct tail *t)
{
	struct line_grep grep = { 0 };

	if (t->w == t->end || !word_is(t->w, "grep"))
		return fault_set(t->fault, EM_USAGE, "only grep may follow |");
	for (t->w++; t->w < t->end && t->w->text[0] == '-' && t->w->n > 1; t->w++) {
		for (const char *p = t->w->text + 1; *p != '\0'; p++) {
			if (*p != 'v' && *p != 'i')
				return fault_set(t->fault, EM_USAGE,
				    "grep takes -i and -v, not -%c",
				    *p > ' ' && *p < 0x7f ? *p : '?');
			grep.invert |= *p == 'v';
			grep.nocase |= *p == 'i';
		}
	}
	if (t->w == t->end)
		return fault_set(t->fault, EM_USAGE, "grep needs a text to look for");
	grep.pattern = mem_strdup((t->w++)->text);
	VEC_ADD(&t->line->greps, grep);
	return EM_OK;
}

static em_err
take_file(struct tail *t)
{
	if (t->w == t->end)
		return fault_set(t->fault, EM_USAGE, "> needs a file");
	t->line->file = mem_strdup((t->w++)->text);
	if (t->w < t->end)
		return fault_set(t->fault, EM_USAGE, "nothing may follow > FILE");
	return EM_OK;
}

/* Reads the words from @first on as the tail, and takes them off the words. */
static em_err
parse_tail(struct line *line, size_t first, struct fault *fault)
{
	struct tail t = { line, line->words.p + first, line->words.p + line->words.n,
		fault };
	em_err err = EM_OK;

	while (err == EM_OK && t.w < t.end) {
		if (word_is(t.w, "|")) {
			t.w++;
			err = take_grep(&t);
		} else if (word_is(t.w, ">") || word_is(t.w, ">>")) {
			line->append = (t.w++)->n == 2;
			err = take_file(&t);
		} else {
			err = fault_set(
			    fault, EM_USAGE, "only | grep TEXT or > FILE may follow");
		}
	}
	for (size_t i = first; i < line->words.n; i++)
		MEM_FREE(line->words.p[i].text);
	line->words.n = first;
	return err;
}

static em_err
read_line(struct slice text, struct line *line, struct fault *fault)
{
	size_t i = 0, first = SIZE_MAX;

	*line = (struct line){ .file = NULL };
	while (i < text.n) {
		size_t n;

		if (is_blank(text.p[i])) {
			i++;
			continue;
		}
		if (goes_on(text, i, line)) {
			i += 2;
			continue;
		}
		if (line->words.n == 0 && text.p[i] == '#')
			return EM_OK;
		n = operator_at(text, i);
		if (n == 0) {
			i = take_word(text, i, line);
			continue;
		}
		if (first == SIZE_MAX)
			first = line->words.n;
		*begin_word(line, i) =
		    (struct line_word){ mem_dup(text.p + i, n), n, i, i + n, '\0' };
		i += n;
	}
	line->in_tail = first != SIZE_MAX;
	if (!line->in_tail || line->open)
		return EM_OK;
	return parse_tail(line, first, fault);
}

static void
drop_own_name(struct line *line)
{
	if (line->words.n < 2 || strcmp(line->words.p[0].text, "emqx_ctl") != 0)
		return;
	mem_free(line->words.p[0].text);
	line->words.n--;
	memmove(line->words.p, line->words.p + 1, line->words.n * sizeof *line->words.p);
}

em_err
line_parse(struct slice text, struct line *line, struct fault *fault)
{
	em_err err = read_line(text, line, fault);

	drop_own_name(line);
	return err;
}

bool
line_is_open(struct slice text)
{
	struct line line;
	bool open;

	(void)!line_parse(text, &line, NULL);
	open = line.open;
	line_clear(&line);
	return open;
}

struct slice *
line_slices(const struct line *line)
{
	struct slice *out = mem_new_array(line->words.n + 1, sizeof *out);

	for (size_t i = 0; i < line->words.n; i++)
		out[i] = slice_of(line->words.p[i].text, line->words.p[i].n);
	return out;
}

void
line_clear(struct line *line)
{
	for (size_t i = 0; i < line->words.n; i++)
		mem_free(line->words.p[i].text);
	for (size_t i = 0; i < line->greps.n; i++)
		mem_free(line->greps.p[i].pattern);
	VEC_FINI(&line->words);
	VEC_FINI(&line->greps);
	MEM_FREE(line->file);
	*line = (struct line){ .file = NULL };
}

static bool
has(struct slice word, char c)
{
	return word.n > 0 && memchr(word.p, c, word.n) != NULL;
}

static bool
is_bare(struct slice word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:@%+=,~$^*?!{}[]#";

	if (word.n == 0)
		return false;
	for (size_t i = 0; i < word.n; i++)
		if (word.p[i] < 0x80 && strchr(plain, word.p[i]) == NULL)
			return false;
	return true;
}

void
line_quote(struct str *s, struct slice word, bool whole)
{
	char quote = has(word, '\'') ? '"' : '\'';

	if (is_bare(word)) {
		str_add_slice(s, word);
		return;
	}
	str_add_char(s, quote);
	for (size_t i = 0; i < word.n; i++) {
		char c = (char)word.p[i];

		if (quote == '"' && (c == '"' || c == '\\'))
			str_add_char(s, '\\');
		str_add_char(s, c);
	}
	if (whole)
		str_add_char(s, quote);
}
