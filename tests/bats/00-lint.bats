#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The lints refuse what they are there for: each test plants one fault in a
# scratch copy of the floor plan and sees it named.  (That the house itself
# passes is what `make lint` says.)
# bats file_tags=plain
load lib

setup() {
	cd "$ROOT" || return 1
	cp -R --parents emqxd/FLOORS tests/lint "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR" || return 1
}

# plant FILE LINE...: a file with a head and these lines.
plant() {
	local file=$1
	shift
	mkdir -p "$(dirname "$file")"
	printf '%s\n' '/* SPDX-License-Identifier: Apache-2.0 */' "$@" >"$file"
}

# refused LINT TEXT: the lint ends with 1 and says the text.
refused() {
	run sh tests/lint/run.sh "$1"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"not ok 1 - lint $1"* ]]
	[[ $output == *"$2"* ]]
}

accepted() {
	run sh tests/lint/run.sh "$1"
	echo "$output"
	[ "$status" -eq 0 ]
}

lines() { yes "$2" | head -n "$1"; }

@test "floors: an upward include is refused with both rooms and both floors" {
	plant emqxd/mqtt/planted.c '' '#include "emqxd/client/channel.h"'
	refused floors 'emqxd/mqtt/planted.c:3:'
	plant emqxd/core/planted.c '#include "emqxd/net/conn.h"'
	refused floors 'emqxd/core/planted.c:2: includes upward "emqxd/net/conn.h": from emqxd/core (floor 2) to emqxd/net (floor 5)'
}

@test "floors: another room of the same floor is refused" {
	plant emqxd/net/planted.c '#include "emqxd/router/trie.h"'
	refused floors 'emqxd/net/planted.c:2: includes another room of its own floor "emqxd/router/trie.h": from emqxd/net (floor 5) to emqxd/router (floor 5)'
}

@test "floors: a lower room and the own room pass" {
	plant emqxd/net/planted.c '#include "emqxd/net/conn.h"' '#include "emqxd/core/loop.h"' '#include <stdio.h>'
	accepted floors
}

@test "floors: mqtt takes from below only ipc/base" {
	plant emqxd/mqtt/planted.c '#include "emqxd/core/log.h"'
	refused floors 'emqxd/mqtt (floor 4) may include only ipc/base, not emqxd/core (floor 2)'
}

@test "floors: the tool includes nothing of the daemon" {
	plant ctl/planted.c '#include "ipc/base/slice.h"' '#include "ipc/cmd.h"' '#include "emqxd/core/log.h"'
	refused floors 'ctl/planted.c:4: includes "emqxd/core/log.h": ctl (floor *) may include only ipc ipc/base'
}

@test "floors: nothing includes the tool" {
	plant emqxd/app/planted.c '#include "ctl/help.h"'
	refused floors 'nothing includes ctl'
}

@test "floors: relative paths, unknown rooms and files outside of the rooms are refused" {
	plant emqxd/net/planted.c '#include "../core/loop.h"'
	refused floors 'which is in no room'
	plant emqxd/net/planted.c '#include "conn.h"'
	refused floors 'which is in no room'
	rm emqxd/net/planted.c
	plant emqxd/attic/planted.c '#include "emqxd/core/loop.h"'
	refused floors 'emqxd/attic/planted.c:1: the file is in no room of emqxd/FLOORS'
}

@test "size: a file of 801 lines is refused, one of 800 passes" {
	plant emqxd/net/planted.c "$(lines 799 'int x;')"
	accepted size
	echo 'int x;' >>emqxd/net/planted.c
	refused size 'emqxd/net/planted.c:801: has 801 lines, at most 800'
}

@test "size: a header of 301 lines is refused" {
	plant emqxd/net/planted.h "$(lines 300 'int x;')"
	refused size 'emqxd/net/planted.h:301: has 301 lines, at most 300'
}

@test "size: a function of 121 lines is refused, one of 120 passes" {
	plant emqxd/net/planted.c 'void' 'planted_f(void)' '{' "$(lines 117 '	x();')" '}'
	accepted size
	plant emqxd/net/planted.c 'void' 'planted_f(void)' '{' "$(lines 118 '	x();')" '}'
	refused size 'emqxd/net/planted.c:3: planted_f has 121 lines, at most 120'
}

