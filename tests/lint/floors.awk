# SPDX-License-Identifier: Apache-2.0
# floors: calls go down.  Reads emqxd/FLOORS, then source files; each
# #include "path" must lead to the file's own room or to a room on a lower floor.
#
#	awk -f tests/lint/floors.awk emqxd/FLOORS FILE...
#
# What is refused is named with file, line, both rooms and both floors; exit 1.

BEGIN {
	# Rooms that may include less than their floor allows.
	only["emqxd/mqtt"] = "ipc/base"
	only["ctl"] = "ipc ipc/base"
}

# The room with the longest name that the path begins with.  A file directly
# under emqxd/ is the assembly's.
function room_of(path,    dir) {
	dir = path
	while (sub(/\/[^\/]*$/, "", dir))
		if (dir in floor)
			return dir
	return path ~ /^emqxd\/[^\/]*$/ ? "emqxd/app" : ""
}

function refuse(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why
	bad = 1
}

function named(room) {
	return room " (floor " floor[room] ")"
}

FILENAME ~ /(^|\/)FLOORS$/ {
	if ($1 ~ /^([0-9]+|\*)$/)
		floor[$2] = $1
	next
}

FNR == 1 {
	here = room_of(FILENAME)
	if (here == "") {
		refuse("the file is in no room of emqxd/FLOORS")
		nextfile_ = FILENAME
	}
}

FILENAME == nextfile_ { next }

/^[ \t]*#[ \t]*include[ \t]*"/ {
	path = $0
	sub(/^[^"]*"/, "", path)
	sub(/".*/, "", path)
	there = path ~ /^\.|\/\.\.?\// ? "" : room_of(path)

	if (there == "")
		refuse("includes \"" path "\", which is in no room: " named(here) \
		    " may include full paths into rooms of emqxd/FLOORS")
	else if (there == here)
		next
	else if (here in only) {
		if (index(" " only[here] " ", " " there " ") == 0)
			refuse("includes \"" path "\": " named(here) " may include only " \
			    only[here] ", not " named(there))
	} else if (floor[there] == "*")
		refuse("includes \"" path "\": nothing includes " there)
	else if (floor[there] + 0 > floor[here] + 0)
		refuse("includes upward \"" path "\": from " named(here) " to " named(there))
	else if (floor[there] + 0 == floor[here] + 0)
		refuse("includes another room of its own floor \"" path "\": from " \
		    named(here) " to " named(there))
}

END { exit bad }
