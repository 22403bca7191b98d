/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_sink: the sinks and what a line becomes in each.
 *
 * A line is printed once as text and, where a sink wants it, once as JSON; the time
 * before it is printed by sink.  Files are written with one call a line, rotate by
 * renaming (emqx.log, emqx.log.1, ...), and a line that fits only in part is taken
 * back, so that a full disk leaves whole lines.  To stderr only as much is written
 * as the pipe takes at once: who reads it may be slow, the worker that logs is not.
 *
 * The lock is held for one write(); it is the last in the order of locks.
 */
#include "emqxd/core/log_sink.h"
#include "ipc/base/mem.h"
#include "ipc/base/num.h"
#include "emqxd/core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	KEPT_LINES = 64,
	KEPT_MAX = 320, /* bytes of one */
	RETRY_MS = 1000,
};

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* In which zone a sink prints times. */
struct zone {
	enum { ZONE_SYSTEM, ZONE_UTC, ZONE_FIXED } kind;
	int minutes; /* of a fixed one, east of Greenwich */
};

struct sink {
	char id[LOG_SINK_ID_MAX];
	enum log_sink_kind kind;
	enum log_format format;
	int level;
	struct zone zone;
	char *path;
	uint64_t rotation_size;
	unsigned rotation_count;
	bool is_started;
	bool is_regular; /* rotates; else its reader may be slow */
	bool is_torn;    /* the last line was cut: begin a new one */
	int fd;
	uint64_t size;
	mono_t retry_at, rotate_at; /* not before */
	uint64_t lines, lost, lost_told;
	int error;
};

struct log_sinks {
	struct lock lock;
	unsigned n;
	struct sink sink[LOG_SINK_MAX];
	unsigned kept; /* lines ever kept */
	char line[KEPT_LINES][KEPT_MAX];
};

struct log_sinks *
log_sinks_new(void)
{
	struct log_sinks *s = MEM_NEW(struct log_sinks);

	lock_init(&s->lock, LOCK_LOG);
	return s;
}

static void
close_sink(struct sink *k)
{
	if (k->fd > STDERR_FILENO)
		close(k->fd);
	k->fd = -1;
	k->is_started = false;
}

void
log_sinks_free(struct log_sinks **sp)
{
	struct log_sinks *s = *sp;

	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		close_sink(&s->sink[i]);
		mem_free(s->sink[i].path);
	}
	lock_fini(&s->lock);
	mem_free(s);
	*sp = NULL;
}

/* ---- opening and closing */

static em_err
open_file(struct sink *k)
{
	struct stat st;
	int fd =
	    open(k->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

	if (fd < 0 || fstat(fd, &st) != 0) {
		k->error = errno;
		if (fd >= 0)
			close(fd);
		return EM_IO;
	}
	if (k->fd >= 0)
		close(k->fd);
	k->fd = fd;
	k->is_regular = S_ISREG(st.st_mode);
	k->size = (uint64_t)st.st_size;
	return EM_OK;
}

static em_err
open_journal(struct sink *k)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = k->path != NULL ? k->path : JOURNAL_SOCKET;
	int fd;

	if (strlen(path) >= sizeof to.sun_path) {
		k->error = ENAMETOOLONG;
		return EM_IO;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
		k->error = errno;
		if (fd >= 0)
			close(fd);
		return EM_IO;
	}
	if (k->fd >= 0)
		close(k->fd);
	k->fd = fd;
	return EM_OK;
}

static em_err
open_sink(struct sink *k)
{
	em_err err = EM_OK;

	switch (k->kind) {
	case LOG_SINK_CONSOLE: k->fd = STDERR_FILENO; break;
	case LOG_SINK_FILE: err = open_file(k); break;
	case LOG_SINK_JOURNAL: err = open_journal(k); break;
	}
	if (err == EM_OK)
		k->error = 0;
	return err;
}

static const char *
destination_of(const struct sink *k)
{
	switch (k->kind) {
	case LOG_SINK_CONSOLE: return "console";
	case LOG_SINK_FILE: return k->path;
	case LOG_SINK_JOURNAL: return "journald";
	}
	UNREACHABLE();
}

