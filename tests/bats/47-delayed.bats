#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Delayed publish: $delayed/SECONDS/TOPIC.
bats_require_minimum_version 1.5.0
load lib

setup() { need mosquitto_pub mosquitto-clients; }
teardown() { stop_emqxd; }

pub() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 5 -q 1 "$@"; }

# sub COUNT ARGUMENT...: a subscriber; what it gets goes to $EMQXD_DIR/got.
sub() {
	local n=$1
	shift
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i sub -C "$n" -W $((20 * SLOW)) -v "$@" >"$EMQXD_DIR/got" 3>&- &
	sub_pid=$!
	wait_until 5 ctl subscriptions show sub
}

ids() { ctl delayed list --json | json '" ".join(r["id"] for r in d)'; }

@test "messages come when their time has come, in its order, and not before" {
	start_emqxd 'node.workers = 2'
	sub 3 -t 't/#' -q 1
	pub -t '$delayed/2/t/late' -m late
	pub -t '$delayed/1/t/early' -m early
	pub -t t/now -m now
	[ "$(ctl delayed list --json | json '[(r["topic"], r["qos"], r["payload_size"], 0 < r["due_in"] < 2.1) for r in d]')" = \
	    "[('t/early', 1, 5, True), ('t/late', 1, 4, True)]" ]
	wait "$sub_pid"
	[ "$(cat "$EMQXD_DIR/got")" = "$(printf 't/now now\nt/early early\nt/late late')" ]
	run -0 ctl delayed list
	[ "$output" = 'No delayed messages.' ]
}

@test "kill -9: what was acknowledged is published in its time, or at once when that is over" {
	start_emqxd
	pub -t '$delayed/2/kept' -m soon -r
	pub -t '$delayed/1000/far' -m far
	stop_emqxd KILL
	spawn_emqxd || return 1
	PORT=$(port_of tcp:default)
	[[ $(ctl delayed list) == *far* ]]
	# It was to be retained: that it was published can be seen afterwards.
	wait_until 10 ctl retainer show kept
	[ "$(ctl retainer show kept --json | json 'd["payload"]')" = soon ]
	[ "$(ids | wc -w)" = 1 ]
	# Acknowledged when the disk has it, and with it all that was changed before.
	pub -t later -m x -r
	stop_emqxd KILL
	spawn_emqxd || return 1
	[ "$(ids | wc -w)" = 1 ]
}

@test "an absolute second of the clock" {
	local at
	start_emqxd
	sub 1 -t at
	at=$(($(date +%s) + 2))
	pub -t "\$delayed/$at/at" -m hello
	wait "$sub_pid"
	[ "$(cat "$EMQXD_DIR/got")" = 'at hello' ]
	[ "$(date +%s)" -ge "$at" ]
}

@test "what is wrong is refused with a code: seconds, topic, too far, too many" {
	local topic
	start_emqxd 'delayed.max_delayed_messages = 2'
	for topic in '$delayed/x/t' '$delayed/5' '$delayed/5/' '$delayed//t' '$delayed/-1/t' '$delayed/99999999999999999999/t' '$delayed/9999999999/t'; do
		run pub -d -t "$topic" -m x
		[[ $output == *'RC:144'* ]]
	done
	pub -t '$delayed/100/a' -m x
	pub -t '$delayed/100/b' -m x
	run pub -d -t '$delayed/100/c' -m x
	[[ $output == *'RC:151'* ]]
	[ "$(ids | wc -w)" = 2 ]
}

@test "delayed delete: one less, for good; another id is not found" {
	local first
	start_emqxd
	pub -t '$delayed/100/a' -m x
	pub -t '$delayed/200/b' -m x
	first=$(ids)
	first=${first%% *}
	[ "$(ctl delayed delete "$first")" = ok ]
	run -3 --separate-stderr ctl delayed delete "$first"
	[[ $stderr == *'delayed list'* ]]
	run -3 ctl delayed delete nonsense
	stop_emqxd KILL
	spawn_emqxd || return 1
	[ "$(ctl delayed list --json | json '[r["topic"] for r in d]')" = "['b']" ]
}

@test "delayed.enable = false: a topic like others" {
	start_emqxd 'delayed.enable = false'
	sub 1 -t '$delayed/#'
	pub -t '$delayed/5/t' -m hello
	wait "$sub_pid"
	[ "$(cat "$EMQXD_DIR/got")" = '$delayed/5/t hello' ]
}

@test "what the disk refuses does not wait, and what it does not delete waits on" {
	need prlimit util-linux
	start_emqxd
	pub -t '$delayed/1000/a' -m x
	first=$(ids)
	prlimit --pid "$EMQXD_PID" --fsize=4096:unlimited
	run pub -d -t '$delayed/1000/b' -m x
	[[ $output == *'RC:151'* ]]
	[ "$(ids)" = "$first" ]
	run ! ctl delayed delete "$first"
	[ "$(ids)" = "$first" ]
	prlimit --pid "$EMQXD_PID" --fsize=unlimited
	stop_emqxd KILL
	spawn_emqxd || return 1
	[ "$(ids)" = "$first" ]
	ctl delayed delete "$first"
	[ -z "$(ids)" ]
}
