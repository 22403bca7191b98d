/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota: how many sessions there may be over the whole cluster, and whether new ones may
 * come at all: numbers that are set from above (the licence) and that client/ asks before
 * it makes a session.  Who has a session, or comes back to it, is not asked about.
 *
 * Threads: asked on any worker, without a lock; set by the admin thread (the licence) and
 * by the link thread (the other nodes' sessions).  Two workers that ask at the same moment may
 * both get the last place, and two nodes until they have told each other.
 */
#ifndef LIMIT_QUOTA_H
#define LIMIT_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define QUOTA_NONE UINT64_MAX

enum quota_verdict {
	QUOTA_OPEN,
	QUOTA_REACHED, /* there are as many as there may be */
	QUOTA_CLOSED   /* nobody new may come */
};

void quota_birth(void);
void quota_death(void);

/* May one more session come beside @here, those of this node?  QUOTA_OPEN before the
 * birth. */
enum quota_verdict quota_ask(uint64_t here);

/* Can quota_ask() say anything but QUOTA_OPEN?  Cheap. */
bool quota_is_on(void);

void quota_set_max(uint64_t sessions);
void quota_close(bool is_closed);
/* Sessions that are on other nodes only; 0 alone.  Set by routes/owner.c, which hears of
 * each; nothing before the birth. */
void quota_set_elsewhere(uint64_t sessions);
uint64_t quota_elsewhere(void);

#endif
