#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# make run: a node with its state in one folder, and the shell on it.
# bats file_tags=plain
bats_require_minimum_version 1.5.0
load lib

setup() {
	export EMQXD_RUN=$BATS_TEST_TMPDIR/run
	export EMQX_SOCKET=$EMQXD_RUN/ctl.sock
	log=$BATS_TEST_TMPDIR/log
	node_pid=''
	unset http_proxy https_proxy
}

teardown() {
	[ -z "$node_pid" ] || kill -s TERM "$node_pid" 2>/dev/null || true
	[ -z "${listener_pid:-}" ] || kill "$listener_pid" 2>/dev/null || true
	[ ! -S "$BATS_TEST_TMPDIR/tmux" ] || tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server || true
}

any_port=EMQX_LISTENERS__TCP__DEFAULT__BIND=127.0.0.1:0

# node [VARIABLE=VALUE...]: in the background, in this environment; without any
# with a port of the kernel's.
node() {
	[ $# -gt 0 ] || set -- $any_port
	env "$@" sh "$ROOT/packaging/node" \
	    </dev/null >"$log" 2>&1 3>&- &
	node_pid=$!
	wait_until 20 node_is_up
	cat "$log"
	grep -qx 'emqxd ready' "$log"
}
node_is_up() { grep -qx 'emqxd ready' "$log" || ! kill -0 "$node_pid"; }

ended() {
	local status=0
	kill -s TERM "$node_pid"
	wait "$node_pid" || status=$?
	node_pid=''
	return $status
}

@test "run: without a terminal it says where it listens, and SIGTERM ends it with 0" {
	node
	grep -qE '^emqxd listens on 127\.0\.0\.1:[1-9][0-9]*$' "$log"
	grep -qx "export EMQX_SOCKET=$EMQX_SOCKET" "$log"
	ctl status
	[ -d "$EMQXD_RUN/data" ] && [ -d "$EMQXD_RUN/log" ] && [ -s "$EMQXD_RUN/emqx.conf" ]
	ended
	[ ! -S "$EMQX_SOCKET" ]
}

@test "run: EMQX_ variables reach the daemon" {
	node $any_port EMQX_MQTT__IDLE_TIMEOUT=7s
	ctl conf show mqtt.idle_timeout | grep -q 7s
	ended
}

@test "run: a port in use takes the next free one and says so" {
	local port
	# Not of the kernel's choosing: the ports beside it would be those of clients.
	/usr/bin/python3 -c 'import random, socket, time
s = socket.socket()
while True:
    try: s.bind(("127.0.0.1", random.randrange(20000, 30000))); break
    except OSError: pass
s.listen(); print(s.getsockname()[1], flush=True); time.sleep(60)' >"$BATS_TEST_TMPDIR/port" 3>&- &
	listener_pid=$!
	wait_until 5 test -s "$BATS_TEST_TMPDIR/port"
	port=$(cat "$BATS_TEST_TMPDIR/port")
	mkdir -p "$EMQXD_RUN/data" "$EMQXD_RUN/log"
	sed "s,@RUN@,$EMQXD_RUN,; s,127.0.0.1:1883,127.0.0.1:$port," "$ROOT/packaging/run.conf" >"$EMQXD_RUN/emqx.conf"
	node HOME="$HOME"
	grep -qE "^Port $port is in use; this node listens on [0-9]+\.$" "$log"
	run grep -x "emqxd listens on 127.0.0.1:$port" "$log"
	[ "$status" -ne 0 ]
	ended
}

@test "run: a second node on the same folder is refused, the first goes on" {
	node
	run timeout 30 sh "$ROOT/packaging/node" </dev/null
	[ "$status" -eq 1 ]
	[[ $output == *"A node runs in $EMQXD_RUN already"* ]]
	ctl status
	ended
}

@test "run: an operator's emqx.conf in the folder is kept" {
	node
	ended
	echo 'mqtt.idle_timeout = 9s' >>"$EMQXD_RUN/emqx.conf"
	node
	ctl conf show mqtt.idle_timeout | grep -q 9s
	ended
}

@test "run: on a terminal the shell opens, and leaving it stops the node" {
	need tmux
	local tmux="tmux -S $BATS_TEST_TMPDIR/tmux"
	$tmux -f /dev/null new-session -d -x 100 -y 30 \
	    "$any_port sh $ROOT/packaging/node; echo ended with \$?; sleep 60" 3>&-
	wait_until 20 sh -c "$tmux capture-pane -p | grep -q 'emqx@\|emqxd@\|> *$'"
	ctl status
	$tmux send-keys quit Enter
	wait_until 20 sh -c "$tmux capture-pane -p | grep -q 'ended with'"
	$tmux capture-pane -p
	$tmux capture-pane -p | grep -q 'ended with 0'
	run ctl status
	[ "$status" -eq 3 ]
}

@test "run: a false libssl is one sentence of preflight, and nothing is started" {
	mkdir "$BATS_TEST_TMPDIR/lib"
	echo 'int nothing;' >"$BATS_TEST_TMPDIR/lib/ssl.c"
	"${CC:-gcc}" -shared -fPIC -Wl,-soname,libssl.so.3 -o "$BATS_TEST_TMPDIR/lib/libssl.so.3" "$BATS_TEST_TMPDIR/lib/ssl.c"
	run timeout 30 env LD_LIBRARY_PATH="$BATS_TEST_TMPDIR/lib" $any_port sh "$ROOT/packaging/node" </dev/null
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *libssl* ]]
	[[ $output != *'relocation error'* && $output != *'symbol lookup error'* ]]
	[ ! -e "$EMQXD_RUN" ]
}

