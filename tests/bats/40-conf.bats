#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# conf: what is in force, where it came from, and reading the file again.
bats_require_minimum_version 1.5.0
load lib

setup() { start_emqxd 'mqtt.max_packet_size = 2MB' 'mqtt.idle_timeout = 7s' "$@"; }
teardown() { stop_emqxd; }

# shown PATH FIELD
shown() { ctl conf show "$1" --json | json "d[0]['$2']"; }

@test "conf show: value and the place that it came from" {
	[ "$(shown mqtt.max_packet_size value)" = 2MB ]
	[[ $(shown mqtt.max_packet_size origin) == *emqx.conf:5* ]]
	[ "$(shown mqtt.max_qos_allowed origin)" = default ]
	run -0 ctl conf show mqtt.idle_timeout
	[ "$output" = 'mqtt.idle_timeout = 7s' ]
}

@test "conf show: a branch, and everything" {
	run -0 ctl conf show ctl
	[[ $output == *"ctl.socket = $EMQX_SOCKET"* ]]
	[[ $output != *mqtt.* ]]
	[ "$(ctl conf show | wc -l)" -gt 50 ]
	[ "$(ctl conf show --filter "origin != default" -o name | grep -cx mqtt.idle_timeout)" = 1 ]
}

@test "conf show: an unknown key exits 3 with the nearest" {
	run -3 --separate-stderr ctl conf show mqtt.idle_timeot
	[[ $stderr == *"no key 'mqtt.idle_timeot'"*"did you mean 'mqtt.idle_timeout'?"* ]]
}

@test "conf get of a section says so, as conf set does" {
	run -2 --separate-stderr ctl conf get mqtt
	[[ $stderr == *"'mqtt' is no key but a section"*'conf show mqtt -o name'* ]]
	run -3 --separate-stderr ctl conf unset mqtt.idle_timeout
	[[ $stderr == *"'mqtt.idle_timeout' is not set in the cluster"*'conf show --filter'* ]]
	[[ $stderr != *'did you mean'* ]]
}

@test "conf reload: nothing changed" {
	run -0 --separate-stderr ctl conf reload
	[ "$output" = 'nothing changed' ]
}

@test "conf reload: what changed, and what it takes to be in force" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'mqtt.idle_timeout = 3s' 'node.workers = 1'
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json '[(r["before"], r["after"]) for r in d if r["path"] == "mqtt.idle_timeout"]')" = "[('7s', '3s')]" ]
	[ "$(printf %s "$output" | json '[r["result"] for r in d if r["path"] == "node.workers"]')" = "['needs a restart of emqxd']" ]
	[ "$(shown mqtt.idle_timeout value)" = 3s ]
}

@test "conf reload: a listener that cannot be opened is told in its row" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" "listeners.tcp.b.bind = \"127.0.0.1:$PORT\""
	# the default's port was the kernel's: the file does not show the clash
	run -7 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json '[r["path"] for r in d if "tcp.b" in r["path"]]')" = "['listeners.tcp.b']" ]
	[[ $(printf %s "$output" | json '[r["result"] for r in d if r["path"] == "listeners.tcp.b"]') == *"failed: listener tcp:b: cannot listen on 127.0.0.1:$PORT"* ]]
	[[ $stderr == *"cannot listen on 127.0.0.1:$PORT"* ]]
	[ "$(ctl listeners tcp:b --json | json 'd[0]["running"]')" = False ]
	grep -q 'conf_failed' "$EMQXD_DIR/err"
}

@test "conf reload: a listener that could not be opened is tried again, with what the file says then" {
	local bad="listeners.tcp.b.bind = \"127.0.0.1:$PORT\"" rows='[(r["path"], r["result"].split(":")[0]) for r in d if "tcp.b" in r["path"]]'
	emqxd_conf "$EMQXD_DIR/emqx.conf" "$bad"
	run -7 ctl conf reload
	run -7 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json "$rows")" = "[('listeners.tcp.b', 'failed')]" ]
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'listeners.tcp.b.bind = "127.0.0.1:0"'
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json "$rows")" = "[('listeners.tcp.b.bind', 'ok')]" ]
	[ "$(ctl listeners tcp:b --json | json 'd[0]["running"]')" = True ]
	run -0 --separate-stderr ctl conf reload
	[ "$output" = 'nothing changed' ]
	# A stop by hand is no failure; and what is closed has nothing that waits.
	ctl listeners stop tcp:b --yes
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'listeners.tcp.b.bind = "127.0.0.2:0"'
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json "$rows")" = "[('listeners.tcp.b.bind', 'ok')]" ]
	[ "$(ctl listeners tcp:b --json | json 'd[0]["running"]')" = False ]
	[ "$(shown listeners.tcp.b.bind value)" = 127.0.0.2:0 ]
	# One that runs names the command.
	ctl listeners start tcp:b
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'listeners.tcp.b.bind = "127.0.0.1:0"'
	run -0 --separate-stderr ctl conf reload
	[[ $output == *'listeners.tcp.b.bind on '*' needs emqx_ctl listeners restart tcp:b'* ]]
	emqxd_conf "$EMQXD_DIR/emqx.conf"
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json "$rows")" = "[('listeners.tcp.b', 'ok')]" ]
}

