/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wills_inside: what the files of wills/ share: wills.c tells, wills_kept.c keeps and
 * publishes, wills_home.c is on the client workers.  Only inside wills/.
 */
#ifndef WILLS_WILLS_INSIDE_H
#define WILLS_WILLS_INSIDE_H

#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/nodes.h"
#include "emqxd/routes/hashes.h"
#include "emqxd/wills/wills.h"
#include "ipc/base/list.h"

#define WILLS_AFOOT (128u << 10) /* bytes: walkers wait */

enum wills_what {
	/* to a client worker */
	WILLS_NOTE_USE,  /* @flag: there are others */
	WILLS_NOTE_WALK, /* tell all */
	WILLS_NOTE_DUE,  /* bytes: will_flat; publish it */
	/* bytes: client id; number: its will's stamp: another node published it */
	WILLS_NOTE_PUBLISHED,
	/* to the link thread */
	WILLS_NOTE_WILL,   /* number: the hash; bytes: will_flat, none: it is gone;
			      @flag: by a walk */
	WILLS_NOTE_WALKED, /* @flag: it was alone again before the end */
};

struct wills_note {
	struct letter letter; /* first */
	struct wills *w;
	enum wills_what what;
	uint64_t number;
	bool flag;
	size_t n;
	uint8_t bytes[];
};

struct wills_note *wills_note(struct wills *w, enum wills_what what, uint64_t number,
    bool flag, struct slice bytes);

/* One process of another node: its wills.  There may be very many: what goes over all of
 * them is done in steps, while it stands among the busy. */
struct wills_life {
	struct list_node node; /* among the dead, or those that are over */
	struct list_node busy;
	struct wills *w;
	struct hashes rows;     /* by hash */
	struct list_node waits; /* no timer yet; in the order of their rounds */
	struct list_node timed;
	struct list_node published; /* of a dead one */
	uint64_t site, incarnation;
	uint32_t round;    /* of its ALL */
	bool sweeps;       /* rows of former rounds go */
	bool has_returned; /* as another process, or it is a member no more */
	bool is_over;      /* all rows go */
	unsigned place;    /* is told then what was published; 0: nobody */
	mono_t died;
	span_t grace;
	unsigned timers;
};

struct wills_peer {
	struct wills_life *life; /* NULL: nothing was told */
	uint64_t site;           /* whose place it is */
	bool is_up;
	mono_t lost;     /* when it went down */
	mono_t again;    /* no look before */
	unsigned asks;   /* answers that are still to come */
	bool is_reached; /* somebody says so */

	bool wants_all; /* has to be told everything */
};

struct wills {
	struct wills_conf conf;
	struct timer tick;
	struct wills_peer peer[NODES_MAX];
	struct list_node dead;   /* lives with wills that are due, or were published */
	struct list_node over;   /* lives whose rows go */
	struct list_node busy;   /* lives, by their second node */
	struct timer work;       /* armed: there are such */
	uint64_t members;        /* a sum of their sites */
	bool has_others, is_out; /* @is_out: has told the others that it has none */

	uint64_t walk_for, walk_failed; /* places */
	unsigned walkers;
	mono_t walk_again;      /* not before */
	_Atomic bool is_slow;   /* a link has enough for now: walkers wait */
	_Atomic uint64_t afoot; /* bytes of walkers' letters */
	struct timer pace;      /* armed: is_slow */
	size_t held;            /* bytes */
};

/* ---- wills_kept.c */

void wills_kept_set(struct wills *w, unsigned place, struct slice body);
void wills_kept_gone(struct wills *w, unsigned place, uint64_t hash);
void wills_kept_all(struct wills *w, unsigned place, uint64_t incarnation, bool is_end);
void wills_kept_done(struct wills *w, uint64_t site, uint64_t incarnation, uint64_t hash);
/* It is dead: what it told is due. */
enum wills_death { WILLS_DEAD_SILENT, WILLS_DEAD_RETURNED, WILLS_DEAD_REMOVED };
void wills_kept_inherit(struct wills *w, unsigned place, enum wills_death how);
/* It was not: what is not published yet is its own, and it is told the others. */
void wills_kept_return(struct wills *w, unsigned place, uint64_t incarnation);
/* It will not be there any more as what it was: nothing is to be told to it. */
void wills_kept_forget(struct wills *w, uint64_t site);
void wills_kept_drop(struct wills *w, unsigned place);
void wills_kept_drop_all(struct wills *w);

/* ---- wills.c, wills_home.c: letters */

void wills_at_link(struct letter *l);
void wills_at_home(struct letter *l);

#endif
