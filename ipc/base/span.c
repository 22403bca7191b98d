/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span: the clocks, and time as text.
 *
 * A length of time is read as a sum of numbers with units ("1h30m", "1.5s") in
 * integers only, so what is printed here is read back to the nanosecond.
 */
#include "ipc/base/span.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#define NS_MS INT64_C(1000000)
#define NS_S INT64_C(1000000000)
#define NS_M (60 * NS_S)
#define NS_H (60 * NS_M)
#define NS_D (24 * NS_H)

static int64_t
now(clockid_t clock)
{
	struct timespec t;
	int rc = clock_gettime(clock, &t);

	CHECK(rc == 0);
	return (int64_t)t.tv_sec * NS_S + t.tv_nsec;
}

mono_t
span_mono_now(void)
{
	return (mono_t){ now(CLOCK_MONOTONIC) };
}

span_t
span_cpu_now(void)
{
	return span_ns(now(CLOCK_THREAD_CPUTIME_ID));
}

wall_t
span_wall_now(void)
{
	return (wall_t){ now(CLOCK_REALTIME) };
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number: whole + part / 10^places. */
struct decimal {
	uint64_t whole, part, scale;
};

/* Takes one from the front of @s.  Places after the 18th are below any
 * nanosecond and dropped. */
static em_err
take_decimal(struct slice *s, struct decimal *d)
{
	size_t i = 0;

	*d = (struct decimal){ 0, 0, 1 };
	for (; i < s->n && is_digit(s->p[i]); i++) {
		if (__builtin_mul_overflow(d->whole, 10u, &d->whole) ||
		    __builtin_add_overflow(
			d->whole, (uint64_t)(s->p[i] - '0'), &d->whole))
			return EM_TOOBIG;
	}
	if (i == 0)
		return EM_MALFORMED;
	if (i < s->n && s->p[i] == '.') {
		size_t dot = i++;

		for (; i < s->n && is_digit(s->p[i]); i++) {
			if (d->scale == UINT64_C(1000000000000000000))
				continue;
			d->part = d->part * 10 + (uint64_t)(s->p[i] - '0');
			d->scale *= 10;
		}
		if (i == dot + 1)
			return EM_MALFORMED;
	}
	*s = slice_from(*s, i);
	return EM_OK;
}

/* Takes the letters of a unit; 0 when there is no such unit. */
static int64_t
take_unit(struct slice *s)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "f", 14 * NS_D }, { "w", 7 * NS_D }, { "d", NS_D }, { "h", NS_H },
		{ "m", NS_M }, { "s", NS_S }, { "ms", NS_MS } };
	size_t n = 0;

	while (n < s->n && !is_digit(s->p[n]))
		n++;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strlen(units[i].name) != n)
			continue;
		if (strncasecmp((const char *)s->p, units[i].name, n) != 0)
			continue;
		*s = slice_from(*s, n);
		return units[i].ns;
	}
	return 0;
}

/* Adds @d units of @unit nanoseconds; INT64_MAX itself means infinite. */
static em_err
add_decimal(int64_t *sum, struct decimal d, int64_t unit)
{
	unsigned __int128 ns = (unsigned __int128)d.whole * (uint64_t)unit +
			       (unsigned __int128)d.part * (uint64_t)unit / d.scale;

	if (ns >= (uint64_t)(INT64_MAX - *sum))
		return EM_TOOBIG;
	*sum += (int64_t)ns;
	return EM_OK;
}

em_err
span_parse(struct slice s, span_t unit, span_t *out)
{
	struct decimal d;
	int64_t sum = 0, ns;
	bool first = true;
	em_err err;

	CHECK(unit.ns > 0 && !span_is_infinite(unit));
	*out = span_ns(0);
	if (s.n == 8 && strncasecmp((const char *)s.p, "infinity", 8) == 0) {
		*out = SPAN_INFINITE;
		return EM_OK;
	}
	do {
		err = take_decimal(&s, &d);
		if (err != EM_OK)
			return err;
		ns = first && s.n == 0 ? unit.ns : take_unit(&s);
		if (ns == 0)
			return EM_MALFORMED;
		err = add_decimal(&sum, d, ns);
		if (err != EM_OK)
			return err;
		first = false;
	} while (s.n > 0);
	*out = span_ns(sum);
	return EM_OK;
}

