/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_wire: what the parent and its child `emqxd --cstore` say to each other.
 *
 * A frame is a length (4 bytes, of what follows) and a fixed head, a text and data.  All
 * frames have the same fields; which of them mean something stands beside the kind.  Some
 * carry a descriptor.  Both ends run the same program, so there are no versions.
 *
 * Pure functions: any thread, no I/O.  Decoding takes any bytes.
 */
#ifndef CSTORE_WIRE_H
#define CSTORE_WIRE_H

#include "emqxd/cstore/cstore.h"
#include "ipc/base/wbuf.h"

#define CSTORE_FD 3 /* the child's end of the socket */

enum cstore_kind {
	CSTORE_KIND_NONE,
	/* parent to child */
	CSTORE_TUNE,     /* data: struct cstore_tune; text: the folder.  The first one */
	CSTORE_OPEN,     /* req group op=mode id=raft id index=applied text=name */
	CSTORE_RECOVER,  /* as OPEN; data: members */
	CSTORE_PROPOSE,  /* group id=token data */
	CSTORE_APPLIED,  /* group index */
	CSTORE_CHANGE,   /* req group op=change id text=name */
	CSTORE_TRANSFER, /* req group id */
	CSTORE_BARRIER,  /* req group */
	CSTORE_ANSWER,   /* req of CONNECT; err; a descriptor when it is EM_OK */
	CSTORE_ACCEPT,   /* group text=name; a descriptor */
	CSTORE_PING,
	/* child to parent */
	CSTORE_READY,     /* err text: it can work, or why not.  The first one */
	CSTORE_DONE,      /* req err text */
	CSTORE_GIVE,      /* group index data: a committed entry */
	CSTORE_FETCH,     /* group index: a marker */
	CSTORE_SAY_STATE, /* group op=state id=leader term text=leader's name */
	CSTORE_SAY_STATUS, /* group data: struct cstore_status but for what SAY_STATE says */
	CSTORE_DECIDED,    /* group id=token err index text=leader's name */
	CSTORE_DIAL,       /* req group id text=name */
	CSTORE_NOTE,       /* text: for the log */
	CSTORE_PONG,
	CSTORE_KIND_N
};
#define CSTORE_KIND_UP CSTORE_READY /* the first that the child sends */

struct cstore_frame {
	enum cstore_kind kind;
	enum cstore_group group;
	uint8_t op;
	em_err err;
	uint32_t req;
	uint64_t index, id, term;
	struct slice text; /* at most CSTORE_TEXT_MAX */
	struct slice data;
};

#define CSTORE_TEXT_MAX 1024
#define CSTORE_HEAD_MAX 40 /* bytes of a frame beside text and data */
#define CSTORE_FRAME_MAX (CSTORE_HEAD_MAX + CSTORE_TEXT_MAX + CSTORE_ENTRY_MAX)

/* Appends the frame with its length. */
void cstore_wire_put(struct wbuf *w, const struct cstore_frame *f);
/* @body is without its length.  EM_MALFORMED.  @out borrows. */
EM_MUST_USE em_err cstore_wire_get(struct slice body, struct cstore_frame *out);
/* Does a descriptor come with it? */
bool cstore_wire_has_fd(const struct cstore_frame *f);

/* What stands in data. */
void cstore_wire_put_tune(struct wbuf *w, const struct cstore_tune *t);
EM_MUST_USE em_err cstore_wire_get_tune(struct slice data, struct cstore_tune *out);
void cstore_wire_put_members(
    struct wbuf *w, const struct cstore_member *members, unsigned n);
EM_MUST_USE em_err cstore_wire_get_members(
    struct slice data, struct cstore_member *out, unsigned *n);
void cstore_wire_put_status(struct wbuf *w, const struct cstore_status *s);
/* Fills what SAY_STATUS carries and leaves the rest of @out. */
EM_MUST_USE em_err cstore_wire_get_status(struct slice data, struct cstore_status *out);

/* A name as it may stand in a struct: not empty, no NUL, short enough. */
EM_MUST_USE em_err cstore_wire_name(struct slice text, char out[CSTORE_NAME_MAX]);

#endif
