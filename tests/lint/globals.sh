#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# globals: rooms keep their state in objects and slots.  Lists the mutable data
# of the objects (file scope, static locals, thread-local) and refuses what
# tests/lint/globals.allow does not name.
#
#	sh tests/lint/globals.sh ALLOW OBJECTS [TOP]
#
# Constant tables with pointers lie in .data.rel.ro and are no mutable data.
set -u
allow=$1 objects=$2 top=${3:-.}
max=12

found=$(mktemp) || exit 1
trap 'rm -f "$found"' EXIT
(cd "$top" && find emqxd ipc ctl -name '*.c' 2>/dev/null) | sort | while read -r src; do
	obj=$objects/${src%.c}.o
	[ -f "$obj" ] || continue
	echo "$src"
	objdump -t "$obj" | awk -v src="$src" '
		# A common symbol has *COM* as its section; of others the flags tell the kind.
		$0 !~ /^[0-9a-f]+ / { next }
		{ section = ""; for (i = 2; i <= NF; i++) if ($i ~ /^[.*]/) { section = $i; break } }
		$NF == section { next }
		section !~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ { next }
		section ~ /^\.data\.rel\.ro/ { next }
		{ name = $NF; sub(/\.[0-9]+$/, "", name); print src, name }'
done >"$found"

awk -v max="$max" -v allow="$allow" '
	FILENAME == allow {
		if (NF == 0 || $1 ~ /^#/)
			next
		if (NF < 3) {
			printf "%s:%d: %s %s has no reason\n", FILENAME, FNR, $1, $2
			bad = 1
		}
		listed[$1, $2] = FNR
		n++
		next
	}
	NF == 1 { built[$1] = 1; next }
	($1, $2) in listed { seen[$1, $2] = 1; next }
	{ printf "%s: mutable data %s: keep it in an object or a slot, or name it with a reason in %s\n", $1, $2, allow; bad = 1 }
	END {
		for (key in listed) {
			split(key, part, SUBSEP)
			if (!(key in seen) && part[1] in built) {
				printf "%s:%d: %s has no mutable data %s\n", allow, listed[key], part[1], part[2]
				bad = 1
			}
		}
		if (n > max) {
			printf "%s: %d pieces of mutable data, at most %d\n", allow, n, max
			bad = 1
		}
		exit bad
	}' "$allow" "$found"
