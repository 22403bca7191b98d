/* SPDX-License-Identifier: Apache-2.0 */
/* A command from its words to its exit code, against a small daemon. */
#include "ctl/run.h"
#include "ctl/interrupt.h"
#include "ctl/names.h"
#include "ctl/script.h"
#include "tests/unit/ctl/daemon.h"
#include "tests/unit/tap.h"

#include <fcntl.h>

static struct str said[2]; /* on standard output and on stderr */

/* Runs a line with both outputs kept; the exit code. */
static int
run(struct tool *t, const char *text)
{
	char buf[4096];
	int kept[2], files[2], code;

	for (int i = 0; i < 2; i++) {
		char path[] = "/tmp/test_run_XXXXXX";

		kept[i] = dup(i + 1);
		files[i] = mkstemp(path);
		OK(files[i] >= 0 && unlink(path) == 0);
	}
	fflush(stdout);
	for (int i = 0; i < 2; i++)
		OK(dup2(files[i], i + 1) == i + 1);
	code = run_line(t, slice_str(text));
	for (int i = 0; i < 2; i++) {
		ssize_t n;

		(void)dup2(kept[i], i + 1);
		str_reset(&said[i]);
		str_add(&said[i], "");
		OK(lseek(files[i], 0, SEEK_SET) == 0);
		while ((n = read(files[i], buf, sizeof buf)) > 0)
			str_add_bytes(&said[i], buf, (size_t)n);
		close(kept[i]);
		close(files[i]);
	}
	return code;
}

static const char *
out(void)
{
	return str_get(&said[0]);
}

static const char *
err(void)
{
	return str_get(&said[1]);
}

static const struct prefs prefs = { .color = COLOR_NEVER };

static struct tool
tool_for(const struct daemon *d)
{
	return (struct tool){
		.prefs = &prefs, .script = true, .reach = { .socket = d->path }
	};
}

TEST(status_says_by_its_exit_code_what_the_node_does)
{
	struct daemon d = { .state = "ready" };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "status"), 0);
	STR_EQ(out(), "Node 'emqx@test' 1.2.3 is started\n");
	STR_EQ(t.reach.node, "emqx@test");
	d.state = "draining";
	EQ(run(&t, "status --json"), 1);
	OK(strstr(out(), "\"state\":\"draining\"") != NULL);
	reach_fini(&t.reach);
	daemon_stop(&d);
	EQ(run(&t, "status"), 3);
	OK(strstr(err(), "cannot reach emqxd") != NULL &&
	    strstr(err(), "hint: ") != NULL);
	EQ(run(&t, "clients list"), 4);
	reach_fini(&t.reach);
}

