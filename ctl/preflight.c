/* SPDX-License-Identifier: Apache-2.0 */
/*
 * preflight: the dynamic loader is asked to load emqxd and to run nothing of it
 * (LD_TRACE_LOADED_OBJECTS), binding all symbols.  What it then complains about
 * is what the start would fail with.  Only an emqxd that can be loaded is asked
 * for its versions.
 */
#include "ctl/preflight.h"
#include "ctl/json.h"
#include "ctl/local.h"
#include "ctl/program.h"

#include <stdlib.h>

static void
add_plain(struct preflight *p, const char *text, const char *hint)
{
	VEC_ADD(
	    &p->v, ((struct preflight_problem){ mem_strdup(text), mem_strdup(hint) }));
}

static void
look(struct preflight *p, const char *program)
{
	static const char *const trace[] = { "LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=yes",
		"LD_BIND_NOW=yes", NULL };
	const char *argv[] = { program, "version", NULL };
	struct str said = { 0 };
	int status;

	if (program_run(argv, trace, &said, &status) != EM_OK) {
		add_plain(p, "emqxd cannot be started", NULL);
		return;
	}
	preflight_read_loader(p, str_slice(&said), getenv("LD_LIBRARY_PATH"));
	str_reset(&said);
	if (p->v.n == 0 && program_run(argv, NULL, &said, &status) == EM_OK) {
		if (status == 0)
			preflight_read_version(p, str_slice(&said));
		else
			add_plain(p, "emqxd does not start", str_get(&said));
	}
	str_fini(&said);
}

static void
put_json(struct json *j, const struct preflight *p, const char *program)
{
	json_open(j, '{');
	json_key(j, "ok");
	json_bool(j, p->v.n == 0);
	json_key(j, "program");
	json_str(j, program);
	json_key(j, "problems");
	json_open(j, '[');
	for (size_t i = 0; i < p->v.n; i++) {
		json_open(j, '{');
		json_key(j, "text");
		json_str(j, p->v.p[i].text);
		json_key(j, "hint");
		json_str(j, p->v.p[i].hint);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
	str_add_char(j->to, '\n');
}

static void
say(const struct local *l, const struct preflight *p)
{
	struct talk talk = prefs_talk(l->prefs);

	for (size_t i = 0; i < p->v.n; i++) {
		struct fault f = {
			.err = EM_FAILED, .text = p->v.p[i].text, .hint = p->v.p[i].hint
		};

		talk_fault(&talk, "emqxd would not start", &f);
	}
}

int
preflight_run(const struct local *l)
{
	char *program = program_find("emqxd");
	struct preflight p = { .v = { NULL, 0, 0 } };
	struct str text = { 0 };
	struct json j;
	int code = 0;

	if (program == NULL)
		add_plain(&p, "there is no emqxd beside emqx_ctl and none in PATH", NULL);
	else
		look(&p, program);
	if (local_wants_json(l, &j, &text))
		put_json(&j, &p, program);
	else if (p.v.n == 0)
		str_addf(&text, "%s finds its libraries\n", program);
	else
		say(l, &p);
	if (text.n > 0)
		code = local_print(l, &text, false);
	if (p.v.n > 0)
		code = err_exit(EM_FAILED);
	preflight_fini(&p);
	str_fini(&text);
	mem_free(program);
	return code;
}

static void
put_check_json(struct json *j, struct slice file, struct slice said, bool ok)
{
	json_open(j, '{');
	json_key(j, "ok");
	json_bool(j, ok);
	json_key(j, "file");
	json_text(j, file);
	json_key(j, "said");
	json_open(j, '[');
	while (said.n > 0) {
		const uint8_t *nl = memchr(said.p, '\n', said.n);
		size_t n = nl != NULL ? (size_t)(nl - said.p) : said.n;

		if (n > 0)
			json_text(j, slice_head(said, n));
		said = slice_from(said, n + 1);
	}
	json_close(j, ']');
	json_close(j, '}');
	str_add_char(j->to, '\n');
}

/* What emqxd said, to where it belongs. */
static int
tell_check(const struct local *l, const struct str *said, const char *file, bool ok)
{
	struct talk talk = prefs_talk(l->prefs);
	struct str text = { 0 };
	struct json j;
	int code = 0;

	talk.quiet = false;
	if (local_wants_json(l, &j, &text)) {
		put_check_json(&j, slice_str(file), str_slice(said), ok);
		code = local_print(l, &text, false);
	} else if (ok) {
		code = local_print(l, said, false);
	} else {
		struct slice lines = str_slice(said);

		if (lines.n > 0 && lines.p[lines.n - 1] == '\n')
			lines.n--;
		talk_say_text(&talk, lines);
	}
	str_fini(&text);
	return ok ? code : err_exit(EM_FAILED);
}

/* Runs emqxd with the words behind its name, and tells what it says of @file. */
static int
run_check(const struct local *l, const char **argv, const char *file)
{
	char *program = program_find("emqxd");
	struct str said = { 0 };
	struct fault f = { 0 };
	int status, code;

	argv[0] = program;
	if (program == NULL) {
		fault_set(
		    &f, EM_FAILED, "there is no emqxd beside emqx_ctl and none in PATH");
		code = local_fail(l, &f);
	} else if (program_run(argv, NULL, &said, &status) != EM_OK) {
		fault_set(&f, EM_FAILED, "%s cannot be started", program);
		code = local_fail(l, &f);
	} else {
		code = tell_check(l, &said, file, status == 0);
		if (status == err_exit(EM_NOTFOUND))
			code = status; /* there is no such file, or no key */
	}
	str_fini(&said);
	mem_free(program);
	return code;
}

/* The argument or option @name as it was given, or what applies without: owned. */
static char *
given_or_default(const struct local *l, const struct cmd_arg *arg)
{
	struct slice given = params_text(l->params, arg->name);

	return given.n > 0 ? mem_dup(given.p, given.n) : mem_strdup(arg->dflt);
}

int
preflight_conf_check(const struct local *l)
{
	char *file = given_or_default(l, cmd_find_arg(l->params->cmd, SLICE_LIT("file")));
	const char *argv[] = { NULL, "check_config", file, NULL };
	int code = run_check(l, argv, file);

	mem_free(file);
	return code;
}

int
preflight_license_check(const struct local *l)
{
	char *file = given_or_default(l, cmd_find_arg(l->params->cmd, SLICE_LIT("file")));
	char *conf = given_or_default(l, cmd_find_opt(l->params->cmd, SLICE_LIT("conf")));
	const char *argv[] = { NULL, "check_license", file, "-c", conf, NULL };
	int code = run_check(l, argv, file);

	mem_free(file);
	mem_free(conf);
	return code;
}
