/* SPDX-License-Identifier: Apache-2.0 */
/*
 * emqx_ctl: the admin tool of emqxd.  Words on the command line are one command;
 * without them a terminal gets a shell, and `emqx_ctl -` or -f FILE runs lines.
 */
#include "ctl/interrupt.h"
#include "ctl/local.h"
#include "ctl/run.h"
#include "ctl/script.h"
#include "ctl/shell.h"
#include "ipc/cmdline.h"

#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does somebody send lines, that would be lost?  /dev/null is nobody. */
static bool
has_lines(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode));
}

static int
say_dash(const struct local *l)
{
	struct fault f = { 0 };

	fault_set(&f, EM_USAGE,
	    "no command is given; emqx_ctl - runs the lines of standard input");
	return local_fail(l, &f);
}

/* What there is to do when no command is named. */
static int
run_options(struct tool *t, const struct params *options, bool from_stdin)
{
	struct local l = { t, t->prefs, options, NULL };

	if (from_stdin || t->prefs->file != NULL)
		return script_run(t, from_stdin ? "-" : t->prefs->file);
	if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
		return shell_run(t);
	if (has_lines(STDIN_FILENO))
		return say_dash(&l);
	return local_help(&l, NULL, 0);
}

/* Are @words options alone? */
static bool
are_options(struct cmdline *line, const struct slice *words, size_t n)
{
	em_err err;

	cmdline_fini(line);
	err = cmdline_parse(line, words, n, 0, NULL);
	return err == EM_OK && line->cmd == NULL && !line->help &&
	       !params_bool(&line->tool, "version");
}

/* Takes a lone "-", which stands for "-f -", off either end of the words. */
static bool
take_dash(struct slice **words, size_t *n)
{
	bool first = *n > 0 && slice_eq_str((*words)[0], "-");
	bool last = *n > 0 && slice_eq_str((*words)[*n - 1], "-");

	*words += first;
	*n -= first || last;
	return first || last;
}

static int
run_argv(struct slice *words, size_t n)
{
	struct tool t = { .prefs = NULL };
	struct cmdline line = { .cmd = NULL };
	struct slice *rest = words;
	size_t n_rest = n;
	bool options = are_options(&line, words, n);
	bool dash = !options && take_dash(&rest, &n_rest);
	struct prefs prefs;
	int code;

	if (dash)
		options = are_options(&line, rest, n_rest);
	prefs_init(&prefs, NULL, &line.tool);
	t.reach.socket = prefs.socket;
	if (options) {
		t.prefs = &prefs;
		code = run_options(&t, &line.params, dash);
	} else {
		code = run_words(&t, words, n, NULL);
	}
	prefs_fini(&prefs);
	reach_fini(&t.reach);
	cmdline_fini(&line);
	return code == RUN_QUIT ? 0 : code;
}

int
main(int argc, char **argv)
{
	size_t n = argc > 0 ? (size_t)argc - 1 : 0;
	struct slice *words = mem_new_array(n + 1, sizeof *words);
	int code;

	(void)setlocale(LC_CTYPE, "");
	interrupt_catch();
	for (size_t i = 0; i < n; i++)
		words[i] = slice_str(argv[i + 1]);
	code = run_argv(words, n);
	mem_free(words);
	return code;
}
