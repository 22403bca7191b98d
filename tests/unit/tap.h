/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap: unit tests.  TEST(fact_as_a_sentence) { OK(cond); ... } ; tap.c has main,
 * runs every TEST of the file in order (or those whose name contains argv[1])
 * and prints TAP.  A failed check ends its test, not the program.
 */
#ifndef TESTS_UNIT_TAP_H
#define TESTS_UNIT_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef void tap_fn(void);
void tap_register(const char *name, tap_fn *fn, const char *file, int line);
/* Notes the failure and leaves the test (longjmp). */
void tap_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));

/* Leaves the test, which counts as skipped: tap_skip("needs package dnsmasq-base"). */
void tap_skip(const char *why) __attribute__((noreturn));

#define TEST(name_)                                                    \
	static void name_(void);                                       \
	__attribute__((constructor)) static void tap_add_##name_(void) \
	{                                                              \
		tap_register(#name_, name_, __FILE__, __LINE__);       \
	}                                                              \
	static void name_(void)

#define OK(e_) ((e_) ? (void)0 : tap_fail(__FILE__, __LINE__, "not true: %s", #e_))
#define EQ(a_, b_) \
	tap_eq(__FILE__, __LINE__, #a_ " == " #b_, (long long)(a_), (long long)(b_))
#define STR_EQ(a_, b_) tap_str_eq(__FILE__, __LINE__, #a_, (a_), (b_))
#define MEM_EQ(a_, b_, n_) OK(memcmp((a_), (b_), (n_)) == 0)

void tap_eq(const char *file, int line, const char *what, long long a, long long b);
void tap_str_eq(
    const char *file, int line, const char *what, const char *a, const char *b);

#endif