/* "12.5s": @ns in @unit with its fraction, which has @places digits. */
static int
print_fraction(
    char *buf, size_t room, uint64_t ns, uint64_t unit, int places, const char *name)
{
	uint64_t part = ns % unit;
	int n;

	if (part == 0)
		return snprintf(buf, room, "%" PRIu64 "%s", ns / unit, name);
	while (part % 10 == 0) {
		part /= 10;
		places--;
	}
	n = snprintf(
	    buf, room, "%" PRIu64 ".%0*" PRIu64 "%s", ns / unit, places, part, name);
	return n;
}

const char *
span_print(span_t d, char buf[SPAN_TEXT_MAX])
{
	static const struct {
		uint64_t ns;
		char name;
	} units[] = { { (uint64_t)NS_D, 'd' }, { (uint64_t)NS_H, 'h' },
		{ (uint64_t)NS_M, 'm' } };
	uint64_t ns = d.ns < 0 ? -(uint64_t)d.ns : (uint64_t)d.ns;
	size_t n = 0;

	if (span_is_infinite(d)) {
		snprintf(buf, SPAN_TEXT_MAX, "infinity");
		return buf;
	}
	if (d.ns < 0)
		buf[n++] = '-';
	if (ns > 0 && ns < (uint64_t)NS_S) {
		print_fraction(buf + n, SPAN_TEXT_MAX - n, ns, (uint64_t)NS_MS, 6, "ms");
		return buf;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (ns < units[i].ns)
			continue;
		n += (size_t)snprintf(buf + n, SPAN_TEXT_MAX - n, "%" PRIu64 "%c",
		    ns / units[i].ns, units[i].name);
		ns %= units[i].ns;
	}
	if (ns > 0 || d.ns == 0)
		print_fraction(buf + n, SPAN_TEXT_MAX - n, ns, (uint64_t)NS_S, 9, "s");
	return buf;
}

const char *
wall_print(wall_t t, bool utc, char buf[SPAN_TEXT_MAX])
{
	int64_t ns = t.ns % NS_S;
	time_t s = (time_t)(t.ns / NS_S);
	unsigned micros, offset;
	const struct tm *ok;
	struct tm tm;
	size_t n;

	if (ns < 0) { /* before 1970: the second below, and a positive rest */
		ns += NS_S;
		s--;
	}
	ok = utc ? gmtime_r(&s, &tm) : localtime_r(&s, &tm);
	CHECK(ok != NULL);
	micros = (unsigned)(ns / 1000) % 1000000;
	offset = (unsigned)labs(tm.tm_gmtoff / 60) % 6000; /* minutes */
	n = strftime(buf, SPAN_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, SPAN_TEXT_MAX - n, ".%06u%c%02u:%02u", micros,
	    tm.tm_gmtoff < 0 ? '-' : '+', offset / 60, offset % 60);
	return buf;
}

const char *
span_print_long(span_t d, char *buf, size_t n)
{
	static const struct {
		int64_t ns;
		const char *name;
	} units[] = { { NS_D, "days" }, { NS_H, "hours" }, { NS_M, "minutes" },
		{ NS_S, "seconds" } };
	int64_t ns = d.ns > 0 ? d.ns : 0;
	size_t used = 0;

	CHECK(n > 0);
	buf[0] = '\0';
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		int wrote;

		if (used == 0 && ns < units[i].ns && units[i].ns > NS_S)
			continue;
		wrote = snprintf(buf + used, n - used, "%s%" PRId64 " %s",
		    used > 0 ? ", " : "", ns / units[i].ns, units[i].name);
		ns %= units[i].ns;
		if (wrote < 0 || (size_t)wrote >= n - used)
			break;
		used += (size_t)wrote;
	}
	return buf;
}
