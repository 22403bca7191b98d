#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# trace: what a client, a topic or an address does, in a file of the caller.
bats_require_minimum_version 1.5.0
load lib

setup() {
	need mosquitto_sub mosquitto-clients
	start_emqxd
	cd "$BATS_TEST_TMPDIR" || return 1
}
teardown() { stop_emqxd; }

publish() { mosquitto_pub -h 127.0.0.1 -p "$PORT" "$@"; }
traces() { ctl trace list --json | json 'len(d)'; }

@test "trace start topic: a publish is in the file, with time, client, packet and payload" {
	run -0 --separate-stderr ctl trace start topic 't/#' trace_topic.log
	[ "$output" = 'trace t/# CLI-t/# successfully' ]
	publish -i c1 -u alice -t t/1 -m hello -q 1
	publish -i c1 -t other -q 1 -m no
	wait_until 5 grep -q publish_to trace_topic.log
	grep -Eq '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{6}[+-][0-9]{2}:[0-9]{2} \[MQTT\] c1@127\.0\.0\.1:[0-9]+ msg: mqtt_packet_received, packet: PUBLISH\(Q1, R0, D0, Topic=t/1, PacketId=1, Payload\(text\)=hello\), username: alice$' trace_topic.log
	grep -q ' \[PUBLISH\] c1@.* msg: publish_to, payload_encode: text, topic: t/1, username: alice, payload: hello$' trace_topic.log
	run ! grep -q other trace_topic.log
}

@test "trace start client: from CONNECT to the end, in order, without the password" {
	ctl trace start client c1 c1.log
	publish -i c1 -u alice -P secret -t t/1 -m hello -q 2
	publish -i c2 -t t/1 -q 1 -m other
	wait_until 5 grep -q SOCKET c1.log
	[ "$(grep -o 'packet: [A-Z]*' c1.log | tr '\n' ' ')" = \
	    'packet: CONNECT packet: CONNACK packet: PUBLISH packet: PUBREC packet: PUBREL packet: PUBCOMP packet: DISCONNECT ' ]
	grep -q 'CONNECT(.*ClientId=c1.*Password=\*\*\*\*\*\*' c1.log
	run ! grep -q secret c1.log
	run ! grep -q c2 c1.log
}

@test "trace start ip_address: exactly that address, or a network" {
	ctl trace start ip_address 127.0.0.1 exact.log
	ctl trace start ip_address 127.0.0.0/8 net.log
	ctl trace start ip_address 127.0.0.10 other.log
	publish -i c1 -t t -m x
	wait_until 5 grep -q SOCKET net.log
	grep -q SOCKET exact.log
	[ ! -s other.log ]
}

@test "trace list: type, value, level and the file as an absolute path" {
	run -0 ctl trace list
	[ "$output" = 'Trace is empty' ]
	ctl trace start client c1 c1.log
	ctl trace start topic 't/#' sub/../t.log || { mkdir -p sub && ctl trace start topic 't/#' t.log; }
	run -0 ctl trace list
	[ "${lines[0]}" = "Trace(clientid=c1, level=debug, destination=\"$BATS_TEST_TMPDIR/c1.log\")" ]
	[ "${#lines[@]}" = 2 ]
	[ "$(ctl trace list --json | json 'd[0]["state"]')" = running ]
}

@test "trace stop: the file is whole and says so; a second time there is none" {
	ctl trace start client c1 c1.log
	publish -i c1 -t t -q 1 -m last
	run -0 ctl trace stop client c1
	[ "$output" = 'stop tracing clientid c1 successfully' ]
	[[ $(tail -n 1 c1.log) == *'[CLI] c1@ msg: trace_stopping, ' ]]
	grep -q 'Payload(text)=last' c1.log
	[ "$(traces)" = 0 ]
	publish -i c1 -t t -q 1 -m after
	run ! grep -q after c1.log
	run -3 ctl trace stop client c1
}

@test "trace start: the same thing a second time is a conflict, exit 8" {
	ctl trace start client c1 c1.log
	run -8 ctl trace start client c1 other.log
	run -0 ctl trace start topic c1 topic.log
	[ "$(traces)" = 2 ]
}

@test "trace start: a file that cannot be written is a clear error and no trace" {
	run -3 --separate-stderr ctl trace start client c1 no/such/folder/c1.log
	[[ $stderr == *'no/such/folder/c1.log'* ]]
	run ctl trace start client c1 /dev/null
	[ "$status" -ne 0 ]
	[ "$(traces)" = 0 ]
}

