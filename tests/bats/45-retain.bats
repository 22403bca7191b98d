#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Retained messages: what survives, what does not, and the commands about them.
bats_require_minimum_version 1.5.0
load lib

setup() { need mosquitto_pub mosquitto-clients; }
teardown() { stop_emqxd; }

pub() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 5 -q 1 -r "$@"; }

# What a new subscriber of a filter gets: topics and payloads, sorted.
seen() { mosquitto_sub -h 127.0.0.1 -p "$PORT" -t "$1" -v -W 2 2>/dev/null | sort; }

# again [SIGNAL]: ends the daemon so, and starts another on the same folder.
again() {
	stop_emqxd "$@"
	spawn_emqxd || return 1 # set -e would end its waiting shell too
	PORT=$(port_of tcp:default)
}

has_lines() { [ "$(wc -l <"$2")" -ge "$1" ]; }

is_away() { [ "$(ctl clients show away --json | json 'd["connected"]')" = False ]; }

retain_py() { timeout $((120 * SLOW)) /usr/bin/python3 "$ROOT/tests/bats/retain.py" "$@"; }

@test "kill -9 under load: what was acknowledged is there, round after round" {
	local load
	start_emqxd 'node.workers = 2'
	for _ in 1 2 3 4; do
		rm -f "$EMQXD_DIR/state.log"
		retain_py load "$PORT" "$EMQXD_DIR/state" 3>&- &
		load=$!
		wait_until 30 grep -q '^going' "$EMQXD_DIR/state.log"
		again KILL
		wait "$load"
		retain_py check "$PORT" "$EMQXD_DIR/state"
	done
}

@test "an orderly end keeps all, clearing too" {
	start_emqxd
	pub -t a/1 -m one
	pub -t a/2 -m two
	pub -t a/2 -n
	again
	[ "$(seen '#')" = 'a/1 one' ]
}

only_keeps() { [ "$(ctl retainer topics -o classic)" = keeps ]; }

@test "what a message says of itself comes back: QoS, expiry, properties" {
	start_emqxd
	pub -t keeps -m hello -D publish message-expiry-interval 1000 \
	    -D publish content-type text/plain -D publish user-property k v
	pub -t goes -m bye -D publish message-expiry-interval 1
	again KILL
	wait_until 5 only_keeps
	run mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -t keeps -q 2 -C 1 -W 5 -F '%q %E %C %P %r'
	[[ $output =~ ^'1 '9[0-9][0-9]' text/plain k:v 1'$ ]]
	[ "$(ctl retainer show keeps --json | json 'd["payload"], d["qos"]')" = "('hello', 1)" ]
}

@test "storage_type = ram: nothing survives, and it says so" {
	start_emqxd 'retainer.backend.storage_type = ram'
	pub -t a -m one
	[ "$(ctl retainer info --json | json "d[\"storage\"]")" = ram ]
	again
	[ -z "$(seen '#')" ]
}

@test "disc, ram, disc: what is on the disk is not seen meanwhile, and comes back" {
	start_emqxd
	pub -t a -m one
	echo 'retainer.backend.storage_type = ram' >>"$EMQXD_DIR/emqx.conf"
	again
	[ -z "$(seen '#')" ]
	pub -t a -m two
	pub -t b -m two
	sed -i /storage_type/d "$EMQXD_DIR/emqx.conf"
	again
	[ "$(seen '#')" = 'a one' ]
}

@test "a disk that is full: 0x97 for 5.0, no acknowledgement for 3.1.1, an alarm; then it goes on" {
	start_emqxd 'store.max_size = 1MB'
	retain_py full "$PORT"
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "store.refused"][0] > 0')" = True ]
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "messages.retained.refused"]')" = '[3]' ]
	# What was refused is not retained, neither now nor after a crash.
	had=$(ctl retainer topics -o classic --limit 1000)
	[[ $had != *again* && $had != *three* ]]
	again KILL
	[ "$(ctl retainer topics -o classic --limit 1000)" = "$had" ]
	ctl retainer clean --yes
	pub -t after -m all
	again KILL
	[ "$(seen '#')" = 'after all' ]
}

