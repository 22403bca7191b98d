#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# listeners: the doors, and why connections ended and who ended them.
bats_require_minimum_version 1.5.0
load lib

setup() { start_emqxd 'mqtt.idle_timeout = 1s'; }
teardown() { stop_emqxd; }

# ended [OPTION...]: "name=client/server/network" of each reason, sorted.
ended() {
	ctl listeners tcp:default --json "$@" | json '" ".join("%s=%d/%d/%d" % (k, v["client"], v["server"], v["network"]) for k, v in sorted(d[0]["shutdown_count"].items()))'
}
has_ended() { [ "$(ended)" = "$1" ]; }
ends_as() { wait_until 5 has_ended "$1" || { ended; false; }; }

# raw STEP...: bytes in hexadecimal are sent; "recv" waits for an answer, "wait" for the
# end, "silent" keeps still until the daemon closes, "rst" resets, "leave" closes.
raw() {
	/usr/bin/python3 - "$PORT" "$@" <<'EOF'
import socket, struct, sys
c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
c.settimeout(30)
for step in sys.argv[2:]:
    if step == 'recv': assert c.recv(100)
    elif step == 'wait':
        try:
            while c.recv(100): pass
        except ConnectionResetError: pass
    elif step == 'rst': c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); c.close()
    elif step == 'leave': c.close()
    else: c.sendall(bytes.fromhex(step))
EOF
}
# Client "c1", keepalive 60 s or 1 s.
CONNECT=100e00044d5154540402003c00026331
CONNECT_1S=100e00044d5154540402000100026331

@test "listeners: EMQX's block of each" {
	run -0 ctl listeners
	[ "${lines[0]}" = tcp:default ]
	[ "${lines[1]}" = "  listen_on       : 127.0.0.1:$PORT" ]
	[[ ${lines[2]} == '  acceptors       : '[1-9]* ]]
	[ "${lines[3]}" = '  proxy_protocol  : false' ]
	[ "${lines[4]}" = '  enable          : true' ]
	[ "${lines[5]}" = '  running         : true' ]
	[ "${lines[6]}" = '  current_conn    : 0' ]
	[ "${lines[7]}" = '  max_conns       : infinity' ]
	[ "${lines[8]}" = '  shutdown_count  : []' ]
}

@test "listeners: one by its id, of 5 and of 4" {
	run -0 ctl listeners tcp:default
	[ "${lines[0]}" = tcp:default ]
	run -0 ctl listeners mqtt:tcp:external --compat 4.4
	[ "${lines[0]}" = mqtt:tcp:default ]
	run -3 --separate-stderr ctl listeners tcp:defualt
	[[ $stderr == *"no listener 'tcp:defualt'"*"did you mean 'tcp:default'?"* ]]
}

@test "shutdown_count: normal, by the client" {
	raw $CONNECT recv e000 wait
	ends_as 'normal=1/0/0'
}

@test "shutdown_count: tcp_closed, by the client; legacy: closed" {
	raw $CONNECT recv leave
	ends_as 'tcp_closed=1/0/0'
	[ "$(ended --legacy-names)" = 'closed=1/0/0' ]
}

@test "shutdown_count: econnreset, by the network; legacy: closed" {
	raw $CONNECT recv rst
	ends_as 'econnreset=0/0/1'
	[ "$(ended --legacy-names)" = 'closed=0/0/1' ]
}

@test "shutdown_count: keepalive_timeout, by the server" {
	raw $CONNECT_1S recv wait
	ends_as 'keepalive_timeout=0/1/0'
}

@test "shutdown_count: idle_timeout, by the server" {
	raw wait
	ends_as 'idle_timeout=0/1/0'
}

@test "shutdown_count: frame_error, by the server; legacy: function_clause" {
	raw 474554202f20485454502f312e310d0a wait
	ends_as 'frame_error=0/1/0'
	[ "$(ended --legacy-names)" = 'function_clause=0/1/0' ]
}

@test "shutdown_count: protocol_error for a second CONNECT; legacy: proto_unexpected_c" {
	raw $CONNECT recv $CONNECT wait
	ends_as 'protocol_error=0/1/0'
	[ "$(ended --legacy-names)" = 'proto_unexpected_c=0/1/0' ]
}

