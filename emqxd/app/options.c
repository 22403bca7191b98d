/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: one word, -c FILE before or behind it, at most one argument.
 *
 * The words are EMQX's; check_conf is 4.x's name of check_config, and -h, --help,
 * -V and --version are taken as words.
 */
#include "emqxd/app/options.h"
#include "ipc/base/edit.h"
#include "ipc/base/str.h"

static const struct word {
	const char *text;
	enum options_word word;
	const char *argument; /* what it is called; NULL: takes none */
	bool is_shown;
} words[] = {
	{ "foreground", OPTIONS_FOREGROUND, NULL, true },
	{ "console", OPTIONS_CONSOLE, NULL, true },
	{ "start", OPTIONS_START, NULL, true },
	{ "stop", OPTIONS_STOP, NULL, true },
	{ "restart", OPTIONS_RESTART, NULL, true },
	{ "ping", OPTIONS_PING, NULL, true },
	{ "check_config", OPTIONS_CHECK_CONFIG, "FILE", true },
	{ "check_license", OPTIONS_CHECK_LICENSE, "FILE", true },
	{ "version", OPTIONS_VERSION, NULL, true },
	{ "help", OPTIONS_HELP, NULL, true },
	{ "docs", OPTIONS_DOCS, "conf|reasons|metrics", false },
	{ "--cstore", OPTIONS_CSTORE, NULL, false },
	{ "check_conf", OPTIONS_CHECK_CONFIG, "FILE", false },
	{ "-h", OPTIONS_HELP, NULL, false },
	{ "--help", OPTIONS_HELP, NULL, false },
	{ "-V", OPTIONS_VERSION, NULL, false },
	{ "--version", OPTIONS_VERSION, NULL, false },
};
enum { WORDS_N = sizeof words / sizeof words[0] };

const char *
options_usage(void)
{
	return "usage: emqxd WORD [-c FILE]\n"
	       "  foreground           serve until a signal ends it; prints 'emqxd "
	       "ready'\n"
	       "  console              the same, with the log on the terminal\n"
	       "  start                serve in the background; returns when it is "
	       "ready\n"
	       "  stop                 end the daemon of this configuration\n"
	       "  restart              stop, then start\n"
	       "  ping                 print pong when the daemon answers\n"
	       "  check_config [FILE]  say what is wrong in the configuration\n"
	       "  check_license FILE   say what a licence allows, and whether it is "
	       "genuine\n"
	       "  docs conf|reasons|metrics\n"
	       "                       reference of the manual pages, as mdoc source\n"
	       "  version              versions of emqxd and of the libraries\n"
	       "  -c FILE              the configuration, instead of " OPTIONS_CONF "\n";
}

static const struct word *
find(struct slice text)
{
	for (unsigned i = 0; i < WORDS_N; i++) {
		if (slice_eq_str(text, words[i].text))
			return &words[i];
	}
	return NULL;
}

static em_err
unknown(struct slice text, struct fault *f)
{
	const struct word *near = NULL;
	struct str shown = { 0 };
	unsigned best = UINT32_MAX, distance;
	em_err err;

	for (unsigned i = 0; i < WORDS_N; i++) {
		if (words[i].is_shown &&
		    edit_is_near(text, slice_str(words[i].text), &distance) &&
		    distance < best) {
			near = &words[i];
			best = distance;
		}
	}
	str_add_escaped(&shown, text);
	err = fault_set(f, EM_USAGE, "there is no word '%s'", str_get(&shown));
	if (near != NULL)
		fault_hint(f, "did you mean '%s'?", near->text);
	str_fini(&shown);
	return err;
}

em_err
options_parse(int argc, char *const *argv, struct options *out, struct fault *f)
{
	const struct word *word = NULL;
	int i = 1;

	*out = (struct options){ .word = OPTIONS_WORD_N, .conf = OPTIONS_CONF };
	for (; i < argc; i++) {
		struct slice text = slice_str(argv[i]);

		if (slice_eq_str(text, "-c") || slice_eq_str(text, "--config")) {
			if (++i == argc)
				return fault_set(
				    f, EM_USAGE, "%s needs a file", argv[i - 1]);
			out->conf = argv[i];
		} else if (word == NULL) {
			word = find(text);
			if (word == NULL)
				return unknown(text, f);
		} else if (word->argument != NULL && out->argument == NULL) {
			out->argument = argv[i];
		} else {
			return fault_set(
			    f, EM_USAGE, "%s takes no '%s'", word->text, argv[i]);
		}
	}
	if (word == NULL)
		return fault_set(f, EM_USAGE, "what to do?");
	out->word = word->word;
	if (out->word == OPTIONS_CHECK_CONFIG && out->argument != NULL)
		out->conf = out->argument;
	if (out->word == OPTIONS_DOCS && out->argument == NULL)
		return fault_set(f, EM_USAGE, "docs needs one of %s", word->argument);
	if (out->word == OPTIONS_CHECK_LICENSE && out->argument == NULL)
		return fault_set(f, EM_USAGE, "check_license needs a file");
	return EM_OK;
}