@test "a disk that refuses at any moment loses nothing that was acknowledged" {
	need prlimit util-linux
	start_emqxd
	pub -t before -m one
	prlimit --pid "$EMQXD_PID" --fsize=32768:unlimited
	retain_py full "$PORT"
	[ -n "$(seen before)" ]
	prlimit --pid "$EMQXD_PID" --fsize=unlimited
	wait_until 10 pub -t behind -m two
	again KILL
	[ "$(seen before)" = 'before one' ]
	[ "$(seen behind)" = 'behind two' ]
}

@test "acknowledgements keep their order, though some wait for the disk" {
	start_emqxd
	retain_py order "$PORT"
}

@test "a folder of the store that is none ends the start with a sentence" {
	start_emqxd
	stop_emqxd
	head -c 100000 /dev/zero >"$EMQXD_DIR/data/store/data.mdb"
	run "$EMQXD" foreground -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 1 ]
	[[ $output == *"the store $EMQXD_DIR/data/store cannot be opened"* ]]
	[[ $output == *hint:* ]]
}

# Fills with zeros each page of the store that has this text.
zero_pages() {
	/usr/bin/python3 - "$EMQXD_DIR/data/store/data.mdb" "$1" <<-'EOF'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    data = f.read()
		    for at in range(0, len(data), 4096):
		        if sys.argv[2].encode() in data[at:at + 4096]:
		            f.seek(at)
		            f.write(bytes(4096))
	EOF
}

@test "a store that is damaged ends the start with its name and how to go on" {
	ulimit -c 0
	start_emqxd
	for i in 11 12 13 14 15 16 17 18 19; do pub -t "a/$i" -m "of $i $(printf '%01500d' 0)"; done
	stop_emqxd
	zero_pages 'of 16'
	run "$EMQXD" foreground -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -ne 0 ]
	[[ $output == *"$EMQXD_DIR/data/store"*damaged* || $output == *damaged*"$EMQXD_DIR/data/store"* ]]
	[[ $output == *'with the folder moved away'* ]]
	mv "$EMQXD_DIR/data/store" "$EMQXD_DIR/away"
	spawn_emqxd || return 1
	[ "$(ctl retainer info -o classic)" = 'Number of retained messages: 0' ]
}

@test "a row that cannot be read is left out and told of; the others are there" {
	start_emqxd
	pub -t a/one -m 1
	pub -t a/two -m 2
	stop_emqxd
	# The length of the topic that the row itself tells.
	/usr/bin/python3 - "$EMQXD_DIR/data/store/data.mdb" <<-'EOF'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    data = f.read()
		    was = b"\0\5a/one"
		    assert was in data
		    f.seek(0)
		    f.write(data.replace(was, b"\0\6a/one"))
	EOF
	spawn_emqxd || return 1
	[ "$(ctl retainer topics -o classic)" = a/two ]
	grep -q 'store_row_unreadable.*key=a/one' "$EMQXD_DIR/err"
	grep -q 'store_rows_unreadable.*rows=1' "$EMQXD_DIR/err"
}

@test "retainer info, topics, show, clean" {
	start_emqxd
	for topic in b a/x a/y 'a!'; do pub -t "$topic" -m "of $topic"; done
	[ "$(ctl retainer info -o classic)" = 'Number of retained messages: 4' ]
	run -0 ctl retainer topics -o classic
	[ "${lines[*]}" = 'a/x a/y a! b' ]
	run -0 --separate-stderr ctl retainer topics -o classic --limit 2
	[ "${lines[*]}" = 'a/x a/y' ]
	# shellcheck disable=SC2154
	cursor=$(printf '%s\n' "$stderr" | sed -n 's/.*--after \([0-9a-f]*\).*/\1/p')
	[ "$(ctl retainer topics -o classic --after "$cursor")" = "$(printf 'a!\nb')" ]
	[ "$(ctl retainer show a/x --json | json 'd["payload"]')" = 'of a/x' ]
	run -3 --separate-stderr ctl retainer show a
	[[ $stderr == *"retainer topics"* ]]
	run -2 --separate-stderr ctl retainer show 'a/#'
	[[ $stderr == *"'a/#' is a filter"* ]]
	[ "$(ctl retainer topics 2 2 -o classic | tr '\n' ' ')" = 'a/y a! ' ]
	[ "$(ctl retainer topics 4 -o classic)" = b ]
	run -2 --separate-stderr ctl retainer clean '$share/g/a/x' --yes
	[[ $stderr == *"'\$share/g/a/x' is a shared subscription"*"retainer clean 'a/x'"* ]]
	run -0 ctl retainer clean 'a/#' --dry-run
	[[ $output == *'2 retained messages would be cleaned'* ]]
	run -0 ctl retainer clean b --dry-run
	[[ $output == *'1 retained message would be cleaned'* ]]
	run -0 ctl retainer clean 'a/#' --yes
	[[ $output == *'Cleaned 2 retained messages'* ]]
	run -2 ctl retainer clean 'a/#/b' --yes
	again KILL
	run -0 ctl retainer topics -o classic
	[ "${lines[*]}" = 'a! b' ]
	run -0 --separate-stderr ctl retainer clean --dry-run </dev/null
	[ "$(ctl retainer info -o classic)" = 'Number of retained messages: 2' ]
	# EMQX's own form: scripts have it, so it runs where nobody can be asked.
	run -0 ctl retainer clean </dev/null
	[ "$(ctl retainer info -o classic)" = 'Number of retained messages: 0' ]
}

