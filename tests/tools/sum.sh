#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sum: the last line of several runs, from the file that run.sh appended to.
#
#	sh tests/tools/sum.sh TALLY
exec awk '{ p += $2; f += $3; s += $4 }
    END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' "$1"
