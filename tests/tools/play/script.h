/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script: a .play file as it stands: lines of words, grouped in scenarios.
 *
 *	config mqtt.idle_timeout = 1s		lines for emqx.conf, before the first scenario
 *	file users ann,secret			a line of {folder}/users
 *	scenario A sentence that says what holds
 *		[MQTT5-3.1.4-3] [MQTT3-3.1.4-2]		the statements that it shows
 *		for version 3.1, 3.1.1, 5		once for each; otherwise once, in 5
 *		a -> CONNECT client_id=x		the steps, see play.c
 *
 * A line whose first character is # is a comment.  Words are parted by blanks; a
 * value may be "quoted with \n \t \" \\ \x00", hex(00ff), bytes(200000), and holds
 * variables: {x}.
 */
#ifndef PLAY_SCRIPT_H
#define PLAY_SCRIPT_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/vec.h"

typedef VEC(struct slice) slice_vec;

struct script_line {
	unsigned number;
	struct slice text; /* without blanks around it */
	slice_vec words;
};

struct scenario {
	struct slice title;
	slice_vec tags;
	unsigned versions; /* bits 1 << version; 0: none said */
	unsigned number;   /* of its line */
	VEC(struct script_line) lines;
};

struct script {
	char *path;
	char *text;
	slice_vec config, files;
	VEC(struct scenario) scenarios;
};

/* Reads a file; the fault begins with file:line. */
EM_MUST_USE em_err script_read(struct script *s, const char *path, struct fault *fault);
void script_fini(struct script *s);

/* The next word of @rest, or the empty slice; a comma behind a word is dropped. */
struct slice script_word(struct slice *rest);

#endif
