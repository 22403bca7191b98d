#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the daemon's answers look like: EMQX's lines in a pipe, JSON, csv; and that
# nothing a client chose gets out of its place.
bats_require_minimum_version 1.5.0
load lib

setup() {
	need mosquitto_sub mosquitto-clients
	start_emqxd
}

teardown() {
	local pid
	for pid in ${pids:-}; do
		kill "$pid" 2>/dev/null || true
	done
	stop_emqxd
}

# subscriber ID FILTER...: a client that stays.
subscriber() {
	local id=$1 args=() filter
	shift
	for filter; do args+=(-t "$filter"); done
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i "$id" -q 1 "${args[@]}" >/dev/null 3>&- &
	pids="${pids:-} $!"
}

# raw CLIENTID-IN-PYTHON: connects with any bytes as client id, and stays.
raw() {
	/usr/bin/python3 -c '
import socket, sys, time
cid = eval(sys.argv[2])
body = b"\0\4MQTT\4\2\0\0" + len(cid).to_bytes(2, "big") + cid
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"\x10" + bytes([len(body)]) + body)
assert s.recv(4) == b" \2\0\0"
time.sleep(60)' "$PORT" "$1" 3>&- &
	pids="${pids:-} $!"
}

@test "status, broker and vm are EMQX's lines" {
	run -0 ctl status
	[[ $output == "Node 'emqxd@127.0.0.1' "*' is started' ]]
	run -0 ctl broker
	[[ ${lines[0]} == 'sysdescr  : '* ]]
	[[ ${lines[3]} == 'uptime    : '* ]]
	run -0 ctl broker --compat 4.4
	[[ ${lines[3]} =~ ^'datetime  : '[0-9]{4}-[0-9]{2}-[0-9]{2}' '[0-9]{2}:[0-9]{2}:[0-9]{2}$ ]]
	run -0 ctl vm
	[ "$(cut -c 25 <<<"$output" | sort -u)" = : ]
	run -0 ctl vm memory
	[ "$(cut -d / -f 1 <<<"$output" | sort -u)" = memory ]
}

@test "--watch ends when its reader went away" {
	run -0 timeout $((10 * SLOW)) bash -o pipefail -c 'emqx_ctl status --watch=200ms | head -n 1'
	[ "${#lines[@]}" -eq 1 ]
}

@test "a trace that is refused leaves no file, and an error of a file is the tool's" {
	cd "$BATS_TEST_TMPDIR"
	run -0 ctl trace start client c1 one.log
	run -8 ctl trace start client c1 two.log
	[ ! -e two.log ]
	: >kept.log
	run -8 ctl trace start client c1 kept.log
	[ -e kept.log ]
	run -3 --separate-stderr ctl trace start client c2 no/such/folder
	[ "$stderr" = 'emqx_ctl: trace start: cannot write no/such/folder: No such file or directory' ]
}

