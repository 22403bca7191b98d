#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many kept sessions with a queued message each, which all expire: nobody is forgotten,
# and what they took goes back.  MILLION says how many (make million: 1000000), then with
# how long the longest turn of a worker was and how much memory is left; EXPIRY is when
# they end, in seconds after the start.  A guest does not get its CPUs all the time, waits
# for its host in page faults too, and no clock of its own tells it: then a turn of 2 ms or
# less cannot be shown, and what is asked is that longer ones are few and bounded.
# bats file_tags=plain
bats_require_minimum_version 1.5.0
load lib

N=${MILLION:-5000}
EXPIRY=${EXPIRY:-5}

teardown() { stop_emqxd; }

value() { ctl broker "$1" --filter "name = '$2'" --json | json 'd[0]["value"]'; }
resident() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$EMQXD_PID/status"; }
are_gone() { [ "$(value stats sessions.count)" = 0 ]; }
# The jobs thread gives the last pages back a little later.
is_back() { [ $(($(resident) - start)) -le $(((peak - start) / 20)) ]; }

@test "all sessions with a queued message expire, and nothing is left of them" {
	start_emqxd "node.workers = ${MILLION_WORKERS:-1}" 'listeners.tcp.default.max_connections = infinity' \
	    'sys_topics.sys_event_messages { client_connected = false, client_disconnected = false }'
	if [ -n "${MILLION:-}" ]; then
		"$BUILD/tests/tools/million" idle "$EXPIRY" > "$EMQXD_DIR/gap" 3>&- &
		beside=$!
	fi
	start=$(resident)
	timeout 600 "$BUILD/tests/tools/million" 127.0.0.1 "$PORT" make "$N" "$EXPIRY" >&3
	made=$(resident)
	timeout 600 "$BUILD/tests/tools/million" 127.0.0.1 "$PORT" publish "$N" >&3
	peak=$(resident)
	[ "$(value metrics session.created)" -ge "$N" ]
	[ "$(value metrics messages.qos1.received)" = "$N" ]
	wait_until $((EXPIRY + 300)) are_gone
	[ "$(value stats subscriptions.count)" = 0 ]
	[ "$(value stats topics.count)" = 0 ]
	[ "$(value metrics session.terminated)" -ge "$N" ]
	[ -n "${MILLION:-}" ] || return 0
	wait_until 10 is_back || true
	wait "$beside"
	gap=$(cat "$EMQXD_DIR/gap")
	turn=$(value metrics loop.turn_max)
	printf '# resident: %d KB, with sessions %d, with messages %d, after all %d: %s %% of the growth\n' \
	    "$start" "$made" "$peak" "$(resident)" \
	    "$(awk -v a="$start" -v p="$peak" -v e="$(resident)" 'BEGIN { printf "%.1f", 100 * (e - a) / (p - a) }')" >&3
	printf '# the longest turn %d us (an empty loop: %d us); over 2 ms %d of %d turns\n' "$turn" \
	    "$gap" "$(value metrics loop.turns_long)" "$(value metrics loop.turns)" >&3
	is_back
	[ "$turn" -le 2000 ] || [ "$gap" -gt 500 ]
	[ "$turn" -le 50000 ]
	[ $(($(value metrics loop.turns_long) * 1000)) -le "$(value metrics loop.turns)" ]
}
