#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz: each fuzzer for FUZZ_TIME seconds (60) from its corpus.
#
#	sh tests/tools/fuzz.sh BUILD [NAME...]		from the top of the tree
#
# tests/fuzz/fuzz_NAME.c starts from tests/fuzz/corpus/NAME/ and takes words from
# tests/fuzz/dict/NAME.dict where there is one.  New inputs go to BUILD/corpus/NAME/;
# an input that fails is left in BUILD/crashes/ and belongs into the corpus, where
# `make check-all` runs it for ever.
set -u
build=$1
shift
seconds=${FUZZ_TIME:-60}
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1

if [ $# -eq 0 ]; then
	for source in tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		set -- "$@" "${name%.c}"
	done
fi
passed=0 failed=0
mkdir -p "$build/crashes"
for name in "$@"; do
	mkdir -p "$build/corpus/$name"
	log=$build/corpus/$name.log
	dict=tests/fuzz/dict/$name.dict
	kept=tests/fuzz/corpus/$name
	[ -f "$dict" ] || dict=''
	[ -d "$kept" ] || kept=''
	if "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 \
	    -rss_limit_mb=2048 -artifact_prefix="$build/crashes/$name-" -print_final_stats=1 \
	    ${dict:+"-dict=$dict"} "$build/corpus/$name" ${kept:+"$kept"} >"$log" 2>&1; then
		echo "ok - $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $seconds s"
		passed=$((passed + 1))
	else
		echo "not ok - $name"
		tail -n 40 "$log" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
