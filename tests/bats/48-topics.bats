#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What is done with topics between clients and the broker: mountpoints, rewriting,
# subscriptions by the broker, exclusive ones; and zones.
bats_require_minimum_version 1.5.0
load lib

setup() { need mosquitto_pub mosquitto-clients; }
teardown() {
	local pid
	for pid in ${subs:-}; do kill "$pid" 2>/dev/null || true; done
	stop_emqxd
}

pub() { mosquitto_pub -h 127.0.0.1 -V 5 -q 1 -p "$@"; }

# sub PORT ID COUNT ARGUMENT...: what it gets goes to $EMQXD_DIR/got.ID; waits until it is there.
sub() {
	local port=$1 id=$2 n=$3
	shift 3
	mosquitto_sub -h 127.0.0.1 -p "$port" -i "$id" -C "$n" -W $((20 * SLOW)) -V 5 -F '%t %p' "$@" >"$EMQXD_DIR/got.$id" 3>&- &
	eval "pid_$id=\$!"
	subs="${subs:-} $!"
	wait_until 5 ctl subscriptions show "$id"
}

# expects ID LINES: what it got in the end, with spaces between.
expects() {
	local pid=pid_$1
	wait "${!pid}" || return 1
	[ "$(paste -s -d ' ' "$EMQXD_DIR/got.$1")" = "$2" ]
}

filters() { ctl subscriptions show "$1" --json | json '" ".join(sorted(r["topic"] for r in d))'; }

@test "mountpoint: a listener's clients live below it and do not know" {
	local other
	start_emqxd 'listeners.tcp.b.bind = "127.0.0.1:0"' 'listeners.tcp.b.mountpoint = "in/${clientid}/"'
	other=$(port_of tcp:b)
	sub "$PORT" all 4 -t 'in/#' -q 1
	sub "$other" dev 2 -t 't/#' -t '$share/g/s/#' -q 1
	[ "$(filters dev)" = '$share/g/in/dev/s/# in/dev/t/#' ]
	pub "$other" -i dev2 -t t/1 -m not-mine -q 1
	pub "$PORT" -t in/dev/t/2 -m yours -q 1
	pub "$PORT" -t in/dev/s/3 -m shared -q 0
	expects dev 't/2 yours s/3 shared'
	# A will, retained, goes there too.
	pub "$other" -i dev3 -t now -m x --will-topic gone --will-payload bye --will-retain -D will user-property a b
	pub "$other" -i dev4 -t r -m kept -r -q 1
	expects all 'in/dev2/t/1 not-mine in/dev/t/2 yours in/dev/s/3 shared in/dev3/now x'
	[ "$(ctl retainer topics -o classic)" = in/dev4/r ]
	[ "$(mosquitto_sub -h 127.0.0.1 -p "$other" -i dev4 -t '#' -C 1 -W 5 -v)" = 'r kept' ]
}

@test "mountpoint: large messages, QoS 2, and topics of MQTT 3 by its placeholder" {
	local other
	start_emqxd 'listeners.tcp.b.bind = "127.0.0.1:0"' 'listeners.tcp.b.mountpoint = "%u/"'
	other=$(port_of tcp:b)
	sub "$PORT" all 1 -t 'ann/#' -q 2 -F '%t %l'
	head -c 100000 /dev/zero | mosquitto_pub -h 127.0.0.1 -p "$other" -V 311 -u ann -t big -s -q 2
	expects all 'ann/big 100000'
}

@test "mountpoint: of a zone, unless the listener has its own; a wrong one is refused" {
	start_emqxd 'mqtt.mountpoint = "z/"' 'listeners.tcp.b.bind = "127.0.0.1:0"' 'listeners.tcp.b.mountpoint = "own/"'
	pub "$PORT" -t a -m 1 -r -q 1
	pub "$(port_of tcp:b)" -t a -m 1 -r -q 1
	[ "$(ctl retainer topics -o classic | tr '\n' ' ')" = 'own/a z/a ' ]
	for bad in 'x/${nobody}/' 'x/+/' '#'; do
		echo "listeners.tcp.c { bind = 0, mountpoint = \"$bad\" }" >"$EMQXD_DIR/bad.conf"
		run "$EMQXD" check_config -c "$EMQXD_DIR/bad.conf"
		[ "$status" -eq 1 ]
		[[ $output == *mountpoint* ]]
	done
}

@test "mountpoint: a delayed message is delayed, and comes below it" {
	start_emqxd 'mqtt.mountpoint = "z/"'
	pub "$PORT" -t '$delayed/100/a' -m 1 -q 1
	[ "$(ctl delayed list --json | json 'd[0]["topic"]')" = z/a ]
}

