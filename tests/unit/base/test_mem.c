/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: what is zeroed, what never fails, and what ends the process. */
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* Does @fn end its process?  (A sanitizer may do it before our abort.) */
static bool
is_fatal(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDERR_FILENO);
		fn();
		_exit(0);
	}
	OK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

TEST(new_memory_is_zeroed)
{
	unsigned char *p = mem_new(1000);

	for (size_t i = 0; i < 1000; i++)
		EQ(p[i], 0);
	MEM_FREE(p);
	OK(p == NULL);
	p = mem_new_array(10, 10);
	for (size_t i = 0; i < 100; i++)
		EQ(p[i], 0);
	mem_free(p);
}

TEST(no_bytes_are_memory_too)
{
	void *a = mem_new(0), *b = mem_try(0), *c = mem_new_array(0, 8),
	     *d = mem_grow(NULL, 0);

	OK(a != NULL && b != NULL && c != NULL && d != NULL);
	mem_free(a);
	mem_free(b);
	mem_free(c);
	mem_free(d);
	mem_free(NULL);
}

TEST(growing_keeps_what_was_there)
{
	char *p = mem_dup("abc", 3);

	p = mem_grow(p, 100000);
	MEM_EQ(p, "abc", 4);
	p = mem_try_grow(p, 200000);
	OK(p != NULL);
	MEM_EQ(p, "abc", 4);
	mem_free(p);
}

TEST(copies_end_with_a_nul)
{
	char *p = mem_dup("abcdef", 3), *q = mem_dup(NULL, 0), *r = mem_strdup("x");

	STR_EQ(p, "abc");
	STR_EQ(q, "");
	STR_EQ(r, "x");
	OK(mem_strdup(NULL) == NULL);
	mem_free(p);
	mem_free(q);
	mem_free(r);
}

static void
overflow(void)
{
	volatile size_t half = SIZE_MAX / 2;

	mem_free(mem_new_array(half, 3));
}

static void
dup_of_everything(void)
{
	volatile size_t all = SIZE_MAX;

	mem_free(mem_dup("", all));
}

TEST(a_size_that_overflows_ends_the_process)
{
	OK(is_fatal(overflow));
	OK(is_fatal(dup_of_everything));
}