@test "--dry-run says what would happen, and of several each line says of which" {
	run -0 --separate-stderr ctl listeners stop tcp:default --dry-run
	[ "$output" = "would stop listener tcp:default on 127.0.0.1:$PORT and close 0 connections" ]
	[ "$stderr" = 'nothing was changed (--dry-run)' ]
	[ "$(ctl listeners tcp:default --json | json 'd[0]["running"]')" = True ]
	run -3 --separate-stderr ctl clients kick a b --yes
	[ "$output" = 'client a: no such client
client b: no such client' ]
}

@test "broker stats and broker metrics do not cut their names" {
	run -0 ctl broker stats
	[[ $output == *'connections.count             : 0'* ]]
	run -0 ctl broker metrics
	[[ $output == *'messages.dropped.no_subscribers: 0'* ]]
}

@test "clients list and show are EMQX's lines" {
	run -0 ctl clients list
	[ "$output" = 'No clients.' ]
	run -0 ctl clients list --compat 4.4
	[ -z "$output" ]
	subscriber c1 't/#'
	ctl wait clients 1 --timeout 10s
	run -0 ctl clients list
	[[ $output =~ ^'Client(c1, username=undefined, peername=127.0.0.1:'[0-9]+', clean_start=true, keepalive=60, session_expiry_interval=0, subscriptions='[01]', inflight=0, awaiting_rel=0, delivered_msgs=0, enqueued_msgs=0, dropped_msgs=0, connected=true, created_at='[0-9]{13}', connected_at='[0-9]{13}')'$ ]]
	run -0 ctl clients show c1
	[[ $output == 'Client(c1, '* ]]
}

@test "topics and subscriptions are EMQX's lines, sorted" {
	run -0 ctl topics list
	[ "$output" = 'No topics.' ]
	run -0 ctl subscriptions list
	[ "$output" = 'No subscriptions.' ]
	subscriber c1 t/2 't/#'
	wait_until 10 eval 'ctl subscriptions show c1 -o name | grep -c c1 | grep -qx 2'
	run -0 ctl subscriptions list
	[ "${lines[0]}" = 'c1 -> topic:t/# qos:1 nl:0 rh:0 rap:0' ]
	[ "${lines[1]}" = 'c1 -> topic:t/2 qos:1 nl:0 rh:0 rap:0' ]
	run -0 ctl subscriptions show c1 --compat 4.4
	[ "${lines[0]}" = 'c1 -> t/#' ]
	run -0 ctl routes list
	[ "${lines[0]}" = 't/# -> emqxd@127.0.0.1' ]
	run -3 ctl subscriptions show nobody
}

@test "subscriptions add and subscriptions del change what a client gets" {
	subscriber c1 a
	ctl wait clients 1 --timeout 10s
	run -0 --separate-stderr ctl subscriptions add c1 'b/#' 2
	[ "$output" = ok ]
	[ "$(ctl subscriptions show c1 --filter "topic = 'b/#'" --json | json 'd[0]["qos"]')" = 2 ]
	run -0 ctl subscriptions del c1 'b/#'
	[ "$output" = ok ]
	run -3 ctl subscriptions del c1 'b/#'
	run -3 ctl subscriptions add nobody t 1
}

@test "listeners stop and listeners start, and what they hold for" {
	run -0 --separate-stderr ctl listeners stop tcp:default
	[ "$output" = 'Stop tcp:default listener successfully.' ]
	[ "$stderr" = 'holds for this node, until its restart' ]
	run -0 ctl listeners tcp:default
	[[ $output == *$'\n  running         : false'* ]]
	run -0 ctl listeners start tcp:default -q
	[ "$output" = 'Started tcp:default listener successfully.' ]
	run -3 ctl listeners stop tcp:defualt
	[[ $output == *"did you mean 'tcp:default'?"* ]]
}

@test "trace list and trace stop" {
	run -0 ctl trace list
	[ "$output" = 'Trace is empty' ]
	cd "$BATS_TEST_TMPDIR"
	ctl trace start client c1 c1.log
	run -0 ctl trace list
	[ "$output" = "Trace(clientid=c1, level=debug, destination=\"$BATS_TEST_TMPDIR/c1.log\")" ]
	run -0 ctl trace stop client c1
	[ "$output" = 'stop tracing clientid c1 successfully' ]
	run -3 ctl trace stop client c1
}

@test "conf show and conf reload" {
	[ "$(ctl conf show mqtt.idle_timeout)" = 'mqtt.idle_timeout = 15s' ]
	echo 'mqtt.idle_timeout = 9s' >>"$EMQXD_DIR/emqx.conf"
	run -0 ctl conf reload -q
	[[ $output == "load mqtt.idle_timeout on 'emqxd@127.0.0.1' ok"* ]]
	[ "$(ctl conf show mqtt.idle_timeout)" = 'mqtt.idle_timeout = 9s' ]
	run -0 ctl conf reload -q
	[ "$output" = 'nothing changed' ]
}

@test "every reading command is JSON with the columns of the table, and csv with them as head" {
	emqx_ctl __json >"$BATS_TEST_TMPDIR/table"
	json '"\n".join(c["command"] + "\t" + ",".join(x["name"] for x in c["columns"]) for c in d
		if not c["changes"] and not c["local"] and all(a["optional"] for a in c["arguments"]))' \
	    <"$BATS_TEST_TMPDIR/table" >"$BATS_TEST_TMPDIR/commands"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 12 ]
	while IFS=$'\t' read -r path columns; do
		# shellcheck disable=SC2086
		ctl $path --json >"$BATS_TEST_TMPDIR/answer"
		json '",".join((d if isinstance(d, dict) else d[0] if d else {}).keys())' \
		    <"$BATS_TEST_TMPDIR/answer" | grep -qx -e "$columns" -e ''
		# shellcheck disable=SC2086
		[ "$(ctl $path -o csv | head -n 1)" = "$columns" ]
	done <"$BATS_TEST_TMPDIR/commands"
}

@test "a client id with escapes, a line end and a formula stays in its place" {
	raw 'b"a\x1b[31m\n=1+1"'
	ctl wait clients 1 --timeout 10s
	for format in table wide detail csv name classic; do
		run -0 ctl clients list -o $format
		[[ $output != *$'\e'* && $output != *$'\n=1'* ]]
		[[ $output == *'a\x1b[31m\x0a=1+1'* ]]
	done
	[ "$(ctl clients list -o jsonl | json 'd["clientid"] == "a\x1b[31m\n=1+1"')" = True ]
	run -0 ctl clients list -o json
	[[ $output != *$'\e'* ]]
	[ "$(ctl clients list -o name | wc -l)" -eq 1 ]
}

@test "csv lets no formula through" {
	raw 'b"=1+1"'
	raw 'b"-2"'
	ctl wait clients 2 --timeout 10s
	run -0 ctl clients list -o csv --columns clientid --no-header --sort clientid
	[ "${lines[0]}" = "'-2" ]
	[ "${lines[1]}" = "'=1+1" ]
}

@test "filter, sort, limit and a cursor to go on from" {
	subscriber c1 a
	subscriber c2 a b
	subscriber c3 a b c
	ctl wait clients 3 --timeout 10s
	wait_until 10 eval 'ctl clients show c3 --json | grep -q "\"subscriptions\":3"'
	run -0 ctl clients list -o name --filter 'subscriptions > 1' --sort -subscriptions -q
	[ "$output" = $'c3\nc2' ]
	run -0 --separate-stderr ctl clients list -o name --limit 2
	[ "$output" = $'c1\nc2' ]
	[[ $stderr == 'there is more: --after '* ]]
	run -0 ctl clients list -o name --limit 2 --after "${stderr#there is more: --after }" -q
	[ "$output" = c3 ]
	run -2 ctl clients list --filter 'nope > 1'
}

@test "several commands over one connection" {
	run -0 --separate-stderr emqx_ctl - <<<$'status\nlisteners\nquit'
	[[ ${lines[0]} == 'Node '*' is started' ]]
	[ "${lines[1]}" = tcp:default ]
	[ -z "$stderr" ]
}

@test "clients kick of several: partly done is 7" {
	subscriber c1 a
	ctl wait clients 1 --timeout 10s
	run -2 ctl clients kick c1 nobody
	run -0 ctl clients show c1
	run -7 ctl clients kick c1 nobody --yes
	run -3 ctl clients kick c1
}

@test "--watch repeats the answer" {
	run -130 timeout --foreground --preserve-status -s INT 2.5 "$EMQX_CTL" broker stats --limit 1 -q --watch=1s
	[ "$(grep -c : <<<"$output")" -ge 2 ]
}