@test "stop_publish_clear_msg hides what clears; msg_expiry_interval_override rules" {
	start_emqxd 'retainer.stop_publish_clear_msg = true' 'retainer.msg_expiry_interval_override = 1h'
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i sub -t '#' -v -C 2 >"$EMQXD_DIR/got" 3>&- &
	wait_until 5 ctl subscriptions show sub
	pub -t a -m one -D publish message-expiry-interval 5
	[ "$(ctl retainer show a --json | json '3500 < d["expires_in"] <= 3600')" = True ]
	pub -t a -n
	pub -t b -m two
	wait $!
	[ "$(cat "$EMQXD_DIR/got")" = "$(printf 'a one\nb two')" ]
}

@test "delivery_rate: a subscriber of much gets it at that pace, all of it" {
	start_emqxd 'node.workers = 1' 'retainer.delivery_rate = "5/1h"'
	for i in 1 2 3 4 5 6 7 8 9; do pub -t "a/$i" -m "$i"; done
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -q 1 -t 'a/+' >"$EMQXD_DIR/got" 3>&- &
	wait_until 5 has_lines 5 "$EMQXD_DIR/got"
	# Others do not wait for that; what is new comes at once.
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -t a/9 -m new
	wait_until 5 grep -qx new "$EMQXD_DIR/got"
	[ "$(wc -l <"$EMQXD_DIR/got")" -eq 6 ]
	sed -i '/delivery_rate/d' "$EMQXD_DIR/emqx.conf"
	ctl conf reload
	wait_until 5 has_lines 10 "$EMQXD_DIR/got"
	kill $!
	[ "$(sort "$EMQXD_DIR/got" | tr '\n' ' ')" = '1 2 3 4 5 6 7 8 9 new ' ]
}

@test "max_publish_rate: what is beyond reaches subscribers, and is counted" {
	start_emqxd 'retainer.max_publish_rate = "2/1h"'
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i sub -t 'a/+' -C 3 >"$EMQXD_DIR/got" 3>&- &
	wait_until 5 ctl subscriptions show sub
	pub -t a/1 -m 1
	pub -t a/2 -m 2
	run pub -t a/3 -m 3
	[[ $output == *'Quota exceeded'* ]]
	pub -t a/1 -n
	wait $!
	[ "$(ctl retainer topics -o classic)" = a/2 ]
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "messages.retained.refused"]')" = '[1]' ]
}

@test "wills are published when the daemon ends: of who is there, and of who is away" {
	local subs=
	start_emqxd 'node.workers = 2'
	for v in 311 5; do
		mosquitto_sub -h 127.0.0.1 -p "$PORT" -V $v -i w$v -t x --will-topic gone/$v --will-payload bye --will-retain 3>&- &
		subs="$subs $!"
	done
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -i away -c -x 1000 -t x --will-topic gone/away --will-payload bye \
	    --will-retain -D will will-delay-interval 900 3>&- &
	subs="$subs $!"
	for c in w311 w5 away; do wait_until 5 ctl subscriptions show $c; done
	kill -9 "${subs##* }"
	wait_until 5 is_away
	again
	# shellcheck disable=SC2086
	kill $subs 2>/dev/null || true
	[ "$(ctl retainer topics -o classic | sort | tr '\n' ' ')" = 'gone/311 gone/5 gone/away ' ]
}
