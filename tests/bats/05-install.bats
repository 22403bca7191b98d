#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# make install: the tree that a package holds.
# bats file_tags=plain
load lib

setup_file() {
	make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$BATS_FILE_TMPDIR/root" install
}

setup() { cd "$BATS_FILE_TMPDIR/root" || return 1; }

@test "install: every file lies where Debian looks for it" {
	local file
	for file in usr/sbin/emqxd usr/bin/emqx_ctl etc/emqx/emqx.conf \
	    usr/share/man/man8/emqxd.8 \
	    usr/share/man/man7/emqxd-cluster.7 usr/share/man/man1/emqx_ctl.1 usr/share/man/man5/emqx.conf.5 \
	    usr/share/bash-completion/completions/emqx_ctl \
	    usr/share/zsh/vendor-completions/_emqx_ctl \
	    usr/share/fish/vendor_completions.d/emqx_ctl.fish \
	    usr/lib/systemd/system/emqxd.service usr/lib/sysusers.d/emqxd.conf \
	    usr/lib/tmpfiles.d/emqxd.conf; do
		[ -s "$file" ] || { echo "no $file"; return 1; }
	done
}

@test "install: programs may be run, nothing else" {
	[ "$(find . -type f -perm /111 | sort | paste -s -d ' ')" = './usr/bin/emqx_ctl ./usr/sbin/emqxd' ]
	[ -z "$(find . -perm /022 ! -type l)" ]
}

@test "install: both programs say the same version" {
	local version
	version=$(sed -n 's/^## \([0-9][0-9.]*\).*/\1/p' "$ROOT/CHANGELOG.md" | head -n 1)
	run usr/sbin/emqxd version
	[ "$status" -eq 0 ]
	[[ $output == *"$version"* ]]
	run usr/bin/emqx_ctl --version
	[ "$status" -eq 0 ]
	[[ $output == *"$version"* ]]
}

@test "install: PREFIX moves the tree and the paths in the unit" {
	make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$BATS_TEST_TMPDIR" PREFIX=/opt/emqxd install
	[ -x "$BATS_TEST_TMPDIR/opt/emqxd/sbin/emqxd" ]
	grep -qx 'ExecStart=/opt/emqxd/sbin/emqxd foreground -c /etc/emqx/emqx.conf' \
	    "$BATS_TEST_TMPDIR/opt/emqxd/lib/systemd/system/emqxd.service"
	grep -qx 'ExecStartPre=/opt/emqxd/bin/emqx_ctl preflight' \
	    "$BATS_TEST_TMPDIR/opt/emqxd/lib/systemd/system/emqxd.service"
}

@test "install: an operator's emqx.conf is kept, the new one lies beside it" {
	mkdir -p "$BATS_TEST_TMPDIR/etc/emqx"
	echo '# mine' >"$BATS_TEST_TMPDIR/etc/emqx/emqx.conf"
	make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$BATS_TEST_TMPDIR" install
	[ "$(cat "$BATS_TEST_TMPDIR/etc/emqx/emqx.conf")" = '# mine' ]
	cmp "$BATS_TEST_TMPDIR/etc/emqx/emqx.conf.new" "$ROOT/packaging/emqx.conf"
}

@test "install: the unit is one that systemd reads, and waits for ready" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze on this system"
	local unit=$BATS_TEST_TMPDIR/emqxd.service
	sed "s,=/usr/,=$PWD/usr/,; s,foreground -c /etc,foreground -c $PWD/etc," \
	    usr/lib/systemd/system/emqxd.service >"$unit"
	run systemd-analyze verify --man=no "$unit"
	echo "$output"
	[[ $output != *emqxd.service* ]]
	grep -qx Type=notify "$unit"
	grep -qx LimitNOFILE=1048576 "$unit"
	grep -q ^WatchdogSec= "$unit"
}

@test "install: the configuration that is installed passes check_config" {
	run usr/sbin/emqxd check_config etc/emqx/emqx.conf
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "install: the man pages are such that mandoc has nothing to warn of" {
	need mandoc
	mandoc -T lint -W warning usr/share/man/man?/*
}
