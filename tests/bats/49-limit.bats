#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The node's ceiling of memory: new work is refused with the right code, and an alarm.
# bats file_tags=plain
bats_require_minimum_version 1.5.0
load lib

setup() { need mosquitto_pub mosquitto-clients; }
teardown() { stop_emqxd; }

alarms() { ctl alarms list --json | json '[(r["name"], r["active"]) for r in d]'; }
is_reached() { [ "$(alarms)" = "[('memory_limit', True)]" ]; }
is_over() { [ "$(alarms)" = "[('memory_limit', False)]" ]; }
pub() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 5 -q 1 "$@"; }

@test "above node.memory_limit CONNECT is 0x89 and 3, SUBSCRIBE and retained 0x97; a higher one ends it" {
	local fifo=$BATS_TEST_TMPDIR/fifo
	start_emqxd 'retainer.backend.storage_type = ram'
	# A client that is there already goes on, and is told no when it wants more.
	mkfifo "$fifo"
	stdbuf -o L mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 5 -i there -q 1 -r -t t -l -d <"$fifo" >"$EMQXD_DIR/pub" 2>&1 3>&- &
	exec 4>"$fifo"
	echo before >&4
	wait_until 5 grep -q 'received PUBACK (Mid: 1, RC:16)' "$EMQXD_DIR/pub"
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'retainer.backend.storage_type = ram' 'node.memory_limit = 16MB'
	# It has less than that; retained messages fill it up.
	ctl conf reload
	head -c 900000 /dev/zero >"$EMQXD_DIR/large"
	for i in $(seq 30); do
		pub -t "fill/$i" -r -f "$EMQXD_DIR/large" || true
	done
	wait_until 5 is_reached
	run pub -d -t x -m x
	[[ $output == *'137'* ]] || [[ $output == *[Bb]usy* ]]
	run mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 311 -d -t x -m x
	[[ $output == *'3'* ]]
	[ "$status" -ne 0 ]
	echo during >&4
	wait_until 5 grep -q 'received PUBACK (Mid: 2, RC:151)' "$EMQXD_DIR/pub"
	[ "$(ctl broker metrics --json | json '[r["value"] >= 2 for r in d if r["name"] == "overload_protection.new_conn"]')" = '[True]' ]
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'retainer.backend.storage_type = ram' 'node.memory_limit = 1GB'
	ctl conf reload
	wait_until 5 is_over
	pub -t x -m x
	echo after >&4
	wait_until 5 grep -q 'received PUBACK (Mid: 3, RC:16)' "$EMQXD_DIR/pub"
	exec 4>&-
	[ "$(ctl vm memory --json | json '[r["value"] for r in d if r["name"] == "memory/limit"]')" = "[$((1 << 30))]" ]
}

attack() { timeout $((60 * SLOW)) /usr/bin/python3 "$ROOT/tests/bats/attack.py" "$@"; }
resident() { awk '$1 == "VmRSS:" { print int($2 / 1024) }' "/proc/$EMQXD_PID/status"; }

@test "large packets that are only begun take a part of node.memory_limit, and others still come in" {
	local who
	start_emqxd 'node.memory_limit = 80MB'
	for who in connect publish; do
		run -0 attack only_begin "$PORT" "$who"
		# Most of them were told 0x89, in CONNACK or DISCONNECT, unless they were reset.
		[ "$output" -gt 50 ]
		[ "$(resident)" -lt 80 ]
	done
	[ "$(ctl alarms list --json)" = '[]' ]
}

@test "auto is four fifths of what there is; a limit that is none is refused" {
	start_emqxd
	[ "$(ctl vm memory --json | json '[r["value"] > 1 << 28 for r in d if r["name"] == "memory/limit"]')" = '[True]' ]
	echo 'node.memory_limit = 1MB' >"$EMQXD_DIR/bad.conf"
	run "$EMQXD" check_config -c "$EMQXD_DIR/bad.conf"
	[ "$status" -eq 1 ]
}
