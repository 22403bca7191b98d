# SPDX-License-Identifier: Apache-2.0
# unused: what is declared and means nothing.  A key of the configuration whose
# member no code reads says so (.built), and a counter that nothing counts says
# "0 in this version" (or "always 0") in its help; and neither says so of what works.
#
#	awk -f tests/lint/unused.awk FILE...
#
# A key is a row { .path = ..., CONF_MEMBER(struct, member) or a macro for it }; it
# is read where ->member or .member stands and is not assigned to.  A counter is a
# row METRIC(ID, ...) of a .def file; it is counted where METRIC_ID stands and is not
# an argument of metrics_read().

function refuse(where, why) {
	printf "%s: %s\n", where, why
	bad = 1
}

function key_ends() {
	if (path != "" && member != "") {
		key[++n_keys] = path
		key_at[n_keys] = path_at
		key_member[n_keys] = member
		key_unbuilt[n_keys] = unbuilt
	}
	path = member = ""
	unbuilt = 0
}

# The last part of what CONF_MEMBER is given: "tcp.nodelay" is read as .nodelay.
function member_of(text) {
	sub(/\).*/, "", text)
	sub(/.*[ (,.]/, "", text)
	return text
}

FNR == 1 {
	key_ends()
	comment = 0
	split("", is_macro)
}

FILENAME ~ /\.def$/ && /^METRIC\(/ {
	id = $0
	sub(/^METRIC\(/, "", id)
	sub(/[ ,].*/, "", id)
	metric_at[id] = FILENAME ":" FNR
	metric_is_0[id] = $0 ~ /0 in this version|always 0/
}

FILENAME !~ /\.[ch]$/ { next }

/^#define [A-Z_]+\(member_\) CONF_MEMBER\(/ {
	macro = $2
	sub(/\(.*/, "", macro)
	is_macro[macro] = 1
	next
}

/\.path = "/ {
	key_ends()
	path = $0
	sub(/.*\.path = "/, "", path)
	sub(/".*/, "", path)
	path_at = FILENAME ":" FNR
}

/^[ \t]*\.built = / { unbuilt = 1 }
/^};/ { key_ends() }

{
	line = $0
	if (comment) {
		if (line !~ /\*\//)
			next
		sub(/.*\*\//, "", line)
		comment = 0
	}
	gsub(/"([^"\\]|\\.)*"/, "", line)
	gsub(/\/\*[^*]*\*\//, "", line)
	if (line ~ /\/\*/) {
		comment = line !~ /\*\//
		sub(/\/\*.*/, "", line)
	}
}

path != "" && match(line, /[A-Z_]+\([^)]*\)/) {
	macro = substr(line, RSTART, RLENGTH)
	sub(/\(.*/, "", macro)
	if (macro == "CONF_MEMBER" || macro in is_macro) {
		member = member_of(substr(line, RSTART, RLENGTH))
		next
	}
}

{
	gsub(/metrics?_read\(METRIC_[A-Z0-9_]+/, "", line)
	rest = line
	while (match(rest, /METRIC_[A-Z0-9_]+/)) {
		counted[substr(rest, RSTART + 7, RLENGTH - 7)] = 1
		rest = substr(rest, RSTART + RLENGTH)
	}
	gsub(/(->|\.)[a-z_0-9]+ = /, "", line)
	while (match(line, /(->|\.)[a-z_][a-z_0-9]*/)) {
		name = substr(line, RSTART, RLENGTH)
		sub(/^(->|\.)/, "", name)
		is_read[name] = 1
		line = substr(line, RSTART + RLENGTH)
	}
}

END {
	key_ends()
	for (i = 1; i <= n_keys; i++) {
		if (!(key_member[i] in is_read) && !key_unbuilt[i])
			refuse(key_at[i], "nobody reads " key_member[i] " of the key " key[i])
		if (key_member[i] in is_read && key_unbuilt[i])
			refuse(key_at[i], "the key " key[i] " is not built, it says, but read")
	}
	for (id in metric_at) {
		if (!(id in counted) && !metric_is_0[id])
			refuse(metric_at[id], "nothing counts METRIC_" id)
		if (id in counted && metric_is_0[id])
			refuse(metric_at[id], "METRIC_" id " is not 0: it is counted")
	}
	exit bad
}
