#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The licence: keys and licences are made by packaging/license-sign, nothing secret is kept.
bats_require_minimum_version 1.5.0
load lib

setup_file() {
	export KEYS=$BATS_FILE_TMPDIR/keys OTHER=$BATS_FILE_TMPDIR/other
	"$ROOT/packaging/license-sign" keys "$KEYS"
	"$ROOT/packaging/license-sign" keys "$OTHER"
}

setup() {
	need mosquitto_pub mosquitto-clients
	export EMQXD_DIR=$BATS_TEST_TMPDIR
	L=$EMQXD_DIR/emqx.lic
	PUBLIC="license.public_key = \"file://$KEYS/public.pem\""
}
teardown() {
	# shellcheck disable=SC2086
	[ -z "${holders:-}" ] || kill ${holders:-} 2>/dev/null || true
	stop_emqxd
}

# sign FILE [FIELD=VALUE]...
sign() {
	local to=$1
	shift
	"$ROOT/packaging/license-sign" sign "$KEYS/private.pem" "$@" >"$to"
}

info() { ctl license info --json | json "d['$1']"; }
# day DAYS: that many days from now, as a licence has it.
day() { date -u -d "$1 days" +%Y%m%d; }
sessions_are() { [ "$(info sessions)" = "$1" ]; }

# hold ID: a client with a session that stays.
hold() {
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -c -x 3600 -i "$1" -t t -q 1 >/dev/null 2>&1 3>&- &
	holders="${holders:-} $!"
	wait_until 10 ctl clients show "$1"
}

pub() { mosquitto_pub -h 127.0.0.1 -p "$PORT" -t x -m x "$@"; }

@test "license info: without a licence this is the community edition, without limits" {
	start_emqxd
	run -0 ctl license info
	[[ $output == *'customer        : community edition'* ]]
	[[ $output == *'max_sessions    : infinity'* ]]
	[ "$(info source)" = none ]
	run ! ctl license reload
	[[ $output == *'the licence is not configured as a file'* ]]
	[ ! -e "$EMQXD_DIR/data/licenses/emqx.lic" ]
}

@test "license reload --dry-run: verifies, says what each node would take, and changes nothing" {
	sign "$L" customer='A B' email=a@b.c deployment=prod start=20260101 days=3650 customer_type=1 max_sessions=1000
	start_emqxd "$PUBLIC"
	run -0 --separate-stderr ctl license reload "$L" --dry-run
	[[ $output == 'emqxd@127.0.0.1: would take the licence of A B, 1000 sessions, until 20'* ]]
	[ "$stderr" = 'nothing was changed (--dry-run)' ]
	[ "$(info source)" = none ]
	[ ! -e "$EMQXD_DIR/data/licenses/emqx.lic" ]
	run -1 ctl license reload "$EMQXD_DIR/out" --dry-run
	run -0 --separate-stderr ctl license update default --dry-run
	[ "$output" = 'emqxd@127.0.0.1: would take what each node has configured' ]
	run -0 --separate-stderr ctl license update "@$L" --dry-run
	[[ $output == *'the licence of A B'* ]]
	ctl license reload "$L"
	run -0 --separate-stderr ctl license reload "$L" --dry-run
	[[ $output == *', which is in force already' ]]
}

@test "license reload: in force at once, with EMQX's lines, a copy, and over a restart" {
	sign "$L" customer='A B' email=a@b.c deployment=prod start=20260101 days=3650 customer_type=1 max_sessions=1000
	start_emqxd "$PUBLIC"
	run -0 --separate-stderr ctl license reload "$L"
	[ "$output" = "emqxd@127.0.0.1: ok, copy $EMQXD_DIR/data/licenses/emqx.lic, hash $(sha256sum <"$L" | cut -d' ' -f1)" ]
	cmp "$L" "$EMQXD_DIR/data/licenses/emqx.lic"
	ctl license info >"$EMQXD_DIR/info"
	head -n 9 "$EMQXD_DIR/info" | diff - <(printf '%s\n' 'customer        : A B' 'email           : a@b.c' \
	    'deployment      : prod' 'start_at        : 2026-01-01' 'expiry_at       : 2035-12-30' \
	    'type            : official' 'customer_type   : 1' 'expiry          : false' 'max_sessions    : 1000')
	[ "$(info hash)" = "$(sha256sum <"$EMQXD_DIR/data/licenses/emqx.lic" | cut -d' ' -f1)" ]
	[ "$(info changed_by)" = "uid $(id -u)" ]
	stop_emqxd KILL
	spawn_emqxd
	[ "$(info customer)" = 'A B' ]
	[ "$(info source)" = emqx_ctl ]
}

