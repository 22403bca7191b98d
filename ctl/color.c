/* SPDX-License-Identifier: Apache-2.0 */
/*
 * color: the escape sequences of the five roles, from the sixteen colours that
 * every terminal lets its user choose.
 */
#include "ctl/color.h"

#include <stdlib.h>
#include <unistd.h>

bool
color_is_on(color_when when, int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	if (no != NULL && no[0] != '\0')
		return false;
	if (term == NULL || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fd) == 1;
}

const char *
color_begin(bool on, color_role role)
{
	static const char *const begin[COLOR_ROLE_N] = {
		[COLOR_HEAD] = "\033[1m",
		[COLOR_DIM] = "\033[2m",
		[COLOR_GOOD] = "\033[32m",
		[COLOR_WARN] = "\033[33m",
		[COLOR_BAD] = "\033[31m",
	};

	CHECK(role < COLOR_ROLE_N);
	return on ? begin[role] : "";
}

const char *
color_end(bool on)
{
	return on ? "\033[0m" : "";
}

void
color_add(struct str *s, bool on, color_role role, const char *text)
{
	str_add(s, color_begin(on, role));
	str_add(s, text);
	str_add(s, color_end(on));
}
