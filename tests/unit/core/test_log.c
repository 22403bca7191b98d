/* SPDX-License-Identifier: Apache-2.0 */
/* Which lines pass: levels, rooms, the limiter; and what they look like. */
#include "emqxd/core/log.h"
#include "emqxd/core/log_sink.h"
#include "emqxd/core/worker.h"
#include "ipc/base/mem.h"
#include "tests/unit/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A file sink in a folder of its own, and what stands in the file. */
struct fixture {
	char dir[64], path[96];
	char text[65536];
};

static void
begin(struct fixture *x, int level)
{
	struct log_sink_conf conf = { .id = "file",
		.kind = LOG_SINK_FILE,
		.level = level,
		.is_enabled = true,
		.time_offset = "utc",
		.path = x->path,
		.rotation_size = UINT64_MAX,
		.rotation_count = 1 };

	snprintf(x->dir, sizeof x->dir, "/tmp/test_log.XXXXXX");
	OK(mkdtemp(x->dir) != NULL);
	snprintf(x->path, sizeof x->path, "%s/log", x->dir);
	log_start();
	log_set_primary(LOG_DEBUG);
	EQ(log_sink_add(log_sinks(), &conf, NULL), EM_OK);
}

static const char *
text(struct fixture *x)
{
	FILE *f = fopen(x->path, "r");
	size_t n;

	OK(f != NULL);
	n = fread(x->text, 1, sizeof x->text - 1, f);
	x->text[n] = '\0';
	fclose(f);
	return x->text;
}

static bool
has(struct fixture *x, const char *what)
{
	return strstr(text(x), what) != NULL;
}