TEST(status_of_a_daemon_that_says_nothing_is_4)
{
	struct daemon d = { .state = NULL };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "status --timeout 100ms"), 4);
	EQ(run(&t, "clients list --timeout 100ms"), 6);
	OK(strstr(err(), "within 100ms") != NULL);
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(several_lines_share_one_connection)
{
	struct daemon d = { .state = "ready", .clients = 2 };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "status"), 0);
	EQ(run(&t, "clients list -o name"), 0);
	STR_EQ(out(), "sensor-0\nsensor-1\n");
	STR_EQ(err(), "there is more: --after sensor-9\n");
	EQ(run(&t, "clients list -o name -q | grep 1"), 0);
	STR_EQ(out(), "sensor-1\n");
	STR_EQ(err(), "");
	EQ(d.forks, 1);
	EQ(d.calls, 3);
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(an_unknown_client_is_3_and_the_nearest_is_named)
{
	struct daemon d = { .state = "ready",
		.clients = 100,
		.reply = "no client 'sensor-71x'",
		.reply_err = EM_NOTFOUND };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "clients kick sensor-71x"), 3);
	STR_EQ(err(), "emqx_ctl: clients kick: no client 'sensor-71x'\n"
		      "  hint: did you mean 'sensor-71'?   list them: emqx_ctl clients "
		      "list --filter "
		      "\"clientid like 'sensor*'\"\n");
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(exit_codes_follow_the_fault)
{
	static const struct {
		em_err err;
		int code;
	} table[] = { { EM_REFUSED, 1 }, { EM_USAGE, 2 }, { EM_NOTFOUND, 3 },
		{ EM_DENIED, 5 }, { EM_TIMEOUT, 6 }, { EM_PARTLY, 7 }, { EM_EXISTS, 8 },
		{ EM_BUSY, 8 } };
	struct daemon d = { .state = "ready", .reply = "so it is" };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		d.reply_err = table[i].err;
		EQ(run(&t, "trace stop topic t"), table[i].code);
		OK(strstr(err(), "emqx_ctl: trace stop: so it is\n") == err());
	}
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(several_at_once_need_yes_where_nobody_can_be_asked)
{
	struct daemon d = { .state = "ready" };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "clients kick a b"), 2);
	OK(strstr(err(), "--yes") != NULL);
	EQ(d.calls, 0);
	EQ(run(&t, "clients kick a b --yes"), 0);
	EQ(d.last_flags, WIRE_REQ_YES);
	EQ(run(&t, "clients kick a b --dry-run"), 0);
	EQ(d.last_flags, WIRE_REQ_DRY_RUN);
	STR_EQ(err(), "nothing was changed (--dry-run)\n");
	EQ(run(&t, "status --dry-run"), 0);
	STR_EQ(err(), "");
	EQ(d.calls, 3);
	EQ(run(&t, "log set-level info --dry-run"), 2);
	STR_EQ(err(),
	    "emqx_ctl: log set-level has no --dry-run\n"
	    "  hint: these have one: cluster join, cluster leave, cluster "
	    "force-leave, cluster discovery enable, listeners stop, listeners restart, "
	    "clients kick, retainer clean, license reload, license update, conf set, "
	    "conf unset\n");
	EQ(d.calls, 3);
	EQ(run(&t, "clients kick a"), 0);
	EQ(run(&t, "cluster force-leave a@b --recover"), 2);
	OK(strstr(err(), "--recover: not without --yes") != NULL);
	EQ(d.calls, 4);
	EQ(run(&t, "cluster force-leave a@b --recover --yes"), 0);
	EQ(d.last_flags, WIRE_REQ_YES);
	EQ(run(&t, "cluster force-leave a@b"), 0);
	EQ(run(&t, "retainer clean"), 0);
	EQ(d.last_flags, 0);
	EQ(run(&t, "retainer clean --dry-run"), 0);
	EQ(run(&t, "retainer clean a/#"), 0);
	STR_EQ(err(), "holds for the whole cluster\n");
	EQ(run(&t, "retainer clean --yes"), 0);
	EQ(d.last_flags, WIRE_REQ_YES);
	EQ(run(&t, "listeners stop tcp:default"), 0); /* EMQX's own form */
	EQ(d.last_flags, 0);
	STR_EQ(err(), "holds for this node, until its restart\n");
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(the_line_says_which_names_it_wants)
{
	struct daemon d = { .state = "ready" };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "listeners stop tcp:default --legacy-names"), 0);
	EQ(d.last_flags, WIRE_REQ_LEGACY);
	EQ(run(&t, "listeners stop tcp:default --compat 4.4"), 0);
	EQ(d.last_flags, WIRE_REQ_LEGACY | WIRE_REQ_COMPAT44);
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(a_daemon_that_came_back_is_found_again)
{
	struct daemon d = { .state = "ready" };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "status"), 0);
	daemon_stop(&d);
	OK(!reach_is_there(&t.reach));
	OK(t.reach.lost);
	daemon_start(&d);
	t.reach.socket = d.path;
	EQ(run(&t, "status"), 0);
	OK(!t.reach.lost);
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(wait_ends_when_enough_clients_are_there)
{
	struct daemon d = { .state = "ready", .clients = 3 };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "wait ready"), 0);
	EQ(run(&t, "wait clients 3"), 0);
	EQ(run(&t, "wait clients 4 --timeout 200ms"), 6);
	STR_EQ(err(), "emqx_ctl: not yet after 200ms: 3 clients\n");
	d.state = "booting";
	EQ(run(&t, "wait ready --timeout 200ms"), 6);
	STR_EQ(err(), "emqx_ctl: not yet after 200ms: booting\n");
	EQ(run(&t, "wait clients 1 --json"), 0);
	OK(strstr(out(), "\"connections\":3") != NULL);
	reach_fini(&t.reach);
	daemon_stop(&d);
	EQ(run(&t, "wait ready --timeout 100ms"), 6);
	OK(strstr(err(), "cannot reach") != NULL);
	reach_fini(&t.reach);
}

TEST(wait_ends_when_enough_nodes_run_and_have_a_quorum)
{
	struct daemon d = { .state = "ready", .nodes = 4 };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "wait cluster 2"), 0);
	STR_EQ(out(), "");
	EQ(run(&t, "wait cluster 3 --timeout 200ms"), 6);
	STR_EQ(err(), "emqx_ctl: not yet after 200ms: 2 nodes\n");
	d.no_quorum = true;
	EQ(run(&t, "wait cluster 1 --timeout 200ms"), 6);
	STR_EQ(err(), "emqx_ctl: not yet after 200ms: 2 nodes, no quorum\n");
	d.no_quorum = false;
	d.nodes = 5;
	EQ(run(&t, "wait cluster 3 --json"), 0);
	OK(strstr(out(), "\"nodes\":3") != NULL &&
	    strstr(out(), "\"quorum\":true") != NULL);
	EQ(run(&t, "wait cluster 0"), 2);
	reach_fini(&t.reach);
	daemon_stop(&d);
	EQ(run(&t, "wait cluster 1 --timeout 100ms"), 6);
	OK(strstr(err(), "cannot reach") != NULL);
	reach_fini(&t.reach);
}

