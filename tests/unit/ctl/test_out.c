/* SPDX-License-Identifier: Apache-2.0 */
/* Where an answer goes: through grep, into a file, to a reader that went away. */
#include "ctl/out.h"
#include "ctl/interrupt.h"
#include "tests/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test_out.XXXXXX";
static struct line line;
static struct fault fault;

/* A line with this tail; the file's name is added. */
static void
tail(const char *text)
{
	struct str s = { 0 };

	line_clear(&line);
	str_addf(&s, "%s%s", text, path);
	OK(line_parse(str_slice(&s), &line, &fault) == EM_OK);
	str_fini(&s);
}

/* What stands in the file. */
static const char *
content(void)
{
	static char buf[256];
	FILE *f = fopen(path, "re");
	size_t n = fread(buf, 1, sizeof buf - 1, f);

	buf[n] = '\0';
	OK(fclose(f) == 0);
	return buf;
}

static void
put(const char *text)
{
	struct out out;

	OK(out_open(&out, STDOUT_FILENO, true, &line, &fault) == EM_OK);
	OK(!out.color && !out.terminal && out.width == 0);
	str_add(&out.text, text);
	OK(out_flush(&out) == EM_OK);
	OK(out_close(&out, &fault) == EM_OK);
}

TEST(a_file_is_made_anew_or_appended_to)
{
	int fd = mkstemp(path);

	OK(fd >= 0);
	close(fd);
	tail("x > ");
	put("one\n");
	put("two\n");
	STR_EQ(content(), "two\n");
	tail("x >> ");
	put("three");
	STR_EQ(content(), "two\nthree");
}

TEST(grep_keeps_the_lines_that_pass_all_of_them)
{
	tail("x | grep -i a | grep -v b$ > ");
	put("Ab\nxA\nc\nba");
	STR_EQ(content(), "xA\nba\n");
}

TEST(a_line_is_seen_whole_by_grep)
{
	struct out out;

	tail("x | grep ab > ");
	OK(out_open(&out, STDOUT_FILENO, false, &line, &fault) == EM_OK);
	str_add(&out.text, "xa");
	OK(out_flush(&out) == EM_OK);
	str_add(&out.text, "b\n");
	OK(out_close(&out, &fault) == EM_OK);
	STR_EQ(content(), "xab\n");
}

TEST(a_bad_pattern_is_refused)
{
	struct out out;

	tail("x | grep '[' > ");
	EQ(out_open(&out, STDOUT_FILENO, false, &line, &fault), EM_USAGE);
	OK(strstr(fault.text, "grep: ") == fault.text);
	fault_clear(&fault);
}

TEST(a_file_that_cannot_be_written_is_told)
{
	struct out out;

	line_clear(&line);
	OK(line_parse(SLICE_LIT("x > /nowhere/at/all"), &line, &fault) == EM_OK);
	OK(out_open(&out, STDOUT_FILENO, false, &line, &fault) != EM_OK);
	STR_EQ(fault.text, "cannot write /nowhere/at/all: No such file or directory");
	fault_clear(&fault);
	line_clear(&line);
}

TEST(a_reader_that_went_away_ends_it_without_an_error)
{
	struct out out;
	int ends[2];

	interrupt_catch(); /* SIGPIPE is ignored */
	OK(pipe(ends) == 0);
	close(ends[0]);
	OK(out_open(&out, ends[1], false, NULL, &fault) == EM_OK);
	str_add(&out.text, "text");
	EQ(out_flush(&out), EM_CANCELLED);
	OK(out_is_done(&out));
	EQ(out_close(&out, &fault), EM_OK);
	close(ends[1]);
}

TEST(a_full_disk_is_an_error)
{
	struct out out;
	FILE *full = fopen("/dev/full", "we");

	OK(full != NULL);
	OK(out_open(&out, fileno(full), false, NULL, &fault) == EM_OK);
	str_add(&out.text, "text");
	EQ(out_close(&out, &fault), EM_IO);
	STR_EQ(fault.text, "cannot write the answer: No space left on device");
	fault_clear(&fault);
	(void)fclose(full);
	(void)unlink(path);
}
