#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Packets that the specification forbids, and real clients (tests/conformance).
load lib

setup() { start_emqxd; }
teardown() { stop_emqxd; }

@test "malformed packets: none is answered wrongly and none ends the daemon" {
	need python3
	run /usr/bin/python3 "$ROOT/tests/conformance/malformed.py" 127.0.0.1 "$PORT" --jobs 8 \
	    --wait "$((2 * SLOW))"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'broker still serves a normal client: yes'* ]]
	# passed/failed or crashed/not for TCP
	[[ $output =~ malformed:\ [0-9]+/0/[0-9]+ ]]
}

@test "real clients publish and receive with QoS 0, 1 and 2" {
	need mosquitto_pub mosquitto-clients
	need paho_c_pub paho.mqtt.c-examples
	run bash "$ROOT/tests/conformance/run_clients.sh" 127.0.0.1 "$PORT"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'PASS  mosquitto_pub_sub'* ]]
	[[ $output == *'PASS  paho_c_v5'* ]]
}
