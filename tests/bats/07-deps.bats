#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# install-deps on systems that are not this one, in a mount namespace of the test's own.
# bats file_tags=plain
load lib

setup() {
	[ "$(id -u)" -eq 0 ] || skip 'needs root, for a mount namespace'
	cd "$BATS_TEST_TMPDIR" || return 1
}

# elsewhere OS-RELEASE COMMAND...: where /etc/os-release says that.
elsewhere() {
	printf '%s\n' "$1" >os-release
	shift
	# shellcheck disable=SC2016
	run unshare --mount sh -c 'mount --bind os-release "$(readlink -f /etc/os-release)" && exec "$@"' sh "$@"
	echo "$output"
}

@test "install-deps: on another system it lists what is needed and ends with 1" {
	elsewhere 'ID=fedora' sh "$ROOT/packaging/install-deps"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == 'This system is not Debian 12.'* ]]
	[[ $output == *libmsgpack-dev* ]]
	[[ $output != *shellcheck* ]]
	elsewhere $'ID=debian\nVERSION_ID="11"' sh "$ROOT/packaging/install-deps" --test
	[ "$status" -eq 1 ]
	[[ $output == *shellcheck* ]]
}

# A dpkg-query that knows no mandoc, and an apt-get that only tells.
@test "install-deps: it says what it installs, and installs what is missing alone" {
	mkdir bin
	printf '%s\n' '#!/bin/sh' 'case "$*" in *mandoc) ;; *) echo installed ;; esac' >bin/dpkg-query
	printf '%s\n' '#!/bin/sh' "echo \"\$*\" >>$PWD/asked" >bin/apt-get
	chmod +x bin/*
	PATH=$PWD/bin:$PATH elsewhere $'ID=debian\nVERSION_ID="12"' sh "$ROOT/packaging/install-deps" --test
	[ "$status" -eq 0 ]
	[ "$output" = 'Installing: mandoc' ]
	grep -qE 'install --no-install-recommends mandoc$' asked
}

@test "install-deps: where nothing is missing it does nothing and says nothing" {
	mkdir bin
	printf '%s\n' '#!/bin/sh' 'echo installed' >bin/dpkg-query
	printf '%s\n' '#!/bin/sh' "touch $PWD/asked" >bin/apt-get
	chmod +x bin/*
	PATH=$PWD/bin:$PATH elsewhere $'ID=debian\nVERSION_ID="12"' sh "$ROOT/packaging/install-deps" --all
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ ! -e asked ]
}

@test "install-deps: an option that there is not is refused with 2" {
	elsewhere 'ID=debian' sh "$ROOT/packaging/install-deps" --some
	[ "$status" -eq 2 ]
	[[ $output == *usage:* ]]
}