@test "license update: the text itself, from a file, from standard input; the one before is backed up" {
	sign "$L.1" customer=One
	sign "$L.2" customer=Two
	start_emqxd "$PUBLIC"
	ctl license update "$(cat "$L.1")"
	[ "$(info customer)" = One ]
	run -0 --separate-stderr ctl license update - <"$L.2"
	[[ $output == *'ok, copy '*', backup '*/licenses/emqx.lic.20*T*.backup,\ hash\ * ]]
	[ "$(info customer)" = Two ]
	output=${output##*backup }
	cmp "$L.1" "${output%%, hash*}"
	run -0 --separate-stderr ctl license update "@$L.2"
	[[ $output != *backup* ]]
	[ "$(find "$EMQXD_DIR/data/licenses" -name '*.backup' | wc -l)" = 1 ]
	sign "$L.late" customer_type=2 start="$(day -600)" days=100
	run -0 --separate-stderr ctl license reload "$L.late"
	[[ $stderr == *"the licence was good until "*": expired"* ]]
	sign "$L.soon" start=20500101
	run -0 --separate-stderr ctl license reload "$L.soon"
	[[ $stderr == *"begins on 2050-01-01"* ]]
	run -0 --separate-stderr ctl license update default
	[[ $stderr != *different* && $stderr != *'the licence'* ]]
	[ "$(info source)" = none ]
	[ ! -e "$EMQXD_DIR/data/licenses/emqx.lic" ]
	run ! ctl license update "file://$L.1"
	[[ $output == *"emqx_ctl license reload $L.1"* ]]
	run -3 ctl license update "@$L.3"
}

@test "a forged, damaged or foreign licence is refused with a sentence, and changes nothing" {
	local payload
	sign "$L" customer=Good
	start_emqxd "$PUBLIC"
	ctl license reload "$L"
	"$ROOT/packaging/license-sign" sign "$OTHER/private.pem" customer=Other >"$L.other"
	run -1 ctl license reload "$L.other"
	[[ $output == *'invalid_signature'* ]]
	payload=$(cut -d. -f1 "$L" | base64 -d | sed 's/^1000$/9000/' | base64 -w 0)
	printf '%s.%s\n' "$payload" "$(cut -d. -f2 "$L")" >"$L.forged"
	run -1 ctl license reload "$L.forged"
	[[ $output == *'invalid_signature'* ]]
	head -c 40 "$L" >"$L.cut"
	run -1 ctl license reload "$L.cut"
	[[ $output == *'bad_license_format'* ]]
	head -c 20000 /dev/zero >"$L.zero"
	run ! ctl license reload "$L.zero"
	: >"$L.empty"
	run -1 ctl license reload "$L.empty"
	[[ $output == *'empty_string'* ]]
	run -3 ctl license reload "$L.none"
	mkfifo "$L.pipe" # that nobody writes to
	run -1 timeout 10 "$EMQX_CTL" license reload "$L.pipe"
	[[ $output == *'no regular file'* ]]
	[ "$(info customer)" = Good ]
	cmp "$L" "$EMQXD_DIR/data/licenses/emqx.lic"
	[ -z "$(find "$EMQXD_DIR/data/licenses" -name '*.backup')" ]
}

@test "a limit up to 25 is exact: 0x97 for MQTT 5, 3 for 3.1.1; who has a session comes" {
	sign "$L" max_sessions=2
	start_emqxd "$PUBLIC" "license.key = \"file://$L\""
	hold a
	hold b
	run pub -V 5 -i c -d
	[[ $output == *'RC:151'* || $output == *'Quota exceeded'* ]]
	run pub -V 311 -i c -d
	[[ $output == *'server unavailable'* || $output == *'(3)'* ]]
	# It takes its session over; and it comes back to it.
	pub -V 5 -i a -c -x 3600
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "license.refused"][0]')" = 2 ]
	[ "$(info state)" = 'valid, its limit is reached: new clients are refused' ]
	wait_until 5 eval 'ctl alarms list | grep -q "^license_quota active=true"'
	ctl clients kick --yes a b
	wait_until 5 eval 'ctl alarms list | grep -q "^license_quota active=false"'
	pub -V 5 -i c
	[ "$(ctl license history --json | json '(len(d), d[0]["high_watermark"], len(d[0]["period"]))')" = '(1, 2, 7)' ]
	[[ $(ctl license history 3 --period daily) == period=20??-??-??' high_watermark=2 observed_at=20'* ]]
	stop_emqxd
	spawn_emqxd
	[[ $(ctl license history 3 --period daily) == *high_watermark=2* ]]
}