@test "size: a room of more than 6000 lines of code is refused" {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		plant "emqxd/net/planted$i.c" "$(lines 790 'int x;')"
	done
	refused size 'emqxd/net: has'
}

@test "names: a function that does not begin with its file's name is refused" {
	plant emqxd/net/planted.c 'void' 'other_thing(void)' '{' '}' \
	    'void' 'planted_thing(void)' '{' '}' 'void' 'net_planted_thing(void)' '{' '}' \
	    'static int' 'free_as_it_stays_here(void)' '{' '}'
	refused names 'emqxd/net/planted.c:3: other_thing does not begin with planted_ or net_planted_'
	[ "$(grep -c 'does not begin' <<<"$output")" -eq 1 ]
}

@test "names: two files with one prefix are refused" {
	plant emqxd/net/planted.c 'void' 'planted_a(void)' '{' '}'
	plant emqxd/router/planted.c 'void' 'planted_b(void)' '{' '}'
	refused names 'prefix planted_ belongs to'
}

@test "names: a file called util is refused" {
	plant emqxd/net/util.c
	refused names 'emqxd/net/util.c:1: the name says nothing'
}

@test "names: a word for what is left open is refused anywhere" {
	echo "# TO""DO later" >tests/lint/notes.sh
	refused names 'tests/lint/notes.sh:1: something is left open here'
}

@test "names: libc's clocks are refused outside of span" {
	plant emqxd/net/planted.c '/* what time( gives */' 'static const char *const s = "time(";' \
	    'long' 'planted_now(void)' '{' '	return time(NULL);' '}'
	refused names 'emqxd/net/planted.c:7: reads the time from libc'
	[ "$(grep -c 'reads the time' <<<"$output")" -eq 1 ]
}

@test "names: #if inside a function is refused, outside it passes" {
	plant emqxd/net/planted.c '#ifdef A' '#endif' 'void' 'planted_f(void)' '{' '#ifdef B' '#endif' '}'
	refused names 'emqxd/net/planted.c:7: a condition of the preprocessor inside a function'
	[ "$(grep -c 'preprocessor' <<<"$output")" -eq 1 ]
}

# A build of the planted file alone, so that nothing else has to be built.
globals_of_planted() {
	rm -rf house obj
	mkdir -p house/emqxd/net obj/emqxd/net
	cp emqxd/net/planted.c house/emqxd/net
	# shellcheck disable=SC2086
	${CC:-gcc} -O2 -fPIE -c -o obj/emqxd/net/planted.o emqxd/net/planted.c
	run sh tests/lint/globals.sh "$1" obj house
	echo "$output"
}

@test "globals: mutable data at file scope that is not listed is refused" {
	plant emqxd/net/planted.c 'static int counter;' \
	    'int planted_next(void);' 'int planted_next(void) { return ++counter; }'
	: >allow
	globals_of_planted allow
	[ "$status" -eq 1 ]
	[[ $output == *'emqxd/net/planted.c: mutable data counter:'* ]]
	echo 'emqxd/net/planted.c counter counts, for this test' >allow
	globals_of_planted allow
	[ "$status" -eq 0 ]
}

@test "globals: static locals and thread-local data count, constant tables do not" {
	plant emqxd/net/planted.c '_Thread_local int planted_tl;' \
	    'extern const char *const planted_names[];' \
	    'const char *const planted_names[] = { "a", "b" };' \
	    'int planted_next(void);' 'int planted_next(void) { static int calls; return ++calls; }'
	: >allow
	globals_of_planted allow
	[ "$status" -eq 1 ]
	[[ $output == *'mutable data planted_tl:'* ]]
	[[ $output == *'mutable data calls:'* || $output == *'mutable data planted_next.calls:'* ]]
	[[ $output != *planted_names* ]]
}

@test "globals: a listed name without data, without a reason, and a 13th name are refused" {
	plant emqxd/net/planted.c
	printf 'emqxd/net/planted.c gone it was here once\n' >allow
	globals_of_planted allow
	[ "$status" -eq 1 ]
	[[ $output == *'allow:1: emqxd/net/planted.c has no mutable data gone'* ]]
	printf 'emqxd/net/planted.c bare\n' >allow
	globals_of_planted allow
	[[ $output == *'has no reason'* ]]
	seq 13 | sed 's,.*,emqxd/net/planted.c v& for this test,' >allow
	globals_of_planted allow
	[[ $output == *'13 pieces of mutable data, at most 12'* ]]
}

