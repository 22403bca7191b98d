/* SPDX-License-Identifier: Apache-2.0 */
/* The words of emqxd's command line. */
#include "emqxd/app/options.h"
#include "tests/unit/tap.h"

static struct options got;
static struct fault fault;

/* Words up to a NULL. */
static em_err
parse(const char *const *words)
{
	char *argv[8] = { "emqxd" };
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	fault_clear(&fault);
	return options_parse(argc, argv, &got, &fault);
}
#define PARSE(...) parse((const char *const[]){ __VA_ARGS__, NULL })

TEST(a_word_and_its_file)
{
	EQ(PARSE("foreground"), EM_OK);
	EQ(got.word, OPTIONS_FOREGROUND);
	STR_EQ(got.conf, "/etc/emqx/emqx.conf");
	EQ(PARSE("foreground", "-c", "a.conf"), EM_OK);
	STR_EQ(got.conf, "a.conf");
	EQ(PARSE("-c", "b.conf", "stop"), EM_OK);
	EQ(got.word, OPTIONS_STOP);
	STR_EQ(got.conf, "b.conf");
}

TEST(check_config_takes_a_file)
{
	EQ(PARSE("check_config", "x.conf"), EM_OK);
	EQ(got.word, OPTIONS_CHECK_CONFIG);
	STR_EQ(got.conf, "x.conf");
	EQ(PARSE("check_conf"), EM_OK);
	EQ(got.word, OPTIONS_CHECK_CONFIG);
}

TEST(a_wrong_word_is_told_the_near_one)
{
	EQ(PARSE("forground"), EM_USAGE);
	STR_EQ(fault.text, "there is no word 'forground'");
	STR_EQ(fault.hint, "did you mean 'foreground'?");
	EQ(PARSE("zzzzzz"), EM_USAGE);
	OK(fault.hint == NULL);
	EQ(PARSE("x\n"), EM_USAGE);
	STR_EQ(fault.text, "there is no word 'x\\x0a'");
}

TEST(too_much_and_too_little_is_usage)
{
	EQ(parse((const char *const[]){ NULL }), EM_USAGE);
	EQ(PARSE("stop", "now"), EM_USAGE);
	STR_EQ(fault.text, "stop takes no 'now'");
	EQ(PARSE("start", "-c"), EM_USAGE);
	STR_EQ(fault.text, "-c needs a file");
	EQ(PARSE("docs"), EM_USAGE);
	EQ(PARSE("docs", "conf"), EM_OK);
	STR_EQ(got.argument, "conf");
	fault_clear(&fault);
}
