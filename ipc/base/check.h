/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: what cannot be.  CHECK stays in every build; a failure is a bug of
 * ours, never something that a peer, a file or a user can cause.  It has no
 * side effects.  Any thread.
 */
#ifndef IPC_BASE_CHECK_H
#define IPC_BASE_CHECK_H

#include <stdint.h>

#define EM_LIKELY(e) __builtin_expect(!!(e), 1)
#define EM_UNLIKELY(e) __builtin_expect(!!(e), 0)
#define EM_MUST_USE __attribute__((warn_unused_result))
#define EM_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define EM_NORETURN __attribute__((noreturn))

#define CHECK(e) (EM_LIKELY(e) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #e))
/* An object that came as void * or from another thread: is it what it says? */
#define CHECK_OBJ(p, magic_) CHECK((p) != NULL && (p)->magic == (magic_))
#define UNREACHABLE() check_failed(__FILE__, __LINE__, __func__, "unreachable")

/* Prints where and what on stderr, calls the hook, aborts. */
EM_NORETURN void check_failed(
    const char *file, int line, const char *func, const char *expr);

/* Called once before the abort: core/crash writes stack and last log lines. */
typedef void check_hook_fn(const char *where, const char *expr);
void check_hook(check_hook_fn *fn);

#endif
