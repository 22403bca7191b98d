#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# clients, subscriptions: who is there, what they are owed, and how they are sent away.
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

# subscriber ID [ARG...]: a client that stays (on the topic t/ID unless -t is given); its
# messages go to $EMQXD_DIR/got.
subscriber() {
	local id=$1
	shift
	case " $* " in *' -t '*) ;; *) set -- "$@" -t "t/$id" ;; esac
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i "$id" "$@" >"$EMQXD_DIR/got" 2>&1 3>&- &
	subs="$subs $!"
	last=$!
	wait_until 5 ctl subscriptions show "$id"
}

publish() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -i pub "$@"; }

ids() { ctl clients list --json "$@" | json '" ".join(r["clientid"] for r in d)'; }

# field CLIENT EXPRESSION: of its row r.
field() { ctl clients show "$1" --json | json "(lambda r: $2)(d)"; }

@test "clients list: nobody is one line" {
	run -0 ctl clients list
	[ "$output" = 'No clients.' ]
	run -0 ctl clients list --json
	[ "$(printf %s "$output" | json 'd')" = '[]' ]
}

@test "clients list: EMQX's line with the client's facts" {
	subscriber c1 -u alice -t a -t 'b/#' -k 45
	run -0 ctl clients list
	[[ $output == "Client(c1, username=alice, peername=127.0.0.1:"*", clean_start=true, keepalive=45, session_expiry_interval=0, subscriptions=2, inflight=0, awaiting_rel=0, delivered_msgs=0, enqueued_msgs=0, dropped_msgs=0, connected=true, created_at="*", connected_at="*")" ]]
}

@test "clients list: sorted by id, whichever worker they live on" {
	local i
	for i in 5 3 9 1 7 2; do subscriber "c$i"; done
	[ "$(ids)" = 'c1 c2 c3 c5 c7 c9' ]
	[ "$(ids --sort -clientid)" = 'c9 c7 c5 c3 c2 c1' ]
}

@test "clients list: --filter runs in the daemon" {
	subscriber a -u alice
	subscriber b -u bob -k 10
	subscriber c -k 10 -V 5
	[ "$(ids --filter 'keepalive = 10s')" = 'b c' ]
	[ "$(ids --filter "username like 'a*' or proto_ver = 5.0")" = 'a c' ]
	[ "$(ids --filter 'username is null')" = 'c' ]
	[ "$(ids --filter 'not connected')" = '' ]
	[ "$(ids --filter 'connected_at > 1m ago and clientid in (a, c)')" = 'a c' ]
	[ "$(ids --filter 'connected_at < 1m ago')" = '' ]
}

@test "clients list: a filter that is none says where, and exits 2" {
	run -2 --separate-stderr ctl clients list --filter 'keepalve > 10'
	[ -z "$output" ]
	[[ $stderr == *"no such column at 'keepalve > 10'"* ]]
	[[ $stderr == *"did you mean 'keepalive'?"* ]]
	run -2 ctl clients list --filter 'keepalive >'
	run -2 ctl clients list --sort nothing
	run -2 ctl clients list --limit 0
}

@test "clients list: --limit ends with a cursor, --after goes on there" {
	local i
	for i in 1 2 3 4 5; do subscriber "c$i"; done
	[ "$(ids --limit 2)" = 'c1 c2' ]
	run -0 --separate-stderr ctl clients list --limit 2 --json
	cursor=$(printf '%s\n' "$stderr" | sed -n 's/.*--after \([0-9a-f]*\).*/\1/p')
	[ -n "$cursor" ]
	[ "$(ids --limit 2 --after "$cursor")" = 'c3 c4' ]
	run -2 ctl clients list --after nonsense
}

@test "clients show: a kept session says since when it is alone" {
	subscriber c1 -c -q 1
	kill "$last"
	wait_until 5 not_connected c1
	run -0 ctl clients show c1
	[[ $output == *'keepalive=60'* ]]
	[[ $output == *"connected=false"*", disconnected_at="* ]]
	[ "$(field c1 'r["disconnected_at"] is not None and r["listener"] is None')" = True ]
}
not_connected() { [ "$(field "$1" 'r["connected"]')" = False ]; }

all_came() { [ "$(field "$1" 'r["mqueue_len"] + r["dropped_msgs"]')" = 1500 ]; }

@test "clients show: messages wait for who is away, and the oldest go when it is full" {
	subscriber c1 -c -q 1 -t t
	kill "$last"
	wait_until 5 not_connected c1
	publish -t t -q 1 -m x --repeat 1500 --repeat-delay 0
	wait_until 5 all_came c1
	[ "$(field c1 'r["mqueue_len"]')" = 1000 ]
	[ "$(field c1 'r["mqueue_max"]')" = 1000 ]
	[ "$(ids --filter 'mqueue_len > 100')" = c1 ]
}

