#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three nodes under load and under faults, for CHAOS_MINUTES (30).

	BUILD=build CHAOS_MINUTES=3 CHAOS_SEED=17 python3 tests/cluster/chaos.py

CHAOS_SEED  the schedule of faults; else by chance. It is printed: the same seed, the same faults
CHAOS_ONLY  kinds of faults, with commas between (faults.py); else all
CHAOS_FROM  the number of the round to begin with: to come back to one that found something
CHAOS_KEEP  a folder that gets the nodes' folders when something was found

Rounds: load with faults, then everything is mended, the load rests, and checks.py looks at all
of it. Losses that the manual names are counted by their reason; anything else is a finding.
"""
import asyncio
import os
import shutil
import sys
import time

import faults
from checks import Checks
from hosts import Hosts
from load import Load, World

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30"))
SEED = os.environ.get("CHAOS_SEED") or str(int.from_bytes(os.urandom(4), "big"))
ONLY = os.environ.get("CHAOS_ONLY")
FROM = int(os.environ.get("CHAOS_FROM", "1"))
LINES = ("mqtt.max_mqueue_len = 100000", "cluster.node_down_timeout = 10s", "mqtt.retry_interval = 5s")


def say(fmt, *args):
    print("# " + fmt % args, flush=True)


async def play(world, kinds):
    load = Load(world)
    doer = faults.Doer(world, kinds)
    checks = Checks(world, load, doer)
    end = time.monotonic() + MINUTES * 60
    load.start()
    load.go_on()
    await asyncio.sleep(2)
    await checks.all()
    for number, plan in enumerate(faults.schedule(SEED, kinds), 1):
        if time.monotonic() > end or len(world.findings) >= 10:
            break
        if number < FROM:
            continue
        say("round %d: %s", number, "; ".join(str(f) for f in plan))
        checks.round = number
        checks.since = time.monotonic()
        load.go_on()
        await doer.round(plan)
        await asyncio.sleep(1)
        mended = time.monotonic()
        await checks.all()
        world.count("rounds")
        world.counts["slowest quiet point, s"] = max(
            world.counts.get("slowest quiet point, s", 0), round(time.monotonic() - mended, 1))
    await load.stop()
    for node in world.house.nodes:
        await asyncio.to_thread(node.stop)


def main():
    say("CHAOS_SEED=%s CHAOS_MINUTES=%g", SEED, MINUTES)
    print("1..1", flush=True)
    with Hosts(3, *LINES) as h:
        h.start()
        h.join()
        kinds = {k: v for k, v in faults.KINDS.items()
                 if (ONLY is None or k in ONLY.split(",")) and (h.can_cut() or not k.startswith("cut"))}
        world = World(h, SEED)
        asyncio.run(play(world, kinds))
        keep = os.environ.get("CHAOS_KEEP")
        if world.findings and keep:
            shutil.copytree(h.dir, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
    for what in sorted(world.counts):
        say("%s: %s", what, world.counts[what])
    for line in world.findings:
        say("found: %s", line)
    print("%s 1 - chaos with seed %s, %g minutes: nothing found" % ("not ok" if world.findings else "ok", SEED, MINUTES))
    sys.exit(1 if world.findings else 0)


if __name__ == "__main__":
    main()