static em_err
fault_of(const struct sink *k, struct fault *f)
{
	em_err err = fault_set(f, EM_IO, "log handler %s: %s: %s", k->id,
	    destination_of(k), strerror(k->error));

	if (k->kind == LOG_SINK_FILE)
		fault_hint(f, "log.file.path must be a file that emqxd may write");
	return err;
}

/* ---- configuration */

static int
digits_of(const char *two)
{
	uint64_t v;

	return num_parse_u64(slice_of(two, 2), &v) == EM_OK ? (int)v : 0;
}

/* "utc", "+08:00"; what is neither is the system's zone: conf has checked it. */
static struct zone
zone_of(const char *offset)
{
	struct zone z = { ZONE_SYSTEM, 0 };

	if (offset == NULL)
		return z;
	if (strcmp(offset, "utc") == 0)
		z.kind = ZONE_UTC;
	if (strlen(offset) != 6 || (offset[0] != '+' && offset[0] != '-'))
		return z;
	z.kind = ZONE_FIXED;
	z.minutes = digits_of(offset + 1) * 60 + digits_of(offset + 4);
	if (offset[0] == '-')
		z.minutes = -z.minutes;
	return z;
}

static struct sink *
find(struct log_sinks *s, struct slice id)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (slice_eq_str(id, s->sink[i].id))
			return &s->sink[i];
	}
	return NULL;
}

/* A sink of @conf, open if it is to be. */
static em_err
make(const struct log_sink_conf *conf, struct sink *k, struct fault *f)
{
	*k = (struct sink){ .kind = conf->kind,
		.format = conf->format,
		.level = conf->level,
		.zone = zone_of(conf->time_offset),
		.path = mem_strdup(conf->path),
		.rotation_size = conf->rotation_size,
		.rotation_count = conf->rotation_count,
		.is_started = conf->is_enabled,
		.fd = -1 };
	snprintf(k->id, sizeof k->id, "%s", conf->id);
	if (!conf->is_enabled || open_sink(k) == EM_OK)
		return EM_OK;
	fault_of(k, f);
	MEM_FREE(k->path);
	return EM_IO;
}

em_err
log_sink_add(struct log_sinks *s, const struct log_sink_conf *conf, struct fault *f)
{
	struct sink made, *k;
	em_err err = make(conf, &made, f);

	if (err != EM_OK)
		return err;
	lock_take(&s->lock);
	k = find(s, slice_str(conf->id));
	if (k != NULL) {
		made.lines = k->lines;
		made.lost = k->lost;
		made.lost_told = k->lost_told;
		close_sink(k);
		mem_free(k->path);
	} else {
		CHECK(s->n < LOG_SINK_MAX);
		k = &s->sink[s->n++];
	}
	*k = made;
	lock_give(&s->lock);
	log_refresh();
	return EM_OK;
}

static em_err
not_found(struct slice id, struct fault *f)
{
	em_err err = fault_set(f, EM_NOTFOUND, "no log handler '%.*s'", SLICE_FMT(id));

	fault_hint(f, "list them: emqx_ctl log handlers list");
	return err;
}

em_err
log_sink_start(struct log_sinks *s, struct slice id, struct fault *f)
{
	struct sink *k;
	em_err err = EM_OK;

	lock_take(&s->lock);
	k = find(s, id);
	if (k == NULL)
		err = not_found(id, f);
	else if (k->is_started)
		err = fault_set(f, EM_EXISTS, "log handler %s is started already", k->id);
	else if (open_sink(k) != EM_OK)
		err = fault_of(k, f);
	else
		k->is_started = true;
	lock_give(&s->lock);
	log_refresh();
	return err;
}

em_err
log_sink_stop(struct log_sinks *s, struct slice id, struct fault *f)
{
	struct sink *k;
	em_err err = EM_OK;

	lock_take(&s->lock);
	k = find(s, id);
	if (k == NULL)
		err = not_found(id, f);
	else if (!k->is_started)
		err = fault_set(f, EM_EXISTS, "log handler %s is stopped already", k->id);
	else
		close_sink(k);
	lock_give(&s->lock);
	log_refresh();
	return err;
}

