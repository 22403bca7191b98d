/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: the network: a byte queue in each direction for each connection, behind the
 * system calls that net/ makes (the linker's --wrap puts these here in their place).
 *
 * What was sent arrives in pieces of any size; a peer may take nothing for a while; a
 * connection may break at any byte.
 */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include "ipc/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_ROOM 65536u /* bytes that may be under way to a peer */

struct wire_queue {
	uint8_t *p;
	size_t n, cap;
};

struct wire {
	struct wire_queue up, down; /* to the broker, to the peer */
	size_t room;                /* bytes that fit into down */
	int64_t ended;              /* ns, when either side ended it; 0: it stands */
	bool is_whole;              /* nothing is held back any more */
	bool is_accepted;
	bool has_fin;   /* the peer sends no more, after what is under way */
	bool is_reset;  /* broken: the broker gets an error */
	bool is_gone;   /* the peer takes nothing more and is not there to tell */
	bool is_shut;   /* the broker sends no more */
	bool is_closed; /* the broker has closed it */
};

/* ---- the peer's side */
struct wire *wire_new(void);
/* For the broker to accept: a descriptor. */
int wire_fd(const struct wire *w);
void wire_send(struct wire *w, struct slice bytes);
/* At most @max bytes; returns how many. */
size_t wire_take(struct wire *w, uint8_t *p, size_t max);
/* Has the broker ended it, and everything it sent been taken? */
bool wire_is_over(const struct wire *w);
/* The peer closes: what it sent arrives first. */
void wire_close(struct wire *w);
/* It breaks; of what is under way to the broker the first @keep bytes still arrive. */
void wire_cut(struct wire *w, size_t keep, bool is_reset);
/* It is silent from now on, both ways. */
void wire_lose(struct wire *w);

/* ---- the loop's side: EPOLLIN ... of a descriptor */
uint32_t wire_ready(int fd);
bool wire_is_fd(int fd);
/* One with bytes under way that somebody could take, or NULL. */
const struct wire *wire_not_quiet(void);
void wire_free_all(void);

#endif
