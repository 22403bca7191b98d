/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_sink: where log lines go: stderr, files that rotate, journald.  Each has a
 * name, a level, a format, and can be stopped and started (`emqx_ctl log handlers`).
 *
 * A sink that cannot write (full disk, journald away, nobody reads the pipe) stops
 * nothing: its lines are counted as lost and it is tried again a second later.
 * The last lines stay in memory for core/crash.
 *
 * One lock for all sinks; any thread.
 */
#ifndef CORE_LOG_SINK_H
#define CORE_LOG_SINK_H

#include "emqxd/core/log.h"
#include "ipc/base/span.h"
#include "ipc/base/str.h"

enum log_sink_kind { LOG_SINK_CONSOLE, LOG_SINK_FILE, LOG_SINK_JOURNAL };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

#define LOG_SINK_MAX 8
#define LOG_SINK_ID_MAX 64

struct log_sink_conf {
	const char *id; /* "console", "file" */
	enum log_sink_kind kind;
	enum log_format format;
	int level; /* enum log_level or LOG_OFF */
	bool is_enabled;
	const char *time_offset; /* "system", "utc", "+08:00"; NULL: system */
	const char *path;        /* of a file; of journald's socket, NULL: the usual */
	uint64_t rotation_size;  /* bytes; UINT64_MAX: never */
	unsigned rotation_count; /* files in all, the current one too */
};

struct log_sink_info {
	char id[LOG_SINK_ID_MAX];
	enum log_sink_kind kind;
	enum log_format format;
	int level;
	bool is_started;
	struct str destination; /* "console", "journald", path; caller's: str_fini */
	uint64_t lines, lost;
	int error; /* errno of the last failure, 0 while it works */
};

struct log_sinks *log_sinks_new(void);
/* Writes out and closes. */
void log_sinks_free(struct log_sinks **sp);

/* Adds it, or changes the one of that id; starts it when enabled.  Where a file cannot be
 * opened it says so and leaves what was. */
em_err log_sink_add(
    struct log_sinks *s, const struct log_sink_conf *conf, struct fault *f);
/* EM_NOTFOUND, EM_EXISTS (it is so already), EM_IO (it cannot be opened). */
em_err log_sink_start(struct log_sinks *s, struct slice id, struct fault *f);
em_err log_sink_stop(struct log_sinks *s, struct slice id, struct fault *f);
/* Raises the primary level with it where that would hide what was asked for. */
em_err log_sink_set_level(
    struct log_sinks *s, struct slice id, int level, struct fault *f);
/* The i-th, or false: no more. */
bool log_sink_get(struct log_sinks *s, unsigned i, struct log_sink_info *out);
/* Files are opened again by name: somebody moved them. */
void log_sink_reopen(struct log_sinks *s);

/* ---- for log.c and core/crash */

struct log_line {
	wall_t time;
	enum log_level level;
	bool is_forced; /* by its room's level: sinks' levels do not count */
	const char *room, *event;
	const struct log_pair *pairs;
	size_t n;
};

/* The most verbose level of all that are started. */
int log_sink_level(struct log_sinks *s);
void log_sink_set_levels(struct log_sinks *s, int level);
void log_sink_write(struct log_sinks *s, const struct log_line *line);
/* Says how many lines were lost, when they can be written again. */
void log_sink_tick(struct log_sinks *s);
/* For a process that dies: no lock is taken, nothing allocated.  Descriptors of stderr and
 * of files, at most @max; then the last lines. */
unsigned log_sink_crash_fds(const struct log_sinks *s, int *fd, unsigned max);
void log_sink_crash_lines(const struct log_sinks *s, int fd);

/* " [info] event key=value ...\n": what follows the time; and ",\"level\":...}\n". */
void log_text_print(struct str *out, const struct log_line *line);
void log_json_print(struct str *out, const struct log_line *line);
/* The bytes of a value, cut where somebody chose too many; @buf is room for numbers. */
#define LOG_NUMBER_MAX 40
struct slice log_value_print(const struct log_value *v, char buf[LOG_NUMBER_MAX]);

#endif