@test "clients show: unknown client exits 3 and says how to find it" {
	subscriber sensor-17
	run -3 --separate-stderr ctl clients show sensor-71
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == "emqx_ctl: clients show: no client 'sensor-71'" ]]
	[[ ${stderr_lines[1]} == "  hint: did you mean 'sensor-17'?"*'emqx_ctl clients list' ]]
}

@test "clients kick: it is gone, counted, and can be told from others" {
	subscriber c1 -c -q 1
	run -0 ctl clients kick c1
	[ "$output" = ok ]
	[ "$(ctl listeners --json | json 'd[0]["shutdown_count"]["kicked"]["server"]')" = 1 ]
}

@test "clients kick: an MQTT 5 client is told 0x98" {
	raw "$PORT" 101000044d5154540502003c000003613562 3>&- &
	wait_until 5 ctl clients show a5b
	ctl clients kick a5b
	wait $!
}

@test "clients kick: unknown client exits 3 and says how to find it" {
	run -3 --separate-stderr ctl clients kick nobody
	[[ ${stderr_lines[0]} == "emqx_ctl: clients kick: no client 'nobody'" ]]
	[[ ${stderr_lines[1]} == '  hint: list them: emqx_ctl clients list'* ]]
}

@test "clients kick: several need --yes, are told in their order, and exit 7 when some fail" {
	subscriber a -c -q 1
	subscriber b -c -q 1
	run -2 ctl clients kick a b
	[ "$(ids)" = 'a b' ]
	run -7 --separate-stderr ctl clients kick b nobody a --yes
	[ "${lines[*]}" = 'client b: ok client nobody: no such client client a: ok' ]
	[[ $stderr == *'1 of 3 failed'* ]]
	run -3 ctl clients kick x y --yes
}

@test "clients kick --dry-run: says what would happen and does nothing" {
	subscriber a
	run -0 ctl clients kick a --dry-run
	[[ $output == *'would be disconnected'* ]]
	[ "$(ids)" = a ]
}

@test "clients kick: is written to the log with who, what and how it ended" {
	subscriber a
	ctl clients kick a
	run -3 ctl clients kick nobody
	wait_until 5 grep -q "audit uid=$(id -u) .*command=\"clients kick clientid=a\" result=ok duration_us=" "$EMQXD_DIR/err"
	wait_until 5 grep -q 'audit .*command="clients kick clientid=nobody" result=notfound' "$EMQXD_DIR/err"
}

