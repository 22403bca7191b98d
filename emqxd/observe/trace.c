/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace: see trace.h.
 *
 * Happy path of a line: sink_line() at a worker adds it to the chunk of each trace
 * that wants it; post_chunks() sends the chunks as letters at the end of the turn;
 * on_chunk() gives them to the trace's file at the admin thread.
 *
 * The set of traces is an immutable array under QSBR.  A trace that is stopped leaves
 * the set and is retired: when no worker can name it any more, its last line is
 * written, its file closed, and whoever stopped it is told.
 */
#include "emqxd/observe/trace.h"
#include "ipc/base/list.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "ipc/base/vec.h"
#include "emqxd/core/clock.h"
#include "emqxd/core/log.h"
#include "emqxd/core/loop.h"
#include "emqxd/core/qsbr.h"
#include "emqxd/core/trace_point.h"
#include "emqxd/core/worker.h"
#include "emqxd/model/topic.h"
#include "emqxd/model/addr.h"
#include "emqxd/observe/observe.h"
#include "emqxd/observe/trace_file.h"

#include <time.h>
#include <unistd.h>

#define WAITING_MAX (4u << 20) /* bytes of a trace between workers and its file */
#define DEATH_WAIT_MS 2000     /* for a disk, when the daemon ends */

/* Lines of one worker's turn for one trace. */
struct chunk {
	struct letter letter;
	struct trace *trace;
	struct str text;
	uint64_t dropped;
};

struct trace {
	enum observe_trace_kind kind;
	int level;
	char *value, *path;
	size_t value_n;
	struct net_cidr net;      /* TRACE_ADDRESS */
	_Atomic bool is_off;      /* its file takes no more */
	_Atomic uint64_t waiting; /* bytes under way to the file */
	/* From here on the admin thread's. */
	wall_t since;
	struct trace_file *file;
	bool is_stopping, is_retired, is_dead;
	observe_trace_done_fn *done;
	void *arg;
};

struct trace_set {
	unsigned n;
	struct trace *trace[TRACES_MAX];
};

struct observe_traces {
	_Atomic(struct trace_set *) set; /* NULL: none */
	VEC(struct trace *) all;         /* also those that stop */
};

/* In ROOM_OBSERVE's slot of a worker. */
struct trace_worker {
	VEC(struct chunk *) chunks; /* of this turn */
};

/* ---- at the workers */

static struct trace_set *
current_set(void)
{
	return atomic_load_explicit(&observe_traces()->set, memory_order_acquire);
}

static bool
is_about(const struct trace *t, const struct trace_subject *s)
{
	struct slice value = slice_of(t->value, t->value_n);
	struct net_addr peer;

	if (atomic_load_explicit(&t->is_off, memory_order_relaxed))
		return false;
	switch (t->kind) {
	case TRACE_CLIENT: return slice_eq(value, s->clientid);
	case TRACE_TOPIC: return s->topic.n > 0 && topic_match(value, s->topic);
	case TRACE_ADDRESS:
		return s->peer.n > 0 && addr_parse(s->peer, &peer) == EM_OK &&
		       addr_cidr_has(&t->net, &peer);
	}
	UNREACHABLE();
}

static bool
sink_wants(const struct trace_subject *s)
{
	const struct trace_set *set = current_set();

	for (unsigned i = 0; set != NULL && i < set->n; i++)
		if (is_about(set->trace[i], s))
			return true;
	return false;
}

/* This turn's chunk for @t. */
static struct chunk *
chunk_for(struct trace_worker *w, struct trace *t)
{
	struct chunk *c;

	for (size_t i = 0; i < w->chunks.n; i++)
		if (w->chunks.p[i]->trace == t)
			return w->chunks.p[i];
	c = MEM_NEW(struct chunk);
	c->trace = t;
	VEC_ADD(&w->chunks, c);
	return c;
}

