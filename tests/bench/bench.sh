#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench: emqxd beside mosquitto, the same load; CPU of the broker for a message.
#
#	sh tests/bench/bench.sh		from the top of the tree
#
#	BUILD		where emqxd stands (build)
#	SCENARIOS	what compare.sh list names (pairs_q0 pairs_q1)
#	ROUNDS TIME	how often, how many seconds each (3, 4)
#	OUT		keeps the raw figures: one JSON line a run
#
# The broker runs on one core and the load on another, as compare.sh has it.
set -u
build=${BUILD:-build}
case $build in /*) ;; *) build=$(pwd)/$build ;; esac
scenarios=${SCENARIOS:-pairs_q0 pairs_q1}
here=tests/bench
bin=$build/tests/bench

mosquitto=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v mosquitto) || {
	echo "bench: needs package mosquitto (sh packaging/install-deps --test)" >&2
	exit 1
}

# As the makefile of the load has it: a GNU dialect, and plain warnings.
mkdir -p "$bin"
"${CC:-gcc}" -O2 -g -std=gnu11 -o "$bin/mqload" $here/mqload.c -lssl -lcrypto || exit 1

out=${OUT:-$(mktemp)}
[ -n "${OUT:-}" ] || trap 'rm -f "$out"' EXIT
export OUT="$out"

# shellcheck disable=SC2086
BROKERS='emqxd mosquitto' ROUNDS=${ROUNDS:-3} TIME=${TIME:-4} MQLOAD=$bin/mqload \
    MOSQUITTO_BIN=$mosquitto \
    EMQXD_CMD="$build/emqxd foreground -c @CONF@" EMQXD_CONF=$here/emqx.conf \
    bash $here/compare.sh run $scenarios || exit 1

# The median of the rounds; a run that lost or changed a message spoils its row.
awk -v scenarios="$scenarios" '
	function value(key,    text) {
		if (!match($0, "\"" key "\":\"?[^,}\"]+"))
			return ""
		text = substr($0, RSTART, RLENGTH)
		sub(/^[^:]*:"?/, "", text)
		return text
	}
	{
		key = value("scenario") SUBSEP value("label")
		runs[key]++
		if (index($0, "\"ok\":true")) {
			good[key]++
			figure[key, good[key]] = value("cpu_us_per_msg") + 0
		}
	}
	function median(key,    i, k, n, t, a) {
		n = good[key]
		for (i = 1; i <= n; i++) {
			t = figure[key, i]
			for (k = i - 1; k > 0 && a[k] > t; k--)
				a[k + 1] = a[k]
			a[k + 1] = t
		}
		return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
	}
	END {
		printf "%-12s %16s %16s %10s %8s\n", "us CPU/msg", "emqxd", "mosquitto", "ratio", "exact"
		n = split(scenarios, name, " ")
		for (i = 1; i <= n; i++) {
			e = name[i] SUBSEP "emqxd"
			m = name[i] SUBSEP "mosquitto"
			if (!good[e] || !good[m]) {
				printf "%-12s no figure\n", name[i]
				bad = 1
				continue
			}
			printf "%-12s %16.3f %16.3f %9s%.1f %4d/%d\n", name[i], median(e), median(m), \
			    "1/", median(m) / median(e), good[e], runs[e]
			if (good[e] < runs[e])
				bad = 1
		}
		exit bad
	}' "$out"
