# SPDX-License-Identifier: Apache-2.0
# size: nothing is big.  A file has at most 800 lines, a header 300, a function
# 120 (from the line of its name to its closing brace), a room 6000 lines of code
# (neither blank nor comment).
#
#	awk -f tests/lint/size.awk FILE...

BEGIN {
	max_file = 800
	max_header = 300
	max_function = 120
	max_room = 6000
}

function refuse(where, why) {
	printf "%s: %s\n", where, why
	bad = 1
}

function end_file(    max) {
	if (file == "")
		return
	max = file ~ /\.h$/ ? max_header : max_file
	if (lines > max)
		refuse(file ":" lines, "has " lines " lines, at most " max)
}

function room_of(path) {
	if (path !~ /^(emqxd|ipc|ctl)\//)
		return ""
	if (path ~ /^ipc\/base\//)
		return "ipc/base"
	if (path ~ /^(ipc|ctl)\//)
		return substr(path, 1, 3)
	if (path ~ /^emqxd\/[^\/]*$/)
		return "emqxd/app"
	sub(/^emqxd\//, "", path)
	sub(/\/.*/, "", path)
	return "emqxd/" path
}

function is_code(line) {
	if (comment) {
		comment = line !~ /\*\//
		return 0
	}
	if (line ~ /^[ \t]*\/\*/) {
		comment = line !~ /\*\//
		return 0
	}
	return line ~ /[^ \t]/
}

FNR == 1 {
	end_file()
	file = FILENAME
	room = room_of(file)
	comment = 0
	open_at = 0
	name = ""
}

{ lines = FNR }

room != "" && is_code($0) { code[room]++ }

# Functions: the shape of the house puts the name, and both braces of the body,
# at the first column.
/^[A-Za-z_][A-Za-z0-9_]*\(/ { name = $0; sub(/\(.*/, "", name); name_at = FNR }
/^\{/ && name != "" { open_at = name_at }
/^\}/ {
	if (open_at > 0 && FNR - open_at + 1 > max_function)
		refuse(FILENAME ":" open_at, name " has " FNR - open_at + 1 \
		    " lines, at most " max_function)
	open_at = 0
	name = ""
}

END {
	end_file()
	for (room in code)
		if (code[room] > max_room)
			refuse(room, "has " code[room] " lines of code, at most " max_room)
	exit bad
}