/* "2026-11-22T10:56:13.494552+00:00 [MQTT] c1@127.0.0.1:51234 msg: m, k: v" */
static void
print_line(struct str *out, struct slice clientid, struct slice peer, const char *tag,
    const char *msg, struct slice details)
{
	char time[SPAN_TEXT_MAX];

	str_addf(out, "%s [%s] ", wall_print(clock_wall(), false, time), tag);
	str_add_escaped(out, clientid);
	if (clientid.n > 0 || peer.n > 0)
		str_addf(out, "@%.*s ", SLICE_FMT(peer));
	str_addf(out, "msg: %s", msg);
	if (details.n > 0)
		str_add_slice(out, details);
	else
		str_add(out, ", ");
	str_add_char(out, '\n');
}

/* All that a client does is debug; what goes wrong, and that it went, is more. */
static int
level_of(const char *tag, const char *msg)
{
	if (strstr(msg, "error") != NULL)
		return LOG_ERROR;
	return strcmp(tag, "SOCKET") == 0 ? LOG_INFO : LOG_DEBUG;
}

static void
sink_line(
    const struct trace_subject *s, const char *tag, const char *msg, struct slice details)
{
	const struct trace_set *set = current_set();
	struct trace_worker *w = worker_slot(ROOM_OBSERVE);
	int level = level_of(tag, msg);

	for (unsigned i = 0; w != NULL && set != NULL && i < set->n; i++) {
		struct trace *t = set->trace[i];
		struct chunk *c;

		if (level > t->level || !is_about(t, s))
			continue;
		c = chunk_for(w, t);
		if (atomic_load_explicit(&t->waiting, memory_order_relaxed) + c->text.n >
		    WAITING_MAX)
			c->dropped++;
		else
			print_line(&c->text, s->clientid, s->peer, tag, msg, details);
	}
}

static const struct trace_sink sink = { .wants = sink_wants, .line = sink_line };

static void on_chunk(struct letter *l);

static void
post_chunks(void *arg)
{
	struct trace_worker *w = arg;

	for (size_t i = 0; i < w->chunks.n; i++) {
		struct chunk *c = w->chunks.p[i];
		struct str count = { 0 };

		if (c->dropped > 0) {
			str_addf(&count, ", count: %llu", (unsigned long long)c->dropped);
			print_line(&c->text, SLICE_NONE, SLICE_NONE, "TRACE",
			    "lines_dropped", str_slice(&count));
			str_fini(&count);
		}
		atomic_fetch_add(&c->trace->waiting, c->text.n);
		c->letter = (struct letter){ .open = on_chunk };
		worker_post(worker_admin(), &c->letter);
	}
	w->chunks.n = 0;
}

void
observe_trace_worker_birth(void)
{
	struct trace_worker *w = MEM_NEW(struct trace_worker);

	worker_self()->slot[ROOM_OBSERVE] = w;
	loop_at_turn(worker_self()->loop, LOOP_POST, post_chunks, w);
}

void
observe_trace_worker_death(void)
{
	struct trace_worker *w = worker_slot(ROOM_OBSERVE);

	post_chunks(w);
	worker_self()->slot[ROOM_OBSERVE] = NULL;
	VEC_FINI(&w->chunks);
	mem_free(w);
}

/* ---- at the admin thread */

const char *
observe_trace_name(enum observe_trace_kind kind)
{
	static const char *const names[] = { [TRACE_CLIENT] = "clientid",
		[TRACE_TOPIC] = "topic",
		[TRACE_ADDRESS] = "ip_address" };

	return names[kind];
}

static struct observe_trace_info
info_of(const struct trace *t)
{
	const char *failure = trace_file_failure(t->file);

	return (struct observe_trace_info){ .kind = t->kind,
		.name = observe_trace_name(t->kind),
		.value = slice_of(t->value, t->value_n),
		.path = slice_str(t->path),
		.level = t->level,
		.since = t->since,
		.bytes = trace_file_bytes(t->file),
		.state = failure != NULL  ? failure
			 : t->is_stopping ? "stopping"
					  : "running" };
}

