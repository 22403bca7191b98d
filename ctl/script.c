/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script: a command of several lines is read until its quotes are closed and no
 * backslash ends it.  An error names the line.
 */
#include "ctl/script.h"
#include "ctl/files.h"
#include "ctl/interrupt.h"

#include <stdio.h>
#include <stdlib.h>

struct script {
	struct tool *tool;
	const char *name;
	unsigned line; /* of the file */
	size_t ran, failed;
	int code; /* of the last failure */
};

/* Runs a whole command.  False: no more. */
static bool
run_one(struct script *s, const struct str *text)
{
	struct talk talk = prefs_talk(s->tool->prefs);
	int code = run_line(s->tool, str_slice(text));

	if (code == RUN_QUIT)
		return false;
	s->ran++;
	if (code == 0)
		return true;
	s->failed++;
	s->code = code;
	if (interrupt_came())
		return false;
	talk_say(&talk, "(%s, line %u)", s->name, s->line);
	return s->tool->prefs->keep_going;
}

static void
run_lines(struct script *s, FILE *in)
{
	struct str text = { 0 };
	char *buf = NULL;
	size_t cap = 0;
	bool more = true;

	while (more) {
		ssize_t n = getline(&buf, &cap, in);

		if (n < 0)
			break;
		s->line++;
		str_add_bytes(&text, buf, (size_t)n);
		if (buf[n - 1] == '\n' && line_is_open(str_slice(&text)))
			continue;
		more = run_one(s, &text);
		str_reset(&text);
	}
	if (more && text.n > 0 && !interrupt_came())
		(void)run_one(s, &text);
	free(buf);
	str_fini(&text);
}

static int
cannot_read(const struct tool *t, const char *file)
{
	struct fault f = { 0 };
	em_err err = files_fault(&f, "read", file);
	struct talk talk = prefs_talk(t->prefs);

	talk_fault(&talk, NULL, &f);
	fault_clear(&f);
	return err_exit(err);
}

int
script_run(struct tool *t, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0;
	struct script s = { .tool = t, .name = is_stdin ? "standard input" : file };
	FILE *in = is_stdin ? stdin : fopen(file, "re");

	if (in == NULL)
		return cannot_read(t, file);
	t->script = true;
	run_lines(&s, in);
	if (!is_stdin)
		(void)fclose(in);
	if (s.failed > 0 && s.failed < s.ran && t->prefs->keep_going)
		return err_exit(EM_PARTLY);
	return s.code;
}
