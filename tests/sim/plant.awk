# SPDX-License-Identifier: Apache-2.0
# plant: prints a source file with the fault planted that tests/sim/plants (or
# tests/play/mutants) describes.
# Status 1 when its lines do not stand in the file exactly once.
#
#	awk -v plant=NAME -f tests/sim/plant.awk tests/sim/plants

/^plant / { mine = $2 == plant; if (mine) file = $3; next }
mine && /^- / { old = old substr($0, 3) "\n" }
mine && /^\+ / { new = new substr($0, 3) "\n" }
END {
	if (file == "" || old == "") {
		print "plant: " plant ": not in the list" >"/dev/stderr"
		exit 1
	}
	while ((getline line <file) > 0)
		text = text line "\n"
	at = index(text, "\n" old)
	if (at == 0 || index(substr(text, at + 1), "\n" old) != 0) {
		print "plant: " plant ": its lines do not stand in " file " once" >"/dev/stderr"
		exit 1
	}
	printf "%s%s%s", substr(text, 1, at), new, substr(text, at + 1 + length(old))
}
