/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: may this line pass?  Levels (of all, of a room), the limiter, and the gate
 * that keeps a line that nobody wants at one load and a compare.  What a line looks
 * like is log_text.c's and log_json.c's, where it goes log_sink.c's.
 *
 * A room with a level of its own is being looked at: its lines pass up to that
 * level, whatever the others say.
 *
 * The limiter has a slot an event: the time at which its budget would be whole
 * again (one number, changed by compare and swap).  Events are constants of the
 * program, so the slots do not run out; should they, the line passes.
 *
 * Lines carry the time at which they are written, not that of the turn: a turn
 * that takes long is what one reads a log for.
 */
#include "emqxd/core/log.h"
#include "ipc/base/mem.h"
#include "ipc/base/str.h"
#include "emqxd/core/log_sink.h"
#include "emqxd/core/worker.h"

#include <strings.h>
#include <unistd.h>

enum {
	EVENT_SLOTS = 512, /* power of two */
	EVENT_BURST = 10,
	EVENT_PERIOD_MS = 100, /* 10 a second */
};

static const char *const rooms[] = { "ipc", "core", "conf", "model", "mqtt", "limit",
	"store", "net", "router", "retain", "access", "publish", "session", "client",
	"modules", "discover", "cstore", "link", "routes", "takeover", "wills", "figures",
	"ordering", "members", "cluster", "license", "observe", "admin", "ops", "app" };
enum { ROOMS_N = sizeof rooms / sizeof rooms[0], ROOM_OF_MAIN = ROOMS_N - 1 };

struct event_slot {
	_Atomic(const char *) event;
	_Atomic int64_t whole_at; /* mono ns */
	_Atomic uint32_t held_back;
	_Atomic int level;
};

struct log_state {
	_Atomic int primary;
	_Atomic int room_level[ROOMS_N];
	struct log_sinks *sinks;
	struct event_slot slot[EVENT_SLOTS];
};

struct log_gate log_gate = { .threshold = LOG_WARN };

static const struct {
	const char *word;
	int level;
} words[] = { /* of the words for one level, the first is the one that we print */
	{ "debug", LOG_DEBUG }, { "info", LOG_INFO }, { "warning", LOG_WARN },
	{ "error", LOG_ERROR }, { "none", LOG_OFF }, { "all", LOG_DEBUG },
	{ "notice", LOG_INFO }, { "warn", LOG_WARN }, { "critical", LOG_ERROR },
	{ "alert", LOG_ERROR }, { "emergency", LOG_ERROR }
};

em_err
log_level_parse(struct slice word, int *level)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (slice_eq_str(word, words[i].word)) {
			*level = words[i].level;
			return EM_OK;
		}
	}
	return EM_MALFORMED;
}

const char *
log_level_name(int level)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (words[i].level == level)
			return words[i].word;
	}
	UNREACHABLE();
}

static int
max_of(int a, int b)
{
	return a > b ? a : b;
}

void
log_refresh(void)
{
	struct log_state *s = log_gate.state;
	int threshold, sinks;

	if (s == NULL)
		return;
	threshold = atomic_load(&s->primary);
	sinks = log_sink_level(s->sinks);
	if (sinks < threshold)
		threshold = sinks;
	for (unsigned i = 0; i < ROOMS_N; i++)
		threshold = max_of(threshold, atomic_load(&s->room_level[i]));
	atomic_store(&log_gate.threshold, threshold);
}

void
log_start(void)
{
	struct log_state *s;

	CHECK(log_gate.state == NULL);
	s = MEM_NEW(struct log_state);
	for (unsigned i = 0; i < ROOMS_N; i++)
		atomic_init(&s->room_level[i], LOG_UNSET);
	atomic_init(&s->primary, LOG_WARN);
	s->sinks = log_sinks_new();
	log_gate.state = s;
	log_refresh();
}

void
log_stop(void)
{
	struct log_state *s = log_gate.state;

	if (s == NULL)
		return;
	log_tick();
	log_gate.state = NULL;
	atomic_store(&log_gate.threshold, LOG_WARN);
	log_sinks_free(&s->sinks);
	mem_free(s);
}

struct log_sinks *
log_sinks(void)
{
	CHECK(log_gate.state != NULL);
	return log_gate.state->sinks;
}

int
log_primary(void)
{
	return log_gate.state != NULL ? atomic_load(&log_gate.state->primary) : LOG_WARN;
}

void
log_set_primary(int level)
{
	CHECK(level >= LOG_OFF && level <= LOG_DEBUG);
	if (log_gate.state == NULL)
		return;
	atomic_store(&log_gate.state->primary, level);
	log_refresh();
}

void
log_set_level(int level)
{
	log_sink_set_levels(log_sinks(), level);
	log_set_primary(level);
}

