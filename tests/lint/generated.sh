#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# generated: pages printed from the registers are those that are committed.
#
#	sh tests/lint/generated.sh BUILD
#
# tests/tools/docs.sh prints them all into a folder; `make docs` does it for good.
set -u
build=$1
[ -x "$build/emqx_ctl" ] && [ -x "$build/emqxd" ] || exit 0

fresh=$(mktemp -d) || exit 1
trap 'rm -rf "$fresh"' EXIT
sh tests/tools/docs.sh "$build" "$fresh" || exit 1
bad=0
for page in $(cd "$fresh" && find . -type f | sed 's,^\./,,' | sort); do
	cmp -s "$fresh/$page" "$page" && continue
	echo "$page: not what the registers say now; make docs, and commit it"
	bad=1
done
exit $bad
