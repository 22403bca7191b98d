/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace: what a client, a topic or an address does, line by line, in a file: the sink
 * of core/trace_point.h.  Independent of the log and its levels.
 *
 * The file was opened by whoever asks, with their rights; here is only its
 * descriptor.  A worker collects lines over its turn and sends them to the admin
 * thread; a jobs thread writes them, so that a slow disk stops nobody.  What does
 * not fit into the bound between them is dropped and its number written.  A file that
 * is full, or cannot be written, ends its trace, and the list says so.
 *
 * The admin thread's, but for the worker's part, new and free.
 */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include "ipc/base/err.h"
#include "ipc/base/slice.h"
#include "ipc/base/span.h"

enum observe_trace_kind { TRACE_CLIENT, TRACE_TOPIC, TRACE_ADDRESS };

#define TRACES_MAX 30u
#define TRACE_FILE_MAX (UINT64_C(512) << 20) /* bytes that one trace writes */

struct observe_trace_info {
	enum observe_trace_kind kind;
	const char *name;         /* "clientid", "topic", "ip_address" */
	struct slice value, path; /* until the trace ends */
	int level;                /* log_level */
	wall_t since;
	uint64_t bytes;
	const char *state; /* "running", or why it writes no more */
};

/* Takes @fd in every case.  EM_EXISTS: that is traced already; EM_USAGE: the value, or the
 * file, cannot be; EM_FULL: TRACES_MAX run. */
EM_MUST_USE em_err observe_trace_start(enum observe_trace_kind kind, struct slice value,
    int level, int fd, struct slice path, struct fault *f);
/* Stops it; @done comes later on this thread, when all its lines are in the file.
 * EM_NOTFOUND: there is none, and @done is not called. */
typedef void observe_trace_done_fn(void *arg, const struct observe_trace_info *info);
EM_MUST_USE em_err observe_trace_stop(enum observe_trace_kind kind, struct slice value,
    observe_trace_done_fn *done, void *arg);
/* The i-th; false: no more. */
bool observe_trace_get(unsigned i, struct observe_trace_info *out);
const char *observe_trace_name(enum observe_trace_kind kind);

struct observe_traces;
struct observe_traces *observe_trace_new(void);
void observe_trace_free(struct observe_traces **tp);
void observe_trace_worker_birth(void);
void observe_trace_worker_death(void);

#endif
