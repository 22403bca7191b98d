#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the broker must show from a clean clone, each from the outside: real clients,
# counts of why connections ended, exit codes, a subscriber that never reads.
bats_require_minimum_version 1.5.0
load lib

TOOLS=$BUILD/tests/tools

setup() {
	work=$BATS_TEST_TMPDIR
	unset netns
	background=
}

teardown() {
	local pid
	for pid in $background; do kill -s TERM "$pid" 2>/dev/null || true; done
	stop_emqxd
	[ -z "${netns:-}" ] || { ip netns del "$netns-b"; ip netns del "$netns-a"; } 2>/dev/null || true
}

# spawn COMMAND...: in the background, gone with the test; its pid is in $spawned.
spawn() {
	"$@" <&0 3>&- & # the shell would give it /dev/null
	spawned=$!
	background="$background $spawned"
}

# ended [OPTION...]: "name=client/server/network ..." of tcp:default, sorted.
# shellcheck disable=SC2120
ended() {
	ctl listeners tcp:default --json "$@" | json '" ".join("%s=%d/%d/%d" % (k, v["client"], v["server"], v["network"]) for k, v in sorted(d[0]["shutdown_count"].items()))'
}
has_ended() { [ "$(ended)" = "$1" ]; }
subscribers() { [ "$(ctl subscriptions list --json | json 'len(d)')" -ge "$1" ]; }

# pair VERSION QOS: a thousand messages of 0 to 200 000 bytes, whole and in order.
pair() {
	local topic=$1/$2 sub
	timeout $((30 * SLOW)) mosquitto_sub -p "$PORT" -V "$1" -q "$2" -t "$topic" -C 1000 \
	    -F '%l:%p' >"$work/got.$1.$2" 3>&- &
	sub=$!
	wait_until 5 subscribed "$topic"
	timeout $((30 * SLOW)) mosquitto_pub -p "$PORT" -V "$1" -q "$2" -t "$topic" -l \
	    <"$work/messages"
	wait "$sub"
	cmp "$work/want" "$work/got.$1.$2"
	rm "$work/got.$1.$2"
}
subscribed() { ctl topics show "$1"; }

@test "mosquitto_pub and mosquitto_sub in three versions and QoS: 1 000 messages of 0 to 200 000 bytes each" {
	need mosquitto_pub mosquitto-clients
	local version qos
	start_emqxd
	awk 'BEGIN {
		text = "abcdefghijklmnopqrstuvwxyz"
		while (length(text) < 200000) text = text text
		for (i = 0; i < 1000; i++) {
			x = i < 999 ? i * 7919 % 1000 : 1000
			print substr(i " " text, 1, 200000 * (x / 1000) ^ 3)
		}
	}' >"$work/messages"
	awk '{ print length($0) ":" $0 }' "$work/messages" >"$work/want"
	[ "$(head -n 1 "$work/want")" = 0: ]
	[ "$(tail -n 1 "$work/want" | cut -d : -f 1)" = 200000 ]
	for version in mqttv31 mqttv311 mqttv5; do
		for qos in 0 1 2; do
			pair $version $qos
		done
	done
}

@test "a retained message is there again after the subscriber's restart" {
	need mosquitto_pub mosquitto-clients
	start_emqxd
	mosquitto_pub -p "$PORT" -q 1 -r -t state -m kept
	for _ in before after; do
		run -0 timeout $((5 * SLOW)) mosquitto_sub -p "$PORT" -V mqttv5 -t state -C 1 -F '%p %r'
		[ "$output" = 'kept 1' ]
	done
}

@test "a will after kill -9 of its client, and none after DISCONNECT" {
	need mosquitto_pub mosquitto-clients
	start_emqxd
	spawn timeout $((20 * SLOW)) mosquitto_sub -p "$PORT" -t 'wills/#' -C 2 >"$work/wills"
	local watcher=$spawned
	wait_until 5 subscribed 'wills/#'
	spawn mosquitto_sub -p "$PORT" -i polite -t x --will-topic wills/polite --will-payload polite
	wait_until 5 ctl clients show polite
	kill -s INT "$spawned" # says DISCONNECT
	wait_until 5 has_ended 'normal=1/0/0'
	spawn mosquitto_sub -p "$PORT" -i dying -t x --will-topic wills/dying --will-payload dying
	wait_until 5 ctl clients show dying
	kill -s KILL "$spawned"
	wait_until 5 grep -qx dying "$work/wills"
	mosquitto_pub -p "$PORT" -t wills/end -m end
	wait "$watcher"
	[ "$(cat "$work/wills")" = $'dying\nend' ]
}

