# SPDX-License-Identifier: Apache-2.0
"""Load for the chaos run: what all nodes must agree on, ordered at any of them.

One order after the other. What was acknowledged is in force on every node when all is
quiet, or one that came later; what was refused for want of a quorum never is; of what ended
otherwise nobody knows until then.
"""
import asyncio
import hashlib
import time

from licences import copy_of, read


class Orders:
    """Of one kind; the values of several keys."""

    name, keys, pause = "", (), (0.4, 2)

    def __init__(self, world):
        self.world = world
        self.rng = world.rng(self.name)
        self.acked, self.now = {}, {}
        self.open = {k: [] for k in self.keys}
        self.given_up = {k: [] for k in self.keys}  # of which nobody knows
        self.refused = set()
        self.is_busy = False

    async def run(self):
        while not self.world.is_over:
            await asyncio.sleep(self.rng.uniform(*self.pause))
            if self.world.going.is_set():
                self.is_busy = True
                await self.order(self.rng.choice(self.world.house.nodes), self.rng.choice(self.keys))
                self.is_busy = False

    def ctl(self, node, *words):
        """(exit code, stderr); runs on a thread of its own. The daemon answers before the tool
        gives up: what a tool does not wait for may come into force until then."""
        try:
            rc, _, err = node.ctl(*words, "--timeout", "12s", timeout=20)
        except Exception as e:  # pylint: disable=broad-except
            return 99, repr(e)
        return rc, err

    def give(self, node, key):
        """A new value, ordered: (the value, exit code, stderr); runs on a thread of its own."""
        raise NotImplementedError

    def note(self, key, value):
        """It is on its way."""
        self.open[key].append(value)

    async def order(self, node, key):
        begun = time.monotonic()
        value, rc, err = await asyncio.to_thread(self.give, node, key)
        if self.world.was_alone(begun, {node.n}):
            self.given_up[key].append(value)
        elif rc in (0, 7):  # 7: a node that runs did not say yet that it has it
            self.acked[key] = value
            self.open[key].clear()
            self.given_up[key].clear()  # behind a newer one nothing comes into force
            self.world.count(self.name + " acknowledged" + (", by some" if rc else ""))
        elif "no quorum" in err.lower():
            self.open[key].remove(value)
            self.refused.add((key, value))
            self.world.count(self.name + " without quorum")
        else:
            self.given_up[key].append(value)
            self.world.count("%s: %s" % (self.name, (err.strip().splitlines() or ["?"])[0][:60]))

    async def in_force(self, ask, node, key):
        """What the node says; ask(node, *words) gives rows."""
        raise NotImplementedError

    async def wrong(self, ask):
        """What is not as it must be at a quiet point, or None."""
        for key in self.keys:
            values = {n.name: await self.in_force(ask, n, key) for n in self.world.house.nodes}
            if len(set(values.values())) != 1:
                return "%s differs: %s" % (key, values)
            value = next(iter(values.values()))
            if (key, value) in self.refused:
                return "%s has %s, which was refused" % (key, value)
            may_be = self.open[key] + self.given_up[key]
            if key in self.acked and value != self.acked[key] and value not in may_be:
                return "%s is %s, acknowledged was %s, open %s" % (key, value, self.acked[key], may_be)
            self.now[key] = value
        return None


class Settings(Orders):
    """conf set."""

    name = "conf set"
    keys = ("mqtt.max_topic_levels", "mqtt.max_clientid_len", "mqtt.max_topic_alias")

    def __init__(self, world):
        super().__init__(world)
        self.value = 1000

    def give(self, node, key):
        self.value += 1
        value = str(self.value)
        self.note(key, value)
        return value, *self.ctl(node, "conf", "set", key, value)

    async def in_force(self, ask, node, key):
        return (await ask(node, "conf", "get", key))[0]["value"]


class Licences(Orders):
    """license reload; a value is the hash of the file."""

    name, keys, pause = "license reload", ("licence",), (2, 6)

    def __init__(self, world, vendor):
        super().__init__(world)
        self.vendor, self.n = vendor, 0

    def give(self, node, key):
        self.n += 1
        path = self.vendor.sign("%d.lic" % self.n, "customer=%d" % self.n, "max_sessions=100000",
                                "start=20240101", "days=20000")
        value = hashlib.sha256(read(path)).hexdigest()
        self.note(key, value)
        return value, *self.ctl(node, "license", "reload", path)

    async def in_force(self, ask, node, key):
        row = (await ask(node, "license", "info"))[0]
        said, copy = row["hash"] or "", ""
        try:
            copy = hashlib.sha256(copy_of(node)).hexdigest()
        except FileNotFoundError:
            pass
        if row["differ"] or copy != said:
            return "%s (%s differ; its copy is %s)" % (said, row["differ"], copy)
        return said


