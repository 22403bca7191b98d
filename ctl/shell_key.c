/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_key: the text up to the cursor is read as the line it will be, so a
 * word in quotes or over two lines is completed as well.  Tab writes what all
 * candidates have in common, or lists them; ? says what may stand there, and in
 * the middle of a value it is an ordinary character.
 */
#include "ctl/shell_key.h"
#include "ctl/complete.h"
#include "ctl/help.h"
#include "ctl/shell.h"

#include <unistd.h>

enum { KEY_FLAGS = CMDLINE_ABBREV | CMDLINE_SHELL, KEY_WIDTH = 80, KEY_NAME = 24 };

/* The line up to the cursor. */
struct typed {
	struct str text;
	struct line line;
	struct slice *words; /* the last one is where the cursor is; may be empty */
	size_t n;
	size_t at;    /* where the last one begins in text */
	size_t first; /* where the line that can be edited begins in text */
	char quote;   /* open at the cursor */
};

static void
typed_init(struct typed *t, EditLine *el)
{
	const LineInfo *info = el_line(el);
	const struct shell *s = shell_of(el);
	const struct line_word *last;

	*t = (struct typed){ .first = s->typed.n };
	str_add_slice(&t->text, str_slice(&s->typed));
	str_add_bytes(&t->text, info->buffer, (size_t)(info->cursor - info->buffer));
	(void)!line_parse(str_slice(&t->text), &t->line, NULL);
	t->words = line_slices(&t->line);
	t->n = t->line.words.n;
	last = t->n > 0 ? &t->line.words.p[t->n - 1] : NULL;
	if (last != NULL && last->end == t->text.n) {
		t->at = last->at;
		t->quote = last->quote;
	} else { /* line_slices has room for one more */
		t->words[t->n++] = SLICE_LIT("");
		t->at = t->text.n;
	}
}

static void
typed_fini(struct typed *t)
{
	mem_free(t->words);
	line_clear(&t->line);
	str_fini(&t->text);
}

static unsigned
screen_width(void)
{
	unsigned width = out_screen_width(STDOUT_FILENO);

	return width > 0 ? width : KEY_WIDTH;
}

/* Below the line that is being typed; the caller has it drawn again. */
static void
put_below(struct str *s)
{
	(void)!write(STDOUT_FILENO, "\n", 1);
	(void)!write(STDOUT_FILENO, s->p, s->n);
	str_fini(s);
}

static size_t
longest(const struct complete *c)
{
	size_t width = 0;

	for (size_t i = 0; i < c->v.n; i++) {
		size_t w = str_width(slice_str(c->v.p[i].text));

		width = w > width ? w : width;
	}
	return width;
}

static bool
has_help(const struct complete *c)
{
	for (size_t i = 0; i < c->v.n; i++)
		if (c->v.p[i].help != NULL)
			return true;
	return false;
}

static void
add_padded(struct str *s, const char *text, size_t width)
{
	size_t have = str_width(slice_str(text));

	str_add_escaped(s, slice_str(text));
	for (; have < width; have++)
		str_add_char(s, ' ');
}

/* With what they mean a line each, else in columns. */
static void
list(struct str *s, const struct complete *c)
{
	size_t width = longest(c) + 2, screen = screen_width();
	size_t across = has_help(c) || width >= screen ? 1 : screen / width;

	for (size_t i = 0; i < c->v.n; i++) {
		const struct complete_item *item = &c->v.p[i];
		bool last = (i + 1) % across == 0 || i + 1 == c->v.n;

		if (item->help != NULL) {
			add_padded(s, item->text, width);
			help_wrap(s, item->help, width, screen);
		} else {
			add_padded(s, item->text, last ? 0 : width);
		}
		if (last && item->help == NULL)
			str_add_char(s, '\n');
	}
	if (c->more)
		str_add(s, "\xe2\x80\xa6 more\n");
}

static int
count_characters(struct slice text)
{
	int n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += (text.p[i] & 0xc0) != 0x80;
	return n;
}

