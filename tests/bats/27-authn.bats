#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Who may come: authentication by SCRAM, and the file of its users.
bats_require_minimum_version 1.5.0
load lib

teardown() { stop_emqxd; }

USERS='bootstrap_file = "'$BATS_TEST_TMPDIR'/users"'
start() {
	printf '%s\n' 'user_id,password' 'ann,pencil' >"$BATS_TEST_TMPDIR/users"
	start_emqxd "authentication = [{ mechanism = scram, $USERS }]" "$@"
}

# comes USER PASSWORD [LINE...]: 0 when the broker lets it in, and the lines of play pass.
comes() {
	printf '%s\n' "scenario $1 comes" 'a opens' \
	    "a -> CONNECT auth_method=SCRAM-SHA-256 auth_data=\"n,,n=$1,r=1\"" \
	    'a <- AUTH 0x18 auth_method=SCRAM-SHA-256 auth_data={challenge}' \
	    "a proves SCRAM-SHA-256 \"n=$1,r=1\" $2 {challenge}" \
	    'a -> AUTH 0x18 auth_method=SCRAM-SHA-256 auth_data={answer}' \
	    'a <- CONNACK 0 auth_method=SCRAM-SHA-256 auth_data={signature}' "${@:3}" \
	    >"$BATS_TEST_TMPDIR/comes.play"
	"$BUILD/tests/tools/play" --host 127.0.0.1 --port "$PORT" "$BATS_TEST_TMPDIR/comes.play"
}

metric() { ctl broker metrics --filter "name = '$1'" --json | json 'd[0]["value"]'; }

@test "who names no method is refused, and everything is counted" {
	start
	run timeout 20 mosquitto_pub -p "$PORT" -t t -m x
	[ "$status" -ne 0 ]
	[[ $output == *[Nn]ot\ authori[sz]ed* ]]
	run -0 comes ann pencil
	run -1 comes ann pen
	[ "$(metric authentication.success)" = 1 ]
	[ "$(metric authentication.success.anonymous)" = 0 ]
	[ "$(metric authentication.failure)" = 2 ]
	[ "$(metric client.authenticate)" = 3 ]
	[ "$(metric packets.auth.received)" = 2 ]
	[ "$(metric packets.auth.sent)" = 2 ]
}

@test "what a superuser may and what a rule allows are counted apart" {
	printf '%s\n' 'user_id,password,is_superuser' 'ann,pencil,true' 'bob,brush,false' >"$BATS_TEST_TMPDIR/users"
	start_emqxd "authentication = [{ mechanism = scram, $USERS }]"
	run -0 comes ann pencil 'a -> SUBSCRIBE id=1 t qos=0' 'a <- SUBACK id=1 0'
	run -0 comes bob brush 'a -> SUBSCRIBE id=1 t qos=0, u qos=0' 'a <- SUBACK id=1 0 0'
	[ "$(metric authorization.superuser)" = 1 ]
	[ "$(metric authorization.matched.allow)" = 2 ]
	[ "$(metric authorization.matched.deny)" = 0 ]
	[ "$(metric authorization.allow)" = 3 ]
}

@test "a listener with enable_authn = false asks nobody" {
	start 'listeners.tcp.default.enable_authn = false'
	timeout 20 mosquitto_pub -p "$PORT" -t t -m x
	run -1 comes ann pencil
	[[ $output == *'no authenticator has that authentication method'* ]]
}

@test "enable_authn = quick_deny_anonymous wants a user name" {
	start_emqxd 'listeners.tcp.default.enable_authn = quick_deny_anonymous'
	timeout 20 mosquitto_pub -p "$PORT" -u ann -t t -m x
	run timeout 20 mosquitto_pub -p "$PORT" -t t -m x
	[ "$status" -ne 0 ]
}

@test "a reload reads the users again; a file that is wrong changes nothing" {
	start
	run -1 comes bob brush
	echo bob,brush >>"$BATS_TEST_TMPDIR/users"
	run -0 --separate-stderr ctl conf reload --json
	[ "$(printf %s "$output" | json '[(r["path"], r["before"], r["after"], r["result"]) for r in d]')" = "[('authentication.1', '1 user', '2 users, read again', 'ok')]" ]
	run -0 --separate-stderr ctl conf reload
	[ "$output" = 'nothing changed' ]
	comes bob brush
	echo carl >>"$BATS_TEST_TMPDIR/users"
	run ! --separate-stderr ctl conf reload
	[[ $stderr == *'users:4: the user has no password'* ]]
	comes bob brush
	comes ann pencil
}

@test "a file that is not there stops the start" {
	printf '%s\n' "authentication = [{ mechanism = scram, $USERS }]" >"$BATS_TEST_TMPDIR/conf"
	run ! --separate-stderr "$EMQXD" check_config "$BATS_TEST_TMPDIR/conf"
	[[ $stderr == *'authentication.1.bootstrap_file'*'No such file'* ]]
}

@test "a client shows who it is, and what it does is traced" {
	start
	ctl trace start client p1-a "$BATS_TEST_TMPDIR/trace" >/dev/null
	comes ann pencil
	ctl trace stop client p1-a >/dev/null
	grep -q 'mqtt_packet_sent.*packet: AUTH' "$BATS_TEST_TMPDIR/trace"
	grep -q 'mqtt_packet_received.*packet: AUTH' "$BATS_TEST_TMPDIR/trace"
	! grep -q pencil "$BATS_TEST_TMPDIR/trace"
}
