/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cstore_pipe: frames of cstore_wire over a stream socket that also carries descriptors.
 * Used at both ends; who owns it has a loop of its own and says when to read and to write.
 *
 * Bytes that wait to be read are one frame and what came with it at most.  What waits to
 * be written is bounded by who puts it there: cstore_pipe_waiting().
 */
#ifndef CSTORE_PIPE_H
#define CSTORE_PIPE_H

#include "emqxd/cstore/cstore_wire.h"

#define CSTORE_PIPE_FDS 64 /* that came and whose frame did not yet */

struct cstore_chunk;

struct cstore_pipe {
	int fd; /* owned, not blocking; -1: closed */
	uint8_t *in;
	size_t in_at, in_n, in_cap;
	int fds[CSTORE_PIPE_FDS];
	unsigned fds_n;
	struct cstore_chunk *first, *last;
	size_t waiting;
};

/* Takes @fd. */
void cstore_pipe_open(struct cstore_pipe *p, int fd);
/* Closes it and every descriptor that it holds. */
void cstore_pipe_close(struct cstore_pipe *p);

/* Queues the frame; takes @fd, -1 when there is none. */
void cstore_pipe_put(struct cstore_pipe *p, const struct cstore_frame *f, int fd);
/* Writes what goes.  EM_AGAIN: the rest when it is writable; EM_IO: the other end is gone. */
EM_MUST_USE em_err cstore_pipe_flush(struct cstore_pipe *p);
static inline size_t
cstore_pipe_waiting(const struct cstore_pipe *p)
{
	return p->waiting;
}

/* Reads once.  EM_AGAIN: nothing is there; EM_IO: the other end is gone; EM_MALFORMED. */
EM_MUST_USE em_err cstore_pipe_read(struct cstore_pipe *p);
/* The next frame that is there whole; EM_AGAIN: none; EM_MALFORMED.  @out borrows until
 * the next read; *@fd, -1 or a descriptor, is the caller's. */
EM_MUST_USE em_err cstore_pipe_next(
    struct cstore_pipe *p, struct cstore_frame *out, int *fd);

#endif