em_err
log_sink_set_level(struct log_sinks *s, struct slice id, int level, struct fault *f)
{
	struct sink *k;
	em_err err = EM_OK;

	CHECK(level >= LOG_OFF && level <= LOG_DEBUG);
	lock_take(&s->lock);
	k = find(s, id);
	if (k == NULL)
		err = not_found(id, f);
	else
		k->level = level;
	lock_give(&s->lock);
	if (err != EM_OK)
		return err;
	if (level > log_primary())
		log_set_primary(level);
	log_refresh();
	return EM_OK;
}

void
log_sink_set_levels(struct log_sinks *s, int level)
{
	lock_take(&s->lock);
	for (unsigned i = 0; i < s->n; i++)
		s->sink[i].level = level;
	lock_give(&s->lock);
	log_refresh();
}

int
log_sink_level(struct log_sinks *s)
{
	int level;

	lock_take(&s->lock);
	level = s->n > 0 ? LOG_OFF : LOG_WARN;
	for (unsigned i = 0; i < s->n; i++) {
		if (s->sink[i].is_started && s->sink[i].level > level)
			level = s->sink[i].level;
	}
	lock_give(&s->lock);
	return level;
}

bool
log_sink_get(struct log_sinks *s, unsigned i, struct log_sink_info *out)
{
	const struct sink *k;

	lock_take(&s->lock);
	k = i < s->n ? &s->sink[i] : NULL;
	if (k != NULL) {
		*out = (struct log_sink_info){ .kind = k->kind,
			.format = k->format,
			.level = k->level,
			.is_started = k->is_started,
			.lines = k->lines,
			.lost = k->lost,
			.error = k->error };
		memcpy(out->id, k->id, sizeof out->id);
		str_add(&out->destination, destination_of(k));
	}
	lock_give(&s->lock);
	return k != NULL;
}

void
log_sink_reopen(struct log_sinks *s)
{
	lock_take(&s->lock);
	for (unsigned i = 0; i < s->n; i++) {
		struct sink *k = &s->sink[i];

		if (k->is_started && k->kind == LOG_SINK_FILE && open_file(k) == EM_OK)
			k->error = 0;
	}
	lock_give(&s->lock);
}

/* ---- writing */

/* A line as each format wants it, printed when the first sink asks. */
struct printed {
	const struct log_line *line;
	struct str text, json, journal;
};

static struct slice
text_of(struct printed *p)
{
	if (p->text.n == 0)
		log_text_print(&p->text, p->line);
	return str_slice(&p->text);
}

static struct slice
json_of(struct printed *p)
{
	if (p->json.n == 0)
		log_json_print(&p->json, p->line);
	return str_slice(&p->json);
}

static void
print_time(wall_t t, const struct zone *z, char buf[SPAN_TEXT_MAX])
{
	int minutes = z->minutes < 0 ? -z->minutes : z->minutes;
	size_t n;

	if (z->kind != ZONE_FIXED) {
		wall_print(t, z->kind == ZONE_UTC, buf);
		return;
	}
	t.ns += span_s(60 * (int64_t)z->minutes).ns;
	wall_print(t, true, buf);
	n = strlen(buf) - strlen("+00:00");
	snprintf(buf + n, SPAN_TEXT_MAX - n, "%c%02d:%02d", z->minutes < 0 ? '-' : '+',
	    minutes / 60 % 100, minutes % 60);
}

static void
rotate(struct sink *k, mono_t now)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (k->rotation_count <= 1) {
		if (ftruncate(k->fd, 0) == 0)
			k->size = 0;
		return;
	}
	for (unsigned i = k->rotation_count - 1; i >= 1; i--) {
		snprintf(to, sizeof to, "%s.%u", k->path, i);
		if (i == 1)
			snprintf(from, sizeof from, "%s", k->path);
		else
			snprintf(from, sizeof from, "%s.%u", k->path, i - 1);
		if (rename(from, to) != 0 && errno != ENOENT)
			k->error = errno;
	}
	if (open_file(k) != EM_OK || k->size > 0)
		k->rotate_at = mono_add(now, span_ms(RETRY_MS)); /* goes on as it was */
}