@test "over 25 a tenth more comes" {
	local i
	sign "$L" max_sessions=26
	start_emqxd "$PUBLIC" "license.key = \"file://$L\""
	for i in $(seq 29); do
		pub -V 5 -c -x 3600 -i "c$i"
	done
	run ! pub -V 5 -i more
	sessions_are 29
}

@test "expired: by kind new clients are refused or come, nobody is cut, and it is told" {
	sign "$L.good"
	sign "$L.trial" type=trial start="$(day -31)" days=30
	sign "$L.grace" customer_type=0 start="$(day -100)" days=20
	sign "$L.over" customer_type=0 start="$(day -200)" days=100
	sign "$L.big" customer_type=2 start="$(day -600)" days=100
	start_emqxd "$PUBLIC" "license.key = \"file://$L.trial\""
	[ "$(info expiry)" = True ]
	[ "$(info state)" = 'expired, new clients are refused' ]
	run ! pub -V 5 -i new
	ctl alarms list | grep -q '^license_expiry active=true'
	ctl license reload "$L.good"
	[[ $(ctl alarms list) != *'license_expiry active=true'* ]]
	hold a
	run -0 ctl license reload "$L.grace" --json
	[[ $output == *'expired, in its days of grace, -80 days left'* ]]
	[ "$(info state)" = 'expired, in its days of grace' ]
	pub -V 5 -i new
	ctl license reload "$L.big"
	[ "$(info state)" = expired ]
	pub -V 5 -i new
	# One with which nobody new could come is none to change to; configured it stands, and cuts nobody.
	run -1 ctl license reload "$L.over"
	[[ $output == *'with it no new client could come'* ]]
	[ "$(info state)" = expired ]
	ctl license update default
	run ! pub -V 5 -i new
	run -0 pub -V 5 -i a -c -x 3600
	ctl clients show a
}

@test "a licence that is configured and wrong refuses the start, and check_config says so" {
	export EMQX_SOCKET=$EMQXD_DIR/ctl.sock
	"$ROOT/packaging/license-sign" sign "$OTHER/private.pem" >"$L"
	emqxd_conf "$EMQXD_DIR/emqx.conf" "$PUBLIC" "license.key = \"file://$L\""
	run -1 "$EMQXD" foreground -c "$EMQXD_DIR/emqx.conf"
	[[ $output == *'license.key'*'invalid_signature'* ]]
	run -1 "$EMQXD" check_config -c "$EMQXD_DIR/emqx.conf"
	rm "$L"
	run -1 "$EMQXD" foreground -c "$EMQXD_DIR/emqx.conf"
	[[ $output == *"$L cannot be read"* ]]
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'license.public_key = nonsense'
	run -1 "$EMQXD" check_config -c "$EMQXD_DIR/emqx.conf"
	[[ $output == *'license.public_key is no public key'* ]]
	sign "$L"
	emqxd_conf "$EMQXD_DIR/emqx.conf" "license.key = \"file://$L\""
	run -1 "$EMQXD" check_config -c "$EMQXD_DIR/emqx.conf"
	[[ $output == *'there is no public key'* ]]
}

@test "license.file of 4.x; reload without a file reads it again; the newer of file and store wins" {
	sign "$L" customer=One
	start_emqxd "$PUBLIC" "license.file = $L" 'license.connection_high_watermark_alarm = 90%'
	[ "$(info customer)" = One ]
	[ "$(info source)" = configuration ]
	cmp "$L" "$EMQXD_DIR/data/licenses/emqx.lic"
	[ "$(ctl conf show license.connection_high_watermark)" = 'license.connection_high_watermark = 90%' ]
	[[ $(ctl conf show license.key) != *emqx.lic* ]]
	sign "$L" customer=Two
	ctl license reload
	[ "$(info customer)" = Two ]
	sign "$L.3" customer=Three
	ctl license reload "$L.3"
	stop_emqxd
	spawn_emqxd
	[ "$(info customer)" = Three ]
	stop_emqxd
	sign "$L" customer=Four
	spawn_emqxd
	[ "$(info customer)" = Four ]
}

@test "a licence that came by emqx_ctl holds over a restart, also behind a clock that went back" {
	sign "$L" customer=One
	touch -d '1 day' "$L"
	start_emqxd "$PUBLIC" "license.file = $L"
	[ "$(info customer)" = One ]
	sign "$L.2" customer=Two
	ctl license reload "$L.2"
	stop_emqxd
	spawn_emqxd
	[ "$(info customer)" = Two ]
}

