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
