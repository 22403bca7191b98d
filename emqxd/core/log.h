/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: LOG(INFO, "listener_started", "listener", name, "connections", n): a
 * constant event and pairs of facts (C strings, slices, integers, bools,
 * doubles).  Levels error warn info debug; also a level a room (the room is
 * the folder of the file).  Off costs one load and a compare.  Lines that a peer
 * can cause are limited by event.  Any thread; never blocks on a lock for long.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

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

/* Most verbose level that any room and sink wants; one load decides the usual no. */
extern _Atomic int log_threshold;

/* LOG(LEVEL, "event") or LOG(LEVEL, "event", "key", value, ...): at most 8 pairs. */
#define LOG(level_, ...)                                                              \
	do {                                                                          \
		if (LOG_##level_ <=                                                   \
		    atomic_load_explicit(&log_threshold, memory_order_relaxed))       \
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
#define LOG_PICK(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, n_, ...) n_
#define LOG_ARGS_N(...)                                                                \
	LOG_PICK(__VA_ARGS__, LOG_6, 0, LOG_5, 0, LOG_4, 0, LOG_3, 0, LOG_2, 0, LOG_1, \
	    0, LOG_0, 0)

#endif
