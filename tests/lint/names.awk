# SPDX-License-Identifier: Apache-2.0
# names: a call tells its file, and some words stay out of the tree.
#
#	awk -f tests/lint/names.awk tests/lint/names.allow FILE...
#
# For the rooms' C files:
#  - a function that leaves its file begins with the file's name (foo.c: foo_x),
#    or with room_file; a family of files (foo.c foo_bar.c foo_baz.c) has the name
#    of its head; what bar.h of the same room declares may be called bar_x
#    wherever it stands; the room's name alone will do when the room has no file
#    of its own name; names.allow lists "file prefix reason" for what differs;
#  - no two families of one program share a prefix (ipc is part of both);
#  - no file is called after nothing (util, misc, common, helper, manager);
#  - libc's clocks and calendars are read in ipc/base/span.c alone;
#  - no #if inside a function.
# For every file: no word that says something is left open.

BEGIN {
	# Put together here so that this file does not hold them.
	words = "(^|[^A-Za-z0-9_])(TO" "DO|FIX" "ME|XX" "X|HA" "CK)([^A-Za-z0-9_]|$)"
	empty_names = "^(utils?|misc|common|helpers?|manager)$"
	clocks = "(^|[^A-Za-z0-9_.>])(time|clock|clock_gettime|gettimeofday|ftime|localtime|" \
	    "localtime_r|gmtime|gmtime_r|mktime|timegm|strftime|ctime|ctime_r|asctime|" \
	    "asctime_r|timespec_get)[ \t]*\\("
}

function refuse(where, why) {
	printf "%s: %s\n", where, why
	bad = 1
}

function stem(path) {
	sub(/.*\//, "", path)
	sub(/\.[a-z]+$/, "", path)
	return path
}

function dir_name(path) {
	sub(/\/[^\/]*$/, "", path)
	return path
}

# emqxd/admin/x.c stands in the room admin.
function room_of(path) {
	path = dir_name(path)
	sub(/^emqxd\//, "", path)
	if (path !~ /^ipc\//)
		sub(/\/.*/, "", path)
	sub(/.*\//, "", path)
	return path
}

function begins(name, prefix) {
	return name == prefix || index(name, prefix "_") == 1
}

FILENAME ~ /names\.allow$/ {
	if (NF > 0 && $1 !~ /^#/)
		allowed[$1] = allowed[$1] " " $2
	next
}

FNR == 1 {
	in_room = FILENAME ~ /^(emqxd|ipc|ctl)\/.*\.[ch]$/
	unit = FILENAME
	sub(/\.[ch]$/, "", unit)
	is_header = in_room && FILENAME ~ /\.h$/
	is_span = FILENAME ~ /^ipc\/base\/span\.[ch]$/
	inside = 0
	name = ""
	if (in_room) {
		units[unit] = 1
		if (stem(FILENAME) ~ empty_names)
			refuse(FILENAME ":1", "the name says nothing about what is inside")
	}
}

$0 ~ words { refuse(FILENAME ":" FNR, "something is left open here: finish it or leave it out") }

!in_room { next }

is_header {
	rest = $0
	while (match(rest, /[a-z_][a-z0-9_]*\(/)) {
		word = substr(rest, RSTART, RLENGTH - 1)
		if (begins(word, stem(unit)) || begins(word, room_of(unit) "_" stem(unit)))
			declared[dir_name(unit), word] = unit
		rest = substr(rest, RSTART + RLENGTH)
	}
}

# Comments and strings do not call clocks.
!is_span && $0 ~ clocks && !/^[ \t]*(\/?\*|\/\/)/ {
	rest = $0
	gsub(/"[^"]*"/, "", rest)
	sub(/\/\*.*/, "", rest)
	if (rest ~ clocks)
		refuse(FILENAME ":" FNR, "reads the time from libc: only ipc/base/span.c does")
}

/^[a-z_][a-z0-9_]*\(/ {
	name = $0
	sub(/\(.*/, "", name)
	name_at = FNR
	is_static = before ~ /(^|[^A-Za-z0-9_])static([^A-Za-z0-9_]|$)/
}
/^\{/ && name != "" {
	inside = 1
	if ((!is_static || FILENAME ~ /\.h$/) && name != "main")
		exported[unit, name] = FILENAME ":" name_at
	name = ""
}
/^\}/ { inside = 0 }
inside && /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)([^a-z]|$)/ {
	refuse(FILENAME ":" FNR, "a condition of the preprocessor inside a function")
}
{ before = $0 }

# The head of the unit's family: the file of its folder with the shortest name
# that its own begins with.
function head_of(unit,    other, head) {
	if (unit in heads)
		return heads[unit]
	head = unit
	for (other in units)
		if (dir_name(other) == dir_name(unit) && begins(stem(unit), stem(other)) &&
		    length(other) < length(head))
			head = other
	return heads[unit] = head
}

# The family that the function belongs to: of the header that declares it under
# its own name, else of the file.
function home_of(unit, name) {
	if ((dir_name(unit), name) in declared)
		return head_of(declared[dir_name(unit), name])
	return head_of(unit)
}

# The prefix that the name takes from its family, or "".
function prefix_of(unit, name, home,    i, n, list, room) {
	room = room_of(home)
	if (begins(name, room "_" stem(home)))
		return room "_" stem(home)
	if (begins(name, stem(home)))
		return stem(home)
	if (begins(name, room) && !((dir_name(home) "/" room) in units))
		return room
	n = split(allowed[unit ".c"] allowed[unit ".h"], list, " ")
	for (i = 1; i <= n; i++)
		if (begins(name, list[i]))
			return list[i]
	return ""
}

function own(program, prefix, home, where) {
	if (!((program, prefix) in owner))
		owner[program, prefix] = home
	else if (owner[program, prefix] != home && !((prefix, home) in told)) {
		refuse(where, "prefix " prefix "_ belongs to " owner[program, prefix] ".c")
		told[prefix, home] = 1
	}
}

END {
	for (key in exported) {
		split(key, part, SUBSEP)
		unit = part[1]
		name = part[2]
		home = home_of(unit, name)
		prefix = prefix_of(unit, name, home)
		if (prefix == "") {
			refuse(exported[key], name " does not begin with " stem(home) "_ or " \
			    room_of(home) "_" stem(home) "_")
			continue
		}
		if (prefix == room_of(home))
			continue
		if (home !~ /^emqxd\//)
			own("tool", prefix, home, exported[key])
		if (home !~ /^ctl\//)
			own("daemon", prefix, home, exported[key])
	}
	exit bad
}