/* Puts @word in the place of the last one. */
static void
replace(EditLine *el, const struct typed *t, struct slice word, bool whole)
{
	struct slice old = slice_from(str_slice(&t->text), t->at);
	struct str text = { 0 };

	line_quote(&text, word, whole);
	if (whole)
		str_add_char(&text, ' ');
	el_deletestr(el, count_characters(old));
	(void)el_insertstr(el, str_get(&text));
	str_fini(&text);
}

static unsigned char
complete_typed(EditLine *el, const struct typed *t, const struct complete *c)
{
	struct slice common = complete_common(c);
	struct str text = { 0 };

	/* What some begin with says nothing of those that are not here. */
	if (c->v.n == 1 && !c->more) {
		replace(el, t, common, !c->v.p[0].open);
		return CC_REFRESH;
	}
	if (!c->more && common.n > t->words[t->n - 1].n) {
		replace(el, t, common, false);
		return CC_REFRESH;
	}
	list(&text, c);
	put_below(&text);
	return CC_REDISPLAY;
}

static unsigned char
on_tab(EditLine *el, int ch)
{
	unsigned char what = CC_ERROR;
	struct complete c = { .v = { NULL, 0, 0 } };
	struct typed t;

	(void)ch;
	typed_init(&t, el);
	if (!t.line.in_tail && t.at >= t.first)
		complete_words(&c, t.words, t.n, KEY_FLAGS, complete_ask,
		    &shell_of(el)->tool->reach);
	if (c.v.n > 0)
		what = complete_typed(el, &t, &c);
	complete_fini(&c);
	typed_fini(&t);
	return what;
}

/* Nothing from outside: an explanation comes at once. */
static void
ask_nobody(void *ctx, cmd_type type, struct slice prefix, const struct slice *before,
    size_t n_before, struct complete *out)
{
	(void)ctx;
	(void)type;
	(void)prefix;
	(void)before;
	(void)n_before;
	(void)out;
}

static void
explain(struct str *s, const struct typed *t, const struct cmdline_place *p)
{
	struct complete c = { .v = { NULL, 0, 0 } };
	unsigned screen = screen_width();
	struct str text = { 0 };

	if (p->cmd != NULL) {
		cmd_usage(p->cmd, &text);
		str_add(s, "usage: ");
		help_wrap(s, str_get(&text), strlen("usage: "), screen);
		help_wrap(s, p->cmd->summary, 0, screen);
	}
	if (p->arg != NULL) {
		str_addf(s, "<%s>  ", p->arg->name);
		help_wrap(s, p->arg->help, strlen(p->arg->name) + 4, screen);
	}
	str_fini(&text);
	complete_words(&c, t->words, t->n, KEY_FLAGS, ask_nobody, NULL);
	list(s, &c);
	complete_fini(&c);
}

/* Is a value being typed, and not the name of a command or an option? */
static bool
is_in_value(const struct cmdline_place *p)
{
	struct slice next[CMD_N];
	size_t n;

	if (p->prefix.n == 0 || p->is_option)
		return false;
	n = p->is_word ? cmd_next_words(p->path, p->n_path, true, next, CMD_N) : 0;
	for (size_t i = 0; i < n; i++)
		if (slice_starts(next[i], p->prefix))
			return false;
	return p->arg != NULL;
}

static unsigned char
on_question(EditLine *el, int ch)
{
	struct str text = { 0 };
	struct cmdline_place p;
	struct typed t;
	bool is_text;

	(void)ch;
	typed_init(&t, el);
	cmdline_place(&p, t.words, t.n, KEY_FLAGS);
	is_text = t.quote != '\0' || t.line.in_tail || is_in_value(&p);
	if (is_text) {
		(void)el_insertstr(el, "?");
	} else {
		explain(&text, &t, &p);
		put_below(&text);
	}
	typed_fini(&t);
	return is_text ? CC_REFRESH : CC_REDISPLAY;
}

void
shell_key_bind(EditLine *el)
{
	/* Wide, since libedit copies narrow names and forgets the copies. */
	(void)el_wset(el, EL_ADDFN, L"emqx-complete", L"Complete the word", on_tab);
	(void)el_wset(
	    el, EL_ADDFN, L"emqx-explain", L"Say what may stand here", on_question);
	(void)el_set(el, EL_BIND, "^I", "emqx-complete", NULL);
	(void)el_set(el, EL_BIND, "?", "emqx-explain", NULL);
}