static void
free_trace(struct trace *t)
{
	trace_file_free(&t->file);
	mem_free(t->value);
	mem_free(t->path);
	mem_free(t);
}

static void
forget(struct trace *t)
{
	struct observe_traces *all = observe_traces();
	size_t i = 0;

	while (all->all.p[i] != t)
		i++;
	memmove(&all->all.p[i], &all->all.p[i + 1],
	    (all->all.n - i - 1) * sizeof all->all.p[0]);
	all->all.n--;
}

/* Ends a trace that nobody can name and whose lines are all in the file. */
static void
end_if_done(struct trace *t)
{
	struct observe_trace_info info;

	if (!t->is_retired || trace_file_is_busy(t->file))
		return;
	info = info_of(t);
	forget(t);
	if (t->done != NULL)
		t->done(t->arg, &info);
	free_trace(t);
}

static void
on_written(void *arg, size_t bytes)
{
	struct trace *t = arg;

	atomic_fetch_sub(&t->waiting, bytes);
	if (trace_file_failure(t->file) != NULL && !atomic_exchange(&t->is_off, true))
		LOG(WARN, "trace_ended", "filter", observe_trace_name(t->kind), "value",
		    slice_of(t->value, t->value_n), "file", t->path, "reason",
		    trace_file_failure(t->file));
	end_if_done(t);
}

static void
on_chunk(struct letter *l)
{
	struct chunk *c = LIST_OWNER(l, struct chunk, letter);

	trace_file_put(c->trace->file, &c->text);
	mem_free(c);
}

/* ---- the set */

static struct trace *
find(enum observe_trace_kind kind, struct slice value)
{
	const struct trace_set *set = current_set();

	for (unsigned i = 0; set != NULL && i < set->n; i++)
		if (set->trace[i]->kind == kind &&
		    slice_eq(
			slice_of(set->trace[i]->value, set->trace[i]->value_n), value))
			return set->trace[i];
	return NULL;
}

static void
free_set(void *p, size_t n)
{
	(void)n;
	mem_free(p);
}

/* Puts the set with @more and without @less in force. */
static void
change_set(struct trace *more, const struct trace *less)
{
	struct trace_set *before = current_set(), *after = MEM_NEW(struct trace_set);

	for (unsigned i = 0; before != NULL && i < before->n; i++)
		if (before->trace[i] != less)
			after->trace[after->n++] = before->trace[i];
	if (more != NULL)
		after->trace[after->n++] = more;
	atomic_store_explicit(&observe_traces()->set, after, memory_order_release);
	atomic_store(&trace_gate.active, after->n);
	if (before != NULL)
		qsbr_retire(before, sizeof *before, free_set);
}

static em_err
check_value(enum observe_trace_kind kind, struct slice value, struct net_cidr *net,
    struct fault *f)
{
	switch (kind) {
	case TRACE_CLIENT: return EM_OK;
	case TRACE_TOPIC:
		if (topic_filter_is_valid(value))
			return EM_OK;
		fault_set(f, EM_USAGE, "value: not a topic filter");
		fault_hint(f, "such as 't/#' (in quotes, for the shell)");
		return EM_USAGE;
	case TRACE_ADDRESS:
		if (addr_cidr_parse(value, net) == EM_OK)
			return EM_OK;
		fault_set(f, EM_USAGE, "value: neither an address nor a network");
		fault_hint(f, "such as 192.168.1.7 or 10.0.0.0/8, without a port");
		return EM_USAGE;
	}
	UNREACHABLE();
}

em_err
observe_trace_start(enum observe_trace_kind kind, struct slice value, int level, int fd,
    struct slice path, struct fault *f)
{
	const struct trace_set *set = current_set();
	struct net_cidr net = { .bits = 0 };
	struct trace_file *file = NULL;
	struct trace *t = MEM_NEW(struct trace);
	em_err err = check_value(kind, value, &net, f);

