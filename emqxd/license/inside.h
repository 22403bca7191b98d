/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inside: what the files of this room share: license.c has the licence in force and its
 * watch, license_ask.c replaces it.
 */
#ifndef LICENSE_INSIDE_H
#define LICENSE_INSIDE_H

#include "emqxd/core/timer.h"
#include "emqxd/license/license.h"
#include "emqxd/license/license_file.h"
#include "emqxd/license/license_row.h"

/* A licence and where it comes from. */
struct license_held {
	struct license_key *key; /* NULL: none */
	wall_t at; /* when it came by emqx_ctl, or its file was written; ns 0: unknown */
	char *by;  /* who gave it; NULL: it is configured */
};

struct license_ask;

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

/* The store thread's: a row was changed. */
void license_ask_follow(struct slice key, struct slice blob, bool is_own);
/* On main: nobody waits any more. */
void license_ask_death(struct license *l);

/* Reads a row and verifies it: fills @out, whose former key goes. */
EM_MUST_USE em_err license_hold_row(
    struct license *l, struct slice blob, struct license_held *out, struct fault *f);
void license_held_fini(struct license_held *h);
/* Which of those that are there is in force. */
void license_choose(struct license *l, bool stored_wins);

#endif
