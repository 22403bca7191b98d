#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run: the lints, as TAP; each is one test.
#
#	sh tests/lint/run.sh [NAME...]		from the top of the tree
#
# BUILD is where the plain build stands (globals and generated look into it).
# A lint is a function lint_NAME: prints what it refuses and returns 1; 77 means
# that a package is missing, named in what it prints.
set -u
BUILD=${BUILD:-build}
lint=tests/lint

# The judges: they measure the product and are kept as they came, so that their
# figures stay comparable with those of others.  No product code.
judges='^tests/(bench/(mqload\.c|mqrelay\.c|compare\.sh)|conformance/(clients/.*|malformed\.(py|json)|run_clients\.sh))$'

# Every file of the tree but the judges and the fuzzers' corpora; git knows
# which are ours, a scratch copy has nothing else.
tree() {
	if [ -e .git ]; then
		git ls-files -co --exclude-standard
	else
		find . -type f ! -path './build*/*' ! -path './run/*' | sed 's,^\./,,'
	fi | grep -vE "$judges" | grep -v '^tests/fuzz/corpus/' | sort | while read -r f; do
		[ ! -f "$f" ] || printf '%s\n' "$f"
	done
}

sources() { tree | grep -E '\.[ch]$'; }
rooms() { tree | grep -E '^(emqxd|ipc|ctl)/.*\.(c|h|def)$'; }
scripts() {
	tree | while read -r f; do
		case $f in
		*.sh | *.bash | *.bats) echo "$f" ;;
		*) head -c 64 "$f" | head -n 1 | grep -qaE '^#!.*[/ ](ba)?sh\b' && echo "$f" ;;
		esac
	done
}

need() {
	command -v "$1" >/dev/null 2>&1 && return
	echo "needs package ${2:-$1}"
	return 77
}

lint_floors() { rooms | xargs awk -f $lint/floors.awk emqxd/FLOORS; }
lint_size() { sources | xargs awk -f $lint/size.awk; }
lint_names() { tree | grep -v '^LICENSE$' | xargs awk -f $lint/names.awk $lint/names.allow; }
lint_globals() { sh $lint/globals.sh $lint/globals.allow "$BUILD/obj"; }
lint_unused() { rooms | xargs awk -f $lint/unused.awk; }
lint_statements() { sh $lint/statements.sh; }
lint_generated() { sh $lint/generated.sh "$BUILD"; }

# Whose it is stands in the first three lines.
lint_heads() {
	{ tree | grep -E '\.(c|h|def|awk|sh|bash|bats)$'; scripts; } | grep -v '^completions/' | sort -u | xargs awk '
		function end() { if (file != "" && !found) { print file ":1: no SPDX-License-Identifier"; bad = 1 } }
		FNR == 1 { end(); file = FILENAME; found = 0 }
		FNR <= 3 && /SPDX-License-Identifier: Apache-2\.0/ { found = 1 }
		END { end(); exit bad }'
}

# In bats files output, stderr and lines are set by `run`.
lint_shellcheck() {
	need shellcheck || return
	scripts | grep -v '\.bats$' | xargs shellcheck -x -S warning && {
		bats=$(scripts | grep '\.bats$') || return 0
		printf '%s\n' "$bats" | xargs shellcheck -x -S warning -e SC2154
	}
}

lint_format() {
	need clang-format || return
	sources | xargs clang-format --dry-run -Werror 2>&1
}

# The files of the last commit and of the work tree; all of them take minutes.
lint_tidy() {
	need clang-tidy || return
	[ -e .git ] || return 0
	files=$({ git diff --name-only HEAD~1 2>/dev/null || git diff --name-only HEAD; } |
	    grep -E '^(emqxd|ipc|ctl)/.*\.c$' | while read -r f; do
		[ ! -f "$f" ] || printf '%s\n' "$f"
	done | head -n 12)
	[ -n "$files" ] || return 0
	# shellcheck disable=SC2016
	printf '%s\n' "$files" | xargs -n 2 -P "$(nproc)" sh -c 'clang-tidy --quiet "$@" -- \
	    -std=c11 -D_GNU_SOURCE -I. "-DEMQXD_VERSION=\"0\""' tidy 2>/dev/null
}

lint_mandoc() {
	need mandoc || return
	pages=$(tree | grep -E '^man/.*\.[1-8]$')
	[ -z "$pages" ] || printf '%s\n' "$pages" | xargs mandoc -T lint -W warning
}

all='floors size names globals unused statements generated heads shellcheck format tidy mandoc'
[ $# -gt 0 ] || set -- $all
echo "1..$#"
n=0 failed=0
for name in "$@"; do
	n=$((n + 1))
	said=$("lint_$name")
	case $? in
	0) echo "ok $n - lint $name" ;;
	77) echo "ok $n - lint $name # SKIP $said" ;;
	*)
		echo "not ok $n - lint $name"
		printf '%s\n' "$said" | sed 's/^/# /'
		failed=1
		;;
	esac
done
exit $failed
