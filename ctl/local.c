/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local: each command is a function in the table below; what it says is made
 * whole and then printed.
 */
#include "ctl/local.h"
#include "ctl/complete.h"
#include "ctl/docs.h"
#include "ctl/help.h"
#include "ctl/json.h"
#include "ctl/preflight.h"
#include "ctl/wait.h"

#include <unistd.h>

int
local_fail(const struct local *l, struct fault *f)
{
	struct talk talk = prefs_talk(l->prefs);
	int code = err_exit(f->err);

	talk_fault(&talk, NULL, f);
	fault_clear(f);
	return code;
}

int
local_print(const struct local *l, const struct str *text, bool page)
{
	bool color = color_is_on(l->prefs->color, STDOUT_FILENO);
	struct fault f = { 0 };
	struct out out;
	em_err err = out_open(&out, STDOUT_FILENO, color, l->tail, &f);

	if (err == EM_OK) {
		if (page)
			out_page(&out);
		str_add_slice(&out.text, str_slice(text));
		err = out_close(&out, &f);
	}
	return err == EM_OK ? 0 : local_fail(l, &f);
}

bool
local_wants_json(const struct local *l, struct json *j, struct str *text)
{
	bool lines = l->prefs->render.format == RENDER_JSONL;

	*j = json_of(text, !lines && l->tail == NULL && isatty(STDOUT_FILENO) == 1);
	return lines || l->prefs->render.format == RENDER_JSON;
}

static struct help
help_to(const struct local *l, struct str *text)
{
	bool plain = l->tail != NULL && (l->tail->file != NULL || l->tail->greps.n > 0);

	return (struct help){
		.to = text,
		.color = !plain && color_is_on(l->prefs->color, STDOUT_FILENO),
		.shell = l->tool->shell,
		.width = plain ? 0 : out_screen_width(STDOUT_FILENO),
	};
}

int
local_help(const struct local *l, const struct slice *path, size_t n)
{
	struct str text = { 0 };
	struct help help = help_to(l, &text);
	struct fault f = { 0 };
	struct json j;
	int code;

	if (local_wants_json(l, &j, &text)) {
		docs_json(&j, path, n);
		str_add_char(&text, '\n');
		code = local_print(l, &text, false);
	} else if (help_words(&help, path, n, &f) != EM_OK) {
		code = local_fail(l, &f);
	} else {
		code = local_print(l, &text, true);
	}
	str_fini(&text);
	return code;
}

static int
run_help(const struct local *l)
{
	size_t n = params_count(l->params, "command");
	struct slice *words = mem_new_array(n + 1, sizeof *words);
	int code;

	for (size_t i = 0; i < n; i++)
		words[i] = params_text_at(l->params, "command", i);
	code = local_help(l, words, n);
	mem_free(words);
	return code;
}

static int
run_cheat(const struct local *l)
{
	struct str text = { 0 };
	struct help help = help_to(l, &text);
	struct json j;
	int code;

	if (local_wants_json(l, &j, &text)) {
		docs_json(&j, NULL, 0);
		str_add_char(&text, '\n');
	} else {
		help_cheat(&help);
	}
	code = local_print(l, &text, true);
	str_fini(&text);
	return code;
}

int
local_version(const struct local *l)
{
	struct str text = { 0 }, hash = { 0 };
	struct json j;
	int code;

	if (local_wants_json(l, &j, &text)) {
		str_addf(&hash, "%016llx", (unsigned long long)cmd_table_hash());
		json_open(&j, '{');
		json_key(&j, "version");
		json_str(&j, EMQXD_VERSION);
		json_key(&j, "protocol");
		json_int(&j, WIRE_PROTOCOL);
		json_key(&j, "table");
		json_str(&j, str_get(&hash));
		json_close(&j, '}');
	} else {
		str_add(&text, "emqx_ctl " EMQXD_VERSION);
	}
	str_add_char(&text, '\n');
	code = local_print(l, &text, false);
	str_fini(&hash);
	str_fini(&text);
	return code;
}

static int
run_completion(const struct local *l)
{
	struct str text = { 0 };
	int code;

	docs_completion(&text, params_text(l->params, "shell"));
	code = local_print(l, &text, false);
	str_fini(&text);
	return code;
}

/* The words may name another socket. */
static void
use_socket(struct reach *r, const struct slice *words, size_t n, char **socket)
{
	struct cmdline line;

	*socket = NULL;
	(void)!cmdline_parse(&line, words, n, 0, NULL);
	if (params_has(&line.tool, "socket")) {
		struct slice path = params_text(&line.tool, "socket");

		*socket = mem_dup(path.p, path.n);
		r->socket = *socket;
	}
	cmdline_fini(&line);
}

static int
run_complete(const struct local *l)
{
	size_t n = params_count(l->params, "word");
	struct slice *words = mem_new_array(n + 1, sizeof *words);
	struct reach reach = { .socket = l->tool->reach.socket };
	struct complete items = { .v = { NULL, 0, 0 } };
	struct str text = { 0 };
	char *socket;
	int code;

	for (size_t i = 0; i < n; i++)
		words[i] = params_text_at(l->params, "word", i);
	if (n == 0)
		words[n++] = SLICE_LIT("");
	use_socket(&reach, words, n - 1, &socket);
	complete_words(&items, words, n, 0, complete_ask, &reach);
	for (size_t i = 0; i < items.v.n; i++) {
		const struct complete_item *item = &items.v.p[i];

		str_addf(
		    &text, "%s\t%s\n", item->text, item->help != NULL ? item->help : "");
	}
	code = local_print(l, &text, false);
	str_fini(&text);
	complete_fini(&items);
	mem_free(socket);
	mem_free(words);
	return code;
}

static int
run_mdoc(const struct local *l)
{
	struct str text = { 0 };
	int code;

	docs_mdoc(&text, params_text(l->params, "part"));
	code = local_print(l, &text, false);
	str_fini(&text);
	return code;
}

static int
run_markdown(const struct local *l)
{
	struct str text = { 0 };
	int code;

	docs_markdown(&text);
	code = local_print(l, &text, false);
	str_fini(&text);
	return code;
}

static int
run_json(const struct local *l)
{
	struct str text = { 0 };
	struct json j = json_of(&text, true);
	int code;

	docs_json(&j, NULL, 0);
	str_add_char(&text, '\n');
	code = local_print(l, &text, false);
	str_fini(&text);
	return code;
}

static int
run_quit(const struct local *l)
{
	(void)l;
	return RUN_QUIT;
}

int
local_run(const struct local *l)
{
	static const struct {
		cmd_id id;
		int (*run)(const struct local *l);
	} table[] = {
		{ CMD_WAIT_READY, wait_run },
		{ CMD_WAIT_CLIENTS, wait_run },
		{ CMD_WAIT_CLUSTER, wait_run },
		{ CMD_CONF_CHECK, preflight_conf_check },
		{ CMD_LICENSE_CHECK, preflight_license_check },
		{ CMD_HELP, run_help },
		{ CMD_CHEAT, run_cheat },
		{ CMD_VERSION, local_version },
		{ CMD_COMPLETION, run_completion },
		{ CMD_PREFLIGHT, preflight_run },
		{ CMD_QUIT, run_quit },
		{ CMD_TOOL_COMPLETE, run_complete },
		{ CMD_TOOL_MDOC, run_mdoc },
		{ CMD_TOOL_MARKDOWN, run_markdown },
		{ CMD_TOOL_JSON, run_json },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].id == l->params->cmd->id)
			return table[i].run(l);
	UNREACHABLE(); /* a unit test runs all rows */
}
