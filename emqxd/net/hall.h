/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hall: what net/ keeps by worker: the ring that connections are read into, the
 * lists of those to flush, to resume and to bury.  Only inside net/.
 *
 * A flush serves first those that it had no time for before (late), in their order, then
 * those written to since; of each some, then as many as there is time for.  So a fan-out
 * to very many makes no long turn, and who is not in it does not stand behind it.
 */
#ifndef NET_HALL_H
#define NET_HALL_H

#include "emqxd/core/worker.h"
#include "emqxd/net/conn.h"
#include "ipc/base/vec.h"

struct message;

#define RING_SIZE (1u << 20)
#define READ_MAX 65536u /* at once: large packets need large reads */

struct hall_later { /* memory that somebody may refer to until the end of the turn */
	void *p;
	size_t n;
};

struct hall_copy { /* bytes of this turn that stay: the payload of a kept message */
	const uint8_t *of;
	struct message *m;
};
#define HALL_COPIES 64u

struct hall {
	uint8_t *ring;
	size_t at;      /* where the next read goes */
	bool is_pinned; /* something pending refers to what was just read */
	VEC(struct conn *) dirty;
	VEC(struct conn *) late; /* from late_at on */
	size_t late_at;
	VEC(struct conn *) resumed;
	VEC(struct conn *) dead;
	VEC(struct conn *) all;
	VEC(struct hall_later) later;
	struct hall_copy copies[HALL_COPIES];
	unsigned copies_n, copies_at; /* how many; where the last one was found */
};

static inline struct hall *
hall_self(void)
{
	return worker_slot(ROOM_NET);
}

void hall_birth(void);
void hall_death(void);
/* A kept message whose payload holds these bytes of the turn, and where: a reference for
 * the caller.  Receivers of the same bytes share it.  NULL: there is no memory. */
struct message *hall_copy(const uint8_t *p, size_t n, const uint8_t **at);
/* Frees @p when nothing pending can refer to it any more. */
void hall_free_later(void *p, size_t n);
/* Room for READ_MAX bytes in the ring; flushes when it is full. */
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
/* A list of CONN_LISTED lets go of it; if it has died meanwhile, it may be buried. */
void conn_unlist(struct conn *c, enum conn_flag list);
/* Closes it without a word. */
void conn_close(struct conn *c);
void conn_bury(struct conn *c);
void conn_resume_all(struct hall *r);

#endif
