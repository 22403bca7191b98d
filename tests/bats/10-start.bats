#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How emqxd comes up and goes down, and what it says when it cannot.
load lib

setup() {
	EMQXD_DIR=$BATS_TEST_TMPDIR
	EMQX_SOCKET=$EMQXD_DIR/ctl.sock
	export EMQXD_DIR EMQX_SOCKET
}

teardown() {
	stop_emqxd
	# One that `start` left.
	[ ! -s "$EMQXD_DIR/data/emqxd.pid" ] ||
	    "$EMQXD" stop -c "$EMQXD_DIR/emqx.conf" >/dev/null 2>&1 || true
}

# try [LINE...]: a start that is expected to fail, with the lines as configuration.
try() {
	emqxd_conf "$EMQXD_DIR/try.conf" "$@"
	run timeout $((20 * SLOW)) "$EMQXD" foreground -c "$EMQXD_DIR/try.conf"
}

# What a life leaves: no socket, no lock.
nothing_is_left() {
	[ ! -e "$EMQX_SOCKET" ] && [ ! -e "$EMQX_SOCKET.lock" ] && [ ! -e "$EMQXD_DIR/data/emqxd.pid" ]
}

# Its only sentence, and a hint at most.
says_only() {
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "emqxd: $1" ]] || { echo "said: $output" >&2; return 1; }
	[ "${#lines[@]}" -eq 1 ] || [[ ${lines[1]} == '  hint: '* && ${#lines[@]} -eq 2 ]]
}

@test "foreground: says ready once, ends with 0 on TERM and leaves nothing" {
	start_emqxd
	[ "$(cat "$EMQXD_DIR/out")" = 'emqxd ready' ]
	[ "$(cat "$EMQXD_DIR/data/emqxd.pid")" = "$EMQXD_PID" ]
	stop_emqxd
	nothing_is_left
	[ "$(cat "$EMQXD_DIR/data/FORMAT")" = 1 ]
}

@test "foreground: INT ends it too" {
	start_emqxd
	stop_emqxd INT
	nothing_is_left
}

@test "foreground: TERM ends it within ten seconds while clients are connected" {
	need mosquitto_sub mosquitto-clients
	start_emqxd
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -i c1 -t 't/#' >"$EMQXD_DIR/sub" 2>&1 3>&- &
	wait_until 5 has_line '"clientid": *"c1"' ctl clients list --json
	local began=$SECONDS
	stop_emqxd
	[ $((SECONDS - began)) -le $((10 * SLOW)) ]
	kill $! 2>/dev/null || true
	nothing_is_left
}

has_line() {
	local pattern=$1
	shift
	"$@" | grep -q "$pattern"
}

@test "foreground: a client of version 5 hears DISCONNECT 0x8B before the end" {
	start_emqxd
	/usr/bin/python3 - "$PORT" >"$EMQXD_DIR/heard" 3>&- <<-'END' &
		import socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		s.settimeout(20)
		s.sendall(bytes.fromhex("100f00044d5154540502003c0000026331"))
		print(s.recv(100)[:1].hex(), flush=True)
		got = b""
		while True:
		    data = s.recv(100)
		    if not data:
		        break
		    got += data
		print(got.hex(), flush=True)
	END
	wait_until 5 grep -q 20 "$EMQXD_DIR/heard"
	stop_emqxd
	wait $!
	[[ $(tail -n 1 "$EMQXD_DIR/heard") == e0*8b* ]]
}

@test "a second daemon that is refused leaves the log of the first alone" {
	start_emqxd 'log.file.enable = true' "log.file.path = \"$BATS_TEST_TMPDIR/emqx.log\"" \
	    'sysmon.vm.long_gc = disabled'
	# Each that reads the configuration has this to say of it.
	wait_until 5 grep -q conf_warning "$BATS_TEST_TMPDIR/emqx.log"
	run "$EMQXD" foreground -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 1 ]
	[ "$(grep -c conf_warning "$BATS_TEST_TMPDIR/emqx.log")" -eq 1 ]
	stop_emqxd
}

@test "a second daemon on the same folder is refused with the pid of the first" {
	start_emqxd
	try
	says_only "emqxd runs already with node.data_dir $EMQXD_DIR/data: pid $EMQXD_PID"
	run ctl status
	[ "$status" -eq 0 ]
}

@test "a daemon that was killed is no obstacle" {
	start_emqxd
	stop_emqxd KILL
	[ -e "$EMQXD_DIR/data/emqxd.pid" ]
	start_emqxd
	stop_emqxd
	nothing_is_left
}

@test "the folder of the control socket is made, and goes with the daemon" {
	start_emqxd "ctl.socket = \"$BATS_TEST_TMPDIR/run/ctl.sock\"" || true
	EMQX_SOCKET=$BATS_TEST_TMPDIR/run/ctl.sock
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/run")" = 755 ]
	ctl status
	stop_emqxd
	[ ! -e "$BATS_TEST_TMPDIR/run" ]
	EMQX_SOCKET=$BATS_TEST_TMPDIR/no/run/ctl.sock
	try
	[ "$status" -eq 1 ]
	[[ $output == *"control socket $EMQX_SOCKET"*"No such file or directory"*"hint: "*mkdir*"ctl.socket = PATH"* ]]
}

