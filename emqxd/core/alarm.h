/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alarm: what an operator should look at: active alarms by name, and a bounded history
 * of those that are over.  An active one is not raised twice.  Who is told (the log,
 * $SYS) hands a function over at birth.
 *
 * Any thread; under a lock, never on a message's path: callers look at their own state
 * first and raise or clear when it changes.
 */
#ifndef CORE_ALARM_H
#define CORE_ALARM_H

#include "ipc/base/check.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

#define ALARM_NAME_MAX 160 /* the name of a node fits in */
#define ALARM_TEXT_MAX 512 /* names and an advice fit in */

struct alarm {
	char name[ALARM_NAME_MAX];
	char message[ALARM_TEXT_MAX]; /* a sentence */
	char details[ALARM_TEXT_MAX]; /* a JSON object, "{}" when there are none */
	wall_t activated;
	wall_t cleared; /* ns 0: it is active */
};

struct alarm_limits {
	unsigned history; /* alarm.size_limit: those that are over */
	span_t keep;      /* alarm.validity_period */
};

void alarm_birth(void);
void alarm_death(void);
void alarm_configure(const struct alarm_limits *l);
/* Called by whoever raises or clears, after the change, outside the lock. */
typedef void alarm_told_fn(const struct alarm *a);
void alarm_tell(alarm_told_fn *fn);

/* @details: a JSON object, or NULL.  False: it is active already. */
bool alarm_raise(const char *name, const char *details, const char *fmt, ...)
    EM_PRINTF(3, 4);
/* False: it was not active. */
bool alarm_clear(const char *name);
bool alarm_is_active(const char *name);
unsigned alarm_count(void); /* active ones */
/* A copy of the i-th: active ones first, then history, newest first; false: no more. */
bool alarm_get(unsigned i, struct alarm *out);
/* Forgets the history. */
void alarm_forget(void);

#endif
