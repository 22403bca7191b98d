#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The shell, on a terminal of tmux.
# bats file_tags=tool
bats_require_minimum_version 1.5.0
load lib

setup() {
	need tmux
	start_emqxd
	export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state TERM=xterm
	unset NO_COLOR PAGER
}

teardown() {
	local sub
	for sub in ${subs:-}; do
		kill "$sub" 2>/dev/null || true
	done
	for term in "$BATS_TEST_TMPDIR"/tmux*; do
		[ ! -S "$term" ] || tm kill-server || true
	done
	stop_emqxd
}

tm() { tmux -S "${term:-$BATS_TEST_TMPDIR/tmux}" -f /dev/null "$@"; }
# The terminal goes, and the next one is another.
close_terminal() {
	tm kill-server
	term=$BATS_TEST_TMPDIR/tmux2
}

# Opens the shell; its exit code will stand behind "left".
shell() {
	tm new-session -d -s s -x 100 -y 50 "'$EMQX_CTL' $*; echo left \$?; cat" 3>&-
	wait_until 10 sees '@127.0.0.1> '
}
keys() { tm send-keys -t s "$@"; }
screen() { tm capture-pane -p -J -t s; }
# sees TEXT: it stands on the screen.
sees() { screen | grep -qF -- "$1"; }
# hides TEXT: it stands there not.
hides() { ! sees "$1"; }
# shows TEXT: soon.
shows() { wait_until 5 sees "$1" || { screen; false; }; }

# subscriber ID: a client that stays.
subscriber() {
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i "$1" -t 't/#' 3>&- &
	subs="${subs:-} $!"
}

@test "the prompt names the node, and Ctrl-D leaves with 0" {
	shell
	shows 'emqxd@127.0.0.1> '
	keys C-d
	shows 'left 0'
}

@test "quit and exit leave" {
	shell
	keys quit Enter
	shows 'left 0'
}

@test "cli and Tab is clients, commands may be shortened" {
	shell
	keys cli Tab
	shows '> clients '
	keys C-u 'cli l' Enter
	shows 'No clients.'
}

@test "Tab completes the id of a client that connected after the shell was started" {
	need mosquitto_sub mosquitto-clients
	shell
	subscriber sensor-1
	ctl wait clients 1 --timeout 10s
	keys 'clients show se' Tab
	shows '> clients show sensor-1 '
	keys Enter
	shows 'proto_ver'
}

@test "Tab twice lists several, a name with a blank is quoted" {
	need mosquitto_sub mosquitto-clients
	shell
	subscriber sensor-1
	subscriber sensor-2
	subscriber 'x y'
	ctl wait clients 3 --timeout 10s
	keys 'clients show se' Tab
	shows '> clients show sensor-'
	keys Tab
	shows 'sensor-1  sensor-2'
	keys C-u 'clients show x' Tab
	shows "> clients show 'x y' "
}

@test "? explains, and in a value it is a character" {
	shell
	keys 'listeners ' '?'
	shows 'restart  Stop a listener, close its connections, start it again'
	keys C-u 'clients show a' '?'
	shows '> clients show a?'
}

@test "grep picks lines, > writes a file, a quote goes on in the next line" {
	shell
	keys 'help | grep -i KICK' Enter
	shows 'clients kick <clientid>...'
	hides 'clients list'
	keys "status -o json > '$BATS_TEST_TMPDIR/o ut'" Enter
	wait_until 5 test -s "$BATS_TEST_TMPDIR/o ut"
	[ "$(json 'd["state"]' <"$BATS_TEST_TMPDIR/o ut")" = ready ]
	keys "clients show 'a" Enter
	shows '... '
	keys "b'" Enter
	shows "no client 'a\\x0ab'"
}

@test "grep and > take what is seen, whole and without colour; the tool's name is dropped" {
	shell
	keys 'emqx_ctl log room-level | grep net' Enter
	shows 'net       warning'
	keys "log room-level > '$BATS_TEST_TMPDIR/levels'" Enter
	wait_until 5 test -s "$BATS_TEST_TMPDIR/levels"
	[[ $(head -n 1 "$BATS_TEST_TMPDIR/levels") == 'room '*level ]]
}

@test "Ctrl-C drops a line, and ends what runs" {
	shell
	keys 'clients list --watch=1s' Enter
	shows 'every 1s: clients list'
	keys C-c
	shows '> '
	keys 'nonsense' C-c
	keys 'status' Enter
	shows 'uptime'
	hides 'no command'
}

