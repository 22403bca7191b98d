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
	struct slice
	    path[CMD_PATH_WORDS]; /* words of the path, in full; of the group too: */
	size_t n_path;            /* "log handlers --help" has two and no cmd */
	size_t bad; /* after an error: index of the word it is about, or n */
};

enum cmdline_flag {
	CMDLINE_ABBREV = 1 << 0, /* commands may be shortened (the shell) */
	CMDLINE_SHELL = 1 << 1,  /* CMDF_SHELL commands exist */
};

/* Parses @words.  cmdline_fini afterwards in every case; values are copies, path points
 * into the words or the table. */
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

/* What is being typed as the last of @words (which may be empty), for completion. */
struct cmdline_place {
	const struct cmd *cmd;             /* the command so far, or NULL */
	struct slice path[CMD_PATH_WORDS]; /* words that lead to it, in full */
	size_t n_path;
	bool is_word;              /* another word of a path may stand here */
	bool is_option;            /* the name of an option; prefix has its dashes */
	const struct cmd_arg *arg; /* whose value stands here, or NULL */
	struct slice prefix;       /* what is typed of it */
	struct slice before[4];    /* the first arguments of the command, for CMD_NAMES */
	size_t n_before;
};
void cmdline_place(
    struct cmdline_place *out, const struct slice *words, size_t n, unsigned flags);

/* Is @word a command of EMQX that is none here?  Nobody mistyped it then. */
bool cmdline_is_of_emqx(struct slice word);
#define CMDLINE_OF_EMQX "a command of EMQX that this version does not have"

#endif