@test "shutdown_count: takenover and discarded, by the server; legacy: takeovered" {
	raw 100e00044d5154540400003c00026331 recv wait 3>&- &
	wait_until 5 ctl clients show c1
	raw 100e00044d5154540400003c00026331 recv e000 wait
	wait $!
	ends_as 'normal=1/0/0 takenover=0/1/0'
	[ "$(ended --legacy-names)" = 'normal=1/0/0 takeovered=0/1/0' ]
}

@test "shutdown_count: kicked, by the server" {
	raw $CONNECT recv wait 3>&- &
	wait_until 5 ctl clients show c1
	ctl clients kick c1
	wait $!
	ends_as 'kicked=0/1/0'
}

@test "shutdown_count: several of a kind, and the classic shape" {
	raw $CONNECT recv e000 wait
	raw $CONNECT recv e000 wait
	raw wait
	ends_as 'idle_timeout=0/1/0 normal=2/0/0'
	run -0 ctl listeners
	[ "${lines[8]}" = '  shutdown_count  : [{normal,2},{idle_timeout,1}]' ]
	run -0 ctl listeners --json
	[ "$(printf %s "$output" | json 'd[0]["shutdown_count"]["normal"]')" = "{'total': 2, 'client': 2, 'server': 0, 'network': 0}" ]
}

@test "shutdown_count: legacy names that stand for several are added up" {
	raw $CONNECT recv leave
	raw $CONNECT recv rst
	ends_as 'econnreset=0/0/1 tcp_closed=1/0/0'
	[ "$(ended --legacy-names)" = 'closed=1/0/1' ]
}

@test "shutdown_count: the numbers are the same after a restart of the listener" {
	raw $CONNECT recv e000 wait
	raw $CONNECT recv leave
	ends_as 'normal=1/0/0 tcp_closed=1/0/0'
	run -0 --separate-stderr ctl listeners restart tcp:default
	[ "$output" = 'Restarted tcp:default listener successfully.' ]
	[ "$(ended)" = 'normal=1/0/0 tcp_closed=1/0/0' ]
	PORT=$(port_of tcp:default)
	raw $CONNECT recv e000 wait
	ends_as 'normal=2/0/0 tcp_closed=1/0/0'
}

@test "listeners stop: closes its connections, start opens it again" {
	raw $CONNECT recv wait 3>&- &
	wait_until 5 ctl clients show c1
	[ "$(ctl listeners --json | json 'd[0]["current_conn"]')" = 1 ]
	run -0 --separate-stderr ctl listeners stop tcp:default
	[ "$output" = 'Stop tcp:default listener successfully.' ]
	wait $!
	[ "$(ctl listeners --json | json '(d[0]["running"], d[0]["current_conn"])')" = '(False, 0)' ]
	ends_as 'listener_stopped=0/1/0'
	run ! raw $CONNECT 2>/dev/null
	run -8 ctl listeners stop tcp:default
	run -0 --separate-stderr ctl listeners start tcp:default
	[ "$output" = 'Started tcp:default listener successfully.' ]
	run -8 ctl listeners start tcp:default
	PORT=$(port_of tcp:default)
	raw $CONNECT recv e000 wait
}

@test "listeners stop --dry-run: says how many would be closed" {
	raw $CONNECT recv wait 3>&- &
	wait_until 5 ctl clients show c1
	[ "$(ctl listeners stop tcp:default --dry-run --json | json 'd["closed"]')" = 1 ]
	[ "$(ctl listeners --json | json 'd[0]["running"]')" = True ]
	ctl clients kick c1
	wait $!
}

@test "listeners: one that was removed from the file cannot be started" {
	stop_emqxd
	start_emqxd 'listeners.tcp.b.bind = "127.0.0.1:0"'
	port=$(port_of tcp:b)
	/usr/bin/python3 -c 'import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()' "$port"
	wait_until 5 has_gone tcp:b
	emqxd_conf "$EMQXD_DIR/emqx.conf"
	ctl conf reload
	run -3 --separate-stderr ctl listeners start tcp:b
	[[ $stderr == *'listener tcp:b was removed from the configuration'* ]]
	run -3 ctl listeners restart tcp:b
	# it has counts: it is still told, off, with the address that it had
	[ "$(ctl listeners tcp:b --json | json '(d[0]["listen_on"], d[0]["enable"], d[0]["running"])')" = "('127.0.0.1:0', False, False)" ]
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'listeners.tcp.b.bind = "127.0.0.1:0"'
	ctl conf reload
	[ "$(ctl listeners tcp:b --json | json 'd[0]["running"]')" = True ]
}
has_gone() { [ "$(ctl listeners "$1" --json | json '(d[0]["current_conn"], len(d[0]["shutdown_count"]))')" = '(0, 1)' ]; }

