#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# status, broker, vm: what the node is and what it counts.
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

publish() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -i pub "$@"; }

# figure COMMAND NAME
figure() { ctl broker "$1" --filter "name = '$2'" --json | json 'd[0]["value"]'; }

@test "status: ready, with listeners, connections and pid" {
	subscriber a -t x
	run -0 ctl status
	[ "$output" = "Node 'emqxd@127.0.0.1' $("$EMQX_CTL" version | sed -n 's/.* \([0-9][0-9.]*\).*/\1/p' | head -n 1) is started" ]
	run -0 ctl status --json
	[ "$(printf %s "$output" | json '[d["state"], d["listeners"], d["connections"], d["pid"]]')" = \
	    "['ready', 1, 1, $EMQXD_PID]" ]
}

@test "broker: description, version, clock and uptime" {
	run -0 ctl broker
	[[ ${lines[0]} == 'sysdescr  : emqxd'* ]]
	[[ ${lines[1]} == 'version   : '[0-9]* ]]
	[[ ${lines[2]} == 'datetime  : '20??-??-??T* ]]
	[[ ${lines[3]} == 'uptime    : '* ]]
	run -0 ctl broker --compat 4.4
	[[ ${lines[2]} == 'uptime    : '* ]]
}

@test "broker stats: now and the most there ever were" {
	subscriber a -t x -t 'y/#' -t '$share/g/z'
	subscriber b -t x
	publish -t r -m kept -r
	[ "$(figure stats live_connections.count)" = 2 ]
	[ "$(figure stats sessions.count)" = 2 ]
	[ "$(figure stats subscriptions.count)" = 4 ]
	[ "$(figure stats subscriptions.shared.count)" = 1 ]
	[ "$(figure stats topics.count)" = 3 ]
	[ "$(figure stats retained.count)" = 1 ]
	kill $subs
	wait_until 5 none_live
	[ "$(figure stats live_connections.max)" -ge 2 ]
}
none_live() { [ "$(figure stats live_connections.count)" = 0 ]; }

@test "broker stats: EMQX's line for each name, sorted" {
	run -0 ctl broker stats
	[ "${lines[0]}" = 'channels.count                : 0' ]
	ctl broker stats -o name | LC_ALL=C sort -c
	local name
	for name in channels connections live_connections retained sessions suboptions subscribers \
	    subscriptions subscriptions.shared topics cluster_sessions durable_subscriptions; do
		ctl broker stats -o name | grep -qx "$name.count"
		ctl broker stats -o name | grep -qx "$name.max"
	done
}

three_came() { [ "$(figure metrics messages.received)" = 3 ]; }

@test "broker metrics: packets and messages both ways" {
	subscriber a -t x -q 1
	publish -t x -m 1 -q 1
	publish -t x -m 2
	publish -t nobody -m 3
	wait_until 5 acked
	wait_until 5 three_came
	[ "$(figure metrics messages.qos1.received)" = 1 ]
	[ "$(figure metrics messages.sent)" = 2 ]
	[ "$(figure metrics messages.dropped.no_subscribers)" = 1 ]
	[ "$(figure metrics packets.publish.received)" = 3 ]
	[ "$(figure metrics client.connected)" = 4 ]
	[ "$(figure metrics bytes.received)" -gt 50 ]
}
acked() { [ "$(figure metrics messages.acked)" = 1 ]; }

@test "broker metrics: long names are not cut, and what is zero can be left out" {
	ctl broker metrics | grep -q '^messages.dropped.no_subscribers *: 0$'
	run -0 ctl broker metrics --filter 'value > 0'
	[[ $output != *messages.received* ]]
}

@test "vm: all groups, or one" {
	local name
	for name in cpu/load1 memory/total process/count io/max_fds io/active_fds ports/count; do
		ctl vm | grep -q "^$name *: [0-9]"
	done
	run -0 ctl vm memory
	[[ $output == 'memory/total            : '* ]]
	[[ $output != *cpu* ]]
	run -2 ctl vm nonsense
}

@test "a garbage peer of the control socket is closed, counted, and hurts nobody" {
	printf 'GET / HTTP/1.1\r\n\r\n' | /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(10)
s.sendall(sys.stdin.buffer.read())
while s.recv(4096): pass' "$EMQX_SOCKET"
	[ "$(figure metrics control.bad_peers)" = 1 ]
	grep -q 'control_bad_peer' "$EMQXD_DIR/err"
}

# hold UID N: so many peers of the control socket that say hello (the daemon's own, sent
# back to it) and nothing more, until they are ended.
hold() {
	chmod 711 "$EMQXD_DIR"
	(cd "$EMQXD_DIR" && exec /usr/bin/python3 -c 'import os, socket, sys, time
if int(sys.argv[1]) != os.geteuid(): os.seteuid(int(sys.argv[1]))
held = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX); s.connect("ctl.sock"); s.sendall(s.recv(4096)); held.append(s)
print("held", flush=True)
left = list(held)
while left:
    time.sleep(.05)
    for s in list(left):
        try: gone = s.recv(1, socket.MSG_DONTWAIT) == b""
        except BlockingIOError: gone = False
        if gone: left.remove(s); print("gone", flush=True)' "$@") >"$EMQXD_DIR/held.$1" 3>&- &
	subs="$subs $!"
	wait_until 10 grep -q held "$EMQXD_DIR/held.$1"
}

@test "when all places of the control socket are idle a newcomer gets the longest idle's" {
	hold "$(id -u)" 128
	run -4 ctl status
	wait_until 15 ctl status
	run -0 ctl status
	[ "$(figure metrics control.peers_displaced)" -ge 1 ]
	wait_until 5 grep -q gone "$EMQXD_DIR/held.$(id -u)"
	[ "$(grep -c gone "$EMQXD_DIR/held.$(id -u)")" = 1 ]
}

@test "strangers cannot take the control socket from root" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, to be somebody else'
	stop_emqxd
	start_emqxd 'ctl.mode = "0666"'
	hold 0 2
	hold 65534 126
	run -0 ctl status
	wait_until 5 grep -q gone "$EMQXD_DIR/held.65534"
	run ! grep gone "$EMQXD_DIR/held.0"
}

@test "a peer that is killed in the middle of a long list frees what it held" {
	local i
	for i in 1 2 3 4 5; do
		timeout -s KILL 0.0$i "$EMQX_CTL" --socket "$EMQX_SOCKET" broker metrics --watch=1s >/dev/null || true
	done
	run -0 ctl status
}

@test "--dry-run is refused where it would not be true" {
	subscriber a -t x
	run -2 ctl subscriptions del a x --dry-run
	[ "$(figure stats subscriptions.count)" = 1 ]
}

@test "room levels and handlers of the log" {
	run -0 ctl log primary-level
	[ "$output" = warning ]
	run -0 --separate-stderr ctl log primary-level debug
	[ "$output" = debug ]
	run -0 --separate-stderr ctl log set-level info
	[ "$output" = info ]
	run -0 --separate-stderr ctl log room-level net debug
	[ "$output" = 'net debug' ]
	run -3 ctl log room-level nett
	run -0 ctl log handlers list
	[[ $output == *'LogHandler(id=console, level=info, destination=console, status=started)'* ]]
	run -0 --separate-stderr ctl log handlers set-level console error
	[ "$output" = error ]
	run -0 --separate-stderr ctl log handlers stop console
	[ "$output" = 'log handler console stopped' ]
	run -8 ctl log handlers stop console
	run -0 ctl log handlers start console
	run -3 ctl log handlers start nothing
	run -2 ctl log set-level loud
}
