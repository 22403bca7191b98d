#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check-all: the tests again where mistakes of memory and threads show.
#
#	sh tests/tools/check-all.sh		from the top of the tree
#
#  asan      clang, AddressSanitizer, LeakSanitizer, UBSan: units, play, bats, the
#            fuzzers' corpora, 1 000 schedules of the simulation
#  tsan      gcc, ThreadSanitizer: units, several nodes (those tests that leave the engine's
#            process alone: libraft and libuv are not compiled for it), and the bats
#            files whose daemons work hardest with several threads
#  long      the plain build: the long cases of several nodes (a split of a minute, repair,
#            recovery, strangers, other versions, a large join), and three minutes of chaos,
#            while the other builds are made: the nodes mostly wait
#  sim       the plain build: 10 000 schedules, and the planted faults
#  mutants   the daemon with one line wrong, for the scenarios to find
#  valgrind  the plain build: units of the rooms that parse, and a daemon with
#            clients (tests/bats/90-valgrind.bats)
#
# Tests that gain nothing from it (lints, files, figures) carry the bats tag
# "plain" and are left out; TSan leaves out those of the tool alone ("tool") too.
# The last line sums all runs.
set -u
TALLY=${TALLY:-$(mktemp)} || exit 1
export TALLY
bad=0

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tools/tsan.supp"
make=${MAKE:-make}
asan_what='all units tools build-asan/tests/sim/sim'

# build TARGET...: a build that fails counts as one test that failed.
build() {
	"$make" --no-print-directory "$@" >/dev/null && return
	echo "not ok - make $*"
	echo "build 0 1 0" >>"$TALLY"
	bad=1
	return 1
}

# What CI says depends on the tree alone: the schedules are the same each time (make
# sim takes them by the clock).
export SIM_SEED="${SIM_SEED:-1}" CHAOS_SEED="${CHAOS_SEED:-1}"

# nodes: the long cases of several nodes, and chaos; others work beside them.
nodes() {
	LONG=1 SLOW=2 CLUSTER="test_($1)" sh tests/tools/run.sh cluster
	rc=$?
	SLOW=3 sh tests/tools/run.sh chaos && [ $rc = 0 ]
}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
build all tools vers
nodes 'directed|disk_full|join_big|join_crash|license_away|recover|removed|repair|split|strangers|versions|wild' \
    >"$out" 2>&1 &
# Behind the nodes, which are being judged; what fails is told below, where it is needed.
nice -n 10 "$make" --no-print-directory asan WHAT="$asan_what" >/dev/null 2>&1
nice -n 10 "$make" --no-print-directory tsan >/dev/null 2>&1
nice -n 10 "$make" --no-print-directory -j2 sims mutants-built >/dev/null 2>&1
echo '== several nodes: the long cases, and chaos'
wait $! || bad=1
cat "$out"

echo '== ASan and UBSan (clang)'
build asan WHAT="$asan_what" && { BUILD=build-asan SLOW=3 \
    BATS_TAGS='!plain' SIM_SCHEDULES=1000 SIM_PLANTS='' \
    sh tests/tools/run.sh units play bats corpus sim || bad=1; }

echo '== TSan (gcc)'
build tsan && { BUILD=build-tsan SLOW=5 BATS_TAGS='!plain,!slow,!tool' \
    CLUSTER='test_(join|messages|hop|shared|leader_dies|split|lists|license)\.py' \
    sh tests/tools/run.sh units cluster bats || bad=1; }

echo '== simulation'
build all sims && { sh tests/tools/run.sh sim || bad=1; }

echo '== planted faults'
build all tools mutants-built && { sh tests/tools/run.sh mutants || bad=1; }

echo '== valgrind'
build all units && { SLOW=10 UNITS='unit/(base|ipc|mqtt|conf|session)/' BATS=tests/bats/90-valgrind.bats \
    sh tests/tools/run.sh valgrind-units bats || bad=1; }

echo '== all of it'
sh tests/tools/sum.sh "$TALLY" || bad=1
exit $bad
