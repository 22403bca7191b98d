/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hall: what net/ keeps by worker: the ring that connections are read into, the
 * lists of those to flush, to resume and to bury.  Only inside net/.
 */
#ifndef NET_HALL_H
#define NET_HALL_H

#include "emqxd/core/worker.h"
#include "emqxd/net/conn.h"
#include "ipc/base/vec.h"

#define RING_SIZE (1u << 20)
#define READ_MAX 65536u /* at once: large packets need large reads */

struct hall_later { /* memory that somebody may refer to until the end of the turn */
	void *p;
	size_t n;
};

struct hall {
	uint8_t *ring;
	size_t at;      /* where the next read goes */
	bool is_pinned; /* something pending refers to what was just read */
	VEC(struct conn *) dirty;
	VEC(struct conn *) resumed;
	VEC(struct conn *) dead;
	VEC(struct conn *) all;
	VEC(struct hall_later) later;
};

static inline struct hall *
hall_self(void)
{
	return worker_slot(ROOM_NET);
}

void hall_birth(void);
void hall_death(void);
/* Frees @p when nothing pending can refer to it any more. */
void hall_free_later(void *p, size_t n);
/* Room for READ_MAX bytes in the ring; flushes everything when it is full. */
uint8_t *hall_read_buffer(struct hall *r);
/* @n bytes read there: keeps them when they were referred to. */
void hall_read_done(struct hall *r, size_t n);

/* conn.c, for listener.c: a new connection on this worker; read at once. */
void conn_start(int fd, struct listener *l, const struct conn_ops *ops);
/* outq.c asks conn.c. */
void conn_mark_dirty(struct conn *c);
void conn_set_events(struct conn *c);
/* Ends it with what errno @e means. */
void conn_fail(struct conn *c, int e);
void conn_bury(struct conn *c);
void conn_resume_all(struct hall *r);

#endif
