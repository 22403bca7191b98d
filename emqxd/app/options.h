/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options: the words of emqxd's command line.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "ipc/base/err.h"

#define OPTIONS_CONF "/etc/emqx/emqx.conf"

enum options_word {
	OPTIONS_FOREGROUND,
	OPTIONS_CONSOLE,
	OPTIONS_START,
	OPTIONS_STOP,
	OPTIONS_RESTART,
	OPTIONS_PING,
	OPTIONS_CHECK_CONFIG,
	OPTIONS_CHECK_LICENSE,
	OPTIONS_VERSION,
	OPTIONS_DOCS,
	OPTIONS_CSTORE, /* the child of a daemon of several nodes */
	OPTIONS_HELP,
	OPTIONS_WORD_N
};

struct options {
	enum options_word word;
	const char *conf;     /* the configuration's file */
	const char *argument; /* of docs: what; of check_license: the file */
};

/* EM_USAGE with a sentence, and "did you mean" as its hint. */
EM_MUST_USE em_err options_parse(
    int argc, char *const *argv, struct options *out, struct fault *f);
/* One line a word. */
const char *options_usage(void);

#endif