@test "conf show: a value that waits for a restart is not the one in force" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'node.workers = 1'
	ctl conf reload
	[ "$(shown node.workers value)" = 'auto (1 after a restart)' ]
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json '[(r["before"], r["after"], r["result"]) for r in d]')" = "[('auto', '1', 'needs a restart of emqxd')]" ]
	emqxd_conf "$EMQXD_DIR/emqx.conf"
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json '[(r["before"], r["after"], r["result"]) for r in d]')" = "[('auto', 'auto', 'ok')]" ]
	[ "$(shown node.workers value)" = auto ]
	run -0 --separate-stderr ctl conf reload
	[ "$output" = 'nothing changed' ]
}

@test "conf show: what waits for its listener is in force once that is restarted" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'listeners.tcp.default.tcp_options.backlog = 99'
	ctl conf reload
	[ "$(shown listeners.tcp.default.tcp_options.backlog value)" = '1024 (99 after emqx_ctl listeners restart tcp:default)' ]
	ctl listeners restart tcp:default --yes
	[ "$(shown listeners.tcp.default.tcp_options.backlog value)" = 99 ]
	run -0 --separate-stderr ctl conf reload
	[ "$output" = 'nothing changed' ]
}

@test "conf reload: a file with an error changes nothing and is told" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'mqtt.idle_timeout = soon'
	run -1 --separate-stderr ctl conf reload
	[[ $stderr == *emqx.conf:5*idle_timeout* ]]
	[ "$(shown mqtt.idle_timeout value)" = 7s ]
	run -0 ctl status
}

@test "conf reload: is written to the log" {
	ctl conf reload
	wait_until 5 grep -q 'audit .*command="conf reload" result=ok' "$EMQXD_DIR/err"
}

@test "SIGHUP reads the file again" {
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'mqtt.idle_timeout = 4s'
	kill -HUP "$EMQXD_PID"
	wait_until 5 is_4s
}
is_4s() { [ "$(shown mqtt.idle_timeout value)" = 4s ]; }

@test "conf show --ignored: keys of EMQX that mean nothing here" {
	stop_emqxd
	start_emqxd 'sysmon.vm.long_gc = disabled'
	run -0 ctl conf show --ignored
	[[ $output == *sysmon.vm.long_gc* ]]
}

@test "conf show: an old name is shown as the key that it is today" {
	run -0 ctl conf show zone.external.max_mqueue_len
	[ "$output" = 'mqtt.max_mqueue_len = 1000' ]
	stop_emqxd
	start_emqxd 'zone.external.max_mqueue_len = 7' 'acl_nomatch = allow'
	run -0 ctl conf show zone.external.max_mqueue_len
	[ "$output" = 'zones.external.mqtt.max_mqueue_len = 7' ]
	run -0 ctl conf show --ignored
	[ "$output" = 'acl_nomatch = allow' ]
	[ "$(ctl conf show --ignored --json | json 'd[0]["note"]')" = 'says what is so anyway' ]
}

@test "conf check: a good file and a bad one, without a daemon" {
	run -0 "$EMQX_CTL" conf check "$EMQXD_DIR/emqx.conf"
	emqxd_conf "$EMQXD_DIR/bad.conf" 'mqtt.max_qos_allowed = 7'
	run -1 "$EMQX_CTL" conf check "$EMQXD_DIR/bad.conf"
	[[ $output == *bad.conf:5*max_qos_allowed* ]]
}

@test "conf check: of a pipe that nobody writes to, or a device without an end" {
	mkfifo "$EMQXD_DIR/pipe"
	run -1 timeout 20 "$EMQX_CTL" conf check "$EMQXD_DIR/pipe"
	[[ $output == *'cannot read '*pipe*'timed out'*'nobody writes to'* ]]
	run -1 timeout 20 "$EMQX_CTL" conf check /dev/zero
	[[ $output == *'too large'* ]]
	run -0 timeout 20 "$EMQXD" check_config /dev/stdin < <(cat "$EMQXD_DIR/emqx.conf")
	emqxd_conf "$EMQXD_DIR/x.conf" "authentication = [{ mechanism = scram, bootstrap_file = \"$EMQXD_DIR/pipe\" }]"
	run -1 timeout 20 "$EMQX_CTL" conf check "$EMQXD_DIR/x.conf"
	[[ $output == *pipe*'no file'* ]]
}

