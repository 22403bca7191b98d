/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_file: a file that lines are appended to by a jobs thread, one portion at a
 * time and in order.  When it is full, or a write fails, nothing more is written.
 *
 * The admin thread's.
 */
#ifndef OBSERVE_TRACE_FILE_H
#define OBSERVE_TRACE_FILE_H

#include "ipc/base/err.h"
#include "ipc/base/str.h"

struct trace_file;

/* Called after each portion, on the admin thread: so many bytes no longer wait. */
typedef void trace_file_fn(void *arg, size_t bytes);

/* Takes @fd, a regular file open for writing; EM_USAGE: it is something else (and stays
 * the caller's). */
EM_MUST_USE em_err trace_file_new(int fd, uint64_t max, trace_file_fn *on_written,
    void *arg, struct trace_file **out, struct fault *f);
/* Not while it is busy. */
void trace_file_free(struct trace_file **fp);
/* Appends whole lines; takes the text. */
void trace_file_put(struct trace_file *file, struct str *text);
/* Does something wait to be written? */
bool trace_file_is_busy(const struct trace_file *file);
uint64_t trace_file_bytes(const struct trace_file *file);
/* Why nothing more is written, or NULL while all is well. */
const char *trace_file_failure(const struct trace_file *file);

#endif