@test "listeners: one that was removed and never used is not there any more" {
	stop_emqxd
	start_emqxd 'listeners.tcp.b.bind = "127.0.0.1:0"'
	emqxd_conf "$EMQXD_DIR/emqx.conf"
	ctl conf reload
	run -3 --separate-stderr ctl listeners start tcp:b
	[[ $stderr == *"no listener 'tcp:b'"* ]]
	[ "$(ctl listeners -o name)" = tcp:default ]
}

@test "listeners: unknown ones exit 3, words that are none exit 2" {
	run -3 ctl listeners start tcp:nope
	run -3 ctl listeners stop tcp:nope
	run -3 ctl listeners restart tcp:nope
	run -2 ctl listeners nope
}

@test "listeners start: a port in use is one clear sentence" {
	ctl listeners stop tcp:default
	stop_emqxd
	port=$(free_port)
	start_emqxd "listeners.tcp.default.bind = \"127.0.0.1:$port\""
	ctl listeners stop tcp:default
	/usr/bin/python3 -c 'import socket, sys, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1]))); s.listen()
open(sys.argv[2], "w").close(); time.sleep(30)' "$port" "$BATS_TEST_TMPDIR/taken" 3>&- &
	wait_until 5 test -e "$BATS_TEST_TMPDIR/taken"
	run -1 --separate-stderr ctl listeners start tcp:default
	kill $!
	[[ $stderr == *"127.0.0.1:$port"* ]]
	wait $! 2>/dev/null || true
}

@test "shutdown_count: etimedout, by the network, when the link goes" {
	need ip iproute2
	[ "$(id -u)" = 0 ] || skip 'needs root for network namespaces'
	ns=emqxd-$$
	ip netns add "$ns" 2>/dev/null || skip 'cannot make a network namespace'
	ip link add "v$$" type veth peer name p0 netns "$ns" 2>/dev/null || {
		ip netns del "$ns"
		skip 'cannot make a link between namespaces'
	}
	ip addr add 10.213.7.1/24 dev "v$$"
	ip link set "v$$" up
	ip netns exec "$ns" ip addr add 10.213.7.2/24 dev p0
	ip netns exec "$ns" ip link set p0 up
	stop_emqxd
	start_emqxd 'listeners.tcp.default.bind = "10.213.7.1:0"' \
	    'listeners.tcp.default.tcp_options.user_timeout = 1s'
	PORT=$(port_of tcp:default)
	ip netns exec "$ns" /usr/bin/python3 -c 'import socket, sys, time
c = socket.create_connection(("10.213.7.1", int(sys.argv[1])))
c.sendall(bytes.fromhex("100e00044d5154540402003c00026331")); c.recv(4)
c.sendall(bytes.fromhex("8206000100017400")); c.recv(5)
time.sleep(60)' "$PORT" 3>&- &
	wait_until 5 ctl subscriptions show c1
	ip netns exec "$ns" ip link set p0 down
	/usr/bin/python3 -c 'import socket, sys
c = socket.create_connection(("10.213.7.1", int(sys.argv[1])))
c.sendall(bytes.fromhex("100e00044d5154540402003c00026332")); c.recv(4)
c.sendall(bytes.fromhex("300400017478") + bytes.fromhex("e000"))' "$PORT"
	wait_until 20 etimedout_is_there
	kill $! 2>/dev/null || true
	ip link del "v$$"
	ip netns del "$ns"
	[[ $(ended) == *'etimedout=0/0/1'* ]]
}
etimedout_is_there() { [[ $(ended) == *etimedout* ]]; }

has_one() { [ "$(ctl listeners tcp:default --json | json 'd[0]["current_conn"]')" = 1 ]; }

@test "a connection over max_connections is closed, counted, and the log says why" {
	stop_emqxd
	start_emqxd 'listeners.tcp.default.max_connections = 1'
	raw "$CONNECT" recv wait 3>&- &
	wait_until 5 has_one
	raw wait
	wait_until 5 grep -q 'listener_full.*max_connections=1' "$EMQXD_DIR/err"
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "listener.refused"]')" = '[1]' ]
}
