/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk: one write a message, so that messages of several processes do not mix.
 * Texts come escaped from where they were made; control characters that slipped
 * through are stopped here.
 */
#include "ctl/talk.h"
#include "ctl/color.h"

#include <unistd.h>

static void
add_safely(struct str *s, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];

		if ((c < 0x20 && c != '\n') || c == 0x7f)
			str_addf(s, "\\x%02x", c);
		else
			str_add_char(s, (char)c);
	}
}

static void
put(struct str *s)
{
	size_t at = 0;

	while (at < s->n) {
		ssize_t n = write(STDERR_FILENO, s->p + at, s->n - at);

		if (n <= 0)
			break; /* nobody listens */
		at += (size_t)n;
	}
	str_fini(s);
}

void
talk_fault(const struct talk *t, const char *what, const struct fault *f)
{
	const char *text = f->text != NULL ? f->text : err_text(f->err);
	const char *hint = f->hint != NULL ? f->hint : err_hint(f->err);
	struct str s = { 0 };

	color_add(&s, t->color, COLOR_BAD, "emqx_ctl:");
	str_add_char(&s, ' ');
	if (what != NULL)
		str_addf(&s, "%s: ", what);
	add_safely(&s, slice_str(text));
	str_add_char(&s, '\n');
	if (hint != NULL) {
		color_add(&s, t->color, COLOR_WARN, "  hint:");
		str_add_char(&s, ' ');
		add_safely(&s, slice_str(hint));
		str_add_char(&s, '\n');
	}
	put(&s);
}

void
talk_say_text(const struct talk *t, struct slice text)
{
	struct str s = { 0 };

	if (t->quiet || text.n == 0)
		return;
	str_add(&s, color_begin(t->color, COLOR_DIM));
	add_safely(&s, text);
	str_add(&s, color_end(t->color));
	str_add_char(&s, '\n');
	put(&s);
}

void
talk_say(const struct talk *t, const char *fmt, ...)
{
	struct str s = { 0 };
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&s, fmt, ap);
	va_end(ap);
	talk_say_text(t, str_slice(&s));
	str_fini(&s);
}