@test "rewrite: publish, subscribe, all; groups and placeholders; of several rules the last" {
	start_emqxd 'rewrite = [
	  { action = publish, source_topic = "x/#", re = "^x/y/(.+)$", dest_topic = "z/y/$1" },
	  { action = subscribe, source_topic = "y/+/z/#", re = "^y/(.+)/z/(.+)$", dest_topic = "y/z/$2" },
	  { action = all, source_topic = "all/#", re = "^all/(.*)$", dest_topic = "first/$1" },
	  { action = all, source_topic = "all/#", re = "^all/(.*)$", dest_topic = "c/${clientid}/$1/%u" }
	]'
	sub "$PORT" s 4 -t 'z/#' -t 'x/#' -t y/a/z/b -t 'all/t' -u ann
	[ "$(filters s)" = 'c/s/t/ann x/# y/z/b z/#' ]
	pub "$PORT" -t x/y/1 -m one
	pub "$PORT" -t x/1/2 -m two
	pub "$PORT" -t y/z/b -m three
	pub "$PORT" -i s2 -u bob -t all/t -m nobodys
	pub "$PORT" -t c/s/t/ann -m four
	expects s 'z/y/1 one x/1/2 two y/z/b three c/s/t/ann four'
}

@test "rewrite and auto_subscribe: lines of 4.x" {
	start_emqxd 'module.rewrite.pub.rule.1 = x/# ^x/y/(.+)$ z/y/$1' \
	    'module.rewrite.sub.rule.1 = y/+/z/# ^y/(.+)/z/(.+)$ y/z/$2' \
	    'module.subscription.1.topic = to/%c' 'module.subscription.1.qos = 1'
	sub "$PORT" s 2 -t 'z/#' -t y/a/z/b
	[ "$(filters s)" = 'to/s y/z/b z/#' ]
	pub "$PORT" -t x/y/1 -m one
	pub "$PORT" -t to/s -m two
	expects s 'z/y/1 one to/s two'
	[[ $(ctl conf show rewrite.1.re --json | json 'd[0]["origin"]') == *emqx.conf:5* ]]
	[ -z "$(ctl conf show --ignored)" ]
}

@test "rewrite: wills and unsubscribe; what a rule makes must be a topic" {
	start_emqxd 'rewrite = [
	  { action = all, source_topic = "a/#", re = "^a/(.*)$", dest_topic = "b/$1" },
	  { action = publish, source_topic = "bad/+", re = "^bad/(.*)$", dest_topic = "$1" } ]'
	sub "$PORT" s 1 -t b/will
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i w -t x --will-topic a/will --will-payload gone 3>&- &
	subs="$subs $!"
	wait_until 5 ctl subscriptions show w
	ctl clients kick w
	expects s 'b/will gone'
	run pub "$PORT" -d -q 1 -t 'bad/' -m x
	[[ $output == *'144'* ]] || [[ $output == *'Topic'* ]]
}

@test "rewrite: faults name their place; an expression that runs away matches nothing" {
	emqxd_says() { :; }
	export EMQXD_DIR=$BATS_TEST_TMPDIR EMQX_SOCKET=$BATS_TEST_TMPDIR/s
	emqxd_conf "$EMQXD_DIR/bad.conf" 'rewrite = [ { source_topic = "a/#", re = "(", dest_topic = "x/+" },
	  { source_topic = "a/#/b", re = "a", dest_topic = "${nobody}" }, { sauce_topic = a } ]'
	run "$EMQXD" check_config -c "$EMQXD_DIR/bad.conf"
	[ "$status" -eq 1 ]
	[[ $output == *rewrite.1.re* && $output == *rewrite.1.dest_topic* ]]
	[[ $output == *rewrite.2.source_topic* && $output == *'${nobody}'* ]]
	[[ $output == *rewrite.3.sauce_topic* && $output == *source_topic* ]]
	start_emqxd 'rewrite = [ { action = publish, source_topic = "#", re = "^(a+)+$", dest_topic = "x" } ]'
	pub "$PORT" -q 1 -r -t aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab -m x
	[ "$(ctl retainer info -o classic)" = 'Number of retained messages: 1' ]
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "rewrite.given_up"]')" = '[1]' ]
}

@test "rewrite and auto_subscribe: a reload counts for those that come then" {
	start_emqxd
	sub "$PORT" old 1 -t new/1
	emqxd_conf "$EMQXD_DIR/emqx.conf" 'rewrite = [ { source_topic = "a/#", re = "^a/(.*)$", dest_topic = "new/$1" } ]' \
	    'auto_subscribe.topics = [ { topic = "auto" } ]'
	ctl conf reload
	pub "$PORT" -t a/1 -m one
	expects old 'new/1 one'
	sub "$PORT" new 1 -t a/2
	[ "$(filters new)" = 'auto new/2' ]
	emqxd_conf "$EMQXD_DIR/emqx.conf"
	ctl conf reload
	sub "$PORT" last 1 -t a/2
	[ "$(filters last)" = a/2 ]
}

