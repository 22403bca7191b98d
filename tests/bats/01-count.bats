#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The runner counts: what crashes, stops early or says nothing has failed.
# bats file_tags=plain
load lib

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p tests/tools tests/unit/room build/tests/unit/room
	cp "$ROOT/tests/tools/run.sh" "$ROOT/tests/tools/sum.sh" tests/tools
	export BUILD=build
	unset CI TALLY UNITS BATS SLOW JOBS
}

# unit NAME LINE...: a unit test that is this shell script.
unit() {
	local name=$1
	shift
	: >"tests/unit/room/$name.c"
	printf '%s\n' '#!/bin/sh' "$@" >"build/tests/unit/room/$name"
	chmod +x "build/tests/unit/room/$name"
}

# counts STATUS LAST: the status of the runner, and its last line.
counts() {
	run sh tests/tools/run.sh units
	echo "$output"
	[ "$status" -eq "$1" ]
	[ "${lines[-1]}" = "$2" ]
}

@test "count: what passed, and what was skipped with its reason" {
	unit test_a 'echo 1..2; echo ok 1 - x; echo "ok 2 - y # SKIP needs package tmux"'
	unit test_b 'echo 1..1; echo ok 1 - z'
	counts 0 '2 passed, 0 failed, 1 skipped'
	[[ $output == *'ok 2 - y # SKIP needs package tmux'* ]]
}

@test "count: a failure is shown with what it says, and the status is 1" {
	unit test_a 'echo 1..2; echo ok 1 - x; echo not ok 2 - y; echo "# a.c:7: 1 == 2"; exit 1'
	counts 1 '1 passed, 1 failed, 0 skipped'
	[[ $output == *'not ok 2 - y'*'# a.c:7: 1 == 2'* ]]
}

@test "count: a crash after the last test counts, with its last words" {
	unit test_a 'echo 1..1; echo ok 1 - x; echo "==1==ERROR: LeakSanitizer"; exit 23'
	counts 1 '1 passed, 1 failed, 0 skipped'
	[[ $output == *LeakSanitizer* ]]
}

@test "count: a crash in the middle counts" {
	unit test_a 'echo 1..3; echo ok 1 - x; kill -s SEGV $$'
	counts 1 '1 passed, 1 failed, 0 skipped'
	[[ $output == *'planned 3, ran 1'* ]]
}

@test "count: a program that was not built, or says nothing, has failed" {
	: >tests/unit/room/test_gone.c
	unit test_a 'exit 0'
	counts 1 '0 passed, 2 failed, 0 skipped'
}

@test "count: a program that hangs is ended and has failed" {
	sed 's/taps units 60/taps units 1/' "$ROOT/tests/tools/run.sh" >tests/tools/run.sh
	unit test_a 'echo 1..1; sleep 30'
	counts 1 '0 passed, 1 failed, 0 skipped'
}

@test "count: with CI=true a missing package is a failure, another skip is none" {
	export CI=true
	unit test_a 'echo 1..2; echo "ok 1 - x # SKIP needs package tmux"; echo "ok 2 - y # skip not root"'
	counts 1 '0 passed, 1 failed, 1 skipped'
}

@test "count: several runs have one sum, and nothing at all is no success" {
	export TALLY=$PWD/tally
	unit test_a 'echo 1..1; echo ok 1 - x'
	counts 0 '1 passed, 0 failed, 0 skipped'
	counts 0 '1 passed, 0 failed, 0 skipped'
	run sh tests/tools/sum.sh "$TALLY"
	[ "$status" -eq 0 ]
	[ "$output" = '2 passed, 0 failed, 0 skipped' ]
	: >"$TALLY"
	run sh tests/tools/sum.sh "$TALLY"
	[ "$status" -eq 1 ]
}
