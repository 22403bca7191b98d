/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: writes JSON piece by piece into a text that may be flushed between two
 * values, so that an answer of a million rows needs the memory of one.  The
 * writer puts commas and, when asked, line ends and blanks.
 */
#ifndef CTL_JSON_H
#define CTL_JSON_H

#include "ipc/base/str.h"

#define JSON_DEPTH 16

struct json {
	struct str *to;
	bool pretty;           /* a value a line, two blanks a level */
	unsigned depth;        /* open objects and arrays */
	bool some[JSON_DEPTH]; /* has the one at this depth a value already? */
	bool keyed;            /* a key was written; its value follows */
};

static inline struct json
json_of(struct str *to, bool pretty)
{
	return (struct json){ .to = to, .pretty = pretty };
}

void json_open(struct json *j, char bracket); /* '{' or '[' */
void json_close(struct json *j, char bracket);
void json_key(struct json *j, const char *key);
void json_text(struct json *j, struct slice v);
void json_str(struct json *j, const char *v); /* NULL: null */
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_number(struct json *j, double v); /* null when it is none */
void json_bool(struct json *j, bool v);
void json_null(struct json *j);

#define JSON_NUMBER_MAX 32
/* The shortest text that reads back as @v.  Returns @buf. */
const char *json_print_number(double v, char buf[JSON_NUMBER_MAX]);

#endif
