# SPDX-License-Identifier: Apache-2.0
"""Faults for the chaos run: the schedule, which a seed decides, and how each is done.

A schedule is rounds; a round is faults, each with the second at which it begins, whom it
hits and for how long. Whom: a number, or "leader" and "follower", who are looked up when
it is their turn. A fault that hits a node that is down or busy already is left out. After
a round everything is mended: that is part of it.
"""
import asyncio
import glob
import os
import random
import signal
import time

from house import SLOW

# kind -> (how often, seconds that it lasts, does it excuse losses of messages?)
KINDS = {
    "kill": (6, (0.1, 6), True),
    "pause": (3, (0.3, 3.5), False),
    "long pause": (2, (6, 9), True),
    "restart": (2, (0.1, 1), True),
    "child kill": (4, (0, 0), False),
    "child pause": (3, (0.5, 6), False),
    "leave": (2, (0, 0), True),
    "force leave": (2, (0.1, 2), True),
    "disk full": (2, (0.5, 6), False),
    "clock": (2, (2, 8), False),
    "stranger": (1, (0.5, 6), False),
    "cut off": (2, (0.5, 9), True),
    "cut one": (2, (0.5, 9), True),
    "cut one way": (3, (0.5, 9), True),
    "cut by loss": (2, (2, 8), True),
}
WHOM = ("leader", "leader", "follower", 1, 2, 3)


class Fault:
    """One row of the schedule."""

    def __init__(self, at, kind, whom, seconds):
        self.at, self.kind, self.whom, self.seconds = at, kind, whom, seconds

    def __str__(self):
        return "%.1f s: %s of %s, %.1f s" % (self.at, self.kind, self.whom, self.seconds)


def schedule(seed, kinds):
    """Rounds without end."""
    rng = random.Random("%s/faults" % seed)
    names = list(kinds)
    weights = [kinds[k][0] for k in names]
    while True:
        at, faults = rng.uniform(1, 3), []
        for _ in range(rng.choice((1, 1, 2, 3, 4, 6))):
            kind = rng.choices(names, weights)[0]
            whom = rng.choice(WHOM)
            faults.append(Fault(at, kind, 3 if kind == "clock" else whom, rng.uniform(*kinds[kind][1])))
            at += rng.choice((rng.uniform(0, 0.3), rng.uniform(0.5, 5)))
        yield faults


