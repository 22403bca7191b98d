/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: from emqx.conf and the environment to a snapshot; and what is shown of
 * one.  The whole of the room for those who only start, check, reload or print.
 *
 * Every fault is listed, each with its place, what is wrong and what to do; with
 * one fault there is no snapshot.  Nothing is logged here: the caller does.
 *
 *	struct conf_report report = { 0 };
 *	struct conf_snapshot *s;
 *	struct conf_load how = { .file = path, .environ = environ,
 *		.section = sections, .n = n };
 *
 *	if (conf_load(&how, &s, &report) != EM_OK)
 *		conf_report_print(&report, &text);
 *
 * Main's thread, or any one thread with its own arguments.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "emqxd/conf/section.h"
#include "emqxd/conf/snapshot.h"

/* Something to tell a human.  Faults come in the order of their places. */
struct conf_note {
	char *where; /* "emqx.conf:12:3", "EMQX_MQTT__MAX_QOS_ALLOWED", or "" */
	char *text;
	char *hint; /* or NULL */
	uint32_t line, col;
};

struct conf_report {
	VEC(struct conf_note) fault, warning;
	bool more; /* there were more than are listed */
};
void conf_report_fini(struct conf_report *r);
/* "where: text\n    hint\n" for each fault, then "warning: ..." for each warning. */
void conf_report_print(const struct conf_report *r, struct str *out);

struct conf_load {
	const char *file; /* NULL: defaults and environment only */
	struct slice
	    text; /* where p is not NULL: read in place of the file of that name */
	const char
	    *over; /* name of a second text, above the file and below the environment */
	struct slice over_text; /* of it; p NULL: there is none */
	char *const *environ;   /* NULL: without */
	const struct conf_section *const *section;
	size_t n;
	const struct conf_snapshot *before; /* whose names keep their place; or NULL */
};

/* EM_OK: *out is the caller's (conf_publish takes it).  Else *out is NULL and
 * report->fault has at least one. */
EM_MUST_USE em_err conf_load(
    const struct conf_load *how, struct conf_snapshot **out, struct conf_report *report);

/* ---- what a snapshot holds, for `conf show` */

struct conf_shown {
	char path[256];
	/* In force, masked if secret; "auto (1 after a restart)" where the file says
	 * something else already.  Caller's: str_fini. */
	struct str value;
	bool is_default;
	bool is_secret;
	/* "default", "emqx.conf:12:3", "cluster" of the second text, "EMQX_..."; caller's */
	struct str origin;
	const struct conf_field *field;
};
void conf_shown_fini(struct conf_shown *v);

/* Every path with its value, in the order of the tables; start with *at = 0.  False at
 * the end.  @prefix: only that path and what is under it ("" is all). */
bool conf_show_next(const struct conf_snapshot *s, struct slice prefix, size_t *at,
    struct conf_shown *out);

/* Today's key of an old name ("zone.external.max_mqueue_len"), and in @wide the key that
 * holds where the zone sets none, or "".  False: it is no old name. */
bool conf_show_alias(struct slice old, struct str *today, struct str *wide);

/* A key that was accepted and means nothing here. */
struct conf_ignored {
	const char *path, *origin; /* the snapshot's */
	const char *value;         /* "" where it may be a secret */
	bool is_so_anyway;         /* it asks for what is so without it */
};
size_t conf_ignored_count(const struct conf_snapshot *s);
struct conf_ignored conf_ignored_get(const struct conf_snapshot *s, size_t i);

/* ---- emqx.conf(5): the keys as mdoc text, from the tables and registers */

void conf_docs_mdoc(const struct conf_section *const *section, size_t n, struct str *out);

#endif
