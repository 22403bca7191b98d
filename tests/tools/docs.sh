#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs: prints the pages that come from the registers.
#
#	sh tests/tools/docs.sh BUILD DESTINATION	from the top of the tree
#
# man/PAGE.in is man/PAGE with lines @PART@ in the places of what the programs
# print: emqxd docs conf|reasons|metrics, emqx_ctl __mdoc PART for the others.
# The shells' completions are printed by emqx_ctl.
set -eu
build=$1 dest=$2

part() {
	case $1 in
	conf | reasons | metrics) "$build/emqxd" docs "$1" ;;
	*) "$build/emqx_ctl" __mdoc "$1" ;;
	esac
}

mkdir -p "$dest/man" "$dest/completions"
for page in man/*.in; do
	[ -f "$page" ] || continue
	out=$dest/${page%.in}
	while IFS= read -r line; do
		name=$(expr "X$line" : 'X@\([A-Z]*\)@$' | tr '[:upper:]' '[:lower:]') || true
		if [ -n "$name" ]; then
			part "$name"
		else
			printf '%s\n' "$line"
		fi
	done <"$page" >"$out.new"
	mv "$out.new" "$out"
done

# completion FILE SHELL
completion() {
	"$build/emqx_ctl" completion "$2" >"$dest/completions/$1.new"
	mv "$dest/completions/$1.new" "$dest/completions/$1"
}
completion emqx_ctl.bash bash
completion _emqx_ctl zsh
completion emqx_ctl.fish fish