@test "trace start: what is no filter or no address is refused, exit 2" {
	run -2 ctl trace start topic 'a#' f.log
	run -2 ctl trace start ip_address 10.0.0 f.log
	run -2 ctl trace start client
	run -2 ctl trace start clientt c1 f.log
	[ "$(traces)" = 0 ]
}

@test "trace start: appends, and is independent of the level of the log" {
	echo before >c1.log
	ctl log set-level error
	ctl trace start client c1 c1.log
	publish -i c1 -t t -m x
	wait_until 5 grep -q SOCKET c1.log
	[ "$(head -n 1 c1.log)" = before ]
}

@test "trace start: a level leaves out what is below it" {
	ctl trace start client c1 c1.log info
	publish -i c1 -t t -m x
	wait_until 5 grep -q SOCKET c1.log
	run ! grep -q mqtt_packet c1.log
}

@test "trace: what a client chose forges no line" {
	ctl trace start ip_address 127.0.0.1 all.log
	/usr/bin/python3 - "$PORT" <<'EOF'
import socket, struct, sys
def text(s): return struct.pack('>H', len(s)) + s
c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
body = text(b'MQTT') + bytes([4, 2, 0, 60]) + text(b'c\n2026 [MQTT] x')
c.sendall(bytes([16, len(body)]) + body)
assert c.recv(4)[3] == 0
body = text(b't') + b'pay\nload'
c.sendall(bytes([0x30, len(body)]) + body + b'\xe0\x00')
EOF
	wait_until 5 grep -q SOCKET all.log
	run ! grep -qv '^20.*\[[A-Z]*\] ' all.log
}

@test "trace: a packet that cannot be parsed names the rule" {
	ctl trace start ip_address 127.0.0.1 all.log
	/usr/bin/python3 - "$PORT" <<'EOF'
import socket, sys
c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
c.sendall(bytes.fromhex('100e00044d5154540402003c00026331'))
c.recv(4)
c.sendall(bytes.fromhex('30020005'))
c.recv(4)
EOF
	wait_until 5 grep -q packet_parse_error all.log
	grep -q 'msg: packet_parse_error, reason: ' all.log
}

@test "trace start ip_address: who never got in is there too, and why" {
	ctl trace start ip_address 127.0.0.1 all.log
	/usr/bin/python3 - "$PORT" <<'EOF'
import socket, sys
def say(text):
    c = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    c.sendall(text)
    while c.recv(100): pass
say(b'GET / HTTP/1.0\r\n\r\n')
say(bytes.fromhex('101200044d5154540502003c0415000141000163')) # an authentication method
EOF
	wait_until 5 grep -q 'reason: bad_authentication_method' all.log
	grep -q '\[SOCKET\] .*127.0.0.1:[0-9]* msg: connection_ended, reason: frame_error, detail: ' all.log
	[ "$(grep -o 'packet: [A-Z]*' all.log | tr '\n' ' ')" = 'packet: CONNECT packet: CONNACK ' ]
}

@test "trace start client: what a kicked client is told" {
	ctl trace start client k k.log
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -i k -t t 3>&- &
	wait_until 5 grep -q SUBACK k.log
	ctl clients kick k --yes
	wait_until 5 grep -q 'reason: kicked' k.log
	grep -q 'msg: mqtt_packet_sent, packet: DISCONNECT' k.log
	wait "$!" || true
}

@test "trace: a flood does not stop, and every line is there or counted" {
	ctl trace start topic flood flood.log
	seq 20000 | publish -i c1 -t flood -l
	wait_until 20 all_came
	ctl trace stop topic flood
	[ "$(/usr/bin/python3 - <<'EOF'
import re
n = 0
for line in open('flood.log'):
    m = re.search('lines_dropped, count: (\d+)', line)
    n += int(m[1]) if m else '[MQTT]' in line or '[PUBLISH]' in line
print(n)
EOF
	)" = 40000 ]
}

all_came() { [ "$(ctl broker metrics --filter "name = 'messages.received'" --json | json 'd[0]["value"]')" = 20000 ]; }

@test "trace: a daemon that ends closes the file with all lines" {
	ctl trace start client c1 c1.log
	publish -i c1 -t t -q 1 -m last # acknowledged: it was read before the end
	stop_emqxd
	grep -q 'Payload(text)=last' c1.log
	[[ $(tail -n 1 c1.log) == *trace_stopping* ]]
}
