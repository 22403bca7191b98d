#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Completion in the shells of the system: each asks the tool, which asks the daemon.
# bats file_tags=tool
bats_require_minimum_version 1.5.0
load lib

setup_file() { start_emqxd; }
teardown_file() { stop_emqxd; }

# Shells of install-deps --all: a machine without them loses nothing.
may_miss() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

complete() { emqx_ctl __complete "$@" | cut -f 1 | paste -s -d ' ' -; }

@test "words, options, values and columns" {
	[ "$(complete cl)" = "cluster clients" ]
	[ "$(complete listeners st)" = 'start stop' ]
	[ "$(complete clients list --li)" = '--limit' ]
	[ "$(complete log set-level w)" = warning ]
	[ "$(complete clients list --sort -mqueue_l)" = -mqueue_len ]
	[ "$(complete help tr)" = trace ]
	[ -z "$(complete nonsense x)" ]
}

@test "live names: listeners, keys of the configuration, handlers, rooms of the log" {
	[ "$(complete listeners stop t)" = tcp:default ]
	[[ $(complete conf show mqtt.idle) == *mqtt.idle_timeout* ]]
	[[ $(complete log handlers start '') == *console* ]]
	[[ $(complete log room-level n) == *net* ]]
}

@test "live names: client ids, and what is subscribed to" {
	need mosquitto_sub mosquitto-clients
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i sensor-1 -t 'room/#' 3>&- &
	sub=$!
	ctl wait clients 1 --timeout 10s
	wait_until 5 test -n "$(complete topics show r)"
	[ "$(complete clients show se)" = sensor-1 ]
	[ "$(complete topics show r)" = 'room/#' ]
	[ "$(complete subscriptions del sensor-1 '')" = 'room/#' ]
	[ "$(complete --socket "$EMQX_SOCKET" clients kick se)" = sensor-1 ]
	kill "$sub"
}

@test "files where a file is wanted" {
	cd "$BATS_TEST_TMPDIR"
	mkdir folder && touch file.log
	[ "$(complete trace start client c f)" = 'file.log folder/' ]
}

@test "without a daemon completion is silent and fast" {
	run -0 --separate-stderr emqx_ctl __complete --socket /nowhere clients show x
	[ -z "$output$stderr" ]
}

@test "the scripts of the three shells are those that are committed" {
	for pair in bash:emqx_ctl.bash zsh:_emqx_ctl fish:emqx_ctl.fish; do
		emqx_ctl completion "${pair%%:*}" | cmp - "$ROOT/completions/${pair#*:}"
	done
}

@test "bash completes words and names with a colon" {
	cat >"$BATS_TEST_TMPDIR/try" <<-'END'
		. "$1"
		COMP_WORDS=(emqx_ctl cli) COMP_CWORD=1
		_emqx_ctl; echo "${COMPREPLY[*]}"
		COMP_WORDS=(emqx_ctl listeners stop tcp) COMP_CWORD=3
		_emqx_ctl; echo "${COMPREPLY[*]}"
	END
	run -0 bash "$BATS_TEST_TMPDIR/try" "$ROOT/completions/emqx_ctl.bash"
	[ "${lines[0]}" = clients ]
	[ "${lines[1]}" = tcp:default ]
}

@test "bash with bash-completion installed completes behind the colon" {
	[ -r /usr/share/bash-completion/bash_completion ] || skip 'bash-completion is not installed'
	cat >"$BATS_TEST_TMPDIR/try" <<-'END'
		. /usr/share/bash-completion/bash_completion
		. "$1"
		COMP_LINE='emqx_ctl listeners stop tcp:d' COMP_POINT=29
		COMP_WORDS=(emqx_ctl listeners stop tcp : d) COMP_CWORD=5
		_emqx_ctl; echo "${COMPREPLY[*]}"
	END
	run -0 bash "$BATS_TEST_TMPDIR/try" "$ROOT/completions/emqx_ctl.bash"
	[ "${lines[0]}" = default ]
}

@test "zsh is told the words and what they mean" {
	may_miss zsh
	cat >"$BATS_TEST_TMPDIR/try" <<-'END'
		_describe() { print -l -- "${(@P)3}" }
		words=(emqx_ctl listeners s) CURRENT=3
		source $1
	END
	run -0 zsh -f "$BATS_TEST_TMPDIR/try" "$ROOT/completions/_emqx_ctl"
	[ "${lines[0]}" = 'start:Start a listener that is stopped' ]
	[ "${lines[1]}" = 'stop:Stop a listener and close its connections' ]
}

@test "fish completes words and live names" {
	may_miss fish
	export HOME=$BATS_TEST_TMPDIR
	run -0 fish --no-config -c "source $ROOT/completions/emqx_ctl.fish; complete -C 'emqx_ctl listeners sto'"
	[ "${lines[0]}" = $'stop\tStop a listener and close its connections' ]
	run -0 fish --no-config -c "source $ROOT/completions/emqx_ctl.fish; complete -C 'emqx_ctl listeners stop '"
	[[ ${lines[0]} == tcp:default* ]]
}
