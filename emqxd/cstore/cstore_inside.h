/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_inside: what the parent's files of cstore share.
 *
 *	cstore.c	the child's life: start, end, restart, what is asked of it
 *	cstore_hear.c	what comes from it, checked, and handed on as events
 */
#ifndef CSTORE_INSIDE_H
#define CSTORE_INSIDE_H

#include "emqxd/cstore/cstore_pipe.h"
#include "emqxd/cstore/cstore_spawn.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/timer.h"
#include "ipc/base/list.h"
#include "ipc/base/vec.h"

#define CSTORE_CALLS_MAX 1024 /* that wait for their answer */

struct cstore_call {
	uint32_t req;
	enum cstore_kind kind;
	enum cstore_group group;
	cstore_done_fn *fn; /* NULL: nobody wants to know */
	void *arg;
	bool is_over;     /* answered here, told in the next turn */
	em_err err;       /* then */
	const char *text; /* constant */
};

struct cstore_part {    /* a group */
	bool is_open;   /* asked for, and opened again after each start */
	bool is_usable; /* the child has opened it */
	uint32_t open_req;
	unsigned crashes; /* in a row, while it was opened */
	enum cstore_open_mode mode;
	uint64_t raft_id;
	char name[CSTORE_NAME_MAX];
	uint64_t applied;
	uint64_t handed; /* the last entry that went up as an event */
	uint64_t marker;
	uint64_t heard;       /* the last that this child gave */
	VEC(uint64_t) tokens; /* of proposals under way, in order */
	struct cstore_status status;
};

struct cstore {
	uint32_t magic;
	uint16_t home;
	bool is_inside; /* an event is being handed up */
	char *folder, *program;
	struct cstore_tune tune;
	cstore_event_fn *on_event;
	void *arg;
	struct watch watch; /* the socket */
	struct watch end;   /* the pidfd */
	bool wants_write;
	struct cstore_process process; /* pid 0: none */
	struct cstore_pipe pipe;
	bool is_ready; /* it said so */
	char why[256]; /* its last words */
	mono_t started, heard;
	unsigned quick_deaths;
	uint64_t starts;
	struct timer restart; /* or, while it runs, the next ping */
	struct timer late;    /* answers that came about in a call */
	uint32_t reqs;
	VEC(struct cstore_call) calls;
	struct cstore_part part[CSTORE_GROUP_N];
};

#define CSTORE_MAGIC 0x63737472

/* ---- cstore.c */

void cstore_inside_send(struct cstore *c, const struct cstore_frame *f, int fd);
/* It is killed for what it said; its end comes as an event of the loop. */
void cstore_inside_kill(struct cstore *c, const char *why);
void cstore_inside_event(struct cstore *c, const struct cstore_event *e);
/* The call is over. */
void cstore_inside_answer(struct cstore *c, size_t i, em_err err, const char *text);
/* The child says that it works. */
void cstore_inside_up(struct cstore *c);

/* ---- cstore_hear.c */

/* A frame of the child.  EM_MALFORMED: it must be killed. */
em_err cstore_hear(struct cstore *c, const struct cstore_frame *f);

#endif