const char *
log_room_name(unsigned i)
{
	return i < ROOMS_N ? rooms[i] : NULL;
}

int
log_room_level(unsigned i)
{
	CHECK(i < ROOMS_N && log_gate.state != NULL);
	return atomic_load(&log_gate.state->room_level[i]);
}

em_err
log_set_room(struct slice room, int level)
{
	CHECK(level >= LOG_UNSET && level <= LOG_DEBUG && log_gate.state != NULL);
	for (unsigned i = 0; i < ROOMS_N; i++) {
		if (!slice_eq_str(room, rooms[i]))
			continue;
		atomic_store(&log_gate.state->room_level[i], level);
		log_refresh();
		return EM_OK;
	}
	return EM_NOTFOUND;
}

/* The last folder of the path that is a room: /src/net/emqxd/admin/x.c is admin's.  What
 * stands in none (main.c) belongs to the assembly. */
static unsigned
room_of(const char *file)
{
	unsigned room = ROOM_OF_MAIN;
	const char *end;

	for (; (end = strchr(file, '/')) != NULL; file = end + 1) {
		struct slice dir = slice_of(file, (size_t)(end - file));

		for (unsigned i = 0; i < ROOMS_N; i++) {
			if (slice_eq_str(dir, rooms[i]))
				room = i;
		}
	}
	return room;
}

/* FNV-1a: events are ours, nobody chooses collisions. */
static unsigned
hash_of(const char *event)
{
	uint32_t h = 2166136261u;

	for (; *event != '\0'; event++)
		h = (h ^ (uint8_t)*event) * 16777619u;
	return h;
}

/* The slot of @event, or NULL when all are taken. */
static struct event_slot *
slot_of(struct log_state *s, const char *event)
{
	unsigned at = hash_of(event);

	for (unsigned i = 0; i < EVENT_SLOTS; i++, at++) {
		struct event_slot *slot = &s->slot[at % EVENT_SLOTS];
		const char *there = NULL;

		if (atomic_compare_exchange_strong(&slot->event, &there, event) ||
		    there == event || strcmp(there, event) == 0)
			return slot;
	}
	return NULL;
}

/* Lines of main are never a peer's doing, and debug was asked for. */
static bool
is_limited(enum log_level level)
{
	return level != LOG_DEBUG && worker_current != NULL &&
	       worker_current->kind != WORKER_MAIN;
}

static bool
has_budget(struct log_state *s, enum log_level level, const char *event)
{
	const int64_t period = span_ms(EVENT_PERIOD_MS).ns;
	struct event_slot *slot = slot_of(s, event);
	int64_t now = span_mono_now().ns, was, next;

	if (slot == NULL)
		return true;
	was = atomic_load(&slot->whole_at);
	do {
		next = (was > now ? was : now) + period;
		if (next - now > EVENT_BURST * period) {
			atomic_store(&slot->level, (int)level);
			atomic_fetch_add(&slot->held_back, 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&slot->whole_at, &was, next));
	return true;
}

/* Before log_start and after log_stop. */
static void
write_bare(const struct log_line *line)
{
	struct str text = { 0 };
	ssize_t n;

	str_add(&text, "emqxd:");
	log_text_print(&text, line);
	n = write(STDERR_FILENO, text.p, text.n);
	(void)n; /* no stderr: nowhere to tell */
	str_fini(&text);
}

void
log_write(enum log_level level, const char *file, const char *event,
    const struct log_pair *pairs, size_t n)
{
	struct log_state *s = log_gate.state;
	unsigned room = room_of(file);
	struct log_line line = { .time = span_wall_now(),
		.level = level,
		.room = rooms[room],
		.event = event,
		.pairs = pairs,
		.n = n };
	int own;

	if (s == NULL) {
		write_bare(&line);
		return;
	}
	own = atomic_load_explicit(&s->room_level[room], memory_order_relaxed);
	line.is_forced = own != LOG_UNSET;
	if ((int)level > (line.is_forced ? own : atomic_load(&s->primary)))
		return;
	if (is_limited(level) && !has_budget(s, level, event))
		return;
	log_sink_write(s->sinks, &line);
}

void
log_tick(void)
{
	struct log_state *s = log_gate.state;

	if (s == NULL)
		return;
	log_sink_tick(s->sinks);
	for (unsigned i = 0; i < EVENT_SLOTS; i++) {
		uint32_t n = atomic_exchange(&s->slot[i].held_back, 0);
		struct log_pair told[] = {
			{ "name", log_of_text(atomic_load(&s->slot[i].event)) },
			{ "suppressed", log_of_uint(n) }
		};

		if (n > 0)
			log_write((enum log_level)atomic_load(&s->slot[i].level),
			    __FILE__, "log_suppressed", told, 2);
	}
}
