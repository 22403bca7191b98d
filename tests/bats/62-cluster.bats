#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Several nodes, seen from one that is alone; tests/cluster has more of them.
bats_require_minimum_version 1.5.0
load lib

setup() { start_emqxd 'cluster.listen = "127.0.0.1:0"'; }
teardown() { stop_emqxd; }

@test "cluster status: alone it is a cluster of one, and has a quorum" {
	[ "$(ctl cluster status --json | json '[(r["node"], r["state"], r["role"], r["quorum"], r["lag"]) for r in d]')" = \
	    "[('emqxd@127.0.0.1', 'running', 'alone', True, 0)]" ]
	run -0 ctl cluster status -o classic
	[ "$output" = "'emqxd@127.0.0.1' running alone" ]
	[ "$(ctl cluster status -o name)" = emqxd@127.0.0.1 ]
}

@test "wait cluster: one alone is a cluster of one, not of two" {
	run -0 --separate-stderr ctl wait cluster 1 --timeout 10s
	[ -z "$output$stderr" ]
	run -6 --separate-stderr ctl wait cluster 2 --timeout 200ms
	[ "$stderr" = 'emqx_ctl: not yet after 200ms: 1 node' ]
}

@test "cluster join: itself, nobody, and what is no node are told apart, and nothing changes" {
	run -2 --separate-stderr ctl cluster join emqxd@127.0.0.1 --yes
	[[ $stderr == *'this node itself'* ]]
	run --separate-stderr ctl cluster join emqx@127.0.0.1:1 --yes
	[ "$status" -ne 0 ]
	[[ $stderr == *'127.0.0.1:1'* ]]
	local bad
	for bad in emqx@ @127.0.0.1 emqx 127.0.0.1:4370 emqx@127.0.0.1:{,0,abc,99999,90906} emqx@:1 'emqx@[::1]1'; do
		run -2 --separate-stderr ctl cluster join "$bad" --dry-run
		[[ $stderr == *NAME@HOST* ]]
	done
	[ "$(ctl cluster status --json | json 'd[0]["role"]')" = alone ]
}

@test "cluster leave and force-leave: alone there is nobody to leave" {
	run -1 --separate-stderr ctl cluster leave --yes
	[[ $stderr == *'nothing to leave'* ]]
	run -3 --separate-stderr ctl cluster force-leave emqx@10.0.0.9 --yes
	[[ $stderr == *"no member 'emqx@10.0.0.9'"* ]]
	run -3 ctl cluster force-leave emqx@10.0.0.9 --recover --yes
}

@test "cluster force-leave --recover: where nobody can be asked it needs --yes" {
	run -2 --separate-stderr ctl cluster force-leave emqx@10.0.0.9 --recover </dev/null
	[ "$stderr" = "emqx_ctl: --recover: not without --yes where nobody can be asked
  hint: what would happen: --dry-run" ]
	run -3 ctl cluster force-leave emqx@10.0.0.9 --recover --dry-run </dev/null
	run -3 ctl cluster force-leave emqx@10.0.0.9 </dev/null
}


@test "cluster discovery: without a strategy it is off, and cannot be enabled" {
	[ "$(ctl cluster discovery --json | json '[(r["node"], r["strategy"], r["state"], r["rounds"]) for r in (d if isinstance(d, list) else [d])]')" = \
	    "[('emqxd@127.0.0.1', 'manual', 'off', 0)]" ]
	run -0 ctl cluster discovery -o classic
	[ "$output" = "manual: off" ]
	run -1 --separate-stderr ctl cluster discovery enable
	[[ $stderr == *'finds no nodes'*static* ]]
	[ "$(ctl cluster status --json | json 'd[0]["discovery"]')" = 'manual: off' ]
}

is_waiting() { [ "$(ctl cluster discovery -o classic | cut -d, -f1)" = "static: waiting" ]; }

@test "cluster discovery: the status says for whom it waits; enable looks again" {
	stop_emqxd
	start_emqxd 'cluster.listen = "127.0.0.1:0"' 'cluster.discovery_strategy = static' \
	    'cluster.static.seeds = "emqx@127.0.0.1:1"'
	wait_until 10 is_waiting
	run -0 ctl cluster status --json
	[[ $output == *'waits for emqx@127.0.0.1:1'* ]]
	run -0 ctl cluster discovery enable -o classic
	[ "$output" = 'Automatic cluster discovery enabled.' ]
	run -0 ctl cluster discovery enable --dry-run
	[[ $output == *'would look for the cluster by static'* ]]
}

@test "cluster discovery: a node that is a singleton neither joins nor lets join" {
	stop_emqxd
	start_emqxd 'cluster.listen = "127.0.0.1:0"' 'cluster.discovery_strategy = singleton'
	run -1 --separate-stderr ctl cluster join emqx@127.0.0.1:1 --yes
	[[ $stderr == *singleton* ]]
}

@test "cluster.listen: with the cookie that everybody knows it is for this machine alone" {
	cat >"$BATS_TEST_TMPDIR/open.conf" <<-EOF
		node.data_dir = "$BATS_TEST_TMPDIR/open"
		ctl.socket = "$BATS_TEST_TMPDIR/open.sock"
		listeners.tcp.default.bind = "127.0.0.1:0"
		cluster.listen = "0.0.0.0:0"
	EOF
	run -1 --separate-stderr "$EMQXD" foreground -c "$BATS_TEST_TMPDIR/open.conf"
	[[ $stderr == *'cluster.listen 0.0.0.0:0: others reach it'*'set node.cookie'* ]]
}