static em_err
write_file(struct sink *k, struct slice v, mono_t now)
{
	ssize_t did;

	if (k->size > 0 && k->size + v.n > k->rotation_size && now.ns >= k->rotate_at.ns)
		rotate(k, now);
	do
		did = write(k->fd, v.p, v.n);
	while (did < 0 && errno == EINTR);
	if (did == (ssize_t)v.n) {
		k->size += v.n;
		return EM_OK;
	}
	k->error = did < 0 ? errno : ENOSPC;
	if (did > 0 && ftruncate(k->fd, (off_t)k->size) != 0)
		k->size += (uint64_t)did;
	return EM_IO;
}

/* As much as goes without waiting; what is over PIPE_BUF could wait. */
static em_err
write_slow(struct sink *k, struct slice v)
{
	while (v.n > 0) {
		struct pollfd p = { .fd = k->fd, .events = POLLOUT };
		ssize_t did;

		if (poll(&p, 1, 0) == 0) {
			k->error = EAGAIN;
			return EM_IO;
		}
		did = write(k->fd, v.p, v.n < PIPE_BUF ? v.n : PIPE_BUF);
		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0) {
			k->error = errno;
			return EM_IO;
		}
		k->is_torn = true;
		v = slice_from(v, (size_t)did);
	}
	k->is_torn = false;
	return EM_OK;
}

static em_err
write_stream(struct sink *k, struct printed *p, mono_t now)
{
	char time[SPAN_TEXT_MAX], head[SPAN_TEXT_MAX + 16];
	struct slice body = k->format == LOG_FORMAT_JSON ? json_of(p) : text_of(p);
	struct str whole = { 0 };
	em_err err;

	print_time(p->line->time, &k->zone, time);
	if (k->format == LOG_FORMAT_JSON)
		snprintf(head, sizeof head, "{\"time\":\"%s\"", time);
	else
		snprintf(head, sizeof head, "%s", time);
	str_add(&whole, k->is_torn ? "\n" : "");
	str_add(&whole, head);
	str_add_slice(&whole, body);
	if (k->kind == LOG_SINK_FILE && k->is_regular)
		err = write_file(k, str_slice(&whole), now);
	else
		err = write_slow(k, str_slice(&whole));
	str_fini(&whole);
	return err;
}

static void
add_journal_field(struct str *out, const char *key, struct slice v)
{
	uint8_t n[8];

	str_add(out, "EMQX_");
	for (; *key != '\0'; key++) {
		bool is_lower = *key >= 'a' && *key <= 'z';

		str_add_char(out, is_lower ? (char)(*key - 'a' + 'A') : *key);
	}
	str_add_char(out, '\n'); /* the length instead of '=': any bytes may follow */
	for (unsigned i = 0; i < sizeof n; i++)
		n[i] = (uint8_t)((uint64_t)v.n >> (8 * i));
	str_add_bytes(out, n, sizeof n);
	str_add_slice(out, v);
	str_add_char(out, '\n');
}

/* What journald's socket takes: the line, and each fact as a field of its own. */
static struct slice
journal_of(struct printed *p, enum log_format format)
{
	static const char priority[] = {
		[LOG_ERROR] = '3', [LOG_WARN] = '4', [LOG_INFO] = '6', [LOG_DEBUG] = '7'
	};
	const struct log_line *line = p->line;
	struct slice body = format == LOG_FORMAT_JSON ? json_of(p) : text_of(p);
	char buf[LOG_NUMBER_MAX];

	str_reset(&p->journal);
	str_addf(&p->journal, "SYSLOG_IDENTIFIER=emqxd\nPRIORITY=%c\nMESSAGE=%s",
	    priority[line->level], format == LOG_FORMAT_JSON ? "{" : "");
	str_add_slice(&p->journal, slice_from(body, 1)); /* ends with a newline */
	add_journal_field(&p->journal, "event", slice_str(line->event));
	add_journal_field(&p->journal, "room", slice_str(line->room));
	for (size_t i = 0; i < line->n; i++)
		add_journal_field(&p->journal, line->pairs[i].key,
		    log_value_print(&line->pairs[i].value, buf));
	return str_slice(&p->journal);
}

