#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# overlay: how another version of emqxd differs from this one.
#
#	overlay.sh NAME			the files that differ
#	overlay.sh NAME version		its version
#	overlay.sh NAME FOLDER		writes them there
#
#	older	level 1; no command `exclusive`
#	newer	levels 1 to 2, which has brought a kind of rows and a frame; more commands, a
#		column more
#	too-new	level 3 and no other
set -eu
name=$1
common=emqxd/core/level.h
case $name in
older) version=0.0.9 min=1 max=1 files="$common ipc/cmd/all.def" ;;
newer) version=9.1.0 min=1 max=2
	files="$common ipc/cmd/all.def ipc/cmd/broker.def emqxd/ops/broker.c emqxd/app/app.c \
emqxd/store/kind.def emqxd/link/frame.def" ;;
too-new) version=12.0.0 min=3 max=3 files=$common ;;
*) echo "overlay: no variant $name" >&2; exit 2 ;;
esac
[ $# -gt 1 ] || { echo "$files"; exit; }
[ "$2" != version ] || { echo "$version"; exit; }

out=$2
# edit FILE SED-SCRIPT: it must change something.
edit() {
	mkdir -p "$out/$(dirname "$1")"
	sed "$2" "$1" >"$out/$1"
	! cmp -s "$1" "$out/$1" || { echo "overlay: $name: $1 is as before" >&2; exit 1; }
}

edit emqxd/core/level.h "s/define LEVEL_MIN .*/define LEVEL_MIN $min/; s/define LEVEL_MAX .*/define LEVEL_MAX $max/
\$a /* as of $name */"
case $name in
older)
	edit ipc/cmd/all.def '/exclusive.def/d' ;;
newer)
	number=$(grep -c '^KIND(' emqxd/store/kind.def)
	edit ipc/cmd/all.def '/vm.def/i #include "tests/vers/newer.def"'
	edit ipc/cmd/broker.def '0,/{ .name = "uptime"/s//{ .name = "flavour", .type = CT_TEXT, .help = "how it tastes" }, &/'
	edit emqxd/ops/broker.c 's/row_str(row, "version", EMQXD_VERSION);/& row_str(row, "flavour", "new");/'
	edit emqxd/app/app.c '/{ .name = "recovery"/i { .name = "notes", .birth = newer_birth },
/^#include "emqxd\/app\/app.h"/i #include "tests/vers/newer.h"'
	edit emqxd/store/kind.def "\$a KIND(NOTE, $number, \"note\", META, 2, \"text -> nothing\")"
	edit emqxd/link/frame.def '$a FRAME(NEWS, 99, "news", LINK_ON_CTL, "what an older node does not know")' ;;
esac
