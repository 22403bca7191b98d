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
import ctypes
import os
import shutil
import subprocess
import sys
import time

import faults
from checks import Checks
from hosts import Hosts
from licences import Vendor, configure
from load import Load, World

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30"))
SEED = os.environ.get("CHAOS_SEED") or str(int.from_bytes(os.urandom(4), "big"))
ONLY = os.environ.get("CHAOS_ONLY")
FROM = int(os.environ.get("CHAOS_FROM", "1"))
LINES = ("mqtt.max_mqueue_len = 100000", "cluster.node_down_timeout = 10s", "mqtt.retry_interval = 5s")


FAKETIME = "/usr/lib/%s-linux-gnu/faketime/libfaketime.so.1" % os.uname().machine
NEWNS = 0x20000


class Place(Hosts):
    """Hosts with small disks; the third has a clock of its own."""

    def __init__(self, n, *lines):
        self.has_clock = os.path.exists(FAKETIME) and "san" not in os.environ.get("BUILD", "")
        super().__init__(n, *lines)
        if self.has_clock:
            self.set_clock(self[n], 0)
        self.has_disks = self.mount()

    def mount(self):
        """Disks that only this process and those it starts see: they end with them."""
        if ctypes.CDLL(None).unshare(NEWNS) != 0:
            return False
        subprocess.run(["mount", "--make-rprivate", "/"], check=False)
        for node in self.nodes:
            os.makedirs(node.path("data"), exist_ok=True)
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=700", "disk", node.path("data")],
                              check=False).returncode != 0:
                return False
        return True

    def inside(self, n):
        clock = ["env", "LD_PRELOAD=" + FAKETIME, "FAKETIME_TIMESTAMP_FILE=" + self.clock_file(n),
                 "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DISABLE_SHM=1"]
        return super().inside(n) + (clock if self.has_clock and n == 3 else [])

    def clock_file(self, n):
        return os.path.join(self.dir, "clock%d" % n)

    def set_clock(self, node, seconds):
        with open(self.clock_file(node.n) + ".new", "w", encoding="ascii") as f:
            f.write("%+d\n" % seconds)
        os.rename(f.name, self.clock_file(node.n))

    def can(self, kind):
        """Is there what this kind of fault needs?"""
        return {"cut": self.can_cut(), "disk": self.has_disks, "clock": self.has_clock}.get(kind.split()[0], True)

    def __exit__(self, kind, value, trace):
        try:
            super().__exit__(kind, value, trace)
        finally:
            if self.has_disks:
                for node in self.nodes:
                    subprocess.run(["umount", "-l", node.path("data")], stderr=subprocess.DEVNULL, check=False)
                shutil.rmtree(self.dir, ignore_errors=True)


def say(fmt, *args):
    print("# " + fmt % args, flush=True)


async def play(world, kinds, vendor):
    load = Load(world, vendor)
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
    with Place(3, *LINES) as h:
        vendor = Vendor(h)
        for node in h.nodes:
            configure(node, *node.lines, vendor.line)
        h.start()
        h.join()
        kinds = {k: v for k, v in faults.KINDS.items()
                 if (ONLY is None or k in ONLY.split(",")) and h.can(k)}
        world = World(h, SEED)
        asyncio.run(play(world, kinds, vendor))
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
