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
#include <unistd.h>

/* A lone "-" at the end stands for "-f -". */
static bool
takes_stdin(const struct slice *words, size_t *n)
{
	if (*n == 0 || !slice_eq_str(words[*n - 1], "-"))
		return false;
	--*n;
	return true;
}

/* What the words say when they are no command. */
static int
run_options(
    struct tool *t, const struct prefs *prefs, const struct params *none, bool from_stdin)
{
	struct local l = { t, prefs, none, NULL };

	if (from_stdin || prefs->file != NULL)
		return script_run(t, from_stdin ? "-" : prefs->file);
	if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
		return shell_run(t);
	return local_help(&l, NULL, 0);
}

static int
run_argv(struct slice *words, size_t n)
{
	struct tool t = { .prefs = NULL };
	struct fault f = { 0 };
	struct cmdline line;
	struct prefs prefs;
	size_t n_options = n;
	bool from_stdin = takes_stdin(words, &n_options);
	em_err err = cmdline_parse(&line, words, n_options, 0, &f);
	bool no_command = err == EM_OK && line.cmd == NULL && !line.help &&
			  !params_bool(&line.tool, "version");
	int code;

	prefs_init(&prefs, NULL, &line.tool);
	t.reach.socket = prefs.socket;
	if (no_command) {
		t.prefs = &prefs;
		code = run_options(&t, &prefs, &line.params, from_stdin);
	} else {
		code = run_words(&t, words, n, NULL);
	}
	fault_clear(&f);
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
