#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# $SYS: what the broker says of itself, and who may hear it.
bats_require_minimum_version 1.5.0
load lib

setup() { need mosquitto_sub mosquitto-clients; }
teardown() {
	local pid
	for pid in ${subs:-}; do kill "$pid" 2>/dev/null || true; done
	stop_emqxd
}

N='$SYS/brokers/emqxd@127.0.0.1'

# hear COUNT FILTER...: a listener whose lines go to $EMQXD_DIR/got.
hear() {
	local n=$1 filter args=()
	shift
	for filter; do args+=(-t "$filter"); done
	stdbuf -o L mosquitto_sub -h 127.0.0.1 -p "$PORT" -i ear -V 5 -C "$n" -W $((30 * SLOW)) -F '%t %p' "${args[@]}" >"$EMQXD_DIR/got" 3>&- &
	ear=$!
	subs="${subs:-} $!"
	wait_until 5 ctl subscriptions show ear
}

got() { grep -qx "$1" "$EMQXD_DIR/got"; }

@test "intervals: nodes, version, uptime, statistics and metrics, and not retained on disk" {
	start_emqxd 'sys_topics.sys_msg_interval = 1s' 'sys_topics.sys_heartbeat_interval = 1s'
	hear 1000 '$SYS/brokers' "$N/version" "$N/sysdescr" "$N/uptime" "$N/datetime" \
	    "$N/stats/connections/count" "$N/stats/subscriptions/shared/max" "$N/metrics/packets/connect/received"
	wait_until 10 got '$SYS/brokers emqxd@127.0.0.1'
	wait_until 10 got "$N/version [0-9.]*"
	wait_until 10 got "$N/uptime [0-9]*"
	wait_until 10 got "$N/datetime 20..-.*"
	wait_until 10 got "$N/stats/connections/count 1"
	wait_until 10 got "$N/stats/subscriptions/shared/max 0"
	wait_until 10 got "$N/metrics/packets/connect/received 1"
	# Whoever comes later gets what is retained.
	[ "$(mosquitto_sub -h 127.0.0.1 -p "$PORT" -t "$N/sysdescr" -C 1 -W 5 -F '%r %p')" = '1 emqxd' ]
	# It counts for no message, and is no row of the store.
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] in ("messages.sent", "messages.dropped", "messages.publish", "store.changes")]')" = '[0, 0, 0, 0]' ]
}

@test "clients come, go, subscribe and unsubscribe: EMQX's topics and payloads" {
	start_emqxd 'sys_topics.sys_event_messages { client_subscribed = true, client_unsubscribed = true }'
	hear 4 "$N/clients/dev/+"
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -i dev -u ann -k 33 -t a/b -q 1 -U a/b -E
	wait "$ear"
	cat >"$EMQXD_DIR/check.py" <<'PY'
import json, sys, time
got = {}
for line in open(sys.argv[1]):
    topic, payload = line.split(" ", 1)
    got[topic.rsplit("/", 1)[1]] = json.loads(payload)
now = time.time() * 1000
assert sorted(got) == ["connected", "disconnected", "subscribed", "unsubscribed"], got
for what, p in got.items():
    assert p["clientid"] == "dev" and p["username"] == "ann" and p["protocol"] == "mqtt"
    assert now - 60000 < p["ts"] <= now + 1000
c = got["connected"]
assert c["ipaddress"] == "127.0.0.1" and c["sockport"] == int(sys.argv[2]), c
assert c["proto_name"] == "MQTT" and c["proto_ver"] == 5 and c["keepalive"] == 33
assert c["clean_start"] is True and c["expiry_interval"] == 0
assert now - 60000 < c["connected_at"] <= now + 1000
d = got["disconnected"]
# Whether its DISCONNECT was heard before its socket closed is chance.
assert d["reason"] in ("normal", "tcp_closed") and d["disconnected_at"] >= d["connected_at"], d
assert d["ipaddress"] == "127.0.0.1"
s = got["subscribed"]
assert s["topic"] == "a/b" and s["subopts"] == {"qos": 1, "nl": 0, "rap": 0, "rh": 0}, s
assert got["unsubscribed"]["topic"] == "a/b"
PY
	/usr/bin/python3 "$EMQXD_DIR/check.py" "$EMQXD_DIR/got" "$PORT"
}

