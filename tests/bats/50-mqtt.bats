#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# MQTT as clients live it beside each other: load on several workers, a slow one among
# quick ones, what they are told when an administrator or the daemon ends them.
# Rules of single packets are in tests/play.
bats_require_minimum_version 1.5.0
load lib

TOOLS=$BUILD/tests/tools

setup() {
	work=$BATS_TEST_TMPDIR
	background=
}

teardown() {
	local pid
	for pid in $background; do kill -s TERM "$pid" 2>/dev/null || true; done
	stop_emqxd
}

# spawn COMMAND...: in the background, gone with the test; its pid is in $spawned.
spawn() {
	"$@" <&0 3>&- & # the shell would give it /dev/null
	spawned=$!
	background="$background $spawned"
}

# ended: "name=client/server/network ..." of tcp:default, sorted.
ended() {
	ctl listeners tcp:default --json | json '" ".join("%s=%d/%d/%d" % (k, v["client"], v["server"], v["network"]) for k, v in sorted(d[0]["shutdown_count"].items()))'
}
has_ended() { [ "$(ended)" = "$1" ]; }

# Publishers here are quicker than their subscribers: nothing may be dropped for it.
LONG_QUEUE='mqtt.max_mqueue_len = infinity
mqtt.max_mqueue_bytes = infinity'

# reader NAME QOS COUNT SIZE: an mqsub of topic NAME that is subscribed.
reader() {
	spawn "$TOOLS/mqsub" -p "$PORT" -i "$1-in" -t "$1" -q "$2" -n "$3" -s "$4" >"$work/$1"
	wait_until 5 grep -q ready "$work/$1"
}
writer() { "$TOOLS/mqpub" -p "$PORT" -i "$1-out" -t "$1" -q "$2" -n "$3" -s "$4"; }

# steps NAME: plays the steps on stdin in the background.
steps() {
	{
		echo "scenario $1"
		cat
	} >"$work/$1.play"
	spawn "$TOOLS/play" --host 127.0.0.1 --port "$PORT" -v "$work/$1.play" >"$work/$1.out"
	player=$spawned
}
# The player has seen what it wanted.
played() {
	wait "$player" || { cat "$work/$1.out"; false; }
}

@test "six publishers on four workers: each subscriber gets its own, whole and in order" {
	start_emqxd 'node.workers = 4' "$LONG_QUEUE"
	local i pid pids=
	for i in 1 2 3 4 5 6; do
		reader "load$i" $((i % 3)) 3000 0:20000
	done
	for i in 1 2 3 4 5 6; do
		writer "load$i" $((i % 3)) 3000 0:20000 3>&- &
		pids="$pids $!"
	done
	for pid in $pids $background; do wait "$pid"; done
	for i in 1 2 3 4 5 6; do grep -qx 'received 3000' "$work/load$i"; done
	background=
}

@test "a subscriber that does not read costs one that reads nothing" {
	start_emqxd "$LONG_QUEUE"
	mkfifo "$work/go"
	exec 8<>"$work/go"
	spawn "$TOOLS/mqsub" -p "$PORT" -i stuck -t both -n 50000 -s 200 -q 1 -l <&8 8>&- >"$work/stuck"
	wait_until 5 grep -q ready "$work/stuck"
	reader both 1 50000 200
	local quick=$spawned
	writer both 1 50000 200
	wait "$quick"
	exec 8>&-
}

@test "a subscriber that takes nothing for send_timeout is ended by the server" {
	start_emqxd 'listeners.tcp.default.tcp_options.send_timeout = 1s'
	mkfifo "$work/go"
	exec 8<>"$work/go"
	spawn "$TOOLS/mqsub" -p "$PORT" -i stuck -t slow -n 100000 -s 1000 -l <&8 8>&- >"$work/stuck"
	wait_until 5 grep -q ready "$work/stuck"
	writer slow 0 100000 1000
	wait_until 10 has_ended 'normal=1/0/0 send_timeout=0/1/0' || { ended; false; }
	exec 8>&-
}