@test "a control socket in use by a live daemon is refused" {
	start_emqxd
	try "node.data_dir = \"$EMQXD_DIR/other\""
	[ "$status" -eq 1 ]
	[[ $output == "emqxd: "*"$EMQX_SOCKET"* ]]
	[ ! -e "$EMQXD_DIR/other" ]
	run ctl status
	[ "$status" -eq 0 ]
}

@test "a port in use is refused by name, and nothing is left" {
	local port
	start_emqxd
	port=$PORT
	EMQX_SOCKET=$EMQXD_DIR/other.sock
	try "node.data_dir = \"$EMQXD_DIR/other\"" \
	    "listeners.tcp.default.bind = \"127.0.0.1:$port\""
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "emqxd: "*"tcp:default"*"127.0.0.1:$port"* ]]
	[ ! -e "$EMQX_SOCKET" ]
	[ ! -e "$EMQXD_DIR/other" ]
	EMQX_SOCKET=$EMQXD_DIR/ctl.sock
}

@test "a folder that cannot be written is refused by name" {
	: >"$EMQXD_DIR/file"
	try "node.data_dir = \"$EMQXD_DIR/file/data\""
	says_only "node.data_dir $EMQXD_DIR/file/data: Not a directory"
	nothing_is_left
}

@test "a folder of a newer format is refused and stays as it was" {
	mkdir "$EMQXD_DIR/data"
	echo 2 >"$EMQXD_DIR/data/FORMAT"
	try
	says_only "node.data_dir $EMQXD_DIR/data has format 2, this emqxd knows up to 1"
	[ "$(ls "$EMQXD_DIR/data")" = FORMAT ]
}

@test "a log file that cannot be opened is refused by name" {
	try 'log.file.enable = true' "log.file.path = \"/dev/null/emqx.log\""
	says_only "log handler file: /dev/null/emqx.log: Not a directory"
	nothing_is_left
	[ ! -e "$EMQXD_DIR/data" ]
}

@test "a wrong setting is told with file, line and what is near" {
	try 'mqtt.max_packet_sise = 1MB'
	[ "$status" -eq 1 ]
	[[ $output == *"try.conf:5"*"max_packet_sise"*"max_packet_size"* ]]
	[ ! -e "$EMQXD_DIR/data" ]
}

@test "a configuration that is not there is told by name" {
	run "$EMQXD" foreground -c "$EMQXD_DIR/none.conf"
	[ "$status" -eq 1 ]
	[[ $output == *"none.conf: not found"*"-c FILE"* ]]
}

@test "check_config: says what is ok and what is not, and starts nothing" {
	emqxd_conf "$EMQXD_DIR/good.conf"
	run "$EMQXD" check_config "$EMQXD_DIR/good.conf"
	[ "$status" -eq 0 ]
	[ "$output" = "$EMQXD_DIR/good.conf is ok" ]
	emqxd_conf "$EMQXD_DIR/bad.conf" 'mqtt.max_qos_allowed = 7'
	run "$EMQXD" check_config "$EMQXD_DIR/bad.conf"
	[ "$status" -eq 1 ]
	[[ $output == *"bad.conf:5"* ]]
	[ ! -e "$EMQXD_DIR/data" ]
}

@test "start, ping, restart, stop" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" "log.file.enable = true" \
	    "log.file.path = \"$EMQXD_DIR/emqx.log\""
	run "$EMQXD" ping -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "emqxd: no daemon runs with node.data_dir $EMQXD_DIR/data" ]
	[[ ${lines[1]} == *'-c FILE'* ]]
	run "$EMQXD" start -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 0 ]
	[[ $output == "emqxd "*" is started" ]]
	run "$EMQXD" ping -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 0 ]
	[ "$output" = pong ]
	local first
	first=$(head -n 1 "$EMQXD_DIR/data/emqxd.pid")
	run "$EMQXD" restart -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 0 ]
	[ "$(head -n 1 "$EMQXD_DIR/data/emqxd.pid")" != "$first" ]
	run "$EMQXD" stop -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 0 ]
	[ "$output" = ok ]
	nothing_is_left
	run "$EMQXD" stop -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 1 ]
}

@test "start: what prevents it is said, and the status is 1" {
	start_emqxd
	run "$EMQXD" start -c "$EMQXD_DIR/emqx.conf"
	[ "$status" -eq 1 ]
	[ "$output" = "emqxd: emqxd runs already with node.data_dir $EMQXD_DIR/data: pid $EMQXD_PID" ]
}

@test "version: emqxd's, and OpenSSL's as built and as loaded" {
	run "$EMQXD" version
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == "emqxd "[0-9]* ]]
	[[ ${lines[1]} == "built with OpenSSL "*", loaded OpenSSL "* ]]
}

