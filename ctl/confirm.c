/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confirm: the question goes to stderr, so that an answer in a pipe stays
 * clean, and is read from standard input up to the end of the line.
 */
#include "ctl/confirm.h"
#include "ctl/interrupt.h"

#include <errno.h>
#include <unistd.h>

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

static em_err
refuse_unasked(const struct params *params, struct fault *f)
{
	struct str what = { 0 };

	(void)params_danger(params, &what);
	fault_set(f, EM_USAGE, "%s: not without --yes where nobody can be asked",
	    str_get(&what));
	fault_hint(f, "what would happen: --dry-run");
	str_fini(&what);
	return EM_USAGE;
}

em_err
confirm_command(const struct prefs *prefs, const struct params *params, bool can_ask,
    bool *agreed, struct fault *f)
{
	enum params_danger danger = params_danger(params, NULL);
	char answer;
	em_err err;

	*agreed = prefs->yes;
	if (prefs->yes || prefs->dry_run || danger == PARAMS_SAFE)
		return EM_OK;
	if (!can_ask)
		return danger == PARAMS_YES ? refuse_unasked(params, f) : EM_OK;
	put_question(prefs, params);
	err = read_answer(&answer);
	if (err != EM_OK)
		return fault_set(f, err, "nothing was done");
	*agreed = answer == 'y' || answer == 'Y';
	return *agreed ? EM_OK : fault_set(f, EM_REFUSED, "nothing was done");
}
