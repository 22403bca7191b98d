#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage: which part of each room's lines the tests run.
#
#	sh tests/tools/coverage.sh BUILD		from the top of the tree
set -u
build=$1

find "$build" -name '*.gcda' -exec rm -f {} +
BUILD=$build SLOW=3 BATS_TAGS='!plain' sh tests/tools/run.sh units play bats
# gcov -n: "File 'x'" and, on the line after it, "Lines executed:P% of N".  A
# header comes with each object that includes it: its best figure counts.
find "$build/obj" -name '*.gcno' | sort |
    xargs gcov -n 2>/dev/null | awk '
	/^File / { file = $2; gsub(/\047/, "", file); next }
	/^Lines executed:/ && file ~ /^(emqxd|ipc|ctl)\// {
		sub(/^Lines executed:/, "")
		run = $1 * $3 / 100
		if (run >= best[file]) best[file] = run
		lines[file] = $3
	}
	{ file = "" }
	END {
		for (file in lines) {
			room = file
			sub(/\/[^\/]*$/, "", room)
			if (room == "emqxd") room = "emqxd/app"
			if (room ~ /^emqxd\//) { split(room, part, "/"); room = "emqxd/" part[2] }
			if (room == "ipc/cmd") room = "ipc"
			n[room] += lines[file]; r[room] += best[file]
			N += lines[file]; R += best[file]
		}
		for (room in n) printf "%-16s %6d lines %5.1f %%\n", room, n[room], 100 * r[room] / n[room] | "sort"
		close("sort")
		printf "%-16s %6d lines %5.1f %%\n", "all", N, N ? 100 * R / N : 0
	}'