class Doer:
    """Does them."""

    def __init__(self, world, kinds):
        self.world, self.house, self.kinds = world, world.house, kinds
        self.busy = set()  # numbers of nodes with which something is done
        self.done = set()  # (kind, node number) of this round
        self.away = set()  # members no more: to join again

    async def ctl(self, node, *words, timeout=40):
        try:
            return await asyncio.to_thread(node.ctl, *words, timeout=timeout)
        except Exception as e:  # pylint: disable=broad-except
            return 99, "", repr(e)

    async def leader(self):
        for node in self.house.nodes:
            if node.n in self.busy or not node.is_up():
                continue
            try:
                rows = await asyncio.to_thread(node.members)
            except Exception:  # pylint: disable=broad-except
                continue
            for other in self.house.nodes:
                if rows.get(other.name, {}).get("role") == "leader":
                    return other
        return None

    async def whom(self, fault):
        if isinstance(fault.whom, int):
            return self.house[fault.whom]
        leader = await self.leader()
        if fault.whom == "leader":
            return leader
        others = [n for n in self.house.nodes if n is not leader and n.n not in self.busy]
        return others[0] if others else None

    async def round(self, faults):
        """Does them all; returns when the last one is over."""
        begun = time.monotonic()
        tasks = []
        self.done.clear()
        for f in faults:
            await asyncio.sleep(max(0, begun + f.at - time.monotonic()))
            node = await self.whom(f)
            if node is None or node.n in self.busy or not node.is_up():
                self.world.count("faults left out")
                continue
            self.world.count("fault: " + f.kind)
            self.busy.add(node.n)
            self.done.add((f.kind, node.n))
            tasks.append(asyncio.create_task(self.do(f, node)))
        if tasks:
            await asyncio.gather(*tasks)

    def trouble(self, fault, node):
        """Connections between nodes outlive less than five seconds."""
        is_long = self.kinds[fault.kind][2]
        if fault.kind in ("child kill", "child pause", "disk full", "clock", "stranger"):
            return None
        if not is_long or fault.kind.startswith("cut") and fault.seconds < 3:
            return self.world.trouble("short " + fault.kind, node.n)
        return self.world.trouble(fault.kind, node.n)

    async def do(self, fault, node):
        row = self.trouble(fault, node)
        try:
            await getattr(self, fault.kind.replace(" ", "_"))(node, fault.seconds)
        finally:
            self.busy.discard(node.n)
            if row is not None:
                row[1] = time.monotonic() + 2  # what was on its way meanwhile

    # ---- one each

    def next_to(self, node):
        return self.house[node.n % len(self.house.nodes) + 1]

    async def cut_off(self, node, seconds):
        self.house.cut_off(node)
        await asyncio.sleep(seconds)
        for other in self.house.nodes:
            if other is not node:
                self.house.heal(node, other)

    async def cut_one(self, node, seconds):
        self.house.cut(node, self.next_to(node))
        await asyncio.sleep(seconds)
        self.house.heal(node, self.next_to(node))

    async def cut_one_way(self, node, seconds):
        self.house.cut(node, self.next_to(node), one_way=True)
        await asyncio.sleep(seconds)
        self.house.heal(node, self.next_to(node))

    async def cut_by_loss(self, node, seconds):
        self.house.loss(node, self.next_to(node), 20)
        await asyncio.sleep(seconds)
        self.house.heal(node, self.next_to(node))

    async def kill(self, node, seconds):
        node.kill()
        await asyncio.sleep(seconds)
        node.start(wait=False)
        await self.ready(node)

    async def ready(self, node):
        end = time.monotonic() + 20 * SLOW
        while time.monotonic() < end:
            rc, _, _ = await self.ctl(node, "wait", "ready")
            if rc == 0 or not node.is_up():
                return
            await asyncio.sleep(0.1)
        self.world.find("%s is not ready after %d s", node.name, 20 * SLOW)

    async def pause(self, node, seconds):
        process = node.process
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGCONT)

    async def long_pause(self, node, seconds):
        await self.pause(node, seconds)

    async def restart(self, node, seconds):
        process = node.process
        process.terminate()
        try:
            rc = await asyncio.to_thread(process.wait, 30 * SLOW)
        except Exception:  # pylint: disable=broad-except
            self.world.find("%s does not end by SIGTERM within %d s", node.name, 30 * SLOW)
            node.kill()
            rc = 0
        if rc != 0:
            self.world.find("%s ended with %d after SIGTERM", node.name, rc)
        await asyncio.sleep(seconds)
        node.start(wait=False)
        await self.ready(node)

    def child(self, node):
        """Pid of the child; None if there is none just now."""
        for path in glob.glob("/proc/%d/task/*/children" % node.process.pid):
            try:
                with open(path, encoding="ascii") as f:
                    pids = f.read().split()
            except OSError:
                continue
            if pids:
                return int(pids[0])
        return None

    async def child_kill(self, node, _):
        pid = self.child(node)
        if pid is not None:
            self.signal(pid, signal.SIGKILL)

    async def child_pause(self, node, seconds):
        pid = self.child(node)
        if pid is None:
            return
        self.signal(pid, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.signal(pid, signal.SIGCONT)

    @staticmethod
    def signal(pid, sig):
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass

    async def disk_full(self, node, seconds):
        """What a folder of its own may have is used up, but for some bytes."""
        path = node.path("data", "filling")
        room = os.statvfs(node.path("data"))
        with open(path, "wb") as f:
            try:
                os.posix_fallocate(f.fileno(), 0, room.f_bavail * room.f_bsize)
            except OSError:
                pass  # others write too
        await asyncio.sleep(seconds)
        os.unlink(path)

    async def clock(self, node, seconds):
        """The clock of the one node that has its own goes wrong by up to an hour."""
        self.house.set_clock(node, random.Random(seconds).choice((-3600, -60, -2, 2, 60, 3600)))
        await asyncio.sleep(seconds)
        self.house.set_clock(node, 0)

    async def stranger(self, node, seconds):
        """Who has no cookie comes to the cluster port, with garbage or without a word, and stays."""
        rng = random.Random(seconds)
        writers = []
        for _ in range(40):
            try:
                _, writer = await asyncio.open_connection(node.host, node.port)
                size = rng.choice((0, 1, 40, 70000))
                writer.write(rng.choice((b"", b"\xff\xff\xff\xff", b"\0\x21\1")) + rng.randbytes(size))
                writers.append(writer)
            except OSError:
                pass
        await asyncio.sleep(seconds)
        for writer in writers:
            writer.transport.abort()

    async def force_leave(self, node, seconds):
        """It is down, the others remove it, and it joins again."""
        node.kill()
        for other in self.house.nodes:
            if other is not node and other.is_up() and other.n not in self.busy:
                rc, _, err = await self.ctl(other, "cluster", "force-leave", node.name, "--yes", "--timeout", "20s")
                self.world.count("force leave: " + (err.strip().splitlines()[0][:70] if rc else "ok"))
                if rc == 0:
                    break
        await asyncio.sleep(seconds)
        node.start(wait=False)
        await self.ready(node)
        end = time.monotonic() + 20 * SLOW
        while time.monotonic() < end and node.is_up():
            if await self.is_alone(node):
                await self.join(node, 20)
                return
            await asyncio.sleep(0.3)

    async def is_alone(self, node):
        rc, out, _ = await self.ctl(node, "cluster", "status", "--json")
        return rc == 0 and out.count('"node"') == 1

    async def leave(self, node, _):
        rc, _, err = await self.ctl(node, "cluster", "leave", "--yes", "--timeout", "35s")
        self.world.count("leave: exit %d" % rc)
        if rc != 0:
            self.world.count("leave: " + err.strip().splitlines()[0][:70] if err.strip() else "leave: ?")
        await self.join(node, 20)

    async def join(self, node, seconds):
        """Is it a member in time?"""
        end = time.monotonic() + seconds * SLOW
        last = ""
        while time.monotonic() < end:
            for other in self.house.nodes:
                if other is node or not other.is_up() or other.n in self.busy:
                    continue
                rc, _, last = await self.ctl(node, "cluster", "join", other.address, "--yes", "--timeout", "35s")
                if rc == 0 or not await self.is_alone(node):
                    return True
            await asyncio.sleep(0.3)
        self.world.count("join: " + (last.strip().splitlines() or ["nobody to join"])[0][:70])
        return False
