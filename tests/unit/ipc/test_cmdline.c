/* SPDX-License-Identifier: Apache-2.0 */
/* Words to commands: what is understood, and what is said of the rest. */
#include "ipc/cmdline.h"
#include "ipc/base/str.h"
#include "tests/unit/tap.h"

/* Parses a line; the caller frees with done(). */
struct parsed {
	struct cmdline_words w;
	struct cmdline c;
	struct fault f;
	em_err err;
};

static struct parsed
parse(const char *line, unsigned flags)
{
	struct parsed p = { 0 };

	cmdline_split(&p.w, slice_str(line));
	p.err = cmdline_parse(&p.c, p.w.v.p, p.w.v.n, flags, &p.f);
	return p;
}

static void
done(struct parsed *p)
{
	cmdline_fini(&p->c);
	cmdline_words_fini(&p->w);
	fault_clear(&p->f);
}

static void
refused(const char *line, const char *text, const char *hint, size_t bad)
{
	struct parsed p = parse(line, 0);

	EQ(p.err, EM_USAGE);
	STR_EQ(p.f.text, text);
	if (hint != NULL)
		STR_EQ(p.f.hint, hint);
	EQ(p.c.bad, bad);
	done(&p);
}

TEST(arguments_and_options_get_their_types)
{
	struct parsed p =
	    parse("clients list --limit 5 --filter 'a > 1' --sort=-mqueue_len", 0);

	EQ(p.err, EM_OK);
	EQ(p.c.cmd->id, CMD_CLIENTS_LIST);
	EQ(params_int(&p.c.params, "limit", 0), 5);
	OK(slice_eq_str(params_text(&p.c.params, "filter"), "a > 1"));
	OK(slice_eq_str(params_text(&p.c.params, "sort"), "-mqueue_len"));
	OK(!params_has(&p.c.params, "after"));
	done(&p);
}

TEST(tool_options_stand_anywhere_and_apart)
{
	struct parsed p =
	    parse("--socket /x -ojson clients --timeout 5s show -q c1 --utc", 0);

	EQ(p.err, EM_OK);
	EQ(p.c.cmd->id, CMD_CLIENTS_SHOW);
	OK(slice_eq_str(params_text(&p.c.params, "clientid"), "c1"));
	OK(slice_eq_str(params_text(&p.c.tool, "socket"), "/x"));
	OK(slice_eq_str(params_text(&p.c.tool, "output"), "json"));
	EQ(span_to_ms(params_span(&p.c.tool, "timeout", span_s(1))), 5000);
	OK(params_bool(&p.c.tool, "quiet") && params_bool(&p.c.tool, "utc"));
	done(&p);
}

TEST(the_last_of_the_same_tool_option_counts)
{
	struct parsed p = parse("-o json status -o csv", 0);

	EQ(p.err, EM_OK);
	OK(slice_eq_str(params_text(&p.c.tool, "output"), "csv"));
	EQ(params_count(&p.c.tool, "output"), 1);
	done(&p);
	p = parse("clients list --limit 1 --limit 2", 0);
	EQ(p.err, EM_USAGE);
	STR_EQ(p.f.text, "clients list: limit is given twice");
	done(&p);
}

TEST(an_option_of_the_command_may_stand_before_it)
{
	struct parsed p = parse("--limit 5 --watch clients list", 0);

	EQ(p.err, EM_OK);
	EQ(p.c.cmd->id, CMD_CLIENTS_LIST);
	EQ(params_int(&p.c.params, "limit", 0), 5);
	EQ(span_to_s(params_span(&p.c.params, "watch", span_s(0))), 2);
	done(&p);
	p = parse("clients list --watch=500ms", 0);
	EQ(span_to_ms(params_span(&p.c.params, "watch", span_s(0))), 500);
	done(&p);
}

TEST(two_dashes_end_the_options)
{
	struct parsed p = parse("clients show -- --json", 0);

	EQ(p.err, EM_OK);
	OK(slice_eq_str(params_text(&p.c.params, "clientid"), "--json"));
	OK(!params_has(&p.c.tool, "json"));
	done(&p);
	p = parse("-- status", 0);
	EQ(p.c.cmd->id, CMD_STATUS);
	done(&p);
	p = parse("clients show -", 0);
	OK(slice_eq_str(params_text(&p.c.params, "clientid"), "-"));
	done(&p);
	p = parse("clients show -17", 0);
	OK(slice_eq_str(params_text(&p.c.params, "clientid"), "-17"));
	done(&p);
}