@test "a wrong word is told the near one and exits 2" {
	run "$EMQXD" forground
	[ "$status" -eq 2 ]
	[ "${lines[0]}" = "emqxd: there is no word 'forground'" ]
	[ "${lines[1]}" = "  hint: did you mean 'foreground'?" ]
	run "$EMQXD"
	[ "$status" -eq 2 ]
	[[ $output == *"usage: emqxd WORD"* ]]
}

@test "a crash tells the signal, the stack and the last lines" {
	! grep -Eqa '__(asan|tsan)_init' "$EMQXD" || skip 'a sanitizer has the signals for itself'
	start_emqxd 'log.console.level = info'
	ulimit -c 0
	kill -s SEGV "$EMQXD_PID"
	wait_until 10 test -s "$EMQXD_DIR/rc"
	[ "$(cat "$EMQXD_DIR/rc")" = 139 ]
	EMQXD_PID=''
	grep -q 'died of SIGSEGV' "$EMQXD_DIR/err"
	grep -q 'stack of thread' "$EMQXD_DIR/err"
	grep -A 9 'last log lines:' "$EMQXD_DIR/err" | grep -q emqxd_ready
}

@test "root becomes node.user and keeps the right to low ports only" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
	mkdir "$EMQXD_DIR/state"
	chown nobody "$EMQXD_DIR/state"
	EMQX_SOCKET=$EMQXD_DIR/state/ctl.sock
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'node.user = nobody' \
	    "node.data_dir = \"$EMQXD_DIR/state/data\""
	spawn_emqxd
	[ "$(awk '$1 == "Uid:" { print $2, $3, $4 }' "/proc/$EMQXD_PID/status")" = \
	    "$(id -u nobody) $(id -u nobody) $(id -u nobody)" ]
	[ "$(awk '$1 == "CapEff:" { print $2 }' "/proc/$EMQXD_PID/status")" = 0000000000000400 ]
	stop_emqxd
	try 'node.user = nobody-at-all'
	says_only "node.user: there is no user 'nobody-at-all'"
}

@test "docs: settings, reasons and metrics are whole pages for mandoc" {
	need mandoc
	local what
	for what in conf reasons metrics; do
		{
			printf '.Dd January 1, 2026\n.Dt X 5\n.Os\n.Sh NAME\n.Nm x\n.Nd x\n.Sh LIST\n'
			"$EMQXD" docs "$what"
		} >"$EMQXD_DIR/$what.5"
		run mandoc -T lint -W warning "$EMQXD_DIR/$what.5"
		[ "$status" -eq 0 ] || { echo "$output" >&2; return 1; }
	done
}

@test "HUP: a changed file comes into force, a faulty one changes nothing" {
	start_emqxd 'log.console.level = info'
	echo 'mqtt.max_qos_allowed = 7' >>"$EMQXD_DIR/emqx.conf"
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q 'reload_refused at=.*emqx.conf:6' "$EMQXD_DIR/err"
	sed -i 's/max_qos_allowed = 7/max_qos_allowed = 1/' "$EMQXD_DIR/emqx.conf"
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q 'conf_changed key=mqtt.max_qos_allowed before=2 after=1' "$EMQXD_DIR/err"
	wait_until 5 grep -q 'conf_reloaded .*changes=1' "$EMQXD_DIR/err"
}

@test "HUP: a setting that needs a restart is named" {
	start_emqxd
	echo 'node.workers = 3' >>"$EMQXD_DIR/emqx.conf"
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q 'conf_changed key=node.workers .*in_force="restart of emqxd"' "$EMQXD_DIR/err"
}

@test "HUP: listeners that are new are opened, those switched off are closed" {
	start_emqxd 'log.console.level = info'
	echo 'listeners.tcp.second.bind = "127.0.0.1:0"' >>"$EMQXD_DIR/emqx.conf"
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q 'listener_started listener=tcp:second' "$EMQXD_DIR/err"
	echo 'listeners.tcp.second.enable = false' >>"$EMQXD_DIR/emqx.conf"
	kill -s HUP "$EMQXD_PID"
	wait_until 5 grep -q 'listener_stopped listener=tcp:second' "$EMQXD_DIR/err"
}

@test "service manager: READY, then WATCHDOG while it turns, then STOPPING" {
	export NOTIFY_SOCKET=$EMQXD_DIR/notify WATCHDOG_USEC=3000000
	/usr/bin/python3 - "$NOTIFY_SOCKET" >"$EMQXD_DIR/notified" 3>&- <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		while True:
		    word = s.recv(1000).decode()
		    print(word, flush=True)
		    if word.startswith("STOPPING"):
		        break
	END
	wait_until 5 test -S "$NOTIFY_SOCKET"
	start_emqxd
	wait_until 5 grep -q 'WATCHDOG=1' "$EMQXD_DIR/notified"
	stop_emqxd
	wait $!
	# A slow start is alive as well, and may say so before.
	[ "$(grep -v WATCHDOG=1 "$EMQXD_DIR/notified" | head -n 1)" = READY=1 ]
	[ "$(tail -n 1 "$EMQXD_DIR/notified")" = STOPPING=1 ]
}
