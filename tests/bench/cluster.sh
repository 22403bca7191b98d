#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cluster: builds the load and measures several nodes (cluster.py says what).
#
#	sh tests/bench/cluster.sh [forward] [routes] [death]	from the top of the tree
#
#	BUILD	where emqxd stands (build)
set -u
BUILD=${BUILD:-build}
export BUILD
mkdir -p "$BUILD/tests/bench"
# shellcheck disable=SC2086
${CC:-gcc} -O2 -g -std=gnu11 -o "$BUILD/tests/bench/mqload" tests/bench/mqload.c -lssl -lcrypto || exit 1
exec /usr/bin/python3 tests/bench/cluster.py "$@"