@test "who is kicked is told 0x98, his will is published" {
	start_emqxd
	steps kicked <<-'END'
		sub connects
		sub subscribes w
		a connects client_id=kickme will_topic=w will_payload=gone
		a <- close 0x98
		sub receives w gone
	END
	wait_until 5 ctl clients show kickme
	ctl clients kick kickme
	played kicked
	wait_until 5 has_ended 'kicked=0/1/0 normal=1/0/0' || { ended; false; }
}

@test "when a listener stops its clients are told 0x98" {
	start_emqxd
	steps stopped <<-'END'
		a connects client_id=waits
		a <- close 0x98
	END
	wait_until 5 ctl clients show waits
	ctl listeners stop tcp:default
	played stopped
	wait_until 5 has_ended 'listener_stopped=0/1/0' || { ended; false; }
}

@test "when the daemon ends its clients of MQTT 5 are told 0x8B, those of 3.1.1 are closed" {
	start_emqxd
	steps ending <<-'END'
		new connects
		old connects version=3.1.1 client_id=waits
		new <- close 0x8b
		old <- close
	END
	wait_until 5 ctl clients show waits
	stop_emqxd
	played ending
}

@test "request and response: the topic and the correlation data come back" {
	need mosquitto_rr mosquitto-clients
	start_emqxd
	steps answers <<-'END'
		a connects client_id=answers
		a subscribes question
		a <- PUBLISH question ping response_topic={where} correlation_data={which}
		a -> PUBLISH {where} pong correlation_data={which}
	END
	wait_until 5 ctl topics show question
	run -0 timeout $((10 * SLOW)) mosquitto_rr -p "$PORT" -V mqttv5 -t question -e answer -m ping \
	    -D publish correlation-data c-7 -F '%t %p %D'
	[ "$output" = 'answer pong c-7' ]
	played answers
}

@test "subscriptions that an administrator adds and takes are in force at once" {
	need mosquitto_pub mosquitto-clients
	start_emqxd
	steps added <<-'END'
		a connects client_id=watched
		a subscribes end
		a receives news/1 hello qos=1
		a receives end
	END
	wait_until 5 ctl clients show watched
	ctl subscriptions add watched news/+ 1
	run -0 ctl subscriptions show watched
	[[ $output == *news/+* ]]
	mosquitto_pub -p "$PORT" -q 1 -t news/1 -m hello
	ctl subscriptions del watched news/+
	mosquitto_pub -p "$PORT" -q 1 -t news/2 -m gone
	mosquitto_pub -p "$PORT" -q 1 -t end -n
	played added
}

@test "what a CONNACK promised holds for its connection, whatever a reload changes" {
	need mosquitto_pub mosquitto-clients
	start_emqxd 'mqtt.max_packet_size = 2KB' 'mqtt.max_topic_alias = 3' 'mqtt.max_awaiting_rel = 3'
	steps promised <<-END
		a connects client_id=old
		a subscribes go
		a receives go
		a -> PUBLISH t $(printf 'x%.0s' {1..1200}) qos=1 topic_alias=3
		a <- PUBACK 0x10
		a -> PUBLISH t 1 qos=2 id=7
		a <- PUBREC 0x10 id=7
		a -> PUBLISH t 2 qos=2 id=8
		a <- PUBREC 0x10 id=8
		b opens
		b -> CONNECT
		b <- CONNACK max_packet_size=1024 topic_alias_max=1 receive_max=1 max_qos=1
		b -> PUBLISH t hello topic_alias=2
		b <- close 0x94
	END
	wait_until 5 ctl subscriptions show old
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'mqtt.max_packet_size = 1KB' 'mqtt.max_topic_alias = 1' \
	    'mqtt.max_awaiting_rel = 1' 'mqtt.max_qos_allowed = 1'
	run -0 ctl conf reload
	[[ $output == *'new connections'* ]]
	mosquitto_pub -p "$PORT" -q 1 -t go -n
	played promised
}
