#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who may ask, who may change, and what is written down about it.
bats_require_minimum_version 1.5.0
load lib

setup() {
	[ "$(id -u)" = 0 ] || skip 'needs root to be somebody else'
	need setpriv util-linux
	# Not under bats' own folder, which is closed to others.
	EMQXD_DIR=$(mktemp -d) && chmod 755 "$EMQXD_DIR"
}
teardown() {
	stop_emqxd
	[ -z "${EMQXD_DIR:-}" ] || rm -r "$EMQXD_DIR"
}

# As a user without rights, in the group nogroup.
as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$EMQX_CTL" --socket "$EMQX_SOCKET" "$@"; }

start() { start_emqxd 'ctl.mode = "0666"' "$@"; }

@test "the socket's mode keeps strangers out: exit 5" {
	start_emqxd
	[ "$(stat -c %a "$EMQX_SOCKET")" = 660 ]
	run -5 --separate-stderr as_nobody broker
	[[ $stderr == *'emqx_ctl: '*'hint: '* ]]
}

@test "who is in no group may not ask: exit 5" {
	start
	run -5 --separate-stderr as_nobody broker
	[[ $stderr == *'user 65534 may not ask here'*ctl.read_group* ]]
}

@test "ctl.read_group may ask, not change" {
	start 'ctl.read_group = nogroup'
	run -0 as_nobody broker
	run -0 as_nobody log primary-level
	run -5 --separate-stderr as_nobody log primary-level debug
	[[ $stderr == *'user 65534 may not change anything here'*ctl.admin_group* ]]
	run -5 as_nobody clients kick c1
	[ "$(ctl log primary-level)" = warning ]
	wait_until 5 grep -q 'audit uid=65534 .*command="clients kick clientid=c1" result=denied' "$EMQXD_DIR/err"
}

@test "ctl.admin_group may change" {
	start 'ctl.admin_group = nogroup'
	run -0 --separate-stderr as_nobody log primary-level debug
	[ "$output" = debug ]
	run -0 --separate-stderr as_nobody listeners restart tcp:default
	wait_until 5 grep -q 'audit uid=65534 .*command="listeners restart id=tcp:default" result=ok' "$EMQXD_DIR/err"
}

@test "ctl.dangerous = root keeps the dangerous ones to root" {
	start 'ctl.admin_group = nogroup' 'ctl.dangerous = root'
	run -0 as_nobody log primary-level debug
	run -5 as_nobody listeners restart tcp:default
	run -5 as_nobody clients kick a b --yes
	run -3 as_nobody clients kick a
}

@test "a trace's file is opened with the caller's rights" {
	start 'ctl.admin_group = nogroup'
	mkdir "$EMQXD_DIR/mine" && chmod 700 "$EMQXD_DIR/mine"
	run as_nobody trace start client c1 "$EMQXD_DIR/mine/f"
	[ "$status" -ne 0 ]
	[ ! -e "$EMQXD_DIR/mine/f" ]
	chmod 777 "$EMQXD_DIR/mine"
	run -0 as_nobody trace start client c1 "$EMQXD_DIR/mine/f"
	[ "$(stat -c %u "$EMQXD_DIR/mine/f")" = 65534 ]
}