static unsigned
count(struct fixture *x, const char *what)
{
	unsigned n = 0;

	for (const char *p = text(x); (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
end(struct fixture *x)
{
	log_stop();
	unlink(x->path);
	rmdir(x->dir);
}

/* As if it stood in another room. */
static void
say(const char *file, enum log_level level, const char *event)
{
	if ((int)level <= atomic_load(&log_gate.threshold))
		log_write(level, file, event, NULL, 0);
}

TEST(every_kind_of_value_has_its_text)
{
	struct fixture x;
	unsigned char byte = 7;
	const char *none = NULL;

	begin(&x, LOG_INFO);
	LOG(INFO, "all_kinds", "text", "abc", "slice", slice_of("defg", 3), "int", -5,
	    "u64", UINT64_MAX, "yes", (bool)true, "half", 0.5, "byte", byte, "none",
	    none);
	OK(has(&x, " [info] all_kinds text=abc slice=def int=-5 u64=18446744073709551615 "
		   "yes=true half=0.5 byte=7 none=\"\"\n"));
	end(&x);
}

TEST(a_peer_forges_neither_line_nor_pair)
{
	struct fixture x;

	begin(&x, LOG_INFO);
	LOG(INFO, "client", "id", "a\x1b[31m\n2026 [error] x=1");
	LOG(INFO, "quote", "id", "say \"hi\" = \\");
	OK(has(&x, "client id=\"a\\x1b[31m\\x0a2026 [error] x=1\"\n"));
	OK(has(&x, "quote id=\"say \\\"hi\\\" = \\\\\"\n"));
	EQ(count(&x, "\n"), 2);
	end(&x);
}

TEST(a_long_value_is_cut_between_code_points)
{
	struct fixture x;
	char v[3001];

	for (size_t i = 0; i < 3000; i += 3)
		memcpy(v + i, "\xe2\x82\xac", 3);
	begin(&x, LOG_INFO);
	LOG(INFO, "long", "v", slice_of(v, 3000));
	OK(strlen(text(&x)) < 2200);
	OK(!has(&x, "\\x"));
	end(&x);
}

TEST(json_has_numbers_and_escapes)
{
	static const struct log_pair pairs[] = {
		{ "id", { .kind = LOG_TEXT } }, { "n", { .kind = LOG_INT, .i = -3 } },
		{ "x", { .kind = LOG_DOUBLE, .d = NAN } },
		{ "t", { .kind = LOG_SLICE, .slice = { (const uint8_t *)"a\"\n", 3 } } }
	};
	const struct log_line line = {
		.level = LOG_WARN, .room = "net", .event = "e", .pairs = pairs, .n = 4
	};
	struct str out = { 0 };

	log_json_print(&out, &line);
	STR_EQ(str_get(&out),
	    ",\"level\":\"warning\",\"event\":\"e\",\"room\":\"net\",\"id\":null,"
	    "\"n\":-3,\"x\":null,\"t\":\"a\\\"\\n\"}\n");
	str_fini(&out);
}

TEST(a_line_passes_primary_and_sink_level)
{
	struct fixture x;

	begin(&x, LOG_INFO);
	log_set_primary(LOG_WARN);
	LOG(INFO, "hidden_by_primary");
	log_set_primary(LOG_DEBUG);
	LOG(DEBUG, "hidden_by_sink");
	LOG(INFO, "seen");
	OK(!has(&x, "hidden"));
	OK(has(&x, "seen"));
	end(&x);
}

TEST(the_gate_is_as_open_as_the_least_of_both)
{
	struct fixture x;

	begin(&x, LOG_INFO);
	EQ(atomic_load(&log_gate.threshold), LOG_INFO);
	log_set_primary(LOG_ERROR);
	EQ(atomic_load(&log_gate.threshold), LOG_ERROR);
	log_set_primary(LOG_OFF);
	EQ(atomic_load(&log_gate.threshold), LOG_OFF);
	end(&x);
	EQ(atomic_load(&log_gate.threshold), LOG_WARN);
}

TEST(a_sink_asked_for_debug_gets_it)
{
	struct fixture x;

	begin(&x, LOG_INFO);
	log_set_primary(LOG_WARN);
	EQ(log_sink_set_level(log_sinks(), SLICE_LIT("file"), LOG_DEBUG, NULL), EM_OK);
	LOG(DEBUG, "seen");
	OK(has(&x, "seen"));
	end(&x);
}

TEST(a_room_with_a_level_of_its_own_speaks_alone)
{
	struct fixture x;

	begin(&x, LOG_WARN);
	EQ(log_set_room(SLICE_LIT("session"), LOG_DEBUG), EM_OK);
	say("emqxd/session/mqueue.c", LOG_DEBUG, "of_session");
	say("emqxd/net/conn.c", LOG_DEBUG, "of_net");
	OK(has(&x, "of_session"));
	OK(!has(&x, "of_net"));
	EQ(log_set_room(SLICE_LIT("session"), LOG_ERROR), EM_OK);
	say("emqxd/session/mqueue.c", LOG_WARN, "quieter");
	EQ(log_set_room(SLICE_LIT("session"), LOG_UNSET), EM_OK);
	say("emqxd/session/mqueue.c", LOG_WARN, "as_all");
	OK(!has(&x, "quieter"));
	OK(has(&x, "as_all"));
	EQ(log_set_room(SLICE_LIT("kitchen"), LOG_DEBUG), EM_NOTFOUND);
	end(&x);
}

TEST(the_room_is_the_last_folder_that_is_one)
{
	struct fixture x;

	begin(&x, LOG_WARN);
	OK(log_set_room(SLICE_LIT("admin"), LOG_INFO) == EM_OK);
	OK(log_set_room(SLICE_LIT("app"), LOG_INFO) == EM_OK);
	OK(log_set_room(SLICE_LIT("ipc"), LOG_INFO) == EM_OK);
	say("/src/net/emqxd/admin/x.c", LOG_INFO, "one");
	say("emqxd/main.c", LOG_INFO, "two");
	say("ipc/base/x.c", LOG_INFO, "three");
	say("emqxd/net/x.c", LOG_INFO, "four");
	OK(has(&x, "one") && has(&x, "two") && has(&x, "three") && !has(&x, "four"));
	end(&x);
}

TEST(every_room_of_the_house_can_be_named)
{
	FILE *f = fopen("emqxd/FLOORS", "r");
	char line[256], floor[8], room[64];

	if (f == NULL)
		return; /* not at the top of the tree */
	log_start();
	while (fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "%7s emqxd/%63s", floor, room) == 2)
			EQ(log_set_room(slice_str(room), LOG_UNSET), EM_OK);
	}
	fclose(f);
	log_stop();
}

TEST(emqx_levels_are_understood)
{
	static const struct {
		const char *word;
		int level;
	} known[] = { { "debug", LOG_DEBUG }, { "info", LOG_INFO },
		{ "notice", LOG_INFO }, { "warning", LOG_WARN }, { "error", LOG_ERROR },
		{ "critical", LOG_ERROR }, { "alert", LOG_ERROR },
		{ "emergency", LOG_ERROR }, { "all", LOG_DEBUG }, { "none", LOG_OFF } };
	int level;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		EQ(log_level_parse(slice_str(known[i].word), &level), EM_OK);
		EQ(level, known[i].level);
	}
	EQ(log_level_parse(SLICE_LIT("blah"), &level), EM_MALFORMED);
	EQ(log_level_parse(SLICE_LIT("warnings"), &level), EM_MALFORMED);
	STR_EQ(log_level_name(LOG_WARN), "warning");
	STR_EQ(log_level_name(LOG_OFF), "none");
}

TEST(what_a_peer_repeats_is_limited_and_counted)
{
	struct fixture x;
	struct worker *w = MEM_NEW(struct worker);

	begin(&x, LOG_DEBUG);
	w->kind = WORKER_CLIENTS;
	worker_act_as(w);
	for (unsigned i = 0; i < 1000; i++)
		LOG(WARN, "frame_error", "n", i);
	LOG(WARN, "another");
	for (unsigned i = 0; i < 20; i++)
		LOG(DEBUG, "asked_for");
	worker_act_as(NULL);
	OK(count(&x, "frame_error") >= 10);
	OK(count(&x, "frame_error") <= 12); /* slow machine: the budget grows */
	EQ(count(&x, "another"), 1);
	EQ(count(&x, "asked_for"), 20);
	log_tick();
	EQ(count(&x, "[warning] log_suppressed name=frame_error suppressed=9"), 1);
	log_tick();
	EQ(count(&x, "log_suppressed"), 1);
	mem_free(w);
	end(&x);
}

TEST(what_no_peer_causes_is_not_limited)
{
	struct fixture x;

	begin(&x, LOG_INFO);
	for (unsigned i = 0; i < 100; i++)
		LOG(WARN, "conf_key_ignored", "n", i);
	EQ(count(&x, "conf_key_ignored"), 100);
	end(&x);
}
