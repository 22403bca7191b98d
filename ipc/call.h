/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call: the tool's side of the channel.  Blocking, with poll and a deadline.
 *
 *	call_open                       connects and queues the hello
 *	call_start(req)                 hello (the first time) and request in one send
 *	call_next ... CALL_ROW          rows, credit is renewed on the way
 *	          ... CALL_END          done, or an error with its fault
 *	call_close
 *
 * One call at a time, any number of calls one after the other.  After
 * EM_UNREACHABLE, EM_PROTOCOL or EM_TIMEOUT the link is of no use: close it.
 * An interrupt (@stop set by a signal handler) cancels: CANCEL is sent, the
 * daemon's last frame is awaited for a second, call_next gives EM_CANCELLED, and
 * the link is still good if the daemon answered.
 */
#ifndef IPC_CALL_H
#define IPC_CALL_H

#include "ipc/row.h"
#include "ipc/wire.h"

#include <signal.h>

struct call;

struct call_opts {
	const char *path;    /* of the socket; NULL: peer_socket_path(NULL) */
	const char *version; /* of the tool */
	span_t timeout;      /* for silence of the daemon; ns == 0: 30 s */
	const volatile sig_atomic_t *stop; /* or NULL */
};

typedef enum call_kind {
	CALL_ROW,   /* row */
	CALL_EVENT, /* text */
	CALL_END,   /* end */
} call_kind;

struct call_answer {
	call_kind kind;
	struct row row;      /* these point into the link's memory: */
	struct slice text;   /* valid until the next call_next */
	struct wire_end end; /* */
};

/* EM_UNREACHABLE (nobody there), EM_DENIED (the socket's mode): with hint. */
EM_MUST_USE em_err call_open(
    const struct call_opts *opts, struct call **out, struct fault *f);
void call_close(struct call **c);

/* Sends the request; descriptors in its params travel with it and stay the caller's. */
EM_MUST_USE em_err call_start(
    struct call *c, const struct wire_req *req, struct fault *f);
/* The next thing that the daemon says.  A FAULT frame is returned as its code with text and
 * hint in @f; EM_TIMEOUT, EM_CANCELLED, EM_UNREACHABLE (it went), EM_PROTOCOL (garbage or
 * another protocol, which side is older). */
EM_MUST_USE em_err call_next(struct call *c, struct call_answer *out, struct fault *f);
/* Stops the running call, if one is: sends CANCEL and swallows what is on its way.
 * Whether the daemon answered in time, call_is_usable tells. */
void call_cancel(struct call *c);

/* Can it take another call? */
bool call_is_usable(const struct call *c);
/* What the daemon said of itself; NULL until its hello came. */
const struct wire_hello *call_hello(const struct call *c);
/* The descriptor, to poll for the daemon's going away in the shell. */
int call_fd(const struct call *c);

#endif
