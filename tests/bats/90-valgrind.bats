#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A daemon under valgrind: clients of all versions come, talk and go, the tool asks
# and changes, the configuration is read again.  Any use of what is not there, and
# any memory that nobody holds at the end, fails the test.
# bats file_tags=plain
load lib

setup() {
	need valgrind
	need mosquitto_pub mosquitto-clients
	EMQXD_WRAP="valgrind -q --vgdb=no --error-exitcode=99 --leak-check=full --suppressions=$ROOT/tests/tools/valgrind.supp"
	export SLOW=10
	start_emqxd 'mqtt.idle_timeout = 1s' 'mqtt.max_mqueue_len = 10'
}

teardown() { stop_emqxd; }

pub() { mosquitto_pub -p "$PORT" "$@"; }
sub() { timeout 60 mosquitto_sub -p "$PORT" "$@"; }

@test "valgrind: what leaks is reported" {
	"${CC:-gcc}" -xc -O0 -o "$BATS_TEST_TMPDIR/leaks" - <<<'#include <stdlib.h>
int main(void) { return malloc(7) == NULL; }'
	# shellcheck disable=SC2086
	run $EMQXD_WRAP "$BATS_TEST_TMPDIR/leaks"
	[ "$status" -eq 99 ]
	grep -q valgrind "/proc/$EMQXD_PID/cmdline"
}

@test "valgrind: clients, the tool and a reload leave no report" {
	local version qos payload
	payload=$(printf '%050000d' 7)
	for version in 31 311 5; do
		for qos in 0 1 2; do
			pub -V $version -q $qos -r -t "v/$version/$qos" -m "$payload"
			[ "$(sub -V $version -q $qos -t "v/$version/+" -C 1)" = "$payload" ]
			pub -V $version -q $qos -r -n -t "v/$version/$qos"
		done
	done

	# A session that outlives its connection, its full queue, and its take-over.
	sub -i keeps -c -q 1 -t 'k/#' -E
	seq 30 | pub -q 1 -t k/1 -l
	[ "$(sub -i keeps -c -q 1 -t 'k/#' -C 10 | wc -l)" -eq 10 ]

	# A will, of a client that is killed.
	sub -t w -C 1 >"$BATS_TEST_TMPDIR/will" 3>&- &
	local watcher=$!
	wait_until 10 ctl topics show w
	mosquitto_sub -p "$PORT" -i dies -t x --will-topic w --will-payload gone 3>&- &
	local dying=$!
	wait_until 10 ctl clients show dies
	kill -s KILL $dying
	wait $watcher
	[ "$(cat "$BATS_TEST_TMPDIR/will")" = gone ]

	# A shared group, and bytes that are no packet.
	sub -t '$share/g/s' -C 1 3>&- &
	watcher=$!
	wait_until 10 sh -c "'$EMQX_CTL' subscriptions list --json | grep -q s"
	pub -q 1 -t s -m shared
	wait $watcher
	printf '\360\377\377\377\377\177garbage' | timeout 10 bash -c "exec 9<>/dev/tcp/127.0.0.1/$PORT; cat >&9; cat <&9 >/dev/null" || true

	local what
	for what in status broker 'broker stats' 'broker metrics' listeners 'clients list' \
	    'topics list' 'subscriptions list' 'trace list' 'conf show' vm; do
		# shellcheck disable=SC2086
		ctl $what --json >/dev/null
	done
	ctl trace start topic 't/#' "$BATS_TEST_TMPDIR/trace.log"
	pub -t t/1 -m traced
	ctl trace stop topic 't/#'
	ctl conf reload
	ctl listeners restart tcp:default
	run ctl clients kick nobody
	[ "$status" -eq 3 ]
}
