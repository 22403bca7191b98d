/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: LOG(INFO, "listener_started", "listener", name, "connections", n): a
 * constant event and pairs of facts (C strings, slices, integers, bools,
 * doubles).  Levels error warn info debug; also a level a room (the room is
 * the folder of the file).  Off costs one load and a compare.  Lines that a peer
 * can cause (all but main's, and debug) are limited by event to 10 a second; what
 * was held back is told by log_suppressed.  Any thread; never blocks on a lock for
 * long.  Where lines go is log_sink.h's affair.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"

#include <stdatomic.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

enum log_kind { LOG_NONE, LOG_TEXT, LOG_SLICE, LOG_INT, LOG_UINT, LOG_BOOL, LOG_DOUBLE };

struct log_value {
	enum log_kind kind;
	union {
		const char *text;
		struct slice slice;
		int64_t i;
		uint64_t u;
		bool b;
		double d;
	};
};

static inline struct log_value
log_of_text(const char *v)
{
	return (struct log_value){ .kind = LOG_TEXT, .text = v };
}
static inline struct log_value
log_of_slice(struct slice v)
{
	return (struct log_value){ .kind = LOG_SLICE, .slice = v };
}
static inline struct log_value
log_of_int(int64_t v)
{
	return (struct log_value){ .kind = LOG_INT, .i = v };
}
static inline struct log_value
log_of_uint(uint64_t v)
{
	return (struct log_value){ .kind = LOG_UINT, .u = v };
}
static inline struct log_value
log_of_bool(bool v)
{
	return (struct log_value){ .kind = LOG_BOOL, .b = v };
}
static inline struct log_value
log_of_double(double v)
{
	return (struct log_value){ .kind = LOG_DOUBLE, .d = v };
}

#define LOG_VALUE(v_) \
	_Generic((v_), char *                                                            \
		 : log_of_text, const char *                                             \
		 : log_of_text, struct slice                                             \
		 : log_of_slice, bool                                                    \
		 : log_of_bool, double                                                   \
		 : log_of_double, unsigned char                                          \
		 : log_of_uint, unsigned short                                           \
		 : log_of_uint, unsigned                                                 \
		 : log_of_uint, unsigned long                                            \
		 : log_of_uint, unsigned long long                                       \
		 : log_of_uint, default                                                  \
		 : log_of_int)(v_)

struct log_pair {
	const char *key;
	struct log_value value;
};

struct log_state;

/* What LOG looks at: the most verbose level that any room and sink wants; one load
 * decides the usual no. */
struct log_gate {
	_Atomic int threshold;
	struct log_state *state; /* log.c's; NULL before log_start */
};
extern struct log_gate log_gate;

/* LOG(LEVEL, "event") or LOG(LEVEL, "event", "key", value, ...): at most 8 pairs. */
#define LOG(level_, ...)                                                              \
	do {                                                                          \
		if (LOG_##level_ <=                                                   \
		    atomic_load_explicit(&log_gate.threshold, memory_order_relaxed))  \
			LOG_ARGS_N(__VA_ARGS__)(LOG_##level_, __FILE__, __VA_ARGS__); \
	} while (0)

void log_write(enum log_level level, const char *file, const char *event,
    const struct log_pair *pairs, size_t n);

#define LOG_P(k_, v_)             \
	{                         \
		k_, LOG_VALUE(v_) \
	}
#define LOG_W(l_, f_, e_, n_, ...) \
	log_write(l_, f_, e_, (const struct log_pair[]){ __VA_ARGS__ }, n_)
#define LOG_0(l_, f_, e_) log_write(l_, f_, e_, NULL, 0)
#define LOG_1(l_, f_, e_, a, b) LOG_W(l_, f_, e_, 1, LOG_P(a, b))
#define LOG_2(l_, f_, e_, a, b, c, d) LOG_W(l_, f_, e_, 2, LOG_P(a, b), LOG_P(c, d))
#define LOG_3(l_, f_, e_, a, b, c, d, g, h) \
	LOG_W(l_, f_, e_, 3, LOG_P(a, b), LOG_P(c, d), LOG_P(g, h))
#define LOG_4(l_, f_, e_, a, b, c, d, g, h, i, j) \
	LOG_W(l_, f_, e_, 4, LOG_P(a, b), LOG_P(c, d), LOG_P(g, h), LOG_P(i, j))
#define LOG_5(l_, f_, e_, a, b, c, d, g, h, i, j, k, m)                          \
	LOG_W(l_, f_, e_, 5, LOG_P(a, b), LOG_P(c, d), LOG_P(g, h), LOG_P(i, j), \
	    LOG_P(k, m))
#define LOG_6(l_, f_, e_, a, b, c, d, g, h, i, j, k, m, o, p)                    \
	LOG_W(l_, f_, e_, 6, LOG_P(a, b), LOG_P(c, d), LOG_P(g, h), LOG_P(i, j), \
	    LOG_P(k, m), LOG_P(o, p))
#define LOG_7(l_, f_, e_, a, b, c, d, g, h, i, j, k, m, o, p, q, r)              \
	LOG_W(l_, f_, e_, 7, LOG_P(a, b), LOG_P(c, d), LOG_P(g, h), LOG_P(i, j), \
	    LOG_P(k, m), LOG_P(o, p), LOG_P(q, r))
#define LOG_8(l_, f_, e_, a, b, c, d, g, h, i, j, k, m, o, p, q, r, s, t)        \
	LOG_W(l_, f_, e_, 8, LOG_P(a, b), LOG_P(c, d), LOG_P(g, h), LOG_P(i, j), \
	    LOG_P(k, m), LOG_P(o, p), LOG_P(q, r), LOG_P(s, t))
#define LOG_PICK(                                                                        \
    a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, n_, ...) \
	n_
#define LOG_ARGS_N(...)                                                                \
	LOG_PICK(__VA_ARGS__, LOG_8, 0, LOG_7, 0, LOG_6, 0, LOG_5, 0, LOG_4, 0, LOG_3, \
	    0, LOG_2, 0, LOG_1, 0, LOG_0, 0)

/* ---- levels and life: main and the admin thread */

#define LOG_OFF (-1)   /* nothing passes */
#define LOG_UNSET (-2) /* a room without a level of its own */

/* Until there is a sink, and after log_stop, what is at least a warning goes to stderr.
 * Call both while no other thread runs. */
void log_start(void);
void log_stop(void);
/* Where lines go (log_sink.h); after log_start. */
struct log_sinks *log_sinks(void);

/* Our words and EMQX's: debug all, info notice, warning, error critical alert emergency,
 * none.  EM_MALFORMED when it is none of them. */
em_err log_level_parse(struct slice word, int *level);
/* "debug", "info", "warning", "error", "none". */
const char *log_level_name(int level);

/* The bound for all sinks, which have their own levels below it. */
int log_primary(void);
void log_set_primary(int level);
/* Of the primary level and all sinks. */
void log_set_level(int level);

/* Rooms by number, until NULL. */
const char *log_room_name(unsigned i);
/* LOG_UNSET when the room has none of its own. */
int log_room_level(unsigned i);
/* Lines of that room pass up to @level whatever primary level and sinks say (LOG_UNSET:
 * no longer).  EM_NOTFOUND: no such room. */
em_err log_set_room(struct slice room, int level);

/* A sink changed: what LOG looks at is found anew. */
void log_refresh(void);
/* Once a second: reports what the limiter held back, tries full disks again. */
void log_tick(void);

#endif
