#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run: the simulation, as TAP.
#
#	sh tests/sim/run.sh		from the top of the tree
#
#	BUILD	where the programs stand (build)
#	SIM_SEED	of the first schedule (by the clock)
#	SIM_SCHEDULES	how many (10000)
#	SIM_PLANTS	the faults that must be found (those of tests/sim/plants)
set -u
BUILD=${BUILD:-build}
sim=$BUILD/tests/sim/sim
seed=${SIM_SEED:-$(($(date +%s) * 1000))}
schedules=${SIM_SCHEDULES:-10000}
plants=${SIM_PLANTS-$(sed -n 's/^plant \([^ ]*\) .*/\1/p' tests/sim/plants)}
n=0

# result STATUS TITLE TEXT: the text is what there is to say when it failed.
result() {
	n=$((n + 1))
	[ "$1" -eq 0 ] && echo "ok $n - $2" && return
	echo "not ok $n - $2"
	printf '%s\n' "$3" | sed 's/^#* */# /'
}

# shellcheck disable=SC2086
set -- $plants
echo "1..$(($# + 3))"

# The seeds that found something once.
out=$(while read -r known why; do
	case $known in '' | '#'*) continue ;; esac
	said=$("$sim" --seed "$known" 2>&1) || printf '%s: %s\n%s\n' "$known" "$why" "$said"
done <tests/sim/seeds)
[ -z "$out" ]
result $? 'the seeds of tests/sim/seeds' "$out"

trail() { "$sim" "$@" --verbose | grep '^#' | tail -n 100 | cksum; }
[ "$(trail --seed 6 --schedules 2)" = "$(trail --seed 7)" ]
result $? 'a seed plays the same schedule again' 'seed 7 behind seed 6 differs from seed 7'

out=$("$sim" --seed "$seed" --schedules "$schedules" 2>&1)
result $? "$schedules schedules from seed $seed" "$out"

for plant; do
	out=$("$sim-$plant" --seed "$seed" --schedules "$schedules" 2>&1)
	found=$(printf '%s\n' "$out" | sed -n 's/^finding: //p')
	[ -n "$found" ]
	result $? "planted: $plant: ${found:-not found}" "$out"
done