static em_err
write_journal(struct sink *k, struct printed *p)
{
	struct slice v = journal_of(p, k->format);

	if (k->fd < 0 && open_journal(k) != EM_OK)
		return EM_IO;
	if (send(k->fd, v.p, v.n, MSG_NOSIGNAL) == (ssize_t)v.n)
		return EM_OK;
	k->error = errno;
	if (errno != EAGAIN && errno != EMSGSIZE) { /* it was started anew */
		close(k->fd);
		k->fd = -1;
	}
	return EM_IO;
}

static void
write_sink(struct sink *k, struct printed *p)
{
	mono_t now = span_mono_now();
	em_err err;

	if (k->error != 0 && now.ns < k->retry_at.ns) {
		k->lost++;
		return;
	}
	err = k->kind == LOG_SINK_JOURNAL ? write_journal(k, p) : write_stream(k, p, now);
	if (err == EM_OK) {
		k->lines++;
		k->error = 0;
	} else {
		k->lost++;
		k->retry_at = mono_add(now, span_ms(RETRY_MS));
	}
}

static void
keep(struct log_sinks *s, struct printed *p)
{
	char time[SPAN_TEXT_MAX];

	wall_print(p->line->time, true, time);
	snprintf(s->line[s->kept % KEPT_LINES], KEPT_MAX, "%s%s", time,
	    (const char *)text_of(p).p);
	s->kept++;
}

void
log_sink_write(struct log_sinks *s, const struct log_line *line)
{
	struct sink bare = { .kind = LOG_SINK_CONSOLE, .fd = STDERR_FILENO };
	struct printed p = { .line = line };

	text_of(&p);
	lock_take(&s->lock);
	keep(s, &p);
	if (s->n == 0)
		write_sink(&bare, &p);
	for (unsigned i = 0; i < s->n; i++) {
		struct sink *k = &s->sink[i];

		if (k->is_started && (line->is_forced || (int)line->level <= k->level))
			write_sink(k, &p);
	}
	lock_give(&s->lock);
	str_fini(&p.text);
	str_fini(&p.json);
	str_fini(&p.journal);
}

void
log_sink_tick(struct log_sinks *s)
{
	for (unsigned i = 0; i < LOG_SINK_MAX; i++) {
		char id[LOG_SINK_ID_MAX];
		uint64_t lost = 0;

		lock_take(&s->lock);
		if (i < s->n && s->sink[i].error == 0) {
			lost = s->sink[i].lost - s->sink[i].lost_told;
			s->sink[i].lost_told = s->sink[i].lost;
			memcpy(id, s->sink[i].id, sizeof id);
		}
		lock_give(&s->lock);
		if (lost > 0)
			LOG(WARN, "log_lines_lost", "handler", id, "lines", lost);
	}
}

/* ---- for a process that dies */

unsigned
log_sink_crash_fds(const struct log_sinks *s, int *fd, unsigned max)
{
	unsigned n = 0;

	if (max > 0)
		fd[n++] = STDERR_FILENO;
	for (unsigned i = 0; i < s->n && n < max; i++) {
		if (s->sink[i].kind == LOG_SINK_FILE && s->sink[i].is_started)
			fd[n++] = s->sink[i].fd;
	}
	return n;
}

void
log_sink_crash_lines(const struct log_sinks *s, int fd)
{
	unsigned end = s->kept, from = end > KEPT_LINES ? end - KEPT_LINES : 0;

	for (; from < end; from++) {
		const char *line = s->line[from % KEPT_LINES];
		size_t n = strnlen(line, KEPT_MAX);

		if (write(fd, line, n) < 0)
			return;
		if (n > 0 && line[n - 1] != '\n' && write(fd, "\n", 1) < 0)
			return;
	}
}
