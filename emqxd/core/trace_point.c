/* SPDX-License-Identifier: Apache-2.0 */
/* trace_point: see trace_point.h. */
#include "emqxd/core/trace_point.h"

struct trace_gate trace_gate;

void
trace_sink_set(const struct trace_sink *sink)
{
	atomic_store(&trace_gate.sink, sink);
}

bool
trace_wants(const struct trace_subject *s)
{
	const struct trace_sink *sink =
	    atomic_load_explicit(&trace_gate.sink, memory_order_acquire);

	return sink != NULL && sink->wants(s);
}

void
trace_line(
    const struct trace_subject *s, const char *tag, const char *msg, struct slice details)
{
	const struct trace_sink *sink =
	    atomic_load_explicit(&trace_gate.sink, memory_order_acquire);

	if (sink != NULL)
		sink->line(s, tag, msg, details);
}