@test "clients: what a client chose forges no line and no column" {
	/usr/bin/python3 - "$PORT" <<'EOF'
import socket, struct, sys
def text(s): return struct.pack('>H', len(s)) + s
c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
body = text(b'MQTT') + bytes([4, 0x80, 0, 60]) + text(b'a\x1b[31m\n=1+1') + text(b'b\nClient(x, username=y')
c.sendall(bytes([16, len(body)]) + body)
assert c.recv(4)[3] == 0
EOF
	[ "$(ctl clients list | wc -l)" = 1 ]
	[ "$(ctl clients list -o csv | wc -l)" = 2 ]
	[[ $(ctl clients list -o wide) != *$'\e'* ]]
	[ "$(ctl clients list --json | json 'd[0]["clientid"] == "a\x1b[31m\n=1+1"')" = True ]
}

@test "subscriptions list: all of all clients, by client and filter" {
	subscriber b -t 'x/#' -t a -q 1
	subscriber a -t y -q 2
	subscriber c -V 5 -t '$share/g/z'
	run -0 ctl subscriptions list
	[ "${lines[0]}" = 'a -> topic:y qos:2 nl:0 rh:0 rap:0' ]
	[ "${lines[1]}" = 'b -> topic:a qos:1 nl:0 rh:0 rap:0' ]
	[ "${lines[2]}" = 'b -> topic:x/# qos:1 nl:0 rh:0 rap:0' ]
	[ "${lines[3]}" = 'c -> topic:$share/g/z qos:0 nl:0 rh:0 rap:0' ]
	[ "$(ctl subscriptions list --filter "topic like 'x/*'" -o classic)" = "${lines[2]}" ]
	run -0 ctl subscriptions list --compat 4.4
	[ "${lines[0]}" = 'a -> y' ]
}

@test "subscriptions list: many of one client, in pages" {
	local i args=()
	for i in $(seq 700); do args+=(-t "t/$i"); done
	subscriber many "${args[@]}"
	[ "$(ctl subscriptions list | wc -l)" = 700 ]
	[ "$(ctl subscriptions list | sort -u | wc -l)" = 700 ]
	[ "$(ctl subscriptions list --limit 10 | wc -l)" = 10 ]
	[ "$(field many 'r["subscriptions"]')" = 700 ]
}

@test "subscriptions show: unknown client exits 3" {
	run -3 ctl subscriptions show nobody
}

@test "subscriptions add: the client gets messages, at the QoS that is told" {
	subscriber c1 -t none
	run -0 ctl subscriptions add c1 'added/#' 1 --json
	[ "$(printf %s "$output" | json 'd["qos"]')" = 1 ]
	publish -t added/x -m hello -q 1
	wait_until 5 grep -q hello "$EMQXD_DIR/got"
	run -0 ctl subscriptions show c1
	[[ $output == *'c1 -> topic:added/# qos:1 nl:0 rh:0 rap:0'* ]]
}

@test "subscriptions del: no more messages; a second time it is not there" {
	subscriber c1 -t 'gone/#' -t keep
	run -0 ctl subscriptions del c1 'gone/#'
	[ "$output" = ok ]
	run -0 ctl subscriptions show c1
	[ "$output" = 'c1 -> topic:keep qos:0 nl:0 rh:0 rap:0' ]
	run -3 ctl subscriptions del c1 'gone/#'
	ctl subscriptions add c1 'rooms/kitchen' 0
	run -3 --separate-stderr ctl subscriptions del c1 'rooms/kitchn'
	[[ $stderr == *"no subscription 'rooms/kitchn'"*"did you mean 'rooms/kitchen'?"*'emqx_ctl subscriptions show c1'* ]]
	[[ $stderr != *'clients list'* ]]
	run -3 --separate-stderr ctl subscriptions del c1 zz
	[[ $stderr != *'did you mean'* ]]
	run -3 ctl subscriptions del nobody 'gone/#'
}

@test "subscriptions add: what is no filter, no QoS or no client is refused" {
	subscriber c1
	run -2 ctl subscriptions add c1 'a#' 0
	run -2 ctl subscriptions add c1 a 3
	run -3 ctl subscriptions add nobody a 1
}

@test "clients: ten thousand sessions are listed, paged and completed in time" {
	/usr/bin/python3 - "$PORT" <<'EOF'
import socket, struct, sys
def text(s): return struct.pack('>H', len(s)) + s
for i in range(10000):
    c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    body = text(b'MQTT') + bytes([4, 0, 0, 60]) + text(b'sensor-%05d' % i)
    c.sendall(bytes([16, len(body)]) + body)
    assert c.recv(4)[3] == 0
    c.sendall(b'\xe0\x00')
    c.close()
EOF
	[ "$(ctl clients list --json | json 'len(d)')" = 10000 ]
	[ "$(ids --limit 2 --sort -clientid)" = 'sensor-09999 sensor-09998' ]
	run -0 ctl __complete clients show sensor-01
	[ "${#lines[@]}" -le 200 ]
	[[ ${lines[0]} == sensor-01000* ]]
	/usr/bin/python3 - "$EMQX_CTL" "$EMQX_SOCKET" <<'EOF'
import os, subprocess, sys, time
slow = int(os.environ.get('SLOW', '1'))
t = time.time()
subprocess.run([sys.argv[1], '--socket', sys.argv[2], '__complete', 'clients', 'show', 's'], check=True, stdout=subprocess.DEVNULL)
assert time.time() - t < 0.3 * slow, time.time() - t
EOF
}

# raw PORT HEX: bytes to the daemon, until it closes; the last packet that it sends must be
# a DISCONNECT with 0x98.
raw() {
	/usr/bin/python3 - "$@" <<'EOF'
import socket, sys
c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
c.settimeout(10)
c.sendall(bytes.fromhex(sys.argv[2]))
got = c.recv(100)
while True:
    more = c.recv(100)
    if not more: break
    got = more
assert got[0] == 0xe0 and got[2] == 0x98, got
EOF
}

@test "--node: this node by its name, with or without the host" {
	subscriber c1 -t a
	run -0 --separate-stderr ctl clients list --node emqxd@127.0.0.1 -o name
	[ "$output" = c1 ]
	run -0 --separate-stderr ctl clients list --node emqxd -o name
	[ "$output" = c1 ]
	run -0 --separate-stderr ctl clients show c1 --node emqxd --json
	[ "$(printf %s "$output" | json 'd["node"]')" = emqxd@127.0.0.1 ]
}

@test "--node: one that is not in the cluster is not found, with a hint" {
	run -3 --separate-stderr ctl clients list --node emqxdd@127.0.0.1
	[[ $stderr == *"no node 'emqxdd@127.0.0.1' in the cluster"* ]]
	[[ $stderr == *"did you mean 'emqxd@127.0.0.1'"* ]]
	run -2 ctl clients list --node emqxd --all-nodes
}

@test "--all-nodes: every list says of which node a row is" {
	run -0 --separate-stderr ctl broker stats --all-nodes
	[[ ${lines[0]} == *node* && ${lines[1]} == *emqxd@127.0.0.1* ]]
	run -0 --separate-stderr ctl listeners --all-nodes --json
	[ "$(printf %s "$output" | json 'd[0]["node"]')" = emqxd@127.0.0.1 ]
}
