#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# answer: how long `emqx_ctl status` takes while the data path is saturated: the
# median of 100 calls, the start of the tool included.
#
#	sh tests/bench/answer.sh	from the top of the tree, after bench.sh
#
#	BUILD		where emqxd, emqx_ctl and the load stand (build)
set -u
build=${BUILD:-build}
work=$(mktemp -d) || exit 1
emqxd='' load=''
trap 'kill $load $emqxd 2>/dev/null; wait; rm -rf "$work"' EXIT

sed "s,@DIR@,$work,g; s,:@PORT@,:0," tests/bench/emqx.conf >"$work/conf"
"$build/emqxd" foreground -c "$work/conf" >"$work/out" &
emqxd=$!
export EMQX_SOCKET="$work/ctl.sock"
"$build/emqx_ctl" wait ready --timeout=10s -q || exit 1
port=$("$build/emqx_ctl" listeners --json | sed -n 's/.*"listen_on":"[^"]*:\([0-9]*\)".*/\1/p')

"$build/tests/bench/mqload" pubsub --qos 1 --pubs 50 --subs 50 --window 32 --port "$port" \
    --warmup 1 --time 4 >/dev/null &
load=$!
"$build/emqx_ctl" wait clients 100 --timeout=10s -q || exit 1
i=0
while [ $i -lt 100 ]; do
	from=$(date +%s%N)
	"$build/emqx_ctl" status >/dev/null || exit 1
	to=$(date +%s%N)
	echo $((to - from))
	i=$((i + 1))
done | sort -n | awk '
	{ a[NR] = $1 }
	END { printf "emqx_ctl status at full load: median %.1f ms, p99 %.1f ms of %d calls\n", \
	    a[int(NR / 2)] / 1e6, a[int(NR * 0.99)] / 1e6, NR }'
