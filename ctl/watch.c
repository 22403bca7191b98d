/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: an answer is held back until it is whole, compared line by line with
 * the one before, and written in one piece, so that the screen does not flicker.
 * Lines that fit on no screen are left out; in a pipe all are written.
 */
#include "ctl/watch.h"
#include "ctl/color.h"
#include "ctl/interrupt.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TO_TOP "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"

static struct slice
take_line(struct slice *text)
{
	const uint8_t *nl = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;
	size_t n = nl != NULL ? (size_t)(nl - text->p) : text->n;
	struct slice line = slice_head(*text, n);

	*text = slice_from(*text, n + 1);
	return line;
}

static unsigned
screen_height(int fd)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0)
		return ws.ws_row;
	return 24;
}

/* Adds @now's lines, those that differ from @before's at the same place in a colour of
 * their own. */
static void
add_lines(struct str *s, struct slice now, struct slice before, bool first, bool color,
    unsigned room)
{
	for (unsigned i = 0; now.n > 0; i++) {
		struct slice line = take_line(&now), old = take_line(&before);
		bool changed = !first && !slice_eq(line, old);

		if (i + 1 >= room)
			break;
		str_add(s, changed ? color_begin(color, COLOR_WARN) : "");
		str_add_slice(s, line);
		str_add(s, changed ? color_end(color) : "");
		str_add(s, CLEAR_LINE "\n");
	}
}

void
watch_show(struct watch *w, struct out *out, const char *title, bool color)
{
	struct str screen = { 0 };
	char now[SPAN_TEXT_MAX], every[SPAN_TEXT_MAX];

	CHECK(out->held && !out->color);
	if (out->terminal) {
		str_add(&screen, w->rounds == 0 ? TO_TOP CLEAR_BELOW : TO_TOP);
		str_add(&screen, color_begin(color, COLOR_DIM));
		str_addf(&screen, "every %s: %s   %.19s", span_print(w->every, every),
		    title, wall_print(span_wall_now(), false, now));
		str_add(&screen, color_end(color));
		str_add(&screen, CLEAR_LINE "\n");
		add_lines(&screen, str_slice(&out->text), str_slice(&w->before),
		    w->rounds == 0, color, screen_height(out->fd) - 1);
		str_add(&screen, CLEAR_BELOW);
	} else {
		str_add(&screen, w->rounds > 0 ? "\n" : "");
		str_add_slice(&screen, str_slice(&out->text));
	}
	str_reset(&w->before);
	str_add_slice(&w->before, str_slice(&out->text));
	str_reset(&out->text);
	str_add_slice(&out->text, str_slice(&screen));
	str_fini(&screen);
	out->held = false;
	w->rounds++;
}

bool
watch_wait(struct watch *w)
{
	mono_t end = mono_add(span_mono_now(), w->every);
	struct pollfd reader;

	for (;;) {
		span_t left = mono_since(end, span_mono_now());

		if (interrupt_came())
			return false;
		if (left.ns <= 0)
			return true;
		/* No events are asked for: an error comes unasked. */
		reader = (struct pollfd){ .fd = STDOUT_FILENO };
		w->gone = poll(&reader, 1, (int)(span_to_ms(left) + 1)) > 0;
		if (w->gone)
			return false;
	}
}

void
watch_fini(struct watch *w)
{
	str_fini(&w->before);
}