@test "a stored licence of another vendor stands aside at the start, with an alarm" {
	sign "$L" customer=One
	start_emqxd "$PUBLIC"
	ctl license reload "$L"
	stop_emqxd
	emqxd_conf "$EMQXD_DIR/emqx.conf" "license.public_key = \"file://$OTHER/public.pem\""
	spawn_emqxd
	[ "$(info source)" = none ]
	ctl alarms list | grep -q '^license_invalid active=true .*invalid_signature'
}

@test "a copy that cannot be written is told and tried again, and the licence is in force all the same" {
	sign "$L" customer=One
	start_emqxd "$PUBLIC"
	mkdir "$EMQXD_DIR/data/licenses/emqx.lic"
	run -7 ctl license reload "$L"
	[[ $output == *'the licence is in force, and this node has no copy of it: error_reading_existing_license'* ]]
	[ "$(info customer)" = One ]
	ctl alarms list | grep -q '^license_copy active=true'
	rmdir "$EMQXD_DIR/data/licenses/emqx.lic"
	wait_until 20 cmp -s "$L" "$EMQXD_DIR/data/licenses/emqx.lic"
	wait_until 5 eval 'ctl alarms list | grep -q "^license_copy active=false"'
}

@test "license check: what it says and whether it is genuine, without a daemon" {
	export EMQX_SOCKET=$EMQXD_DIR/ctl.sock
	sign "$L" customer='A B' max_sessions=7 max_tps=100
	emqxd_conf "$EMQXD_DIR/emqx.conf" "$PUBLIC"
	run -0 "$EMQX_CTL" license check "$L" --conf "$EMQXD_DIR/emqx.conf"
	[[ $output == *'customer        : A B'*'max_sessions    : 7'*'max_tps         : 100'*"$L is genuine" ]]
	[ "$("$EMQX_CTL" license check "$L" --conf "$EMQXD_DIR/emqx.conf" --json | json 'd["ok"]')" = True ]
	"$ROOT/packaging/license-sign" sign "$OTHER/private.pem" >"$L.other"
	run -1 "$EMQX_CTL" license check "$L.other" --conf "$EMQXD_DIR/emqx.conf"
	[[ $output == *'invalid_signature'* ]]
	sign "$L.old" type=trial start=20250101 days=10
	run -1 "$EMQX_CTL" license check "$L.old" --conf "$EMQXD_DIR/emqx.conf"
	[[ $output == *'no new client could come'* ]]
	sign "$L.later" start=20500101
	run -0 "$EMQX_CTL" license check "$L.later" --conf "$EMQXD_DIR/emqx.conf"
	[[ $output == *'remark '*'begins on 2050-01-01'* ]]
	echo nothing >"$L.bad"
	for wrong in "sign $L.bad" "sign $L.none" "show $L.bad" "show $L.none" "show $L $L.bad"; do
		# shellcheck disable=SC2086
		run -2 "$ROOT/packaging/license-sign" $wrong
		[[ $output == "license-sign: "*" is no "* || $output == "license-sign: $L.none cannot be read" ]]
		[ "${#lines[@]}" = 1 ]
	done
	run -0 "$ROOT/packaging/license-sign" show "$L" "$KEYS/public.pem"
	[[ $output == *'customer      : A B'*'Verified OK'* ]]
	run -3 "$EMQX_CTL" license check "$L.none" --conf "$EMQXD_DIR/emqx.conf"
	run -2 "$ROOT/packaging/license-sign" keys "$KEYS"
	run -2 "$ROOT/packaging/license-sign" sign "$KEYS/private.pem" nothing=1
	for wrong in max_sessions=x max_sessions= max_sessions=-1 max_sessions=4294967296 max_tps=many \
	    days=1y days=365001 start=20260231 start=tomorrow start=2026 start=20211031 customer_type=6 type=3; do
		run -2 --separate-stderr "$ROOT/packaging/license-sign" sign "$KEYS/private.pem" "$wrong"
		[ -z "$output" ]
		[[ $stderr == "license-sign: ${wrong%%=*} is "*  ]]
	done
}

@test "license info shows the customer's bytes escaped" {
	sign "$L" customer="$(printf 'a\033[31m')"
	start_emqxd "$PUBLIC" "license.key = \"$(cat "$L")\""
	run -0 ctl license info
	[[ $output == *'a\x1B[31m'* || $output == *'a\x1b[31m'* ]]
}