@test "dangerous commands ask" {
	shell
	keys 'listeners stop tcp:default' Enter
	shows 'would stop listener tcp:default on '
	shows 'Stop a listener and close its connections: id=tcp:default'
	shows 'Go on? [y/N]'
	keys n Enter
	shows 'nothing was done'
	[ "$(ctl listeners tcp:default --json | json 'd[0]["running"]')" = True ]
	# What cannot be done is not asked for.
	keys 'cluster leave' Enter
	shows 'this node is alone: there is nothing to leave'
	hides 'Take this node out of its cluster'
	keys "cluster join a@127.0.0.1:$(free_port)" Enter
	shows 'Connection refused'
	hides 'Make this node a member'
	keys C-l 'listeners restart tcp:default' Enter
	shows 'Go on? [y/N]'
	keys C-d
	sees_line() { screen | grep -q '^emqx_ctl: .*nothing was done'; }
	wait_until 5 sees_line
	keys 'listeners stop tcp:default' Enter
	keys y Enter
	shows 'stopped'
	[ "$(ctl listeners tcp:default --json | json 'd[0]["running"]')" = False ]
}

@test "the prompt says when the daemon is away, and it is found again" {
	shell
	stop_emqxd
	shows 'emqxd went away'
	shows '(away)> '
	keys 'status' Enter
	shows 'cannot reach emqxd'
	spawn_emqxd
	shows 'emqxd is back'
	keys 'status' Enter
	shows 'uptime'
}

@test "the shell opens without a daemon" {
	stop_emqxd
	tm new-session -d -s s -x 100 -y 50 "'$EMQX_CTL'; cat" 3>&-
	shows 'emqx_ctl (away)> '
	spawn_emqxd
	shows 'emqxd is back'
}

@test "lines are there for the next shell" {
	shell
	keys 'broker' Enter
	shows 'sysdescr'
	keys C-d
	shows 'left 0'
	[ "$(stat -c %a "$XDG_STATE_HOME/emqx_ctl/history")" = 600 ]
	close_terminal
	shell
	keys Up
	shows '> broker'
}

@test "tables are coloured on a terminal, not with NO_COLOR" {
	shell --color auto
	keys 'broker stats --sort name --limit 1' Enter
	shows 'there is more: --after'
	tm capture-pane -e -p -t s | grep -q $'\e\\['
	keys C-d
	shows 'left 0'
	close_terminal
	NO_COLOR=1 shell
	keys 'topics list' Enter
	shows 'No topics.'
	run -1 grep -q $'\e\\[' <(tm capture-pane -e -p -t s)
}

@test "a long answer goes through the pager" {
	tm new-session -d -s s -x 100 -y 50 "PAGER='sed s/^/paged:/' '$EMQX_CTL'; cat" 3>&-
	shows '@127.0.0.1> '
	keys 'help version' Enter
	shows 'paged:Usage: version'
	keys 'listeners' Enter
	shows 'paged:tcp:default'
}

@test "the line fits a terminal that became narrower" {
	shell
	tm resize-window -t s -x 40
	keys 'nonsense' C-a 'x'
	shows 'xnonsense'
}

# One call of five: the machine may have other things to do.
is_quick() {
	local start end

	for _ in 1 2 3 4 5; do
		start=$(date +%s%N)
		[ "$(emqx_ctl __complete clients show se | wc -l)" -eq 200 ]
		end=$(date +%s%N)
		echo "$(((end - start) / 1000000)) ms"
		[ $(((end - start) / 1000000)) -ge $((300 * SLOW)) ] || return 0
	done
	return 1
}

# bats test_tags=slow,plain
@test "of ten thousand ids the first 200 come within 300 ms" {
	/usr/bin/python3 - "$PORT" <<-'END'
		import socket, sys
		for i in range(10000):
		    cid = b'sensor-%05d' % i
		    body = b'\0\4MQTT\4\0\0\0' + len(cid).to_bytes(2, 'big') + cid
		    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
		    s.sendall(b'\x10' + bytes([len(body)]) + body)
		    s.recv(4)
		    s.sendall(b'\xe0\0')
		    s.close()
	END
	ctl clients list --limit 1 -o name -q | grep -qx sensor-00000
	is_quick
	shell
	keys 'clients show se' Tab
	shows '… more'
	shows '> clients show se'
	hides '> clients show sensor-'
	keys C-u 'clients show sensor-0999' Tab
	shows '> clients show sensor-0999'
	keys Tab
	shows 'sensor-09999'
}
