/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell: libedit reads and edits a line, run_line runs it.  While it waits for
 * a key it also watches the link to the daemon: when the daemon goes away the
 * prompt says so, and it is tried again every second until it is back.
 *
 * Keys of our own: Tab completes, ? explains (shell_key.c).  Ctrl-C drops the
 * line, or cancels the running command; Ctrl-D on an empty line leaves.
 */
#include "ctl/shell.h"
#include "ctl/interrupt.h"
#include "ctl/shell_key.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define RECONNECT_PAUSE 1000 /* ms */

/* Looks who is there: opens the link and asks for the status, so that the node's name
 * is known. */
static void
ignore_row(void *ctx, const struct row *row)
{
	(void)ctx;
	(void)row;
}

static em_err
greet(struct tool *t, struct fault *f)
{
	return run_call(t, t->prefs, CMD_STATUS, ignore_row, NULL, f);
}

static const char *
prompt_text(struct shell *s)
{
	const struct reach *r = &s->tool->reach;
	bool away = r->call == NULL;

	str_reset(&s->prompt);
	if (s->typed.n > 0) {
		str_add(&s->prompt, "... ");
		return str_get(&s->prompt);
	}
	/* What libedit must not count stands between \1 and \1. */
	if (s->talk.color)
		str_addf(&s->prompt, "\1%s\1",
		    color_begin(true, away ? COLOR_BAD : COLOR_HEAD));
	str_add_escaped(
	    &s->prompt, r->node != NULL ? slice_str(r->node) : SLICE_LIT("emqx_ctl"));
	str_add(&s->prompt, away ? " (away)> " : "> ");
	if (s->talk.color)
		str_addf(&s->prompt, "\1%s\1", color_end(true));
	return str_get(&s->prompt);
}

struct shell *
shell_of(EditLine *el)
{
	struct shell *s = NULL;

	CHECK(el_get(el, EL_CLIENTDATA, &s) == 0 && s != NULL);
	return s;
}

/* libedit's type for it is not const; the text is only read. */
static char *
prompt_fn(EditLine *el)
{
	struct shell *s = shell_of(el);

	(void)prompt_text(s);
	return s->prompt.p;
}

/* Says something while a line is being typed: above it. */
static void
say_above(struct shell *s, const char *text)
{
	(void)!write(STDOUT_FILENO, "\r\033[K", 4);
	talk_say(&s->talk, "%s", text);
	(void)el_set(s->el, EL_REFRESH);
}

/* Watches the link while nobody types; returns after a change or a second. */
static void
look_after_link(struct shell *s)
{
	struct reach *r = &s->tool->reach;

	if (r->call != NULL) {
		if (!reach_is_there(r))
			say_above(s, "emqxd went away; trying to reach it again");
		return;
	}
	if (r->lost && greet(s->tool, NULL) == EM_OK)
		say_above(s, "emqxd is back");
}

static void
on_resize(struct shell *s)
{
	struct signalfd_siginfo info;

	if (read(s->resized, &info, sizeof info) > 0)
		el_resize(s->el);
}

/* Waits for a key.  False: interrupted. */
static bool
wait_for_key(struct shell *s)
{
	const struct reach *r = &s->tool->reach;

	for (;;) {
		struct pollfd p[3] = {
			{ .fd = STDIN_FILENO, .events = POLLIN },
			{ .fd = s->resized, .events = POLLIN },
			{ .fd = r->call != NULL ? call_fd(r->call) : -1,
			    .events = POLLIN },
		};
		int n = poll(p, 3, r->lost ? RECONNECT_PAUSE : -1);

		if (interrupt_came())
			return false;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || p[0].revents != 0)
			return true;
		if (p[1].revents != 0)
			on_resize(s);
		else
			look_after_link(s);
	}
}