@test "six ways to leave, each counted by name and side; a restart of the listener keeps the numbers" {
	start_emqxd 'mqtt.idle_timeout = 1s'
	cat >"$work/six.play" <<-'END'
		scenario six ways to leave
			silent connects keepalive=1
			mute opens
			closes connects
			closes vanishes
			says connects
			says disconnects
			garbage connects
			garbage -> hex f0 00 47 45 54 20 2f
			garbage <- close
			twice connects
			twice -> CONNECT
			twice <- close 0x82
			mute <- close
			silent <- close 0x8d
	END
	"$TOOLS/play" --host 127.0.0.1 --port "$PORT" "$work/six.play"
	local six='frame_error=0/1/0 idle_timeout=0/1/0 keepalive_timeout=0/1/0 normal=1/0/0 protocol_error=0/1/0 tcp_closed=1/0/0'
	wait_until 5 has_ended "$six" || { ended; false; }
	ctl listeners restart tcp:default
	has_ended "$six" || { ended; false; }
	run -0 ended --legacy-names
	[ "$output" = 'closed=1/0/0 function_clause=0/1/0 idle_timeout=0/1/0 keepalive_timeout=0/1/0 normal=1/0/0 proto_unexpected_c=0/1/0' ]
}

@test "exit codes: no daemon 3, nobody to kick 3, a word that is none 2 and the nearest one" {
	run -3 --separate-stderr "$EMQX_CTL" --socket "$work/none.sock" status
	[[ $stderr == *'hint:'* ]]
	start_emqxd
	run -3 --separate-stderr ctl clients kick nobody
	[[ $stderr == *"no client 'nobody'"* ]]
	run -2 --separate-stderr ctl lsiteners
	[[ $stderr == *'did you mean'*listeners* ]]
}

resident_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$EMQXD_PID/status"; }
metric() { ctl broker metrics --json | json "[m['value'] for m in d if m['name'] == '$1'][0]"; }
metric_is() { [ "$(metric "$1")" -ge "$2" ]; }

# flood QOS KB: a million messages to a subscriber that reads nothing until all are
# sent; memory grows by less than KB.
flood() {
	local count=1000000 before after received dropped taken
	[ "$SLOW" = 1 ] || count=100000
	[ -e "$work/go" ] || mkfifo "$work/go"
	exec 8<>"$work/go" # neither end waits for the other
	spawn "$TOOLS/mqsub" -p "$PORT" -i stuck -q "$1" -t flood -n $count -s 64 -l \
	    <&8 8>&- >"$work/stuck"
	local subscriber=$spawned
	wait_until 5 grep -q ready "$work/stuck"
	before=$(resident_kb)
	taken=$(metric messages.received)
	dropped=$(metric delivery.dropped)
	"$TOOLS/mqpub" -p "$PORT" -i flood -q "$1" -t flood -n $count -s 64
	wait_until 10 metric_is messages.received $((taken + count))
	after=$(resident_kb)
	echo go >&8
	exec 8>&-
	wait "$subscriber"
	received=$(sed -n 's/^received //p' "$work/stuck")
	dropped=$(($(metric delivery.dropped) - dropped))
	echo "QoS $1: $count sent, $received received, $dropped dropped, $before then $after kB"
	[ $((after - before)) -lt "$2" ] || [ "$SLOW" != 1 ]
	[ $((received + dropped)) -eq $count ]
}

@test "a subscriber that never reads: memory stays bounded, drops are sent minus delivered" {
	start_emqxd
	# What workers keep for their turns comes with the first: some megabytes.  Then
	# only the queue, 1 000 messages of 64 bytes and what holds them, and the
	# output up to the listener's high_watermark, 1 MB.
	flood 0 8192
	flood 0 2048
	flood 1 2048
}

@test "etimedout when the link of a client is taken down" {
	[ "$(id -u)" -eq 0 ] || skip 'not root'
	need ip iproute2
	need mosquitto_sub mosquitto-clients
	netns=emqxd-$BASHPID
	ip netns add "$netns-a" 2>/dev/null && ip netns add "$netns-b" || skip 'no network namespaces here'
	ip -n "$netns-a" link add v0 type veth peer name v1 netns "$netns-b"
	ip -n "$netns-a" addr add 10.98.7.1/24 dev v0
	ip -n "$netns-b" addr add 10.98.7.2/24 dev v1
	ip -n "$netns-a" link set lo up
	ip -n "$netns-a" link set v0 up
	ip -n "$netns-b" link set v1 up
	# The peer's address stays known, as behind a router: else the kernel says
	# that there is no way, not that nobody answered.
	ip -n "$netns-a" neigh replace 10.98.7.2 dev v0 nud permanent \
	    lladdr "$(ip -n "$netns-b" -o link show v1 | sed -n 's,.*link/ether \([0-9a-f:]*\).*,\1,p')"
	EMQXD_WRAP="ip netns exec $netns-a ${EMQXD_WRAP:-}" start_emqxd \
	    'listeners.tcp.default.bind = "10.98.7.1:0"' \
	    'listeners.tcp.default.tcp_options.user_timeout = 1s'
	spawn ip netns exec "$netns-b" mosquitto_sub -h 10.98.7.1 -p "$PORT" -i far -t x -k 600
	wait_until 5 subscribed x
	ip -n "$netns-b" link set v1 down
	ip netns exec "$netns-a" mosquitto_pub -h 10.98.7.1 -p "$PORT" -t x -m hello
	wait_until 15 has_ended 'etimedout=0/0/1 normal=1/0/0' || { ended; false; }
}
