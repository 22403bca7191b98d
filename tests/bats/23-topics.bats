#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# topics, which 4.x calls routes: the filters that somebody subscribes to.
bats_require_minimum_version 1.5.0
load lib

setup() {
	need mosquitto_sub mosquitto-clients
	start_emqxd
	subs=
}

teardown() {
	local sub
	for sub in $subs; do
		kill "$sub" 2>/dev/null || true
	done
	stop_emqxd
}

subscriber() {
	local id=$1
	shift
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i "$id" "$@" >/dev/null 2>&1 3>&- &
	subs="$subs $!"
	wait_until 5 ctl subscriptions show "$id"
}

lists() { [ "$(ctl topics list | wc -l)" = "$1" ]; }

@test "topics list: nobody subscribes" {
	run -0 ctl topics list
	[ "$output" = 'No topics.' ]
}

@test "topics list: each filter once, in order, with its node" {
	subscriber a -t 't/#' -t b/1
	subscriber b -t 't/#' -t 'a/+/c'
	run -0 ctl topics list
	[ "${lines[*]}" = 'a/+/c -> emqxd@127.0.0.1 b/1 -> emqxd@127.0.0.1 t/# -> emqxd@127.0.0.1' ]
	[ "$(ctl topics list --json | json '[r["subscribers"] for r in d]')" = '[1, 1, 2]' ]
}

@test "routes list, routes show: the names of 4.x" {
	subscriber a -t x
	run -0 ctl routes list
	[ "$output" = 'x -> emqxd@127.0.0.1' ]
	run -0 ctl routes show x
	[ "$output" = 'x -> emqxd@127.0.0.1' ]
}

@test "topics show: exactly that filter, else exit 3" {
	subscriber a -t 't/#'
	run -0 ctl topics show 't/#'
	[ "$output" = 't/# -> emqxd@127.0.0.1' ]
	run -3 --separate-stderr ctl topics show t/1
	[[ $stderr == *"no topic filter 't/1'"*'hint: '* ]]
}

@test "topics list: pages, filters and both directions" {
	local i args=()
	for i in $(seq 100 399); do args+=(-t "t/$i"); done
	subscriber a "${args[@]}"
	wait_until 5 lists 300 # so many filters may take more than one turn
	run -0 --separate-stderr ctl topics list --limit 3 --json
	[ "$(printf %s "$output" | json '[r["topic"] for r in d]')" = "['t/100', 't/101', 't/102']" ]
	cursor=$(printf '%s\n' "$stderr" | sed -n 's/.*--after \([0-9a-f]*\).*/\1/p')
	run -0 --separate-stderr ctl topics list --limit 2 --after "$cursor" -o name
	[ "${lines[*]}" = 't/103 t/104' ]
	run -0 --separate-stderr ctl topics list --sort -topic --limit 2 -o name
	[ "${lines[*]}" = 't/399 t/398' ]
	run -0 ctl topics list --filter "topic like 't/1?5'" -o name
	[ "${#lines[@]}" = 10 ]
}

@test "topics list: a filter nobody subscribes to any more is gone" {
	subscriber a -t x
	ctl clients kick a
	kill $subs
	wait_until 5 gone
}
gone() { [ "$(ctl topics list)" = 'No topics.' ]; }

# leaves N: a client subscribes to so many filters and goes with its session.
leaves() {
	{
		printf 'scenario %s filters\nfor version 5\na connects\na -> SUBSCRIBE many/0' "$1"
		seq -f ', many/%.0f' $(($1 - 1)) | tr -d '\n'
		printf '\na <- SUBACK'
		yes ' 0' | head -n "$1" | tr -d '\n'
		printf '\na -> DISCONNECT\na <- close\n'
	} >"$BATS_TEST_TMPDIR/leaves.play"
	"$BUILD/tests/tools/play" --host 127.0.0.1 --port "$PORT" "$BATS_TEST_TMPDIR/leaves.play"
}

count() { ctl broker stats --filter "name = '$1.count'" --json | json 'd[0]["value"]'; }
are_none() { [ "$(count subscriptions)$(count topics)" = 00 ]; }

@test "a session with very many filters is over at once, and leaves none of them" {
	leaves 3000
	[ "$(count sessions)" = 0 ]
	timeout 20 mosquitto_pub -p "$PORT" -q 1 -t many/1 -m x
	wait_until 10 are_none
	leaves 3000
	timeout 20 mosquitto_pub -p "$PORT" -q 1 -t many/1 -m x
	stop_emqxd
}