/* EL_GETCFN: one character, put together from its bytes. */
static int
read_char(EditLine *el, wchar_t *out)
{
	struct shell *s = shell_of(el);
	mbstate_t state = { 0 };
	size_t got = (size_t)-2;

	if (!wait_for_key(s)) {
		errno = EINTR;
		return -1;
	}
	while (got == (size_t)-2) {
		char c;
		ssize_t n = read(STDIN_FILENO, &c, 1);

		if (n <= 0)
			return (int)n;
		got = mbrtowc(out, &c, 1, &state);
		if (got == (size_t)-1) { /* no character of this locale: the byte */
			*out = (unsigned char)c;
			return 1;
		}
	}
	return 1;
}

/* The size of the terminal is asked for when it changed, while a key is awaited. */
static int
watch_size(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
set_up(struct shell *s)
{
	s->resized = watch_size();
	s->el = el_init("emqx_ctl", stdin, stdout, stderr);
	CHECK(s->el != NULL);
	(void)el_set(s->el, EL_CLIENTDATA, s);
	(void)el_set(s->el, EL_SIGNAL, 0);
	(void)el_set(s->el, EL_PROMPT_ESC, prompt_fn, '\1');
	(void)el_set(s->el, EL_EDITOR, "emacs");
	(void)el_set(s->el, EL_HIST, history, s->history.lines);
	(void)el_set(s->el, EL_GETCFN, read_char);
	(void)el_set(s->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	(void)el_set(s->el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
	shell_key_bind(s->el);
	(void)el_source(s->el, NULL); /* ~/.editrc */
}

/* Keeps the line unless it has a secret. */
static void
keep(struct shell *s)
{
	struct slice *words;
	struct cmdline cmdline;
	struct line line;

	(void)!line_parse(str_slice(&s->typed), &line, NULL);
	words = line_slices(&line);
	(void)!cmdline_parse(
	    &cmdline, words, line.words.n, CMDLINE_ABBREV | CMDLINE_SHELL, NULL);
	if (line.words.n > 0 && history_may_keep(&cmdline.params)) {
		bool ended = s->typed.p[s->typed.n - 1] == '\n';
		char *text = mem_dup(s->typed.p, s->typed.n - (ended ? 1 : 0));

		history_keep(&s->history, text);
		mem_free(text);
	}
	cmdline_fini(&cmdline);
	mem_free(words);
	line_clear(&line);
}

/* Runs what was typed.  False: leave. */
static bool
run_typed(struct shell *s)
{
	int code;

	keep(s);
	interrupt_clear();
	code = run_line(s->tool, str_slice(&s->typed));
	interrupt_clear();
	str_reset(&s->typed);
	return code != RUN_QUIT;
}

int
shell_run(struct tool *t)
{
	struct shell s = { .tool = t, .talk = prefs_talk(t->prefs) };
	struct fault f = { 0 };
	bool go = true;

	t->shell = true;
	history_open(&s.history);
	set_up(&s);
	if (greet(t, &f) != EM_OK) {
		talk_fault(&s.talk, NULL, &f);
		t->reach.lost = true;
	}
	fault_clear(&f);
	talk_say(&s.talk,
	    "Tab completes, ? explains, help lists the commands, Ctrl-D leaves.");
	while (go) {
		int n;
		const char *text = el_gets(s.el, &n);

		if (text == NULL && interrupt_came()) {
			interrupt_clear();
			str_reset(&s.typed);
			(void)!write(STDOUT_FILENO, "^C\n", 3);
			el_reset(s.el);
			continue;
		}
		if (text == NULL || n <= 0)
			break;
		str_add_bytes(&s.typed, text, (size_t)n);
		if (!line_is_open(str_slice(&s.typed)))
			go = run_typed(&s);
	}
	if (go)
		(void)!write(STDOUT_FILENO, "\n", 1);
	el_end(s.el);
	if (s.resized >= 0)
		close(s.resized);
	history_close(&s.history);
	str_fini(&s.typed);
	str_fini(&s.prompt);
	return 0;
}