# Three free ports in a row, and three more.
ports() {
	python3 -c '
import random, socket
def free(p):
    with socket.socket() as s:
        try: s.bind(("127.0.0.1", p))
        except OSError: return False
        return True
while True:
    p = random.randrange(12000, 30000)
    if all(free(p + i) for i in range(6)): break
print(p)'
}
cluster() {
	env "$@" sh "$ROOT/packaging/cluster" </dev/null >"$log" 2>&1 3>&- &
	node_pid=$!
	wait_until 40 cluster_is_up
	cat "$log"
	grep -qx 'cluster ready' "$log"
	[ "$(grep -cE '^emqx[123]@.* running +(leader|voter) ' "$log")" = 3 ]
}
cluster_is_up() { grep -qx 'cluster ready' "$log" || ! kill -0 "$node_pid"; }

@test "cluster: three nodes; later the ports are what the folder says, and others are refused" {
	port=$(ports)
	cluster PORT="$port" CLUSTER_PORT=$((port + 3))
	grep -q "^node 3: 127.0.0.1:$((port + 2)) " "$log"
	ended
	run -1 timeout 30 env PORT=1883 sh "$ROOT/packaging/cluster" </dev/null
	[[ $output == *"says port $port, and PORT=1883 is for the first time"* ]]
	run -1 timeout 30 env CLUSTER_PORT=4371 sh "$ROOT/packaging/cluster" </dev/null
	[[ $output == *"CLUSTER_PORT=4371 is for the first time"* ]]
	cluster
	grep -q "^node 3: 127.0.0.1:$((port + 2)) " "$log"
	ended
}

# made TARGET [VARIABLE=VALUE...]: by make, in the background; what it needs is built.
made() {
	local target=$1
	shift
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "$@" make -s -o all -C "$ROOT" BUILD="$BUILD" "$target" \
	    </dev/null >"$log" 2>&1 3>&- &
	node_pid=$!
}

@test "make run, make cluster: SIGTERM to make ends the nodes" {
	made run $any_port
	wait_until 20 node_is_up
	ctl status
	ended || [ $? -eq 143 ]
	[ ! -S "$EMQX_SOCKET" ]
	port=$(ports)
	made cluster EMQXD_RUN="$EMQXD_RUN/c" PORT="$port" CLUSTER_PORT=$((port + 3))
	wait_until 40 cluster_is_up
	"$EMQX_CTL" --socket "$EMQXD_RUN/c/3/ctl.sock" status
	ended || [ $? -eq 143 ]
	for n in 1 2 3; do [ ! -S "$EMQXD_RUN/c/$n/ctl.sock" ]; done
}

@test "cluster: what is no port is one sentence, and nothing is started" {
	local wrong
	for wrong in PORT=abc CLUSTER_PORT=-1; do
		run -1 timeout 30 env "$wrong" sh "$ROOT/packaging/cluster" </dev/null
		[ "${#lines[@]}" = 1 ]
		[[ $output == *"are numbers, not '${wrong#*=}'"* ]]
		[ ! -e "$EMQXD_RUN" ]
	done
}

@test "cluster: where a port is taken it says which variable names another, and that works" {
	port=$(ports)
	python3 -c 'import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("listens", flush=True)
time.sleep(60)' $((port + 3)) >"$BATS_TEST_TMPDIR/taken" 3>&- &
	listener_pid=$!
	wait_until 5 grep -q listens "$BATS_TEST_TMPDIR/taken"
	EMQXD_RUN="$BATS_TEST_TMPDIR/my run"
	echo mine >"$BATS_TEST_TMPDIR/my"
	run -1 timeout 30 env PORT="$port" CLUSTER_PORT=$((port + 3)) sh "$ROOT/packaging/cluster" </dev/null
	[[ $output == *'CLUSTER_PORT=N for nodes'* ]]
	[ -d "$EMQXD_RUN/1" ] && [ ! -e "$EMQXD_RUN/1/emqx.conf" ]
	[ -s "$BATS_TEST_TMPDIR/my" ]
}
