#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the log looks like, where it goes, and how its levels are changed.
load lib

setup() {
	EMQXD_DIR=$BATS_TEST_TMPDIR
	LOG=$EMQXD_DIR/emqx.log
}

teardown() { stop_emqxd; }

lacks() { ! grep -q -- "$1" "$2"; }

# dump_times N: lets the daemon write some lines N times.
dump_times() {
	local n=$1
	while [ "$n" -gt 0 ]; do
		kill -s USR2 "$EMQXD_PID"
		sleep 0.02
		n=$((n - 1))
	done
}

# start_logged [LINE...]: with a log file beside stderr.
start_logged() {
	start_emqxd 'log.file.enable = true' "log.file.path = \"$LOG\"" \
	    'log.file.level = info' 'log.console.level = info' "$@"
}

@test "text: time, level, event, facts" {
	start_logged 'log.file.time_offset = utc'
	grep -Eq '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}\+00:00 \[info\] emqxd_ready workers=[0-9]+ ' "$LOG"
}

@test "json: each line is an object with its facts" {
	start_logged 'log.file.formatter = json'
	/usr/bin/python3 - "$LOG" <<-'END'
		import json, sys
		lines = [json.loads(l) for l in open(sys.argv[1])]
		ready = [l for l in lines if l["event"] == "emqxd_ready"]
		assert len(ready) == 1, lines
		assert ready[0]["level"] == "info" and ready[0]["room"] == "app"
		assert isinstance(ready[0]["workers"], int)
		assert list(ready[0])[:4] == ["time", "level", "event", "room"]
	END
}

@test "what a client chose forges no line" {
	start_logged
	ctl clients kick "$(printf 'x\n2026-01-01T00:00:00 [error] forged a=1\033[31m')" || true
	wait_until 5 grep -q 'audit .*x.*x0a2026-01-01T00:00:00 \[error\] forged a=1.*x1b' "$LOG"
	lacks '^2026-01-01T00:00:00 \[error\] forged' "$LOG"
	lacks "$(printf '\033')" "$LOG"
}

@test "USR1: a file that was moved is made anew" {
	start_logged
	mv "$LOG" "$LOG.moved"
	kill -s USR1 "$EMQXD_PID"
	wait_until 5 test -e "$LOG"
	kill -s USR2 "$EMQXD_PID"
	wait_until 5 grep -q 'state workers=' "$LOG"
	lacks 'state workers=' "$LOG.moved"
}

@test "USR2: each thread says what it is at" {
	start_logged
	kill -s USR2 "$EMQXD_PID"
	wait_until 5 grep -q 'state_lock lock=log' "$LOG"
	grep -q 'state_worker worker=0 kind=clients' "$LOG"
	grep -q 'state_worker .*kind=admin' "$LOG"
	grep -q 'state_worker .*kind=main' "$LOG"
}

@test "files rotate at their size and only so many are kept" {
	start_logged 'log.file.rotation_size = 4KB' 'log.file.rotation_count = 3'
	dump_times 40
	wait_until 5 test -e "$LOG.2"
	[ ! -e "$LOG.3" ]
	[ "$(stat -c %s "$LOG.1")" -le 4096 ]
	[ "$(stat -c %s "$LOG")" -le 4096 ]
}

# A file that failed is tried again after a second, when there is a line for it.
tells_loss() {
	dump_times 1
	grep -q 'log_lines_lost handler=file lines=[1-9]' "$LOG"
}

# The limit on a file's size stands for the disk: a write fails alike.
@test "a full disk stops nothing: lines are lost, counted and told when there is room" {
	need prlimit util-linux
	start_logged
	prlimit --pid "$EMQXD_PID" --fsize=8192:unlimited
	dump_times 40
	ctl status
	prlimit --pid "$EMQXD_PID" --fsize=unlimited
	wait_until 5 tells_loss
	lacks '^[^2]' "$LOG"
}

@test "log set-level changes what is written, and says the level" {
	start_emqxd
	[ "$(ctl log primary-level -o classic)" = warning ]
	[ "$(ctl log set-level info -o classic)" = info ]
	[ "$(ctl log primary-level -o classic)" = info ]
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q conf_reloaded "$EMQXD_DIR/err"
}

@test "log set-level: EMQX's words are understood, others are refused" {
	start_emqxd
	[ "$(ctl log set-level critical -o classic)" = error ]
	[ "$(ctl log set-level notice -o classic)" = info ]
	run ctl log set-level blah
	[ "$status" -eq 2 ]
}

@test "log handlers list, stop, start, set-level" {
	start_logged
	run ctl log handlers list -o classic
	[ "$status" -eq 0 ]
	[[ $output == *"LogHandler(id=file, level=info, destination=$LOG, status=started)"* ]]
	[[ $output == *"LogHandler(id=console, level=info, destination=console, status=started)"* ]]
	[ "$(ctl log handlers stop file -o classic)" = 'log handler file stopped' ]
	wait_until 5 grep -q 'log_handler_stopping.*handler=file' "$LOG"
	run ctl log handlers stop file
	[ "$status" -eq 8 ]
	kill -s USR2 "$EMQXD_PID"
	wait_until 5 grep -q 'state_worker' "$EMQXD_DIR/err"
	lacks state_worker "$LOG"
	[ "$(ctl log handlers start file -o classic)" = 'log handler file started' ]
	[ "$(ctl log handlers set-level file debug -o classic)" = debug ]
	run ctl log handlers set-level nothing debug
	[ "$status" -eq 3 ]
}

@test "log room-level: one part of the daemon speaks" {
	start_emqxd
	ctl log room-level app info
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q conf_reloaded "$EMQXD_DIR/err"
	run ctl log room-level kitchen info
	[ "$status" -eq 3 ]
}

@test "who is refused, and whom the server ends, stands in the log with the reason" {
	need mosquitto_pub mosquitto-clients
	start_logged 'mqtt.max_clientid_len = 23' 'retainer.max_payload_size = 4' 'delayed.max_delayed_messages = 1'
	printf 'GET / HTTP/1.1\r\n\r\n' | timeout 5 bash -c "exec 4<>/dev/tcp/127.0.0.1/$PORT; cat >&4; cat <&4" || true
	wait_until 5 grep -q 'connection_ended peer=127.0.0.1:.* reason=frame_error' "$LOG"
	run mosquitto_pub -h 127.0.0.1 -p "$PORT" -i much-too-long-for-this-server -u ann -t t -m x
	wait_until 5 grep -q 'connect_refused clientid=much-too-long-for-this-server username=ann peer=127.0.0.1:' "$LOG"
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i gone -t t 3>&- &
	wait_until 5 ctl subscriptions show gone
	ctl clients kick gone
	wait_until 5 grep -q 'client_ended clientid=gone .* reason=kicked' "$LOG"
	# A client of 3.1.1 is told nothing of these.
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i p -V 311 -q 1 -r -t r -m 'too long'
	wait_until 5 grep -q 'message_not_retained clientid=p topic=r cause="*too large' "$LOG"
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i p -V 311 -q 1 -t '$delayed/60/a' -m 1
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i p -V 311 -q 1 -t '$delayed/60/b' -m 2
	wait_until 5 grep -q 'message_refused clientid=p topic=$delayed/60/b cause="*quota_exceeded' "$LOG"
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "messages.delayed.refused"]')" = '[1]' ]
}