TEST(names_are_asked_for_in_a_hurry)
{
	struct daemon d = { .state = NULL };
	struct reach r = { 0 };
	struct names names;
	mono_t start;

	daemon_start(&d);
	r.socket = d.path;
	start = span_mono_now();
	names_ask(&r, CT_CLIENTID, SLICE_LIT("se"), NULL, 0, &names);
	OK(span_to_ms(mono_since(span_mono_now(), start)) < 600);
	EQ(names.v.n, 0);
	OK(names.more); /* nobody said that this is all */
	names_fini(&names);
	daemon_stop(&d);
	d = (struct daemon){ .state = "ready", .clients = 10000 };
	daemon_start(&d);
	r.socket = d.path;
	names_ask(&r, CT_CLIENTID, SLICE_LIT("se"), NULL, 0, &names);
	EQ(names.v.n, NAMES_MAX);
	OK(names.more);
	names_fini(&names);
	reach_fini(&r);
	daemon_stop(&d);
}

TEST(completion_offers_live_names_as_one_shot)
{
	struct daemon d = { .state = "ready", .clients = 2 };
	struct tool t;
	struct str line = { 0 };

	daemon_start(&d);
	t = tool_for(&d);
	EQ(run(&t, "__complete clients show se"), 0);
	STR_EQ(out(), "sensor-0\t\nsensor-1\t\n");
	t.reach.socket = "/nowhere";
	str_addf(&line, "__complete --socket %s clients show sensor-1", d.path);
	EQ(run(&t, str_get(&line)), 0);
	STR_EQ(out(), "sensor-1\t\n");
	EQ(run(&t, "__complete cli"), 0);
	STR_EQ(out(), "clients\tlist, show, kick\n");
	str_fini(&line);
	daemon_stop(&d);
}

TEST(every_local_command_runs)
{
	struct tool t = {
		.prefs = &prefs, .script = true, .reach = { .socket = "/nowhere" }
	};

	for (unsigned i = 0; i < CMD_N; i++) {
		const struct cmd *cmd = cmd_get((cmd_id)i);
		const char *example = cmd->example;

		if (!cmd->local)
			continue;
		if (strncmp(example, "emqx_ctl ", 9) == 0)
			example += 9;
		if (cmd->id == CMD_QUIT) {
			EQ(run(&t, example), RUN_QUIT);
		} else if (strncmp(cmd->path, "wait", 4) == 0) {
			char line[64];

			(void)snprintf(line, sizeof line, "%s%s --timeout 1ms", cmd->path,
			    cmd->id == CMD_WAIT_READY ? "" : " 1");
			EQ(run(&t, line), 6);
		} else if (cmd->id == CMD_COMPLETION) {
			EQ(run(&t, "completion bash"), 0);
		} else if (cmd->id == CMD_PREFLIGHT || cmd->id == CMD_CONF_CHECK ||
			   cmd->id == CMD_LICENSE_CHECK) {
			(void)run(&t, example); /* there may be no emqxd here */
		} else {
			EQ(run(&t, example), 0);
			OK(said[0].n > 0);
		}
	}
	OK(run(&t, "version --json") == 0 && strchr(out(), '{') == out());
	reach_fini(&t.reach);
}

/* A script of these lines; its exit code. */
static int
script(struct tool *t, const char *lines)
{
	char path[] = "/tmp/test_script_XXXXXX";
	int fd = mkstemp(path), code, null = open("/dev/null", O_WRONLY), kept[2];

	OK(fd >= 0 && null >= 0 && write(fd, lines, strlen(lines)) > 0);
	close(fd);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(i + 1);
		(void)dup2(null, i + 1);
	}
	code = script_run(t, path);
	for (int i = 0; i < 2; i++) {
		(void)dup2(kept[i], i + 1);
		close(kept[i]);
	}
	close(null);
	OK(unlink(path) == 0);
	return code;
}

TEST(a_script_stops_at_its_first_error_unless_told_otherwise)
{
	struct prefs go_on = prefs;
	struct daemon d = { .state = "ready" };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	EQ(script(&t, "status\n# a comment\n\nclients \\\nlist\nquit\nnonsense\n"), 0);
	EQ(d.calls, 2);
	EQ(script(&t, "status\nnonsense\nstatus\n"), 2);
	EQ(d.calls, 3);
	go_on.keep_going = true;
	t.prefs = &go_on;
	EQ(script(&t, "status\nnonsense\nstatus"), 7);
	EQ(d.calls, 5);
	EQ(script(&t, "nonsense\nnonsense\n"), 2);
	EQ(script(&t, "cli list\n"), 2); /* abbreviations are the shell's */
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(a_shell_may_shorten_commands)
{
	struct daemon d = { .state = "ready", .clients = 1 };
	struct tool t;

	daemon_start(&d);
	t = tool_for(&d);
	t.script = false;
	t.shell = true;
	EQ(run(&t, "cli l -o name"), 0);
	STR_EQ(out(), "sensor-0\n");
	reach_fini(&t.reach);
	daemon_stop(&d);
}

TEST(an_interrupt_ends_a_call_with_130)
{
	struct daemon d = { .state = NULL };
	struct tool t;

	interrupt_catch();
	daemon_start(&d);
	t = tool_for(&d);
	OK(raise(SIGINT) == 0);
	EQ(run(&t, "clients list"), 130);
	OK(interrupt_came());
	interrupt_clear();
	reach_fini(&t.reach);
	daemon_stop(&d);
	OK(d.cancelled);
	str_fini(&said[0]);
	str_fini(&said[1]);
}
