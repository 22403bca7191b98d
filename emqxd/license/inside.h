/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: what the files of this room share: license.c has the licence in force and its
 * watch, license_ask.c replaces it, license_copy.c keeps the copy, license_report.c tells
 * what became of it here.
 */
#ifndef LICENSE_INSIDE_H
#define LICENSE_INSIDE_H

#include "emqxd/core/timer.h"
#include "emqxd/license/license.h"
#include "emqxd/license/license_file.h"
#include "emqxd/license/license_row.h"
#include "ipc/base/list.h"

#include <stdatomic.h>

/* A licence and where it comes from. */
struct license_held {
	struct license_key *key; /* NULL: none */
	wall_t at; /* when it came by emqx_ctl, or its file was written; ns 0: unknown */
	char *by;  /* who gave it; NULL: it is configured */
};

struct license_ask;

/* One that was given, and what this node made of it. */
struct license_news {
	wall_t at;
	em_err err; /* it is not in force here */
	char *why;
	uint64_t copy; /* the number of its copy */
};
#define LICENSE_NEWS 8u /* the last ones are remembered */

/* The node's slot of this room. */
struct license {
	char *data_dir;
	struct str public_key;
	struct license_held configured, stored,
	    current;                   /* the key of current: borrowed */
	char *configured_path;         /* NULL: it is in no file */
	bool stored_is_bad;            /* and stands aside */
	struct license_file_kept kept; /* the copy */
	struct license_ask *ask;       /* under way, or NULL */
	uint64_t asked, done; /* copies that jobs were asked for, and that they ended */
	struct fault copy_fault;
	struct timer copy_again;
	unsigned copy_tries;
	/* license_report.c */
	struct license_news news[LICENSE_NEWS];
	unsigned n_news; /* that there were */
	struct list_node waiting;
	bool is_closing; /* nobody waits any more */
	/* Its text for other threads (license_text()): replaced whole. */
	_Atomic(struct license_shown *) text;
	/* the watch */
	struct timer timer;
	struct license_history history;
	bool history_is_new;
	mono_t history_saved;
	enum license_state
	    said; /* that log and alarm were told, of the licence in force */
	bool is_said;
};

struct license *license_self(void);
/* The state's consequences: quota, alarms, log. */
void license_weigh(struct license *l);

/* Asks a job for a copy of the one in force; tried again when the disk refuses. */
void license_copy_due(struct license *l);
/* The last one did not succeed: again later. */
void license_copy_again(struct license *l);

/* The one given at @at is in force here, or @f says why not. */
void license_report_news(struct license *l, wall_t at, const struct fault *f);
/* Something ended: who waits for it? */
void license_report_look(struct license *l);
/* Who waits is told that the process ends. */
void license_report_stop(struct license *l);
void license_report_death(struct license *l);

/* Shows the text of the one in force to other threads. */
void license_text_show(struct license *l);
void license_text_death(struct license *l);

/* The store thread's: a row was changed. */
void license_ask_follow(struct slice key, struct slice blob, bool is_own);
/* On main: nobody waits any more. */
void license_ask_death(struct license *l);

/* Reads a row and verifies it: fills @out, whose former key goes.  One without a text says:
 * the configured one. */
EM_MUST_USE em_err license_hold_row(
    struct license *l, struct slice blob, struct license_held *out, struct fault *f);
void license_held_fini(struct license_held *h);
/* Which of those that are there is in force. */
void license_choose(struct license *l, bool stored_wins);

#endif
