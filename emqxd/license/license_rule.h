/* SPDX-License-Identifier: Apache-2.0 */
/*
 * license_rule: what a licence allows on a day: how many sessions, whether new clients may
 * come at all, and in which state it is.  Pure; any thread.
 *
 * It is good up to and with its last day.  Then trials and community licences let no new
 * client in; official ones of small customers do for 90 days more; those of all other
 * customers go on, with an alarm.  Clients that are connected are never cut.
 */
#ifndef LICENSE_LICENSE_RULE_H
#define LICENSE_LICENSE_RULE_H

#include "emqxd/license/license_key.h"
#include "ipc/base/str.h"

#define LICENSE_RULE_GRACE_DAYS 90 /* official, small customer */
#define LICENSE_RULE_SOON_DAYS 30  /* before the end: alarm */

enum license_state {
	LICENSE_NONE, /* the community edition */
	LICENSE_GOOD,
	LICENSE_SOON,   /* less than 30 days left */
	LICENSE_GRACE,  /* over, and new clients come for some days more */
	LICENSE_OVER,   /* over, and new clients come all the same */
	LICENSE_CLOSED, /* over: no new client comes */
};

/* @k NULL: no licence. */
enum license_state license_rule_state(const struct license_key *k, int64_t today);
/* "valid", "expires soon", ... */
const char *license_rule_state_name(enum license_state s);
/* Whole days left, below 0 behind the last one. */
int64_t license_rule_days_left(const struct license_key *k, int64_t today);
/* What to know of it before it is put in force, a sentence: that it is over or soon will be,
 * or begins later; nothing: all is well. */
void license_rule_remark(const struct license_key *k, int64_t today, struct str *out);
/* A new session comes while there are less than this: a tenth more than the licence says,
 * and exactly that up to 25. */
uint64_t license_rule_ceiling(uint64_t max);

#endif
