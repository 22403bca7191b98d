/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm: the question goes to stderr, so that an answer in a pipe stays
 * clean, and is read from standard input up to the end of the line.
 */
#include "ctl/confirm.h"
#include "ctl/interrupt.h"

#include <errno.h>
#include <unistd.h>

bool
confirm_is_needed(const struct params *params)
{
	const struct cmd *cmd = params->cmd;
	size_t n = cmd_n_args(cmd);

	switch (cmd->dangerous) {
	case DANGER_NONE: return false;
	case DANGER_ASK:
	case DANGER_ALL: return true;
	case DANGER_MANY:
		if (cmd_find_opt(cmd, SLICE_LIT("filter")) != NULL &&
		    params_has(params, "filter"))
			return true;
		return n > 0 && params_count(params, cmd->args[n - 1].name) > 1;
	}
	UNREACHABLE();
}

/* Why it is not done where nobody can be asked, or NULL: it is. */
static const char *
why_not_unasked(const struct params *params)
{
	const struct cmd *cmd = params->cmd;

	switch (cmd->dangerous) {
	case DANGER_NONE:
	case DANGER_ASK: return NULL;
	case DANGER_MANY: return "several at once need --yes where nobody can be asked";
	case DANGER_ALL:
		return params_has(params, cmd->args[0].name)
			   ? NULL
			   : "everything at once needs --yes where nobody can be asked";
	}
	UNREACHABLE();
}

static void
put_question(const struct prefs *prefs, const struct params *params)
{
	struct talk talk = prefs_talk(prefs);
	const char *scope = cmd_scope_text(params->cmd->scope);
	struct str s = { 0 }, what = { 0 };

	color_add(&s, talk.color, COLOR_WARN, params->cmd->summary);
	params_describe(params, &what);
	if (what.n > 0)
		str_addf(&s, ": %s", str_get(&what));
	if (scope != NULL)
		str_addf(&s, " (what it changes holds for %s)", scope);
	str_add(&s, ".  Go on? [y/N] ");
	(void)!write(STDERR_FILENO, s.p, s.n);
	str_fini(&s);
	str_fini(&what);
}

/* The first character of the answer's line; the rest is read away. */
static em_err
read_answer(char *first)
{
	char c = '\0';
	bool begun = false;
	ssize_t n;

	*first = '\0';
	do {
		n = read(STDIN_FILENO, &c, 1);
		if (n == 1 && !begun && c != ' ') {
			begun = true;
			*first = c;
		}
	} while (n == 1 && c != '\n');
	if (n ==
	    0) /* the end instead of an answer leaves the cursor behind the question */
		(void)!write(STDERR_FILENO, "\n", 1);
	return n < 0 && errno == EINTR ? EM_CANCELLED : EM_OK;
}

em_err
confirm_command(const struct prefs *prefs, const struct params *params, bool can_ask,
    bool *agreed, struct fault *f)
{
	const char *why = why_not_unasked(params);
	char answer;
	em_err err;

	*agreed = prefs->yes;
	if (prefs->yes || prefs->dry_run || !confirm_is_needed(params))
		return EM_OK;
	if (!can_ask) {
		if (why == NULL)
			return EM_OK;
		fault_set(f, EM_USAGE, "%s", why);
		fault_hint(f, "what would happen: --dry-run");
		return EM_USAGE;
	}
	put_question(prefs, params);
	err = read_answer(&answer);
	if (err != EM_OK)
		return fault_set(f, err, "nothing was done");
	*agreed = answer == 'y' || answer == 'Y';
	return *agreed ? EM_OK : fault_set(f, EM_REFUSED, "nothing was done");
}
