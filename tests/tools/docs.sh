#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs: prints the pages that come from the registers.
#
#	sh tests/tools/docs.sh BUILD DESTINATION	from the top of the tree
#
# man/PAGE.in is man/PAGE with lines "@@ PROGRAM ARGUMENT..." in the places of
# what the program prints.  The shells' completions are printed by emqx_ctl.
set -eu
build=$1 dest=$2

mkdir -p "$dest/man" "$dest/completions"
for page in man/*.in; do
	[ -f "$page" ] || continue
	out=$dest/${page%.in}
	while IFS= read -r line; do
		case $line in
		'@@ '*)
			# shellcheck disable=SC2086
			set -- ${line#@@ }
			program=$1
			shift
			"$build/$program" "$@"
			;;
		*) printf '%s\n' "$line" ;;
		esac
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
