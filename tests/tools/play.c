/* SPDX-License-Identifier: Apache-2.0 */
/*
 * play: plays scenarios of MQTT, written in text, against a broker.
 *
 *	play [--emqxd PATH] [--host ADDRESS --port N] [--only TEXT] [--jobs N] [-v] FILE...
 *
 * Without --host it starts emqxd itself (EMQXD, or the one of the same build), one
 * for each file, four files at a time.  Prints TAP: a line for each scenario and
 * version, and one for each daemon, which must end with status 0.  A failure names
 * file and line, what came, what was wanted, and what was said until then.
 * --only plays the scenarios whose titles hold the text.
 *
 * The language: tests/tools/play/script.h (files) and player.c (steps).
 */
#include "tests/tools/play/daemon.h"
#include "tests/tools/play/player.h"
#include "ipc/base/num.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
	const char *emqxd, *host, *only;
	unsigned port, jobs;
	bool is_verbose;
	VEC(struct script) scripts;
	unsigned nth, failed; /* of the file that is played */
};

/* A file that is played by a process of its own. */
struct job {
	pid_t pid;      /* 0: over, or not begun */
	FILE *out;      /* what it said */
	unsigned first; /* number of its first test */
	int status;
};

static const char usage[] =
    "usage: play [--emqxd PATH] [--host ADDRESS --port N] [--only TEXT] [--jobs N] [-v]\n"
    "            FILE...\n";

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
			    daemon_start(d, g->emqxd, s, &fault) != EM_OK)
				print_talk(fault.text);
			fault_clear(&fault);
		}
	}
}

/* Tests of a file: its scenarios, and the daemon. */
static unsigned
tests_of(const struct program *g, const struct script *s)
{
	return count_of(g, s) + (g->host == NULL ? 1 : 0);
}

/* One file against a daemon of its own. */
static int
play_file(struct program *g, const struct script *s)
{
	struct daemon d = { 0 };
	struct fault fault = { 0 };
	em_err err;

	if (g->host != NULL) {
		play_script(g, s, NULL);
		return g->failed > 0;
	}
	err = daemon_start(&d, g->emqxd, s, &fault);
	if (err == EM_OK)
		play_script(g, s, &d);
	else
		g->nth += count_of(g, s);
	if (daemon_stop(&d, err == EM_OK ? &fault : NULL) != EM_OK)
		err = EM_FAILED;
	printf("%sok %u - %s: emqxd starts, serves and ends with status 0\n",
	    err == EM_OK ? "" : "not ", ++g->nth, s->path);
	if (err != EM_OK)
		print_talk(fault.text);
	fault_clear(&fault);
	return g->failed > 0 || err != EM_OK;
}

/* ---- several files at a time: they wait more than they work */

static em_err
job_start(struct program *g, struct job *j, const struct script *s)
{
	j->out = tmpfile();
	if (j->out == NULL)
		return EM_IO;
	fflush(stdout);
	j->pid = fork();
	if (j->pid < 0)
		return EM_IO;
	if (j->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(fileno(j->out), STDOUT_FILENO);
		g->nth = j->first - 1;
		j->status = play_file(g, s);
		fflush(stdout);
		_exit(j->status);
	}
	return EM_OK;
}

/* Waits until one of the jobs is over. */
static void
job_wait(struct job *jobs, size_t n)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	for (size_t i = 0; i < n; i++) {
		if (jobs[i].pid != pid)
			continue;
		jobs[i].pid = 0;
		jobs[i].status = status;
	}
}

static void
job_print(struct job *j)
{
	char part[4096];
	size_t n;

	rewind(j->out);
	while ((n = fread(part, 1, sizeof part, j->out)) > 0)
		fwrite(part, 1, n, stdout);
	fclose(j->out);
	if (WIFSIGNALED(j->status))
		printf("# the player ended by signal %d\n", WTERMSIG(j->status));
}

static int
play_all(struct program *g)
{
	struct job *jobs = mem_new_array(g->scripts.n, sizeof *jobs);
	size_t begun = 0, printed = 0;
	unsigned running = 0, tests = 0;
	int status = 0;

	for (size_t i = 0; i < g->scripts.n; i++) {
		jobs[i].first = tests + 1;
		tests += tests_of(g, &g->scripts.p[i]);
	}
	printf("1..%u\n", tests);
	while (printed < g->scripts.n) {
		if (begun < g->scripts.n && running < g->jobs) {
			if (job_start(g, &jobs[begun], &g->scripts.p[begun]) != EM_OK)
				break;
			begun++;
			running++;
			continue;
		}
		job_wait(jobs, begun);
		running--;
		for (; printed < begun && jobs[printed].pid == 0; printed++) {
			job_print(&jobs[printed]);
			status |= jobs[printed].status != 0;
		}
	}
	status |= printed < g->scripts.n;
	mem_free(jobs);
	return status;
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
	uint64_t n;
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
		return err != EM_OK ? EM_FAILED : EM_OK;
	}
	++*i;
	if (value != NULL && strcmp(argv[*i - 1], "--emqxd") == 0)
		g->emqxd = value;
	else if (value != NULL && strcmp(argv[*i - 1], "--host") == 0)
		g->host = value;
	else if (value != NULL && strcmp(argv[*i - 1], "--only") == 0)
		g->only = value;
	else if (num_parse_u64(slice_str(value), &n) != EM_OK || n == 0 || n > UINT16_MAX)
		return EM_USAGE;
	else if (strcmp(argv[*i - 1], "--port") == 0)
		g->port = (unsigned)n;
	else if (strcmp(argv[*i - 1], "--jobs") == 0)
		g->jobs = (unsigned)n;
	else
		return EM_USAGE;
	return EM_OK;
}

int
main(int argc, char **argv)
{
	struct program g = { .emqxd = getenv("EMQXD"), .jobs = 4 };
	char *beside = find_emqxd(argv[0]);
	em_err err = EM_OK;
	int status;

	if (g.emqxd == NULL)
		g.emqxd = beside;
	for (int i = 1; i < argc && err == EM_OK; i++)
		err = read_argument(&g, argv, &i);
	if (err == EM_OK && (g.scripts.n == 0 || (g.host != NULL) != (g.port != 0)))
		err = EM_USAGE;
	if (err == EM_USAGE)
		fputs(usage, stderr);
	if (g.host != NULL)
		g.jobs = 1; /* one broker for all */
	status = err != EM_OK ? 2 : play_all(&g);
	for (size_t i = 0; i < g.scripts.n; i++)
		script_fini(&g.scripts.p[i]);
	VEC_FINI(&g.scripts);
	mem_free(beside);
	return status;
}
