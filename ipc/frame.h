/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: what goes over the control socket.
 *
 *	u32 length of the body | u8 kind | u32 id | body (msgpack, wire.h)
 *
 * big endian.  The id is the caller's number of the call; 0 for HELLO.  Either
 * side says HELLO first; the tool sends its REQ behind it without waiting.
 *
 *	REQ      tool -> daemon   a command; a descriptor may come with it (SCM_RIGHTS)
 *	CREDIT   tool -> daemon   so many more rows may be sent
 *	CANCEL   tool -> daemon   stop; END or FAULT follows all the same
 *	ROW      daemon -> tool   one row
 *	EVENT    daemon -> tool   talk for stderr: progress, a warning
 *	END      daemon -> tool   all done
 *	FAULT    daemon -> tool   not done: code, text, hint
 *
 * The reader takes bytes in any portions and never holds more than one frame of
 * the size that its side accepts plus what one read brings.  Any error is final
 * for that peer.
 */
#ifndef IPC_FRAME_H
#define IPC_FRAME_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/wbuf.h"

typedef enum ipc_frame_kind {
	FRAME_HELLO = 1,
	FRAME_REQ,
	FRAME_ROW,
	FRAME_END,
	FRAME_FAULT,
	FRAME_EVENT,
	FRAME_CREDIT,
	FRAME_CANCEL,
} ipc_frame_kind;

#define IPC_FRAME_HEAD 9
#define IPC_FRAME_MAX (1u << 20)      /* body towards the tool */
#define IPC_FRAME_REQ_MAX (64u << 10) /* body towards the daemon */
#define IPC_FRAME_FDS 4               /* descriptors that may wait for their REQ */

struct ipc_frame {
	ipc_frame_kind kind;
	uint32_t id;
	struct slice body; /* in the reader's memory, valid until its next fill or feed */
};

struct ipc_frame_reader {
	uint8_t *p;
	size_t at, n, cap; /* unread bytes are p[at..n) */
	size_t max;        /* largest body accepted */
	em_err err;        /* sticky */
	int fd[IPC_FRAME_FDS];
	unsigned n_fd;
};

void ipc_frame_reader_init(struct ipc_frame_reader *r, size_t max);
void ipc_frame_reader_fini(struct ipc_frame_reader *r); /* closes descriptors not taken */
/* Adds bytes. */
void ipc_frame_feed(struct ipc_frame_reader *r, struct slice bytes);
/* Adds what one recvmsg gives, never waiting.  EM_OK: something came; EM_AGAIN: nothing
 * there; EM_NOTFOUND: the peer closed; EM_IO; EM_TOOBIG: too many descriptors. */
EM_MUST_USE em_err ipc_frame_fill(struct ipc_frame_reader *r, int sock);
/* Takes the next whole frame.  EM_AGAIN: more bytes are needed; EM_TOOBIG or
 * EM_MALFORMED (unknown kind): close this peer. */
EM_MUST_USE em_err ipc_frame_next(struct ipc_frame_reader *r, struct ipc_frame *out);
/* The oldest descriptor that came, from now on the caller's; -1: none. */
int ipc_frame_take_fd(struct ipc_frame_reader *r);

/* Writes the head with room for the length; returns where the frame starts. */
size_t ipc_frame_begin(struct wbuf *w, ipc_frame_kind kind, uint32_t id);
/* Sets the length of the frame that starts at @at; all since then is its body. */
void ipc_frame_end(struct wbuf *w, size_t at);

#endif
