/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help: what there is and how it is used, from the table of commands.  Pure:
 * text goes to a str.
 */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "ipc/base/err.h"
#include "ipc/base/str.h"
#include "ipc/cmd.h"

struct help {
	struct str *to;
	bool color;
	bool shell;     /* commands of the shell too, and no program's name before them */
	unsigned width; /* of a line; 0: 80 */
};

/* All commands, a line each. */
void help_all(const struct help *h);
/* One command: usage, meaning, arguments, options, columns, example. */
void help_command(const struct help *h, const struct cmd *cmd);
/* What @words name: a command, a group of them, a topic.  EM_USAGE: none of these. */
EM_MUST_USE em_err help_words(
    const struct help *h, const struct slice *words, size_t n, struct fault *f);
/* Every command by its example, on one page. */
void help_cheat(const struct help *h);

/* The topics that are no commands: name and text; NULL at the end. */
struct help_topic {
	const char *name, *summary, *text;
};
extern const struct help_topic help_topics[];

/* Does the path of @cmd, or an alias, begin with @words? */
bool help_is_in_group(const struct cmd *cmd, const struct slice *words, size_t n);
/* Adds @text in lines of at most @width that begin at column @indent, where the first one is
 * already. */
void help_wrap(struct str *s, const char *text, size_t indent, size_t width);
/* "-o, --output table|wide": how an option is written. */
void help_option(struct str *s, const struct cmd_arg *opt);

#endif
