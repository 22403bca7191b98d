#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# soak: every message is counted while connections are cut (tests/tools/soak.c).
# SOAK_SECONDS says how long (make soak: 600), SOAK_SEED what happens.
bats_require_minimum_version 1.5.0
load lib

SECONDS_OF_LOAD=${SOAK_SECONDS:-8}

teardown() { stop_emqxd; }

# soak [ARGUMENT...]: what it says goes to the test's output, for its seed.
soak() {
	timeout $((SECONDS_OF_LOAD + 120 * SLOW)) "$BUILD/tests/tools/soak" -p "$PORT" \
	    -t "$SECONDS_OF_LOAD" ${SOAK_SEED:+-s "$SOAK_SEED"} "$@" | tee "$EMQXD_DIR/soak"
	tail -n 1 "$EMQXD_DIR/soak" | grep -qx 'soak: ok'
}

@test "soak: nothing is lost, doubled or out of order while connections are cut" {
	start_emqxd 'node.workers = 4' 'mqtt.max_mqueue_len = infinity' \
	    'mqtt.max_awaiting_rel = infinity' 'mqtt.session_expiry_interval = 2h'
	soak -c 1000
	# It is no soak when nothing was cut.
	[ "$(grep -c '^cut ' "$EMQXD_DIR/soak")" -ge 8 ]
	# A sanitizer leaves time for few connections: perhaps for no take-over.
	[ "$SLOW" -gt 1 ] || [ "$(ctl broker metrics --filter "name = 'session.takenover'" --json | json 'd[0]["value"]')" -gt 0 ]
}
