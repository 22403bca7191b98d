# SPDX-License-Identifier: Apache-2.0
# names: a call tells its file, and some words stay out of the tree.
#
#	awk -f tests/lint/names.awk tests/lint/names.allow FILE...
#
# For the rooms' C files:
#  - a function that leaves its file begins with the file's name (foo.c: foo_x),
#    or with room_file, or with the room's name when the room's face (room/room.h)
#    declares it or the room has no file of its own name; names.allow lists
#    "file prefix reason" for what differs;
#  - no two files share a prefix, and none uses the prefix of its neighbour;
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

# emqxd/admin/ops/x.c stands in the room admin.
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
	is_face = in_room && stem(FILENAME) == room_of(FILENAME) && FILENAME ~ /\.h$/
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

is_face {
	rest = $0
	while (match(rest, /[a-z_][a-z0-9_]*\(/)) {
		face[unit, substr(rest, RSTART, RLENGTH - 1)] = 1
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

# The prefix that the name takes from its file, or "".
function prefix_of(unit, name,    i, n, list, room) {
	room = room_of(unit)
	if (begins(name, room "_" stem(unit)))
		return room "_" stem(unit)
	if (begins(name, stem(unit)))
		return stem(unit)
	if (begins(name, room) && (!(face_of(unit) in units) || (face_of(unit), name) in face))
		return room
	n = split(allowed[unit ".c"] allowed[unit ".h"], list, " ")
	for (i = 1; i <= n; i++)
		if (begins(name, list[i]))
			return list[i]
	return ""
}

function face_of(unit,    dir) {
	dir = dir_name(unit)
	return dir "/" stem(dir)
}

# Another file of the same room whose name the function's name begins with, and
# more of it than of its own file's.
function neighbour(unit, name, mine,    other, theirs) {
	for (other in units) {
		if (other == unit || dir_name(other) != dir_name(unit))
			continue
		theirs = prefix_of(other, name)
		if (theirs != "" && length(theirs) > length(mine) && theirs != room_of(other))
			return other
	}
	return ""
}

END {
	for (key in exported) {
		split(key, part, SUBSEP)
		unit = part[1]
		name = part[2]
		prefix = prefix_of(unit, name)
		if (prefix == "") {
			refuse(exported[key], name " does not begin with " stem(unit) "_ or " \
			    room_of(unit) "_" stem(unit) "_")
			continue
		}
		other = neighbour(unit, name, prefix)
		if (other != "")
			refuse(exported[key], name " sounds as if it stood in " other ".c")
		if (prefix == room_of(unit))
			continue
		if (!(prefix in owner))
			owner[prefix] = unit
		else if (owner[prefix] != unit && !((prefix, unit) in told)) {
			refuse(exported[key], "prefix " prefix "_ belongs to " owner[prefix] ".c")
			told[prefix, unit] = 1
		}
	}
	exit bad
}
