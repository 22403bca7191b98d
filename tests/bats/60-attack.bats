#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# attack: peers that send what they like, when they like (attack.py).
bats_require_minimum_version 1.5.0
load lib

teardown() { stop_emqxd; }

attack() { timeout $((60 * SLOW)) /usr/bin/python3 "$ROOT/tests/bats/attack.py" "$@"; }

@test "nothing that came behind a CONNECT in two pieces is lost, wherever its home is" {
	start_emqxd 'node.workers = 4'
	attack two_pieces "$PORT"
}

resident() { awk '$1 == "VmRSS:" { print int($2 / 1024) }' "/proc/$EMQXD_PID/status"; }

# bats test_tags=plain
@test "whoever subscribes again and again and reads nothing costs no memory" {
	start_emqxd 'node.workers = 2'
	attack again_and_again "$PORT"
	[ "$(resident)" -lt 60 ]
}

peak() { awk '$1 == "VmHWM:" { print int($2 / 1024) }' "/proc/$EMQXD_PID/status"; }

# bats test_tags=plain
@test "a large message to many slow receivers is held once, not once for each" {
	# Who waits for his turn here does not read; he is not to be ended for it.
	start_emqxd 'node.workers = 2' 'listeners.tcp.default.tcp_options.send_timeout = 10m'
	attack large_fan_out "$PORT"
	[ "$(peak)" -lt 60 ]
}

@test "an end while tools ask and clients come and go, and an end in a hurry, are clean" {
	local i tools
	for i in 1 2 3; do
		start_emqxd 'node.workers = 4'
		attack come_and_go "$PORT" >/dev/null 2>&1 3>&- &
		(while ctl clients list --json && ctl broker stats; do :; done) >/dev/null 2>&1 3>&- &
		tools=$!
		sleep 0.5
		[ $i -lt 3 ] || kill -s TERM "$EMQXD_PID"
		stop_emqxd
		wait "$tools" || true
	done
}

no_topics() { [ "$(ctl broker stats --filter "name = 'topics.count'" --json | json 'd[0]["value"]')" = 0 ]; }

@test "a packet of very many filters is answered whole, and others do not wait for it" {
	start_emqxd 'node.workers = 1'
	attack long_lists "$PORT" $((100000 / SLOW))
	wait_until 10 no_topics
}
