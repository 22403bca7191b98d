#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# statements: the register of MQTT's numbered statements against the scenarios.
#
#	sh tests/lint/statements.sh [REGISTER] [SCENARIO...]		from the top of the tree
#
# tests/lint/statements.tags has every number of 3.1.1 and 5.0; tests/play/statements has
# each once: "TAG FILE..." with the scenario files that show it, "TAG -- reason" for one
# that no scenario can show, "TAG open reason" for one that is not built.  Refused: a number
# too many or too few, a file that does not have the tag, a tag that the register does not
# name, a reason too short to be one, a figure in the README that is not the count.
set -eu
register=${1:-tests/play/statements}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- tests/play/*.play
readme=${README:-README.md}
said=$(awk -v register="$register" -v readme="$readme" '
	function bad(text) { print text }
	FILENAME == "tests/lint/statements.tags" { if ($1 ~ /^MQTT/) known[$1] = 1; next }
	FILENAME == register {
		if ($0 ~ /^#/ || NF == 0)
			next
		if (!($1 in known))
			bad(register ":" FNR ": " $1 " is no statement")
		if ($1 in seen)
			bad(register ":" FNR ": " $1 " stands there twice")
		seen[$1] = 1
		if ($2 == "--" || $2 == "open") {
			if (length($0) < length($1) + 20)
				bad(register ":" FNR ": " $1 " has no reason")
			reasons += $2 == "--"
			opens += $2 == "open"
			next
		}
		if (NF < 2)
			bad(register ":" FNR ": " $1 " names neither a file nor a reason")
		shown++
		for (i = 2; i <= NF; i++)
			want[$1, $i] = FNR
		next
	}
	FILENAME == readme {
		if (match($0, /[0-9]+ of the [0-9]+ numbered/)) {
			split(substr($0, RSTART, RLENGTH), w, " ")
			figure = w[1]; of = w[4]
		}
		next
	}
	{
		name = FILENAME
		sub(/.*\//, "", name)
		line = $0
		if (line ~ /^[ \t]*#/)
			next
		while (match(line, /\[MQTT[35]-[0-9.]+-[0-9]+\]/)) {
			tag = substr(line, RSTART + 1, RLENGTH - 2)
			before = RSTART > 1 ? substr(line, RSTART - 1, 1) : ""
			line = substr(line, RSTART + RLENGTH)
			if (before == "\"")
				continue # what the broker says, not what is shown
			have[tag, name] = 1
		}
	}
	END {
		for (tag in known) {
			n++
			if (!(tag in seen))
				bad(register ": " tag " is missing")
		}
		for (key in want) {
			split(key, k, SUBSEP)
			if (!(key in have))
				bad(register ":" want[key] ": " k[2] " does not have [" k[1] "]")
		}
		for (key in have)
			if (!(key in want)) {
				split(key, k, SUBSEP)
				bad(k[2] ": [" k[1] "] is not in the register so")
			}
		if (figure != shown || of != n)
			bad(readme ": says " figure " of the " of " numbered statements, it is " \
			    shown " of the " n)
		exit
	}' tests/lint/statements.tags "$register" "$readme" "$@" | sort)
[ -z "$said" ] || { printf '%s\n' "$said"; exit 1; }