	if (err == EM_OK && find(kind, value) != NULL) {
		err = fault_set(f, EM_EXISTS, "that is traced already");
		fault_hint(f, "see: emqx_ctl trace list");
	}
	if (err == EM_OK && set != NULL && set->n == TRACES_MAX)
		err = fault_set(f, EM_FULL, "%d traces run already", TRACES_MAX);
	if (err == EM_OK)
		err = trace_file_new(fd, TRACE_FILE_MAX, on_written, t, &file, f);
	if (err != EM_OK) {
		close(fd);
		mem_free(t);
		return err;
	}
	t->kind = kind;
	t->value = mem_dup(value.p, value.n);
	t->value_n = value.n;
	t->path = mem_dup(path.p, path.n);
	t->net = net;
	t->level = level;
	t->file = file;
	t->since = clock_wall();
	VEC_ADD(&observe_traces()->all, t);
	trace_sink_set(&sink);
	change_set(t, NULL);
	return EM_OK;
}

static void
put_last_line(struct trace *t)
{
	struct slice who =
	    t->kind == TRACE_CLIENT ? slice_of(t->value, t->value_n) : SLICE_NONE;
	struct str text = { 0 };

	print_line(&text, who, SLICE_NONE, "CLI", "trace_stopping", SLICE_NONE);
	atomic_fetch_add(&t->waiting, text.n);
	trace_file_put(t->file, &text);
}

/* No worker knows it any more, and all its letters came. */
static void
on_retired(void *p, size_t n)
{
	struct trace *t = p;

	(void)n;
	if (t->is_dead) {
		free_trace(t);
		return;
	}
	t->is_retired = true;
	put_last_line(t);
	end_if_done(t);
}

em_err
observe_trace_stop(enum observe_trace_kind kind, struct slice value,
    observe_trace_done_fn *done, void *arg)
{
	struct trace *t = find(kind, value);

	if (t == NULL)
		return EM_NOTFOUND;
	t->is_stopping = true;
	t->done = done;
	t->arg = arg;
	change_set(NULL, t);
	qsbr_retire(t, sizeof *t, on_retired);
	return EM_OK;
}

bool
observe_trace_get(unsigned i, struct observe_trace_info *out)
{
	const struct observe_traces *all = observe_traces();

	if (i >= all->all.n)
		return false;
	*out = info_of(all->all.p[i]);
	return true;
}

/* ---- birth and death, on main */

struct observe_traces *
observe_trace_new(void)
{
	return MEM_NEW(struct observe_traces);
}

static bool
is_any_busy(const struct observe_traces *all)
{
	for (size_t i = 0; i < all->all.n; i++)
		if (trace_file_is_busy(all->all.p[i]->file))
			return true;
	return false;
}

/* The workers are gone: what they sent is in the admin's mailbox, jobs still run. */
static void
drain(struct observe_traces *all)
{
	struct worker *me = worker_self();

	worker_act_as(worker_admin());
	for (unsigned ms = 0; ms < DEATH_WAIT_MS; ms++) {
		struct timespec a_while = { .tv_nsec = 1000000 };

		mailbox_open_all(worker_admin());
		if (!is_any_busy(all))
			break;
		nanosleep(&a_while, NULL);
	}
	worker_act_as(me);
}

void
observe_trace_free(struct observe_traces **tp)
{
	struct observe_traces *all = *tp;

	trace_sink_set(NULL);
	atomic_store(&trace_gate.active, 0);
	mem_free(atomic_load(&all->set));
	atomic_store(&all->set, NULL);
	drain(all);
	for (size_t i = 0; i < all->all.n; i++)
		if (!all->all.p[i]->is_retired)
			put_last_line(all->all.p[i]);
	drain(all);
	for (size_t i = 0; i < all->all.n; i++) {
		struct trace *t = all->all.p[i];

		t->is_dead = true; /* one that was retired is freed there */
		if (!t->is_stopping && !trace_file_is_busy(t->file))
			free_trace(t);
	}
	VEC_FINI(&all->all);
	MEM_FREE(*tp);
}