@test "what is off is silent, and a reload turns it on" {
	start_emqxd 'sys_topics.sys_event_messages { client_connected = false, client_disconnected = false }' \
	    'sys_topics { sys_msg_interval = disabled, sys_heartbeat_interval = disabled }'
	hear 1 '$SYS/#'
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i silent -t x -m x
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'sys_topics.sys_event_messages { client_connected = true, client_disconnected = false }' \
	    'sys_topics { sys_msg_interval = disabled, sys_heartbeat_interval = disabled }'
	ctl conf reload
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i loud -t x -m x
	wait "$ear"
	grep -q "^$N/clients/loud/connected " "$EMQXD_DIR/got"
}

@test "only 127.0.0.1, ::1 and the dashboard may hear it; # alone is everything too" {
	start_emqxd
	for filter in '$SYS/#' '$SYS/brokers' '$share/g/$SYS/#' '#' '+/#'; do
		run mosquitto_sub -h 127.0.0.1 -A 127.0.0.2 -p "$PORT" -V 5 -t "$filter" -d -W 2
		[[ $output == *'Subscribed (mid: 1): 135'* ]]
	done
	run mosquitto_sub -h 127.0.0.1 -A 127.0.0.2 -p "$PORT" -V 311 -t '$SYS/#' -d -W 2
	[[ $output == *'Subscribed (mid: 1): 128'* ]]
	run mosquitto_sub -h 127.0.0.1 -A 127.0.0.2 -p "$PORT" -V 5 -u dashboard -t '$SYS/#' -t a/# -d -W 2
	[[ $output == *'Subscribed (mid: 1): 0, 0'* ]]
	run mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -t '$SYS/#' -t '#' -d -W 2
	[[ $output == *'Subscribed (mid: 1): 0, 0'* ]]
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] in ("authorization.deny", "packets.subscribe.auth_error")]')" = '[6, 6]' ]
}

@test "a client id with a wildcard makes no topic and does no harm" {
	start_emqxd
	hear 1 '$SYS/#'
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i 'a+b#' -t x -m x
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -i plain -t x -m x
	wait "$ear"
	grep -q "^$N/clients/plain/connected " "$EMQXD_DIR/got"
}

@test "alarms: activated and deactivated, in \$SYS, in the log and in alarms list" {
	start_emqxd 'store.max_size = 1MB'
	run -0 ctl alarms list
	[ "$output" = 'No alarms.' ]
	hear 2 "$N/alarms/#"
	for i in $(seq 60); do head -c 30000 /dev/zero | mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 5 -i fill -t "big/$i" -s -r; done
	wait_until 10 grep -q activate "$EMQXD_DIR/got"
	[ "$(ctl alarms list --json | json '[(r["name"], r["active"]) for r in d]')" = "[('store_full', True)]" ]
	ctl retainer clean --yes
	mosquitto_pub -h 127.0.0.1 -p "$PORT" -V 5 -t small -m x -r
	wait "$ear"
	sed -n 's/^[^ ]*activate //p' "$EMQXD_DIR/got" | head -n 1 | json 'd["name"], d["activated"], d["deactivate_at"]' | grep -qx "('store_full', True, 'infinity')"
	grep -q "/alarms/deactivate .*\"activated\":false" "$EMQXD_DIR/got"
	[ "$(ctl alarms list --json | json '[(r["name"], r["active"]) for r in d]')" = "[('store_full', False)]" ]
	grep -q alarm_activated "$EMQXD_DIR/err"
}