@test "check_config: every key that means nothing here, with its place" {
	emqxd_conf "$EMQXD_DIR/x.conf" 'alarm.actions = [log]' 'sysmon.os.cpu_check_interval = 5s' \
	    'force_gc.count = 1' 'force_gc.bytes = 1KB' 'stats.enable = true' 'node.max_ports = 9'
	run -0 "$EMQXD" check_config "$EMQXD_DIR/x.conf"
	[[ $output == *'warning: 6 keys of EMQX mean nothing here'* ]]
	[[ $output == *"x.conf:5:17: alarm.actions"* && $output == *'x.conf:10:18: node.max_ports'* ]]
}

@test "ctl.dangerous and ctl.require_yes: dangerous commands want --yes" {
	stop_emqxd
	start_emqxd 'ctl.require_yes = true'
	run -2 ctl listeners restart tcp:default
	run -0 ctl listeners restart tcp:default --yes
}

@test "conf set: holds at once, says where from, and outlives a restart" {
	run -0 ctl conf set mqtt.max_inflight 64
	[[ $output == *'mqtt.max_inflight = 64 on cluster ok'* ]]
	run -0 --separate-stderr ctl conf get mqtt.max_inflight
	[ "$output" = 64 ]
	[ "$(shown mqtt.max_inflight origin)" = cluster ]
	grep -q '^mqtt.max_inflight = 64$' "$EMQXD_DIR/data/configs/cluster.hocon"
	stop_emqxd
	rm "$EMQXD_DIR/data/configs/cluster.hocon" # the store has it all the same
	start_emqxd
	is_64() { [ "$(shown mqtt.max_inflight value)" = 64 ]; }
	wait_until 5 is_64
}

@test "conf set: a value that is wrong changes nothing and says why" {
	run -1 --separate-stderr ctl conf set mqtt.max_inflight lots
	[[ $stderr == *max_inflight*lots* ]]
	run -0 --separate-stderr ctl conf get mqtt.max_inflight
	[ "$output" = 32 ]
	run -1 ctl conf set node.name other@127.0.0.1
	[[ $output == *"cannot update read-only key 'node'"* ]]
	run -1 ctl conf set cluster.autoclean 1h
	[[ $output == *'then: systemctl restart emqxd'* ]]
	run -3 ctl conf set mqtt.max_inflihgt 1
	[[ $output == *"did you mean 'mqtt.max_inflight'"* ]]
}

@test "conf set --dry-run says what would change and when" {
	run -0 --separate-stderr ctl conf set mqtt.max_inflight 64 --dry-run
	[ "$output" = 'mqtt.max_inflight = 64 instead of 32: would be in force: new connections' ]
	run -0 --separate-stderr ctl conf get mqtt.max_inflight
	[ "$output" = 32 ]
}

@test "conf set: says what changed, each time, and nothing of a key that waits for a restart" {
	sed -i '/max_inflight/d' "$EMQXD_DIR/emqx.conf"
	echo 'retainer.backend.storage_type = ram' >>"$EMQXD_DIR/emqx.conf"
	was=$(ctl conf get mqtt.max_inflight --json | json 'd[0]["value"]')
	for now in 41 42 43 44 45 46 47 48; do
		run -0 --separate-stderr ctl conf set mqtt.max_inflight $now --json
		[ "$(json '[(r["path"], r["before"], r["after"]) for r in d]' <<<"$output")" = \
			"[('mqtt.max_inflight', '$was', '$now')]" ]
		was=$now
	done
}

@test "conf unset: what the file says holds again" {
	run -3 ctl conf unset mqtt.max_inflight
	ctl conf set mqtt.max_inflight 64
	run -0 ctl conf unset mqtt.max_inflight
	run -0 --separate-stderr ctl conf get mqtt.max_inflight
	[ "$output" = 32 ]
	run -0 --separate-stderr ctl conf show --filter "origin = 'cluster'"
	[ -z "$output" ]
}

@test "conf set: a variable goes over it, which is said" {
	stop_emqxd
	export EMQX_MQTT__MAX_INFLIGHT=9
	start_emqxd
	unset EMQX_MQTT__MAX_INFLIGHT
	run -0 ctl conf set mqtt.max_inflight 64
	[[ $output == *'ok, and EMQX_MQTT__MAX_INFLIGHT holds'* ]]
}

@test "conf set: a cluster.hocon that emqxd did not write is read, and not written over" {
	stop_emqxd
	mkdir -p "$EMQXD_DIR/data/configs"
	echo 'mqtt { max_inflight = 3 }' >"$EMQXD_DIR/data/configs/cluster.hocon"
	start_emqxd
	run -0 --separate-stderr ctl conf get mqtt.max_inflight
	[ "$output" = 3 ]
	run -1 ctl conf set mqtt.max_inflight 64
	[[ $output == *'was not written by emqxd'* ]]
	grep -q 'max_inflight = 3' "$EMQXD_DIR/data/configs/cluster.hocon"
}
