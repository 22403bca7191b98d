#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What emqx_ctl says without a daemon: help, errors with a hint, exit codes.
# bats file_tags=tool
bats_require_minimum_version 1.5.0
load lib

setup() {
	export EMQX_SOCKET=$BATS_TEST_TMPDIR/none.sock
	unset NO_COLOR
}

@test "help lists every command and the topics" {
	run -0 emqx_ctl help
	[[ $output == *'clients kick <clientid>...'* ]]
	[[ $output == *'listeners restart <id>'* ]]
	[[ $output == *'help codes'* ]]
	# The widest line fits a terminal of 80 columns, but for the longest usage.
	[ "$(awk 'length > 80' <<<"$output" | grep -vc 'trace start\|--output')" -eq 0 ]
}

@test "no words and no terminal: help" {
	run -0 emqx_ctl </dev/null
	[ "${lines[0]}" = 'Usage: emqx_ctl [--<option>...] <command> [<argument>...]' ]
}

@test "help, --help and -h of a command say the same" {
	run -0 emqx_ctl help clients kick
	[ "${lines[0]}" = 'Usage: emqx_ctl clients kick <clientid>...' ]
	[[ $output == *'emqx_ctl clients kick sensor-17' ]]
	local said=$output
	run -0 emqx_ctl clients kick --help
	[ "$output" = "$said" ]
	run -0 emqx_ctl clients kick -h
	[ "$output" = "$said" ]
}

@test "help of a group lists its commands, also under an alias" {
	run -0 emqx_ctl help subscriptions
	[[ $output == *'subscriptions add <clientid> <topic> [<qos>]'* ]]
	[[ $output != *'clients list'* ]]
	run -0 emqx_ctl routes --help
	[[ $output == *'topics show <topic>'* ]]
}

@test "cheat has an example of every command" {
	run -0 emqx_ctl cheat
	[[ $output == *"emqx_ctl trace start topic 't/#' /tmp/trace_topic.log"* ]]
}

