#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The runner of scenarios says no when it should: a broker that breaks a rule, or one
# packet more than was asked for, must not pass.
# bats file_tags=plain
bats_require_minimum_version 1.5.0
load lib

setup_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=true # scenarios share topics
	start_emqxd
}
teardown_file() { stop_emqxd; }
setup() { script=$BATS_TEST_TMPDIR/x.play; }

# play STATUS: the scenario on stdin, against the daemon of this file.
play() {
	cat >"$script"
	run "-$1" "$BUILD/tests/tools/play" --host 127.0.0.1 --port "$PORT" "$script"
	echo "$output"
}

@test "play: a scenario in three versions is three tests, each with its own tags" {
	play 0 <<-'END'
		# comments and empty lines

		scenario everybody connects
			[MQTT3-3.1.4-4] [MQTT5-3.1.4-5]
			for version 3.1, 3.1.1, 5
			a connects
			on 5: a -> PINGREQ
			on 5: a <- PINGRESP
	END
	[ "${lines[0]}" = 1..3 ]
	[ "${lines[2]}" = 'ok 2 - x.play:3 3.1.1 everybody connects [MQTT3-3.1.4-4]' ]
	[ "${lines[3]}" = 'ok 3 - x.play:3 5 everybody connects [MQTT5-3.1.4-5]' ]
}

@test "play: another value, with file and line, what came and what was wanted" {
	play 1 <<-'END'
		scenario wrong
			a connects
			a subscribes t
			a publishes t hello
			a <- PUBLISH t hello qos=1
	END
	[[ $output == *"not ok 1 - x.play:1 5 wrong"* ]]
	[[ $output == *"# $script:5: a <- PUBLISH t hello qos=1"* ]]
	[[ $output == *'a got PUBLISH topic="t" payload="hello": qos: wanted 1'* ]]
}

@test "play: a field that was not asked for, unless ... leaves it open" {
	play 1 <<-'END'
		scenario open
			a connects
			a subscribes t
			a publishes t hello user=k:v
			a receives t hello ...
		scenario closed
			a connects
			a subscribes t
			a publishes t hello user=k:v
			a receives t hello
	END
	[[ $output == *'ok 1 - x.play:1 5 open'*'not ok 2 - x.play:6 5 closed'*'user: not asked for'* ]]
}

@test "play: a packet more, at the end and before" {
	play 1 <<-'END'
		scenario left over
			a connects
			a subscribes t
			a publishes t hello
	END
	[[ $output == *'at the end of the scenario: a got PUBLISH topic="t" payload="hello": wanted PINGRESP'* ]]
	play 1 <<-'END'
		scenario nothing
			a connects
			a subscribes t
			a publishes t hello
			a <- nothing
	END
}

@test "play: a connection that is closed, and one that is not" {
	play 1 <<-'END'
		scenario closed
			a connects
			a -> hex f000
			a <- PINGRESP
	END
	[[ $output == *'wanted PINGRESP'* || $output == *'the broker closed the connection'* ]]
	play 1 <<-'END'
		scenario open
			a connects
			a -> PINGREQ
			a <- close
	END
	[[ $output == *'got a packet, wanted the end of the connection'* ]]
}

@test "play: any order takes each packet once" {
	play 1 <<-'END'
		scenario good
			a connects
			a subscribes t/+
			a publishes t/1 x
			a publishes t/2 y
			a <- any order
				PUBLISH t/2 y
				PUBLISH t/1 x
			end
		scenario twice
			a connects
			a subscribes t/+
			a publishes t/1 x
			a publishes t/1 x
			a <- any order
				PUBLISH t/2 y
				PUBLISH t/1 x
			end
	END
	[[ $output == *'ok 1 - '*'not ok 2 - '* ]]
}

@test "play: a variable holds what was captured first" {
	play 1 <<-'END'
		scenario same
			a connects
			a subscribes t qos=1
			repeat 2 as n
				a -> PUBLISH t {n}
				a <- PUBLISH t {what}
			end
	END
	[[ $output == *'payload: wanted 1'* ]]
}

@test "play: sessions and retained messages do not outlive their scenario" {
	play 0 <<-'END'
		scenario leaves much behind
			a connects client_id=keeper clean_start=0 session_expiry=1000
			a subscribes t qos=1
			a publishes left hello qos=1 retain
			a vanishes
		scenario finds nothing
			a connects client_id=keeper clean_start=0 session_expiry=1000
			a subscribes left
	END
}

@test "play: what it cannot read is status 2 with file and line" {
	play 2 <<-'END'
		scenario versions
			for version 4
	END
	[[ $output == *"$script:2: '4' is no version: 3.1, 3.1.1 or 5"* ]]
	play 2 </dev/null
	[[ $output == *'no scenario'* ]]
	run -2 "$BUILD/tests/tools/play"
	[[ $output == usage:* ]]
}

@test "play: words that mean nothing fail their scenario" {
	play 1 <<-'END'
		scenario verb
			a jumps
		scenario packet
			a -> CONECT
		scenario field
			a -> CONNECT clean_stat=1
		scenario variable
			a connects client_id={nobody}
		scenario block
			repeat 2 as n
			a connects
	END
	[[ $output == *"'jumps' is no step"*"'CONECT' is no packet"*'clean_stat'*'{nobody} has no value yet'*'without an end'* ]]
}

@test "play: a daemon that does not start is a failure with its words" {
	printf 'config mqtt.no_such_key = 1\nscenario x\n\ta connects\n' >"$script"
	run -1 "$BUILD/tests/tools/play" "$script"
	echo "$output"
	[ "${lines[0]}" = 1..2 ]
	[[ $output == *'not ok 2 - '*'emqxd ended at once'*no_such_key* ]]
}
