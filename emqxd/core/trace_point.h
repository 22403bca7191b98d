/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace_point: is anyone tracing?  One load when nobody is.  Who wants what and
 * where it goes is observe's; it hands its functions over at birth.
 */
#ifndef CORE_TRACE_POINT_H
#define CORE_TRACE_POINT_H

#include "ipc/base/check.h"
#include "ipc/base/slice.h"

#include <stdatomic.h>

/* Whom a line is about; empty slices where it is not known. */
struct trace_subject {
	struct slice clientid, username, topic;
	struct slice peer; /* "127.0.0.1:51234" */
};

struct trace_sink {
	/* Does any trace want lines about this subject? */
	bool (*wants)(const struct trace_subject *s);
	/* One line: tag "MQTT", message "mqtt_packet_received", details ", k: v" in order. */
	void (*line)(const struct trace_subject *s, const char *tag, const char *msg,
	    struct slice details);
};

/* Any packet asks it first. */
extern struct trace_gate {
	_Atomic unsigned active; /* traces that run */
	_Atomic(const struct trace_sink *) sink;
} trace_gate;

static inline bool
trace_is_on(void)
{
	return EM_UNLIKELY(
	    atomic_load_explicit(&trace_gate.active, memory_order_relaxed) != 0);
}

void trace_sink_set(const struct trace_sink *sink);
/* Only after trace_is_on(). */
bool trace_wants(const struct trace_subject *s);
void trace_line(const struct trace_subject *s, const char *tag, const char *msg,
    struct slice details);

#endif
