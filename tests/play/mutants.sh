#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mutants: each fault of tests/play/mutants is caught by the scenario that it names, as TAP.
#
#	sh tests/play/mutants.sh		from the top of the tree; make mutants-built before
#
#	BUILD	where the programs stand (build)
#
# Caught: a test of that title fails.  That all pass without a fault is what `make play`
# says.
set -u
BUILD=${BUILD:-build}
list=tests/play/mutants

# With a number: that one's line of TAP.
if [ $# -gt 0 ]; then
	line=$(sed -n 's/^plant //p' "$list" | sed -n "$1p")
	name=${line%% *}
	rest=${line#* * }
	scenarios=${rest%% *}
	title=${rest#* }
	if timeout 120 "$BUILD/tests/tools/play" --emqxd "$BUILD/mutant/$name" --only "$title" \
	    "tests/play/$scenarios" 2>/dev/null | grep '^not ok' | grep -qF -- "$title"; then
		echo "ok $1 - planted: $name: caught by $scenarios: $title"
	else
		echo "not ok $1 - planted: $name: not caught by $scenarios: $title"
	fi
	exit 0
fi
n=$(grep -c '^plant ' "$list")
echo "1..$n"
# Most of a scenario that fails is waiting for what does not come.
seq "$n" | xargs -P 4 -n 1 sh tests/play/mutants.sh >"$BUILD/mutants.tap"
cat "$BUILD/mutants.tap"
! grep -q '^not ok' "$BUILD/mutants.tap"
