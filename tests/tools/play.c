/* SPDX-License-Identifier: Apache-2.0 */
/*
 * play: plays scenarios of MQTT, written in text, against a broker.
 *
 *	play [--emqxd PATH] [--host ADDRESS --port N] [--only TEXT] [-v] FILE...
 *
 * Without --host it starts emqxd itself (EMQXD, or the one of the same build):
 * once for all files that want the same configuration.  Prints TAP: a line for each
 * scenario and version, and one for each daemon, which must end with status 0.
 * A failure names file and line, what came, what was wanted, and what was said
 * until then.
 *
 * The language: tests/tools/play/script.h (files) and player.c (steps).
 */
#include "tests/tools/play/daemon.h"
#include "tests/tools/play/player.h"
#include "ipc/base/num.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct program {
	const char *emqxd, *host, *only;
	unsigned port;
	bool is_verbose;
	VEC(struct script) scripts;
	unsigned nth, failed;
};

static const char usage[] =
    "usage: play [--emqxd PATH] [--host ADDRESS --port N] [--only TEXT] [-v] FILE...\n";

/* ---- what will be played */

static unsigned
versions_of(const struct scenario *s)
{
	return s->versions != 0 ? s->versions : 1u << MQTT_V5;
}

static bool
is_wanted(const struct program *g, const struct scenario *s)
{
	return g->only == NULL ||
	       memmem(s->title.p, s->title.n, g->only, strlen(g->only));
}

static unsigned
count_of(const struct program *g, const struct script *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->scenarios.n; i++) {
		if (is_wanted(g, &s->scenarios.p[i]))
			n +=
			    (unsigned)__builtin_popcount(versions_of(&s->scenarios.p[i]));
	}
	return n;
}

static bool
is_same_config(const struct script *a, const struct script *b)
{
	bool is_same = a->config.n == b->config.n;

	for (size_t i = 0; is_same && i < a->config.n; i++)
		is_same = slice_eq(a->config.p[i], b->config.p[i]);
	return is_same;
}

/* Is it the first of the files that share its configuration? */
static bool
is_first(const struct program *g, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (is_same_config(&g->scripts.p[i], &g->scripts.p[at]))
			return false;
	}
	return true;
}

static unsigned
plan(const struct program *g)
{
	unsigned n = 0;

	for (size_t i = 0; i < g->scripts.n; i++) {
		n += count_of(g, &g->scripts.p[i]);
		if (g->host == NULL && is_first(g, i))
			n++; /* its daemon */
	}
	return n;
}

/* ---- telling */

/* Each line behind "# ". */
static void
print_talk(const char *text)
{
	const char *end;

	for (; *text != '\0'; text = *end == '\0' ? end : end + 1) {
		end = strchrnul(text, '\n');
		printf("#   %.*s\n", (int)(end - text), text);
	}
}

static void
print_line(
    struct program *g, bool is_ok, const struct script *s, const struct player *played)
{
	const struct scenario *scenario = played->scenario;
	const char *tag = played->version == MQTT_V5 ? "[MQTT5" : "[MQTT3";
	const char *file = strrchr(s->path, '/');

	printf("%sok %u - %s:%u %s %.*s", is_ok ? "" : "not ", g->nth,
	    file != NULL ? file + 1 : s->path, scenario->number,
	    fields_version_name(played->version), SLICE_FMT(scenario->title));
	for (size_t i = 0; i < scenario->tags.n; i++) {
		if (slice_starts(scenario->tags.p[i], slice_str(tag)))
			printf(" %.*s", SLICE_FMT(scenario->tags.p[i]));
	}
	printf("\n");
}

/* The last lines of the log: what led there. */
static void
print_log(const struct program *g, const char *log)
{
	const size_t shown = g->is_verbose ? SIZE_MAX : 16;
	const char *from = log + strlen(log);

	for (size_t n = 0; from > log; from--) {
		if (from[-1] == '\n' && n++ == shown)
			break;
	}
	print_talk(from);
}

static void
print_fault(const struct program *g, const struct script *s, const struct player *played)
{
	const struct script_line *at = played->at;

	printf("# %s:%u: %.*s\n", s->path,
	    at != NULL ? at->number : played->scenario->number,
	    SLICE_FMT(at != NULL ? at->text : played->scenario->title));
	print_talk(played->fault.text != NULL ? played->fault.text : "failed");
	printf("# until then:\n");
	print_log(g, str_get(&played->log));
}

/* ---- playing */

static bool
play_one(struct program *g, const struct script *s, const struct scenario *scenario,
    enum mqtt_version version, unsigned port)
{
	struct player player = {
		.host = g->host != NULL ? g->host : "127.0.0.1",
		.port = port,
		.nth = ++g->nth,
		.version = version,
		.scenario = scenario,
	};
	bool is_ok = player_run(&player);

