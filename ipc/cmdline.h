/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline: words to a command with typed values, or a fault that points at the
 * word.
 *
 * Options start with "--" (or one letter of the tool's after "-"), take their
 * value after '=' or as the next word, and may stand anywhere; "--" ends them; a
 * lone "-" is an argument, and so is a negative number.  The tool's own options
 * (cmd_tool_opts) are collected apart.
 *
 * Errors are EM_USAGE: "clients: no command 'lsit'", hint "did you mean 'list'?",
 * "clients kick: <clientid> is missing", hint: the usage line.
 */
#ifndef IPC_CMDLINE_H
#define IPC_CMDLINE_H

#include "ipc/params.h"

struct cmdline {
	const struct cmd *cmd; /* NULL: no words but options */
	struct params params;  /* its arguments and options */
	struct params tool;    /* the tool's options */
	bool help; /* --help: cmd, or the group, is to be explained; not checked */
	struct slice group; /* --help after words that are no whole command: "clients" */
	size_t bad;         /* after an error: index of the word it is about, or n */
};

enum cmdline_flag {
	CMDLINE_ABBREV = 1 << 0, /* commands may be shortened (the shell) */
	CMDLINE_SHELL = 1 << 1,  /* CMDF_SHELL commands exist */
};

/* Parses @words.  cmdline_fini afterwards in every case; values are copies, group points
 * into the words. */
EM_MUST_USE em_err cmdline_parse(struct cmdline *out, const struct slice *words, size_t n,
    unsigned flags, struct fault *f);
void cmdline_fini(struct cmdline *c);

/* Splits a line as a shell does: blanks, '...', "..." with \" and \\, \ before a
 * character, # starts a comment at a word's start.  @open: a quote is not closed or a
 * backslash ends the line: more must follow (no error).  The words live in @mem. */
struct cmdline_words {
	VEC(struct slice) v;
	char *mem;
	bool open;
	bool blank_end; /* the line ends in a blank: a new word starts */
};
void cmdline_split(struct cmdline_words *out, struct slice line);
void cmdline_words_fini(struct cmdline_words *w);

/* What stands at the place of the last of @words, for completion: the row so far, and the
 * argument or option whose value is typed, or whether an option's name or a command
 * word is. */
struct cmdline_place {
	const struct cmd *cmd;     /* NULL: still in the path */
	const struct cmd_arg *arg; /* the value's declaration, or NULL */
	size_t arg_at;             /* words index of the first argument (for "before") */
	struct slice prefix;       /* what of it is typed */
	bool is_option;            /* an option's name, "--" included in prefix */
};
void cmdline_place(
    struct cmdline_place *out, const struct slice *words, size_t n, unsigned flags);

#endif
