/* SPDX-License-Identifier: Apache-2.0 */
/* When there are colours. */
#include "ctl/color.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

TEST(a_pipe_has_no_colour_unless_it_is_asked_for)
{
	int ends[2];

	OK(pipe(ends) == 0);
	OK(!color_is_on(COLOR_AUTO, ends[1]));
	OK(color_is_on(COLOR_ALWAYS, ends[1]));
	OK(!color_is_on(COLOR_NEVER, ends[1]));
	close(ends[0]);
	close(ends[1]);
}

TEST(a_terminal_has_colours_unless_the_environment_says_no)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	OK(fd >= 0);
	OK(unsetenv("NO_COLOR") == 0 && setenv("TERM", "xterm", 1) == 0);
	OK(color_is_on(COLOR_AUTO, fd));
	OK(setenv("NO_COLOR", "", 1) == 0);
	OK(color_is_on(COLOR_AUTO, fd));
	OK(setenv("NO_COLOR", "1", 1) == 0);
	OK(!color_is_on(COLOR_AUTO, fd));
	OK(color_is_on(COLOR_ALWAYS, fd));
	OK(unsetenv("NO_COLOR") == 0 && setenv("TERM", "dumb", 1) == 0);
	OK(!color_is_on(COLOR_AUTO, fd));
	OK(unsetenv("TERM") == 0);
	OK(!color_is_on(COLOR_AUTO, fd));
	close(fd);
}

TEST(text_without_colour_is_bare)
{
	struct str s = { 0 };

	color_add(&s, false, COLOR_BAD, "no");
	STR_EQ(str_get(&s), "no");
	color_add(&s, true, COLOR_BAD, "no");
	STR_EQ(str_get(&s), "no\033[31mno\033[0m");
	str_fini(&s);
}