TEST(a_repeated_argument_takes_all_words)
{
	struct parsed p = parse("clients kick a b c", 0);

	EQ(params_count(&p.c.params, "clientid"), 3);
	OK(slice_eq_str(params_text_at(&p.c.params, "clientid", 2), "c"));
	done(&p);
}

TEST(no_words_are_no_command)
{
	struct parsed p = parse("--json", 0);

	EQ(p.err, EM_OK);
	OK(p.c.cmd == NULL);
	OK(params_has(&p.c.tool, "json"));
	done(&p);
	p = parse("", 0);
	EQ(p.err, EM_OK);
	OK(p.c.cmd == NULL && !p.c.help);
	done(&p);
}

TEST(wrong_words_are_named_with_the_right_one)
{
	refused("lsiteners", "no command 'lsiteners'", "did you mean 'listeners'?", 0);
	refused("clients lsit", "clients: no command 'lsit'", "did you mean 'list'?", 1);
	refused("clients", "clients: what of it?", "one of list, show, kick", 1);
	refused("xyzzy", "no command 'xyzzy'", "see: emqx_ctl help", 0);
	refused("broker stat", "broker: 'stat' is too much", "did you mean 'stats'?", 1);
	refused("listeners strat",
	    "listeners: id: 'strat' is no listener: type:name is wanted",
	    "did you mean 'start'?", 1);
	refused("retainer reindex status", "retainer: no command 'reindex'",
	    CMDLINE_OF_EMQX, 1);
	refused("listeners enable tcp:default true",
	    "listeners: id: 'enable' is no listener: type:name is wanted",
	    CMDLINE_OF_EMQX, 1);
	refused("quit", "no command 'quit'", NULL, 0);
	refused("clients kick", "clients kick: <clientid> is missing",
	    "usage: emqx_ctl clients kick <clientid>...", 2);
	refused("status a\033b", "status: 'a\\x1bb' is too much",
	    "usage: emqx_ctl status", 1);
}

TEST(wrong_options_are_named_with_the_right_one)
{
	refused("clients list --jsno", "clients list: no option '--jsno'",
	    "did you mean '--json'?", 2);
	refused("clients list --limti=5", "clients list: no option '--limti=5'",
	    "did you mean '--limit'?", 2);
	refused("status --limit 5", "status: no option '--limit'", NULL, 1);
	refused("--frob", "no option '--frob'", "see: emqx_ctl help", 0);
	refused("clients list --limit", "clients list: --limit: its value is missing",
	    NULL, 2);
	refused("status --json=1", "status: --json takes no value", NULL, 1);
}

TEST(wrong_values_are_named_with_what_is_right)
{
	refused("subscriptions add c t 9", "subscriptions add: qos: '9' is out of range",
	    "from 0 to 2", 4);
	refused("subscriptions add c t x",
	    "subscriptions add: qos: 'x' is not a whole number", NULL, 4);
	refused("log set-level inof", "log set-level: level: 'inof' is not known",
	    "did you mean 'info'?", 2);
	refused("clients list --sort nod", "clients list: sort: 'nod' is no column",
	    "did you mean 'node'?", 4);
	refused("clients list --columns=node,x",
	    "clients list: columns: 'x' is no column", NULL, 3);
	refused("clients list --limit 0", "clients list: limit: '0' is out of range",
	    NULL, 3);
	refused("clients show ''", "clients show: clientid: '' is empty", NULL, 2);
	refused("status --timeout soon",
	    "status: timeout: 'soon' is not a time such as 500ms, 30s or 1h30m", NULL, 2);
}

TEST(help_is_answered_whatever_else_is_wrong)
{
	struct parsed p = parse("clients kick --help", 0);

	OK(p.err == EM_OK && p.c.help && p.c.cmd->id == CMD_CLIENTS_KICK);
	done(&p);
	p = parse("log handlers -h", 0);
	OK(p.err == EM_OK && p.c.help && p.c.cmd == NULL);
	EQ(p.c.n_path, 2);
	OK(slice_eq_str(p.c.path[1], "handlers"));
	done(&p);
	p = parse("clients show -- --help", 0);
	OK(p.err == EM_OK && !p.c.help);
	done(&p);
}

