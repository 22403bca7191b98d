/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap: the main of every unit test program.  Runs the tests in the order of
 * their lines and prints TAP; `# N passed, N failed` is the last line, and the
 * exit code is 1 when one failed or the filter named none.
 *
 * A failed check jumps out of its test: what the test held is leaked, which
 * matters to nobody in a program that ends with an error.  Checks belong to the
 * thread that runs the test.
 */
#include "tests/unit/tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TESTS_MAX = 512 };
enum { TAP_PASSED, TAP_FAILED, TAP_SKIPPED };

struct test {
	const char *name;
	tap_fn *fn;
	int line;
};

static struct {
	struct test test[TESTS_MAX];
	size_t n;
	jmp_buf leave;
	bool running;
	char why[2048];
} tap;

void
tap_register(const char *name, tap_fn *fn, const char *file, int line)
{
	if (tap.n == TESTS_MAX) {
		fprintf(stderr, "%s:%d: more than %d tests\n", file, line, TESTS_MAX);
		exit(1);
	}
	tap.test[tap.n++] = (struct test){ name, fn, line };
}

void
tap_fail(const char *file, int line, const char *fmt, ...)
{
	int n = snprintf(tap.why, sizeof tap.why, "%s:%d: ", file, line);
	size_t at = (size_t)n < sizeof tap.why ? (size_t)n : 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tap.why + at, sizeof tap.why - at, fmt, ap);
	va_end(ap);
	if (!tap.running) {
		fprintf(stderr, "%s (outside of a test)\n", tap.why);
		exit(1);
	}
	longjmp(tap.leave, TAP_FAILED);
}

void
tap_skip(const char *why)
{
	snprintf(tap.why, sizeof tap.why, "%s", why);
	longjmp(tap.leave, TAP_SKIPPED);
}

void
tap_eq(const char *file, int line, const char *what, long long a, long long b)
{
	if (a != b)
		tap_fail(file, line, "%s: %lld (0x%llx), not %lld (0x%llx)", what, a,
		    (unsigned long long)a, b, (unsigned long long)b);
}

void
tap_str_eq(const char *file, int line, const char *what, const char *a, const char *b)
{
	if (a == NULL || b == NULL) {
		if (a != b)
			tap_fail(file, line, "%s: %s, not %s", what,
			    a != NULL ? a : "NULL", b != NULL ? b : "NULL");
		return;
	}
	if (strcmp(a, b) != 0)
		tap_fail(file, line, "%s: \"%s\", not \"%s\"", what, a, b);
}

/* One comment line for each line of the reason. */
static void
print_why(void)
{
	char *line, *rest = tap.why;

	while ((line = strsep(&rest, "\n")) != NULL)
		printf("# %s\n", line);
}

static int
run_one(const struct test *t)
{
	tap.running = true;
	switch (setjmp(tap.leave)) {
	case TAP_PASSED: break;
	case TAP_FAILED: tap.running = false; return TAP_FAILED;
	default: tap.running = false; return TAP_SKIPPED;
	}
	t->fn();
	tap.running = false;
	return TAP_PASSED;
}

static int
by_line(const void *a, const void *b)
{
	const struct test *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

/* Keeps the tests whose name contains @part. */
static void
keep_named(const char *part)
{
	size_t kept = 0;

	for (size_t i = 0; i < tap.n; i++)
		if (strstr(tap.test[i].name, part) != NULL)
			tap.test[kept++] = tap.test[i];
	tap.n = kept;
}

int
main(int argc, char **argv)
{
	size_t failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	qsort(tap.test, tap.n, sizeof tap.test[0], by_line);
	if (argc > 1)
		keep_named(argv[1]);
	printf("1..%zu\n", tap.n);
	for (size_t i = 0; i < tap.n; i++) {
		int rc = run_one(&tap.test[i]);

		printf("%s %zu - %s%s%s\n", rc == TAP_FAILED ? "not ok" : "ok", i + 1,
		    tap.test[i].name, rc == TAP_SKIPPED ? " # SKIP " : "",
		    rc == TAP_SKIPPED ? tap.why : "");
		if (rc == TAP_FAILED) {
			failed++;
			print_why();
		}
	}
	printf("# %zu passed, %zu failed\n", tap.n - failed, failed);
	return failed > 0 || tap.n == 0 ? 1 : 0;
}
