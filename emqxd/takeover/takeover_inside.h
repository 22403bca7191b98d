/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover_inside: what the link thread (takeover.c) and the home workers
 * (takeover_home.c), and those of takeover_twins.c, tell each other.  One kind of letter
 * (takeover_note.c), copied bytes.
 */
#ifndef TAKEOVER_TAKEOVER_INSIDE_H
#define TAKEOVER_TAKEOVER_INSIDE_H

#include "emqxd/takeover/takeover.h"
#include "emqxd/routes/hashes.h"
#include "emqxd/core/timer.h"
#include "emqxd/core/worker.h"

enum takeover_what {
	/* to a home worker: of one that comes */
	TAKEOVER_NOTE_PART,
	TAKEOVER_NOTE_FENCED, /* nothing that came to the other end is on its way */
	TAKEOVER_NOTE_OVER,   /* count: enum takeover_over */
	/* of one that goes */
	TAKEOVER_NOTE_TAKE, /* count: enum takeover_how; @since; bytes: the client id */
	TAKEOVER_NOTE_MORE,
	TAKEOVER_NOTE_LEAVE,
	TAKEOVER_NOTE_STOP,
	TAKEOVER_NOTE_TWIN_THERE, /* number: since when; @flag: its site is the higher;
				     bytes: the client id */
	/* to each client worker */
	TAKEOVER_NOTE_USE,   /* @flag */
	TAKEOVER_NOTE_TWINS, /* bytes: sorted hashes */

	/* to the link thread */
	TAKEOVER_NOTE_CHANGED,   /* number: the hash; @flag: it is here */
	TAKEOVER_NOTE_TWIN_HERE, /* number: since when; bytes: the client id */
	TAKEOVER_NOTE_WALKED,    /* all twins were looked for */
	/* of one that comes */
	TAKEOVER_NOTE_ASK,    /* count: enum takeover_how; @since; bytes: the client id */
	TAKEOVER_NOTE_TAKEN,  /* a part */
	TAKEOVER_NOTE_READY,  /* all of it, and its routes are known */
	TAKEOVER_NOTE_FENCE,  /* the last part; a fence, please */
	TAKEOVER_NOTE_HERE,   /* it is over; @flag: with the session */
	TAKEOVER_NOTE_FAILED, /* it is over: what came was no good */
	/* of one that goes */
	TAKEOVER_NOTE_NONE, /* @flag: not now */
	TAKEOVER_NOTE_SEND, /* bytes; @flag: the last */
	TAKEOVER_NOTE_GONE, /* it stays after all */
};

/* How it ended without a session. */
enum takeover_over {
	TAKEOVER_NOBODY, /* nobody has it */
	TAKEOVER_LOST,   /* the other end is not heard any more */
	TAKEOVER_STAYS,  /* the other end keeps it */
};

struct takeover_note {
	struct letter letter; /* first */
	struct takeover *t;
	enum takeover_what what;
	unsigned place;
	uint64_t number;
	uint64_t since; /* of COMPARE */
	uint32_t count;
	bool flag;
	size_t n;
	uint8_t bytes[];
};

/* A copy of @bytes in it. */
struct takeover_note *takeover_note(struct takeover *t, enum takeover_what what,
    unsigned place, uint64_t number, struct slice bytes);
void takeover_post(struct worker *to, struct takeover_note *note);
void takeover_free_note(struct takeover_note *note);

/* takeover.c: a note from a worker; takeover_home.c: a note from the link thread. */
void takeover_at_link(struct letter *l);
void takeover_at_home(struct letter *l);

/* takeover_twins.c.  Of the link thread: */
struct takeover_twins {
	struct takeover_links *links;
	struct hashes found;
	mono_t due;             /* when they are looked into */
	unsigned walkers;       /* workers that look for some now */
	_Atomic size_t meeting; /* bytes of letters to workers: TWIN_THERE */
};
struct takeover_twins *takeover_twins_of(struct takeover *t);
void takeover_twins_add(struct takeover_twins *w, uint64_t hash);
void takeover_twins_tick(struct takeover_twins *w, struct takeover *t);
void takeover_twins_from_home(struct takeover_twins *w, const struct takeover_note *note);
void takeover_twins_on_frame(
    struct takeover *t, unsigned place, uint64_t since, struct slice clientid);
/* Of a client worker: */
struct takeover_twins_walk {
	struct takeover_note *hashes; /* NULL: nobody is looked for */
	uint64_t at;
	struct timer step;
};
void takeover_twins_walk(struct takeover_twins_walk *w, struct takeover_note **note);
void takeover_twins_meet(const struct takeover_note *note);
void takeover_twins_walk_end(struct takeover_twins_walk *w);

/* The taker's worker stands in the number. */
#define TAKEOVER_WORKER_SHIFT 48u

#endif