@test "auto_subscribe: with placeholders and options, below the mountpoint; what cannot be is counted" {
	start_emqxd 'auto_subscribe.topics = [
	  { topic = "c/${clientid}", qos = 1, nl = 1 }, { topic = "u/${username}" }, { topic = "h/${host}" } ]' \
	    'mqtt.mountpoint = "m/"'
	sub "$PORT" s 1 -t x
	[ "$(filters s)" = 'm/c/s m/h/127.0.0.1 m/x' ]
	[ "$(ctl subscriptions show s --json | json '[(r["qos"], int(r["nl"])) for r in d if r["topic"] == "m/c/s"]')" = '[(1, 1)]' ]
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "auto_subscribe.ignored"]')" = '[1]' ]
	pub "$PORT" -t c/s -m hello
	expects s 'c/s hello'
}

@test "exclusive: one client has it, others are refused until it goes" {
	start_emqxd 'mqtt.exclusive_subscription = true' 'node.workers = 2'
	sub "$PORT" a 1 -t '$exclusive/t/1'
	[ "$(filters a)" = t/1 ]
	[ "$(ctl exclusive list -o classic)" = 'topic:t/1 -> ClientId:a' ]
	run mosquitto_sub -h 127.0.0.1 -p "$PORT" -i b -V 5 -t '$exclusive/t/1' -W 2 -d
	[[ $output == *'151'* ]] || [[ $output == *rejected* ]] || [[ $output == *'denied'* ]]
	sub "$PORT" c 1 -t t/1
	pub "$PORT" -t t/1 -m hello
	expects a 't/1 hello'
	expects c 't/1 hello'
	wait_until 5 free
	sub "$PORT" b 1 -t '$exclusive/t/1'
	[ "$(ctl exclusive delete t/1)" = ok ]
	run -3 ctl exclusive delete t/1
	sub "$PORT" d 1 -t '$exclusive/t/1'
}
free() { [ "$(ctl exclusive list)" = 'No topics.' ]; }

@test "exclusive: off, it is refused; a group cannot have it" {
	start_emqxd
	run mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -t '$exclusive/t' -W 2 -d
	[[ $output != *'Subscribed (mid: 1): 0'* ]]
	stop_emqxd
	start_emqxd 'mqtt.exclusive_subscription = true'
	run mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -t '$exclusive/$share/g/t' -W 2 -d
	[[ $output != *'Subscribed (mid: 1): 0'* ]]
}

@test "zones: a listener's clients live under its zone's settings" {
	local other
	start_emqxd 'zones.small.mqtt { max_qos_allowed = 1, retain_available = false, max_topic_levels = 3, shared_subscription = false }' \
	    'listeners.tcp.b { bind = "127.0.0.1:0", zone = small }'
	other=$(port_of tcp:b)
	run pub "$other" -d -t a/b/c/d -m x -q 1
	[ "$status" -ne 0 ] || [[ $output == *144* ]]
	pub "$PORT" -t a/b/c/d -m x -q 1
	pub "$PORT" -t a -m x -q 2 -r
	run mosquitto_sub -h 127.0.0.1 -p "$other" -V 5 -t '$share/g/t' -W 2 -d
	[[ $output != *'Subscribed (mid: 1): 0'* ]]
	sub "$PORT" s 1 -t '$share/g/t'
}

@test "a name with a wildcard reaches into nobody else's mountpoint or rewritten topics" {
	start_emqxd 'mqtt.mountpoint = "m/${clientid}/"' \
	    'auto_subscribe.topics = [ { topic = "c/${username}" } ]' \
	    'rewrite = [ { action = all, source_topic = "my/#", re = "^my/(.*)$", dest_topic = "of/${username}/$1" } ]'
	run mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 5 -i + -t secret -W 2
	[ "$status" -ne 0 ]
	[[ $output == *'not valid'* ]]
	sub "$PORT" victim 1 -u v -t x
	# The tool may look at them, and subscribes as the client would.
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -i wild -u + -t my/t -t y -V 5 -q 1 3>&- &
	subs="$subs $!"
	wait_until 5 ctl subscriptions show wild
	[ "$(filters wild)" = m/wild/y ]
	[ "$(ctl broker metrics --json | json '[r["value"] for r in d if r["name"] == "auto_subscribe.ignored"]')" = '[1]' ]
}

@test "subscriptions add: below the client's mountpoint, rewritten, exclusive; also while it is away" {
	start_emqxd 'mqtt.mountpoint = "m/${clientid}/"' 'mqtt.exclusive_subscription = true' \
	    'rewrite = [ { action = all, source_topic = "a/#", re = "^a/(.*)$", dest_topic = "b/$1" } ]'
	mosquitto_sub -h 127.0.0.1 -p "$PORT" -V 311 -i s -c -q 1 -t x -E
	ctl subscriptions add s a/1 1
	ctl subscriptions add s '$exclusive/only' 1
	[ "$(filters s)" = 'm/s/b/1 m/s/only m/s/x' ]
	[ "$(ctl exclusive list --json | json '[r["topic"] for r in d]')" = "['m/s/only']" ]
	ctl subscriptions del s a/1
	ctl subscriptions del s m/s/only
	[ "$(filters s)" = m/s/x ]
	sub "$PORT" t 1 -t x
	ctl subscriptions add t 'a/#' 0
	[ "$(filters t)" = 'm/t/b/# m/t/x' ]
}