	print_line(g, is_ok, s, &player);
	if (!is_ok) {
		g->failed++;
		print_fault(g, s, &player);
	} else if (g->is_verbose)
		print_log(g, str_get(&player.log));
	fflush(stdout);
	player_fini(&player);
	return is_ok;
}

/* One file; a daemon that ended meanwhile is started again. */
static void
play_script(struct program *g, const struct script *s, struct daemon *d)
{
	struct fault fault = { 0 };

	for (size_t i = 0; i < s->scenarios.n; i++) {
		const struct scenario *scenario = &s->scenarios.p[i];

		for (unsigned v = MQTT_V31; v <= MQTT_V5 && is_wanted(g, scenario); v++) {
			if ((versions_of(scenario) >> v & 1) == 0)
				continue;
			if (play_one(g, s, scenario, (enum mqtt_version)v,
				g->host != NULL ? g->port : d->port) ||
			    g->host != NULL || !daemon_is_gone(d))
				continue;
			print_talk("emqxd has ended; another one is started");
			d->pid = 0;
			if (daemon_stop(d, &fault) != EM_OK ||
			    daemon_start(d, g->emqxd, &s->config, &fault) != EM_OK)
				print_talk(fault.text);
			fault_clear(&fault);
		}
	}
}

/* All files with the configuration of the one at @at. */
static void
play_group(struct program *g, size_t at)
{
	struct daemon d = { 0 };
	struct fault fault = { 0 };
	em_err err = EM_OK;

	if (g->host == NULL)
		err = daemon_start(&d, g->emqxd, &g->scripts.p[at].config, &fault);
	for (size_t i = at; i < g->scripts.n; i++) {
		if (is_same_config(&g->scripts.p[at], &g->scripts.p[i]))
			play_script(g, &g->scripts.p[i], &d);
	}
	if (g->host != NULL)
		return;
	if (err == EM_OK)
		err = daemon_stop(&d, &fault);
	g->failed += err != EM_OK;
	printf("%sok %u - emqxd starts, serves and ends with status 0\n",
	    err == EM_OK ? "" : "not ", ++g->nth);
	if (err != EM_OK)
		print_talk(fault.text);
	fault_clear(&fault);
}

static int
play_all(struct program *g)
{
	printf("1..%u\n", plan(g));
	for (size_t i = 0; i < g->scripts.n; i++) {
		if (g->host != NULL)
			play_script(g, &g->scripts.p[i], NULL);
		else if (is_first(g, i))
			play_group(g, i);
	}
	return g->failed > 0;
}

/* ---- arguments */

/* The daemon beside this program: BUILD/tests/tools/play, BUILD/emqxd. */
static char *
find_emqxd(const char *self)
{
	const char *slash = strrchr(self, '/');
	struct str path = { NULL, 0, 0 };

	str_addf(&path, "%.*s/../../emqxd", slash != NULL ? (int)(slash - self) : 1,
	    slash != NULL ? self : ".");
	return str_take(&path);
}

static em_err
read_argument(struct program *g, char **argv, int *i)
{
	const char *value = argv[*i + 1];
	struct fault fault = { 0 };
	uint64_t port;
	em_err err;

	if (strcmp(argv[*i], "-v") == 0) {
		g->is_verbose = true;
		return EM_OK;
	}
	if (argv[*i][0] != '-') {
		err = script_read(VEC_PUSH(&g->scripts), argv[*i], &fault);
		if (err != EM_OK)
			fprintf(stderr, "play: %s\n", fault.text);
		fault_clear(&fault);
		return err;
	}
	if (value == NULL)
		return EM_USAGE;
	if (strcmp(argv[*i], "--emqxd") == 0)
		g->emqxd = value;
	else if (strcmp(argv[*i], "--host") == 0)
		g->host = value;
	else if (strcmp(argv[*i], "--only") == 0)
		g->only = value;
	else if (strcmp(argv[*i], "--port") == 0 &&
		 num_parse_u64(slice_str(value), &port) == EM_OK && port < 65536)
		g->port = (unsigned)port;
	else
		return EM_USAGE;
	++*i;
	return EM_OK;
}

int
main(int argc, char **argv)
{
	struct program g = { .emqxd = getenv("EMQXD") };
	char *beside = find_emqxd(argv[0]);
	em_err err = EM_OK;
	int status;

	if (g.emqxd == NULL)
		g.emqxd = beside;
	for (int i = 1; i < argc && err == EM_OK; i++)
		err = read_argument(&g, argv, &i);
	if (err == EM_USAGE || g.scripts.n == 0 || (g.host != NULL) != (g.port != 0))
		fputs(usage, stderr);
	status = err != EM_OK || g.scripts.n == 0 ? 2 : play_all(&g);
	for (size_t i = 0; i < g.scripts.n; i++)
		script_fini(&g.scripts.p[i]);
	VEC_FINI(&g.scripts);
	mem_free(beside);
	return status;
}