@test "a mistyped command is 2 and names the nearest" {
	run -2 --separate-stderr emqx_ctl lsiteners
	[ -z "$output" ]
	[ "$stderr" = "emqx_ctl: no command 'lsiteners'
  hint: did you mean 'listeners'?" ]
	run -2 --separate-stderr emqx_ctl clients lsit
	[[ $stderr == *"did you mean 'list'?"* ]]
	run -2 --separate-stderr emqx_ctl help clinets
	[[ $stderr == *"did you mean 'clients'?"* ]]
}

@test "a command that EMQX has and this version has not is called so" {
	local name
	for name in plugins admins rules ban; do
		run -2 --separate-stderr emqx_ctl "$name" list
		[ "$stderr" = "emqx_ctl: no command '$name'
  hint: a command of EMQX that this version does not have" ]
		run -2 --separate-stderr emqx_ctl help "$name"
		[[ $stderr == *'a command of EMQX that this version does not have' ]]
	done
}

@test "the commands in the manual pages are commands" {
	local line found=0
	while IFS= read -r line; do
		found=$((found + 1))
		run -4 emqx_ctl - <<<"${line%% | jq*} --timeout 100ms"
	done < <(sed -n 's/\\(aq/'"'"'/g; s/^\.Dl \(emqx_ctl .*\)/\1/p' "$ROOT"/man/*.in | grep -v ' wait ')
	[ "$found" -ge 4 ]
}

@test "lines on standard input without - are not left unread in silence" {
	run -2 --separate-stderr emqx_ctl <<<'status'
	[ -z "$output" ]
	[ "$stderr" = 'emqx_ctl: no command is given; emqx_ctl - runs the lines of standard input' ]
	run -2 --separate-stderr bash -c 'echo status | emqx_ctl'
	[ "${#stderr_lines[@]}" -eq 1 ]
}

@test "wrong words are 2 and say what is wrong" {
	run -2 emqx_ctl clients kick
	[[ $output == *'clients kick: '*'clientid'* ]]
	run -2 emqx_ctl subscriptions add c t 9
	[[ $output == *'subscriptions add: '*'2'* ]]
	run -2 emqx_ctl clients list --nope
	[[ $output == *"no option '--nope'"* ]]
	run -2 emqx_ctl log set-level blah
	[[ $output == *'blah'* ]]
	run -2 emqx_ctl status extra
	run -2 emqx_ctl clients list --sort nope
}

@test "without a daemon status is 3, everything else 4, both with a hint" {
	run -3 --separate-stderr emqx_ctl status
	[ -z "$output" ]
	[ "${stderr_lines[0]}" = "emqx_ctl: cannot reach emqxd at $EMQX_SOCKET: there is no such socket" ]
	[[ ${stderr_lines[1]} == '  hint: is it running?'* ]]
	run -3 emqx_ctl status --json
	run -4 emqx_ctl clients list
	run -4 emqx_ctl --socket /nowhere/at/all broker
	[[ $output == *'/nowhere/at/all'* ]]
}

@test "a file is not made for a daemon that is not there" {
	run -4 emqx_ctl trace start client c "$BATS_TEST_TMPDIR/c.log"
	[ ! -e "$BATS_TEST_TMPDIR/c.log" ]
}

@test "version, and as JSON" {
	run -0 emqx_ctl version
	[[ $output == 'emqx_ctl '[0-9]* ]]
	run -0 emqx_ctl -V
	[[ $output == 'emqx_ctl '[0-9]* ]]
	run -0 emqx_ctl version --json
	[ "$(json 'sorted(d)' <<<"$output")" = "['protocol', 'table', 'version']" ]
}

@test "help as JSON is the table of commands" {
	run -0 emqx_ctl help clients --json
	[ "$(json '[c["command"] for c in d]' <<<"$output")" = "['clients list', 'clients show', 'clients kick']" ]
}

@test "colour only where it is asked for" {
	run -0 emqx_ctl help
	[[ $output != *$'\e'* ]]
	run -0 emqx_ctl --color=always cheat
	[[ $output == *$'\e['* ]]
	NO_COLOR=1 run -0 emqx_ctl cheat
	[[ $output != *$'\e'* ]]
}

@test "lines from standard input, up to quit or the first error" {
	run -0 emqx_ctl - <<<$'version\nquit\nnonsense'
	[ "${#lines[@]}" -eq 1 ]
	run -2 emqx_ctl - <<<$'version\nnonsense\nversion'
	[ "$(grep -c '^emqx_ctl [0-9]' <<<"$output")" -eq 1 ]
	[[ $output == *'(standard input, line 2)'* ]]
	run -2 emqx_ctl - -q <<<$'nonsense'
	run -2 emqx_ctl -f - <<<$'nonsense'
	run -7 emqx_ctl -k - <<<$'version\nnonsense\nversion'
	[ "$(grep -c '^emqx_ctl [0-9]' <<<"$output")" -eq 2 ]
}

@test "lines from a file, with comments, quotes and continued lines" {
	cat >"$BATS_TEST_TMPDIR/script" <<-'END'
		# first the version
		ver\
		sion
		help \
		    'clients' kick | grep ^Usage
		version > out
	END
	cd "$BATS_TEST_TMPDIR"
	run -0 emqx_ctl -f script
	[[ ${lines[0]} == 'emqx_ctl '* ]]
	[ "${lines[1]}" = 'Usage: emqx_ctl clients kick <clientid>...' ]
	[[ $(cat out) == 'emqx_ctl '* ]]
	run -3 emqx_ctl -f nothing
	[[ $output == *'cannot read nothing'* ]]
}

@test "commands are not shortened in scripts" {
	run -2 emqx_ctl - <<<'vers'
	run -2 emqx_ctl vers
}

@test "a reader that goes away is no error" {
	set -o pipefail
	emqx_ctl cheat | head -n 1
}

@test "a full disk is told" {
	run -1 bash -c 'emqx_ctl cheat >/dev/full'
	[[ $output == *'No space left on device'* ]]
}

@test "preflight finds the libraries, and names the one that is missing in a sentence" {
	run -0 emqx_ctl preflight
	[[ $output == *'/emqxd finds its libraries' ]]
	mkdir "$BATS_TEST_TMPDIR/lib"
	: >"$BATS_TEST_TMPDIR/lib/libssl.so.3"
	LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib run -1 emqx_ctl preflight
	[ "${lines[0]}" = "emqx_ctl: emqxd would not start: $BATS_TEST_TMPDIR/lib/libssl.so.3 is no library that can be used: file too short" ]
	[[ ${lines[1]} == "  hint: LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib leads there"* ]]
	LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib run -1 --separate-stderr emqx_ctl preflight --json
	[ "$(json 'd["ok"]' <<<"$output")" = False ]
	echo 'this is no library, but it is longer than nothing at all, as libraries are' \
	    >"$BATS_TEST_TMPDIR/lib/libssl.so.3"
	LD_LIBRARY_PATH=$BATS_TEST_TMPDIR/lib run -1 emqx_ctl preflight
	[[ $output == *'is no library that can be used'* ]]
}

@test "conf check asks emqxd" {
	cd "$BATS_TEST_TMPDIR"
	echo 'mqtt.idle_timeout = 1s' >good.conf
	run -0 emqx_ctl conf check good.conf
	echo 'mqtt.idle_timeuot = 1s' >bad.conf
	run -1 --separate-stderr emqx_ctl conf check bad.conf
	[ -z "$output" ]
	[[ $stderr == *'bad.conf:1'*'idle_timeout'* ]]
	run -1 --separate-stderr emqx_ctl conf check bad.conf --json
	[ "$(json 'd["ok"]' <<<"$output")" = False ]
}

@test "wait gives up after its time with 6" {
	run -6 emqx_ctl wait ready --timeout 100ms
	[[ $output == *'not yet after 100ms: cannot reach emqxd'* ]]
	run -6 emqx_ctl wait clients 1 --timeout 100ms
}
