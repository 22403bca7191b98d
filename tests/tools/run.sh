#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run: runs suites of tests, shows what failed or was skipped, counts.
#
#	sh tests/tools/run.sh SUITE...		from the top of the tree
#
# SUITE: lint units play bats cluster chaos sim mutants valgrind-units corpus.
# Everything that a suite runs speaks TAP.  The last line is the sum:
# "N passed, N failed, N skipped"; exit status 1 when something failed.
#
#	BUILD	where the programs stand (build)
#	SLOW	how many times longer things may take (1)
#	CI	with CI=true a test that misses a package of install-deps --test fails
#	TALLY	a file to which each suite's figures are appended, for sums of several runs
#	JOBS	how many tests run at a time (twice the cores: tests wait more than they work)
#	UNITS	an extended regular expression: only unit tests whose path matches
#	CLUSTER	the same for tests/cluster
#	BATS	files or folders for bats (tests/bats)
#	BATS_TAGS	what --filter-tags takes
set -u
BUILD=${BUILD:-build}
SLOW=${SLOW:-1}
export BUILD SLOW
JOBS=${JOBS:-$(($(nproc) * 2))}
UNITS=${UNITS:-.}
CLUSTER=${CLUSTER:-.}
BATS=${BATS:-tests/bats}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
here=$work/tally
: >"$here"

# count SUITE NAME: reads TAP, which ended with the status in $work/rc; shows
# what is worth it and appends "suite passed failed skipped" to the tally.
count() {
	awk -v suite="$1" -v name="$2" -v rcfile="$work/rc" -v tally="$here" -v ci="${CI:-}" '
	function show(line) { if (!headed) { print "-- " suite ": " name; headed = 1 } print line }
	/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1 }
	/^ok / {
		telling = 0
		ran++
		if (match($0, /# *([Ss][Kk][Ii][Pp])/)) {
			if (ci == "true" && /needs package/) {
				failed++
				show("not " $0 " (CI=true: must not be missing)")
			} else {
				skipped++
				show($0)
			}
		} else
			passed++
		next
	}
	/^not ok / { ran++; failed++; telling = 1; show($0); next }
	telling && /^[ \t]*#/ { show($0); next }
	{ last[++n] = $0 }
	END {
		getline rc <rcfile
		if (!planned || plan != ran) {
			failed++
			show("not ok - planned " (planned ? plan : "nothing") ", ran " ran + 0 ", ended with status " rc)
		} else if (rc != 0 && failed == 0) {
			failed++
			show("not ok - all tests passed but the status is " rc)
		} else
			n = 0
		for (i = n > 15 ? n - 14 : 1; i <= n; i++)
			show("# " last[i])
		print suite, passed + 0, failed + 0, skipped + 0 >>tally
	}'
}

# tap SUITE NAME SECONDS COMMAND...: runs it and counts.
tap() {
	suite=$1 name=$2 limit=$3
	shift 3
	{
		timeout -k 5 "$((limit * SLOW))" "$@" 2>&1
		echo $? >"$work/rc"
	} </dev/null >"$work/out"
	count "$suite" "$name" <"$work/out"
}

# taps SUITE SECONDS FOLDER COMMAND... <PROGRAMS: tap for each program, which COMMAND
# runs, JOBS at a time; counted in the list's order, named by the path in FOLDER.
taps() {
	suite=$1 limit=$(($2 * SLOW)) folder=$3
	shift 3
	cat >"$work/list"
	# shellcheck disable=SC2016
	xargs -d '\n' -P "$JOBS" -I '{}' sh -c '
		out=$1/$(echo "$3" | tr / ,) limit=$2 program=$3
		shift 3
		timeout -k 5 "$limit" "$@" "$program" >"$out" 2>&1 </dev/null
		echo $? >"$out.rc"' sh "$work" "$limit" '{}' "$@" <"$work/list"
	while read -r program; do
		out=$work/$(echo "$program" | tr / ,)
		mv "$out.rc" "$work/rc"
		count "$suite" "${program#"$folder/"}" <"$out"
	done <"$work/list"
}

# The unit tests that there are, built or not: what was not built fails.
programs() {
	find tests/unit -name 'test_*.c' | grep -E "$UNITS" | sort | sed "s,^,$BUILD/,; s,\.c$,,"
}

run_lint() { tap lint lint 300 sh tests/lint/run.sh; }

run_units() { programs | taps units 60 "$BUILD/tests/unit" env; }

run_valgrind_units() {
	command -v valgrind >/dev/null || { missing valgrind-units valgrind; return; }
	programs | taps valgrind-units 120 "$BUILD/tests/unit" \
	    valgrind -q --vgdb=no --error-exitcode=99 --leak-check=full \
	    --suppressions=tests/tools/valgrind.supp
}

# One scenario a test; the runner starts its own daemon.
run_play() {
	set -- tests/play/*.play
	[ -e "$1" ] && [ -x "$BUILD/tests/tools/play" ] || return 0
	tap play tests/play 300 "$BUILD/tests/tools/play" "$@"
}

run_bats() {
	command -v bats >/dev/null || { missing bats bats; return; }
	jobs=$JOBS
	command -v parallel >/dev/null || jobs=1
	# shellcheck disable=SC2086
	tap bats "$BATS" 600 bats --recursive --formatter tap --jobs $jobs \
	    ${BATS_TAGS:+--filter-tags "$BATS_TAGS"} $BATS
}

# Several nodes on this machine; a test starts and ends its own.
run_cluster() {
	find tests/cluster -name 'test_*.py' | grep -E "$CLUSTER" | sort | taps cluster 300 tests/cluster /usr/bin/python3
}

# Three nodes under faults, for some minutes; by hand CHAOS_MINUTES=30.
run_chaos() {
	CHAOS_MINUTES=${CHAOS_MINUTES:-3}
	export CHAOS_MINUTES
	tap chaos tests/cluster/chaos.py $((CHAOS_MINUTES * 60 + 180)) /usr/bin/python3 tests/cluster/chaos.py
}

# What the fuzzers found and kept must not fail again.
run_corpus() {
	for source in tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		name=${name%.c}
		[ -d "tests/fuzz/corpus/$name" ] || continue
		# shellcheck disable=SC2016
		tap corpus "$name" 60 sh -c 'echo 1..1
			"$0" -runs=0 "$1" 2>&1 && echo "ok 1 - $1" || echo "not ok 1 - $1"' \
		    "$BUILD/tests/fuzz/fuzz_$name" "tests/fuzz/corpus/$name"
	done
}

# Schedules by chance, and the faults that they must find.
run_sim() { tap sim tests/sim 300 sh tests/sim/run.sh; }

# Faults that the scenarios must find.
run_mutants() { tap mutants tests/play/mutants 300 sh tests/play/mutants.sh; }

# missing SUITE PACKAGE: the whole suite counts as one test that was skipped.
missing() {
	echo 0 >"$work/rc"
	printf '1..1\nok 1 - %s # SKIP needs package %s\n' "$1" "$2" | count "$1" "$1"
}

# shellcheck disable=SC2016
sum='{ p += $2; f += $3; s += $4 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }'
for suite in "$@"; do
	began=$(date +%s)
	"run_$(printf '%s' "$suite" | tr - _)"
	printf '%s: %s (%d s)\n' "$suite" \
	    "$(awk -v suite="$suite" '$1 == suite' "$here" | awk "$sum")" $(($(date +%s) - began))
done
[ -z "${TALLY:-}" ] || cat "$here" >>"$TALLY"
awk "$sum" "$here"