TEST(abbreviations_are_for_the_shell)
{
	struct parsed p = parse("cli l", CMDLINE_ABBREV | CMDLINE_SHELL);

	EQ(p.c.cmd->id, CMD_CLIENTS_LIST);
	OK(slice_eq_str(p.c.path[0], "clients"));
	done(&p);
	p = parse("q", CMDLINE_ABBREV | CMDLINE_SHELL);
	EQ(p.c.cmd->id, CMD_QUIT);
	done(&p);
	p = parse("s", CMDLINE_ABBREV | CMDLINE_SHELL);
	EQ(p.err, EM_USAGE);
	STR_EQ(p.f.hint, "one of status, subscriptions");
	done(&p);
	p = parse("cli l", 0);
	EQ(p.err, EM_USAGE);
	done(&p);
}

TEST(raw_commands_take_options_as_words)
{
	struct parsed p = parse("__complete clients list --li", 0);

	EQ(p.err, EM_OK);
	EQ(params_count(&p.c.params, "word"), 3);
	OK(slice_eq_str(params_text_at(&p.c.params, "word", 2), "--li"));
	done(&p);
}

static void
splits(const char *line, const char *joined, bool open)
{
	struct cmdline_words w;
	struct str s = { 0 };

	cmdline_split(&w, slice_str(line));
	for (size_t i = 0; i < w.v.n; i++) {
		str_add_slice(&s, w.v.p[i]);
		str_add(&s, "|");
	}
	STR_EQ(str_get(&s), joined);
	EQ(w.open, open);
	str_fini(&s);
	cmdline_words_fini(&w);
}

TEST(lines_split_as_a_shell_splits_them)
{
	splits("", "", false);
	splits("  a  b ", "a|b|", false);
	splits("a 'b c' \"d e\"f", "a|b c|d ef|", false);
	splits("a\\ b '\\' \"\\\"\\\\\\n\"", "a b|\\|\"\\\\n|", false);
	splits("'' \"\"", "||", false);
	splits("a # b", "a|", false);
	splits("a#b '#c'", "a#b|#c|", false);
	splits("'a", "a|", true);
	splits("a \\", "a||", true);
	splits("a \\\nb", "a|b|", false);
	splits("\xff\x01", "\xff\x01|", false);
}

static struct cmdline_place
place(const char *line, struct cmdline_words *w)
{
	struct cmdline_place p;

	cmdline_split(w, slice_str(line));
	if (w->blank_end)
		VEC_ADD(&w->v, SLICE_NONE);
	cmdline_place(&p, w->v.p, w->v.n, CMDLINE_ABBREV | CMDLINE_SHELL);
	return p;
}

TEST(a_place_tells_what_is_being_typed)
{
	struct cmdline_words w;
	struct cmdline_place p = place("cl", &w);

	OK(p.cmd == NULL && p.is_word && p.arg == NULL && p.n_path == 0);
	OK(slice_eq_str(p.prefix, "cl"));
	cmdline_words_fini(&w);

	p = place("cli sh se", &w);
	EQ(p.cmd->id, CMD_CLIENTS_SHOW);
	EQ(p.arg->type, CT_CLIENTID);
	OK(slice_eq_str(p.prefix, "se"));
	cmdline_words_fini(&w);

	p = place("listeners ", &w);
	OK(p.is_word && p.n_path == 1 && p.arg->type == CT_LISTENER);
	cmdline_words_fini(&w);

	p = place("trace stop topic t/", &w);
	EQ(p.arg->type, CT_TRACED);
	EQ(p.n_before, 1);
	OK(slice_eq_str(p.before[0], "topic"));
	cmdline_words_fini(&w);

	p = place("clients list --fi", &w);
	OK(p.is_option && p.arg == NULL);
	cmdline_words_fini(&w);

	p = place("clients list --sort ", &w);
	OK(!p.is_option && p.arg->type == CT_COLUMN && p.prefix.n == 0);
	cmdline_words_fini(&w);

	p = place("clients list --sort=-mq", &w);
	OK(p.arg->type == CT_COLUMN && slice_eq_str(p.prefix, "-mq"));
	cmdline_words_fini(&w);

	p = place("-o json clients kick a ", &w);
	OK(p.arg->type == CT_CLIENTID && p.n_before == 1 && !p.is_word);
	cmdline_words_fini(&w);

	p = place("clients show a b", &w);
	OK(p.arg == NULL && !p.is_word);
	cmdline_words_fini(&w);
}
