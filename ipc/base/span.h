/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span: time with its unit in the type.  The only file that calls the clocks
 * of libc.  The daemon takes the time from core/clock.h (cached by turn,
 * replaceable), the tool from here.
 */
#ifndef IPC_BASE_SPAN_H
#define IPC_BASE_SPAN_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

typedef struct {
	int64_t ns;
} span_t; /* a length of time */
typedef struct {
	int64_t ns;
} mono_t; /* a point on CLOCK_MONOTONIC */
typedef struct {
	int64_t ns;
} wall_t; /* a point since the epoch, UTC */

#define SPAN_INFINITE ((span_t){ INT64_MAX })

static inline span_t
span_ns(int64_t n)
{
	return (span_t){ n };
}
static inline span_t
span_us(int64_t n)
{
	return (span_t){ n * 1000 };
}
static inline span_t
span_ms(int64_t n)
{
	return (span_t){ n * 1000000 };
}
static inline span_t
span_s(int64_t n)
{
	return (span_t){ n * 1000000000 };
}
static inline bool
span_is_infinite(span_t d)
{
	return d.ns == INT64_MAX;
}
static inline int64_t
span_to_ms(span_t d)
{
	return d.ns / 1000000;
}
static inline int64_t
span_to_s(span_t d)
{
	return d.ns / 1000000000;
}
static inline span_t
mono_since(mono_t now, mono_t then)
{
	return (span_t){ now.ns - then.ns };
}
static inline mono_t
mono_add(mono_t t, span_t d)
{
	return (mono_t){ span_is_infinite(d) ? INT64_MAX : t.ns + d.ns };
}
static inline int64_t
wall_to_ms(wall_t t)
{
	return t.ns / 1000000;
}

/* Straight from the system. */
mono_t span_mono_now(void);
/* What the thread has worked so far: a system call. */
span_t span_cpu_now(void);
wall_t span_wall_now(void);

/* "15s", "1h30m", "1.5s", "100ms", "infinity"; f (14 days) w d h m s ms, in any case; a
 * bare number is in @unit.  Never negative; EM_TOOBIG over 292 years. */
EM_MUST_USE em_err span_parse(struct slice s, span_t unit, span_t *out);

#define SPAN_TEXT_MAX 48
/* "15s", "1h30m", "1.5s", "100ms", "infinity": largest units first, from days on, and it
 * parses back exactly.  A negative one has a minus, for people only.  Returns @buf. */
const char *span_print(span_t d, char buf[SPAN_TEXT_MAX]);
/* RFC 3339 with microseconds: "2026-11-22T10:56:13.494552+00:00"; @utc false: local zone. */
const char *wall_print(wall_t t, bool utc, char buf[SPAN_TEXT_MAX]);
/* "1 days, 3 hours, 4 minutes, 12 seconds": EMQX's way of an uptime; leading units that
 * are zero are dropped.  0 s is "0 seconds", where EMQX prints nothing.  Cut when @n is small.  Returns @buf. */
const char *span_print_long(span_t d, char *buf, size_t n);

#endif
