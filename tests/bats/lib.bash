# SPDX-License-Identifier: Apache-2.0
# lib: what every bats file loads (`load lib`).  A test starts its own daemon on
# a port that the kernel gives, in a folder that bats removes:
#
#	setup()    { start_emqxd 'mqtt.idle_timeout = 1s'; }
#	teardown() { stop_emqxd; }
#	@test "a publish reaches its subscriber" { ... -p "$PORT" ...; run ctl clients list; }
#
# After start_emqxd: PORT (tcp:default), EMQX_SOCKET, EMQXD_PID, EMQXD_DIR (holds
# emqx.conf, data/, out, err) are set and exported.  Called from setup_file it
# serves all tests of the file, and teardown_file calls stop_emqxd.
# stop_emqxd fails when the daemon ended otherwise than with status 0, so a
# crash or a sanitizer's report fails the test that caused it.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
EMQXD=$BUILD/emqxd
EMQX_CTL=$BUILD/emqx_ctl
# Sanitizers and valgrind are slower; what waits may wait this many times longer.
SLOW=${SLOW:-1}
export PATH="$BUILD:$PATH"

# need COMMAND [PACKAGE]: skips, naming the Debian package that is missing.
need() {
	command -v "$1" >/dev/null 2>&1 || skip "needs package ${2:-$1}"
}

# wait_until SECONDS COMMAND...: true as soon as the command is.
wait_until() {
	local end=$((SECONDS + $1 * SLOW + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}

# A port on which nobody listens now; for daemons that must know it beforehand.
free_port() {
	/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

ctl() { "$EMQX_CTL" --socket "$EMQX_SOCKET" "$@"; }

# port_of LISTENER: the port that it got.
port_of() {
	ctl listeners "$1" --json | sed -n 's/.*"listen_on": *"[^"]*:\([0-9]*\)".*/\1/p' | head -n 1
}

# json EXPRESSION: reads JSON on stdin as d and prints the Python expression.
json() {
	/usr/bin/python3 -c 'import json, sys
d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

# emqxd_conf FILE [LINE...]: writes a configuration; later lines win.
emqxd_conf() {
	local file=$1
	shift
	{
		printf 'node.name = "emqxd@127.0.0.1"\n'
		printf 'node.data_dir = "%s/data"\n' "$EMQXD_DIR"
		printf 'ctl.socket = "%s"\n' "$EMQX_SOCKET"
		printf 'listeners.tcp.default.bind = "127.0.0.1:0"\n'
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$file"
}

# start_emqxd [LINE...]: the lines are appended to the configuration.
start_emqxd() {
	export EMQXD_DIR=${EMQXD_DIR:-${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}}
	export EMQX_SOCKET=$EMQXD_DIR/ctl.sock
	export EMQXD_PID='' PORT=''
	mkdir -p "$EMQXD_DIR/data"
	emqxd_conf "$EMQXD_DIR/emqx.conf" "$@"
	spawn_emqxd || return 1
	PORT=$(port_of tcp:default)
	[ -n "$PORT" ] || { emqxd_says 'listeners told no port'; return 1; }
}

# Starts the daemon on the configuration that is there, and waits until it serves.
# Its exit status will stand in $EMQXD_DIR/rc, whoever waits for it.
spawn_emqxd() {
	rm -f "$EMQXD_DIR/rc" "$EMQXD_DIR/pid"
	(
		# shellcheck disable=SC2016,SC2086
		sh -c 'echo $$ >"$0/pid"; exec "$@"' "$EMQXD_DIR" \
		    ${EMQXD_WRAP:-} "$EMQXD" foreground -c "$EMQXD_DIR/emqx.conf"
		echo $? >"$EMQXD_DIR/rc"
	) >"$EMQXD_DIR/out" 2>"$EMQXD_DIR/err" </dev/null 3>&- &
	wait_until 10 test -s "$EMQXD_DIR/pid" || return 1
	EMQXD_PID=$(cat "$EMQXD_DIR/pid")
	wait_until 15 emqxd_is_up
	grep -qx 'emqxd ready' "$EMQXD_DIR/out" || { emqxd_says 'did not get ready'; return 1; }
}

# Serves, or has ended: both end the wait.
emqxd_is_up() {
	[ -e "$EMQXD_DIR/rc" ] || grep -qx 'emqxd ready' "$EMQXD_DIR/out"
}

emqxd_says() {
	printf 'emqxd: %s; its output:\n' "$1"
	tail -n 40 "$EMQXD_DIR/out" "$EMQXD_DIR/err"
} >&2

# stop_emqxd [SIGNAL]: TERM unless another is named; status 0 only when the
# daemon ended with 0 (with KILL: however it ended).
stop_emqxd() {
	local sig=${1:-TERM} rc
	[ -n "${EMQXD_PID:-}" ] || return 0
	kill -s "$sig" "$EMQXD_PID" 2>/dev/null || true
	if ! wait_until 15 test -s "$EMQXD_DIR/rc"; then
		emqxd_says "still there after SIG$sig"
		kill -s KILL "$EMQXD_PID" 2>/dev/null || true
		EMQXD_PID=''
		return 1
	fi
	EMQXD_PID=''
	rc=$(cat "$EMQXD_DIR/rc")
	[ "$sig" = KILL ] || [ "$rc" = 0 ] || { emqxd_says "ended with status $rc"; return 1; }
}