@test "heads: a file without its licence line is refused" {
	mkdir -p emqxd/net
	echo 'int x;' >emqxd/net/planted.c
	refused heads 'emqxd/net/planted.c:1: no SPDX-License-Identifier'
}

@test "format: a line that clang-format would write otherwise is refused" {
	need clang-format
	cp "$ROOT/.clang-format" .
	plant emqxd/net/planted.c 'int  x ;'
	refused format 'emqxd/net/planted.c:2:'
}

@test "shellcheck: an unquoted variable in a script without a suffix is refused" {
	need shellcheck
	mkdir -p packaging
	printf '%s\n' '#!/bin/sh' '# SPDX-License-Identifier: Apache-2.0' 'cd $1; rm *' >packaging/planted
	refused shellcheck 'packaging/planted'
}

# A key, a counter, and what makes something of both.
plant_used() {
	plant emqxd/net/planted_conf.c '#define NET(member_) CONF_MEMBER(struct net_conf, member_)' \
	    'static const struct conf_field fields[] = {' \
	    '	{ .path = "a_key",' "${1:-	    .type = CONF_INT,}" '	    NET(a.key),' '	    .def = "1" },' '};'
	plant emqxd/model/metric.def 'METRIC(A_THING, "a.thing", "things'"${2:-}"'")'
	plant emqxd/net/planted.c "${3:-	x = conf->a.key; /* */}" "${4:-	metric_inc(METRIC_A_THING);}"
}

@test "unused: a key that nobody reads is refused, and one that is read and says it is not built" {
	plant_used
	accepted unused
	plant_used '' '' '	conf->a.key = 1; /* .key' '	x->key */ "->key" METRIC_A_THING'
	refused unused 'emqxd/net/planted_conf.c:4: nobody reads key of the key a_key'
	plant_used '	    .built = CONF_IGNORED,' '' '	conf->a.key = 1;'
	accepted unused
	plant_used '	    .built = CONF_IGNORED,'
	refused unused 'emqxd/net/planted_conf.c:4: the key a_key is not built, it says, but read'
}

@test "unused: a counter that nothing counts and does not say so is refused, and the other way round" {
	plant_used '' '' '' '	x = metrics_read(METRIC_A_THING);'
	refused unused 'emqxd/model/metric.def:2: nothing counts METRIC_A_THING'
	plant_used '' '; 0 in this version' '' '	x = METRIC_A_THINGS;'
	accepted unused
	plant_used '' '; 0 in this version'
	refused unused 'emqxd/model/metric.def:2: METRIC_A_THING is not 0: it is counted'
}

@test "statements: a missing number, a file without the tag, a tag too many and a wrong figure" {
	mkdir -p tests/play
	printf 'MQTT3-1.5.3-1\nMQTT3-1.5.3-2\nMQTT5-1.5.4-1\n' >tests/lint/statements.tags
	printf 'scenario one\n\t[MQTT3-1.5.3-1]\n\ta pings\n' >tests/play/a.play
	printf 'MQTT3-1.5.3-1 a.play\nMQTT3-1.5.3-2 -- binds the client alone\nMQTT5-1.5.4-1 open not built yet at all\n' >tests/play/statements
	echo 'show 1 of the 3 numbered statements' >README.md
	accepted statements
	sed -i '/1.5.3-2/d' tests/play/statements
	refused statements 'MQTT3-1.5.3-2 is missing'
	printf 'MQTT3-1.5.3-2 a.play\n' >>tests/play/statements
	refused statements 'a.play does not have [MQTT3-1.5.3-2]'
	refused statements 'says 1 of the 3 numbered statements, it is 2 of the 3'
	sed -i 's/^MQTT3-1.5.3-2.*/MQTT3-1.5.3-2 -- so/' tests/play/statements
	refused statements 'MQTT3-1.5.3-2 has no reason'
	printf '\t[MQTT5-1.5.4-1]\n' >>tests/play/a.play
	refused statements 'a.play: [MQTT5-1.5.4-1] is not in the register so'
}
