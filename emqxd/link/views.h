/* SPDX-License-Identifier: Apache-2.0 */
/*
 * views: whom each node hears, as it says itself, for the hints of `cluster status`.
 *
 * Happy path: each second a node looks at its links; when what it would say is another
 * thing than the last time, all peers get it (frame VIEW): its lag, each member that it
 * does not fully reach, and what other nodes that it reaches say alike of themselves.  So
 * a node knows what is wrong beyond its own links, one node further.  When all is well a
 * view is empty.
 *
 * What lives here: those rows and that sentence.  What does not: what is decided on (each
 * node decides by its own links).
 *
 * Threads: the link thread.  Frames come from authenticated peers; a malformed one is
 * logged and ignored, of one too long the first VIEWS_MAX rows are kept.
 */
#ifndef LINK_VIEWS_H
#define LINK_VIEWS_H

#include "emqxd/link/link.h"

#define VIEWS_MAX 64u

enum {
	VIEWS_TO = 1,   /* it reaches the other: the CTL that it dialled is up */
	VIEWS_FROM = 2, /* the other reaches it */
	VIEWS_DEAF = 4  /* it hears the other, which said that it hears nothing */
};
#define VIEWS_WELL (VIEWS_TO | VIEWS_FROM)

struct views;
/* This node's lag; -1: not known. */
typedef int64_t views_lag_fn(void);

/* On the house's thread; goes before the house is freed. */
struct views *views_new(struct link_house *h, views_lag_fn *lag);
void views_free(struct views **vp);

/* How the node of site @by sees that of @of, by what was said; false: nobody knows. */
bool views_find(const struct views *v, uint64_t by, uint64_t of, unsigned *bits);
/* Why it is not reached; and once the others must have seen so too, which way to it is cut,
 * as far as the two ends know, and who reaches it: a sentence; "" when nothing is known. */
void views_hint(const struct views *v, const struct link_peer *p, char *out, size_t n);
/* Why a node that hears so many of @n members, itself among them, has no quorum. */
void views_hint_alone(unsigned heard, unsigned n, char *out, size_t size);
/* The member's own lag; -1: not known. */
int64_t views_lag(const struct views *v, unsigned place);

#endif
