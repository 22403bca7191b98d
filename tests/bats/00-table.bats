#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every row of the table of commands has what its readers take from it.
# bats file_tags=plain
bats_require_minimum_version 1.5.0
load lib

setup() { export EMQX_SOCKET=$BATS_TEST_TMPDIR/none.sock; }

# commands: the path of each command that is shown, a line each.
commands() { emqx_ctl __json | json '"\n".join(c["command"] for c in d)'; }

@test "every command has a summary, help and an example that parses" {
	emqx_ctl __json >"$BATS_TEST_TMPDIR/table"
	json '[c["command"] for c in d if not c["summary"] or not c["example"] or c["summary"].endswith(".")]' \
	    <"$BATS_TEST_TMPDIR/table" | grep -qx '\[\]'
	cd "$BATS_TEST_TMPDIR"
	mkdir -p "$HOME" && json '"\n".join(c["command"] + "\t" + c["example"] for c in d if not c["local"])' <table >examples
	while IFS=$'\t' read -r path example; do
		[[ $example == "emqx_ctl $path"* ]] || { echo "$path: $example"; false; }
		# Nobody is there: 4, or 3 from status; a word that does not parse would give 2.
		status=0
		bash -c "$example" >/dev/null 2>&1 || status=$?
		[ "$status" -eq 4 ] || [ "$path $status" = 'status 3' ] || { echo "$example: $status"; false; }
	done <examples
}

@test "every argument, option and column has its help" {
	run -0 emqx_ctl __json
	[ "$(json '[(c["command"], x["name"]) for c in d for x in c["arguments"] + c["options"] + c["columns"] if not x["help"]]' <<<"$output")" = '[]' ]
}

@test "every command is in the manual page, and the page is well made" {
	for page in man/emqx_ctl.1 man/emqx_ctl-output.7; do
		[ -f "$ROOT/$page" ]
	done
	while read -r path; do
		grep -q "^\.It Ic \"$path" "$ROOT/man/emqx_ctl.1" || { echo "$path"; false; }
	done < <(commands)
	need mandoc
	run -0 mandoc -Tlint -Wwarning "$ROOT/man/emqx_ctl.1" "$ROOT/man/emqx_ctl-output.7"
	[ -z "$output" ]
}

@test "every command is named by a test" {
	while read -r path; do
		grep -qE "(ctl|^|[\"']|n)[ \"']*$path([^a-z-]|\$)" "$ROOT"/tests/bats/*.bats ||
		    { echo "$path"; false; }
	done < <(commands)
}

@test "markdown of all commands" {
	run -0 emqx_ctl __md
	while read -r path; do
		grep -qx "## $path" <<<"$output"
	done < <(commands)
}
