# SPDX-License-Identifier: Apache-2.0
"""What must be true when nothing is broken any more and nobody sends: judges the chaos run."""
import asyncio
import json
import os
import re
import time

from books import WITHOUT, Books
from house import SLOW
from mqtt5 import Client, Gone

SETTLED = 30  # seconds until everything must have come to rest after the last fault
# Bytes that a process may grow; a sanitizer's keep more.
GROWTH = 1 << 30 if "san" in os.environ.get("BUILD", "") else 48 << 20
# Kind of a fault -> what a node that was hit may log as an error.
MEANT = {
    "child kill": ("[error] cstore_ended reason=\"it was ended by signal 9",),
    "force leave": ("[error] cluster_removed_here",),
    "disk full": ("No space left on device", "not enough space", "error=full", "[error] store_refuses", "[error] cstore_ended"),
}


class Checks:
    """All checks of a run; each finds or not."""

    def __init__(self, world, load, doer):
        self.world, self.house, self.load, self.doer = world, world.house, load, doer
        self.round = 0  # the number of the one that is being played
        self.logs = {}  # path -> offset read so far
        self.sizes = {}  # pid -> (rss, fds) at first
        self.since = 0  # when the round began
        self.books = Books(self.house, self.rows)

    async def until(self, what, seconds, fn):
        """fn() says what is wrong, or None; a finding when it does not stop."""
        end = time.monotonic() + seconds * SLOW
        while True:
            try:
                wrong = await fn()
            except Gone as e:
                wrong = "gone: %s" % e
            if wrong is None:
                return True
            if time.monotonic() > end:
                self.world.find("round %d: %s: %s", self.round, what, wrong)
                return False
            await asyncio.sleep(0.25)

    async def rows(self, node, *words):
        rc, out, err = await self.doer.ctl(node, *words, "--json")
        if rc != 0:
            raise Gone("%s: %s: %s" % (node.name, " ".join(words), err.strip()[:200]))
        rows = json.loads(out)
        return rows if isinstance(rows, list) else [rows]

    async def all(self):
        """Everything, at a quiet point."""
        await self.until("all nodes are members and run", SETTLED, self.whole)
        self.load.rest()
        await self.until("all clients are connected and nothing waits for an acknowledgement",
                         SETTLED, self.at_rest)
        await self.until("messages arrive", 8, self.delivered)
        lost = self.judge_messages()
        await self.until("losses are counted", 8, lambda: self.counted(lost))
        await self.until("one place a client", 10, self.not_doubled)
        await self.until("topics are the same everywhere", 10, self.topics)
        await self.probes()
        for o in self.load.orders:
            await self.until(o.name, 10, lambda o=o: o.wrong(self.rows))
        await self.until("retained messages", 15, self.retained)
        self.settle_open()
        self.processes()
        self.read_logs()
        await self.books.begin()
        for e in self.load.died():
            self.world.find("a task of the load ended: %r", e)

    # ---- nodes

    async def bring_back(self, node):
        if not self.world.was_alone(self.since, {node.n}):
            self.world.find("round %d: %s is alone, and nobody asked for it", self.round, node.name)
        row = self.world.trouble("leave", node.n)
        await self.doer.join(node, 5)
        row[1] = time.monotonic() + 2
        return "%s is alone" % node.name

    async def whole(self):
        names = sorted(n.name for n in self.house.nodes)
        for node in self.house.nodes:
            if not node.is_up():
                return "%s has ended with %s: %s" % (node.name, node.process.returncode, node.tail(5))
            if await self.doer.is_alone(node):
                return await self.bring_back(node)
        for node in self.house.nodes:
            rows = {r["node"]: r for r in await self.rows(node, "cluster", "status")}
            if sorted(n for n, r in rows.items() if r["state"] == "running") != names:
                return "%s sees %s" % (node.name, {n: r["state"] for n, r in rows.items()})
            if not all(r["quorum"] for r in rows.values()):
                return "%s has no quorum" % node.name
            if sum(r["role"] == "leader" for r in rows.values()) != 1:
                return "%s sees roles %s" % (node.name, {n: r["role"] for n, r in rows.items()})
        return None

    # ---- clients

    async def at_rest(self):
        for o in self.load.orders:
            if o.is_busy:
                return "a %s has not ended" % o.name
        for r in self.load.roamers:
            if not r.is_settled or not r.client.is_connected:
                return "%s is not connected" % r.name
            if r.client.out:
                return "%s waits for %d acknowledgements at %s" % (r.name, len(r.client.out), r.node.name)
        return None

    async def not_doubled(self):
        where = {}
        for node in self.house.nodes:
            for row in await self.rows(node, "clients", "list"):
                where.setdefault(row["clientid"], []).append((node.name, row["connected"]))
        for r in self.load.roamers:
            if where.pop(r.name, []) != [(r.node.name, True)]:
                return "%s, which is at %s, is at %s" % (r.name, r.node.name, where.get(r.name))
        strangers = {c: w for c, w in where.items() if not c.startswith("probe")}
        return "clients that should be gone: %s" % strangers if strangers else None

    # ---- messages

    def owed(self, receiver, publisher):
        """(payload, Sent) of messages that this life of the receiver must have seen."""
        begun = receiver.life.begun
        return [(p, s) for p, s in publisher.sent.items()
                if s.acked is not None and s.code < 128 and s.at > begun and s.at > self.since]

    def pairs(self):
        return zip(self.load.receivers, self.load.publishers)

    async def delivered(self):
        for r, p in self.pairs():
            if r.life.begun is None:
                return "%s has no session" % r.name
            missing = [s.seq for m, s in self.owed(r, p) if m not in r.life.got and not self.excused(r, s)]
            if missing:
                return "%s at %s misses %d of %s: %s" % (
                    r.name, r.node.name, len(missing), p.name, self.about(r, p, missing))
        return self.shared()

    def shared(self):
        for s, payload, kinds in self.lost_by_group():
            if not kinds:
                return "nobody of the group got %s, sent at node %s, code %d" % (payload, s.nodes, s.code)
        return None

    def lost_by_group(self):
        """(Sent, payload, kinds of excuses) that nobody of the group got."""
        got = [life.got for m in self.load.members for life in [*m.lives, m.life]]
        for p in self.load.sharers:
            for payload, s in p.sent.items():
                if s.acked is None or s.code >= 128 or s.at < self.since or any(payload in g for g in got):
                    continue
                if not any(m.lives and m.lives[0].begun < s.at for m in self.load.members):
                    continue
                nodes = set(s.nodes).union(*(m.nodes_since(s.at - 1) for m in self.load.members))
                arrivals = [t for m in self.load.members for t in m.arrivals()]
                yield s, payload, self.world.excuses(s.at - 1, nodes, arrivals)

    def excuses(self, receiver, s):
        there = receiver.nodes_since(s.at - 1)
        kinds = self.world.excuses(s.at - 1, s.nodes | there, receiver.arrivals())
        if "restart" in kinds and "restart" not in self.world.excuses(s.at - 1, there):
            kinds.remove("restart")  # a node that ends in order passes on what it took
        return kinds

    def excused(self, receiver, s):
        return next(iter(self.excuses(receiver, s)), None)

    async def counted(self, lost):
        """Have the nodes counted so many?"""
        n = await self.books.counted() if lost else 0
        if len(lost) <= n:
            self.world.count("losses that the nodes counted then", n)
            return None
        return "%d are lost, %d were counted: %s" % (len(lost), n, "; ".join(lost[:3]))

    def about(self, r, p, missing):
        by = {s.seq: s for s in p.sent.values()}
        s = by[missing[0]]
        places = ["%+.2f s node %d" % (t - s.at, n) for t, n in r.places if s.at - 15 < t < s.at + 15]
        return "%s; the first went in at node %s, code %d, sent again: %s; the receiver came to %s" % (
            missing[:8], sorted(s.nodes), s.code, s.is_again, ", ".join(places))

    def judge_messages(self):
        """What was lost with a reason is counted; copies and order are judged. Gives those
        that a node must have counted."""
        lost = []
        for r, p in self.pairs():
            if r.life.begun is None:
                continue
            for m, s in self.owed(r, p):
                self.world.count("messages that were owed")
                if m not in r.life.got:
                    self.lose(lost, s, self.excuses(r, s), self.about(r, p, [s.seq]))
            self.copies(r, p)
            self.order(r, p)
        for s, payload, kinds in self.lost_by_group():
            self.lose(lost, s, kinds, "%s, of the group" % payload)
        for p in [*self.load.publishers, *self.load.sharers, *self.load.keepers]:
            self.world.count("messages sent", sum(s.at > self.since for s in getattr(p, "sent", {}).values()))
        return lost

    def lose(self, lost, s, kinds, about):
        """One that nobody got: must a node have counted it?"""
        if not kinds:
            return  # found already
        if s.code == 0x10:
            self.world.count("messages lost, and their publisher told so")
        elif WITHOUT & set(kinds):
            self.world.count("messages lost by %s" % next(k for k in kinds if k in WITHOUT))
        else:
            self.world.count("messages lost by %s" % kinds[0])
            lost.append("%s: %s" % (", ".join(kinds), about))

    def copies(self, r, p):
        for when, payload in r.odd:
            s = p.sent.get(payload)
            if s is None or (s.is_again and r.qos < 2) or (s.is_again and p.qos < 2):
                continue
            kind = self.excused(r, s)
            if kind is None:
                self.world.find("round %d: %s (QoS %d, at %s) got %s (QoS %d, node %s, sent again: %s) twice, %.2f s after it was sent",
                                self.round, r.name, r.qos, r.node.name, payload, p.qos, s.nodes, s.is_again, when - s.at)
            else:
                self.world.count("messages doubled by %s" % kind)
        r.odd.clear()

    def order(self, r, p):
        last = {}
        for payload in r.life.order:
            s = p.sent.get(payload)
            if s is None or s.is_again:
                continue
            before = last.get(s.connection)
            if before is not None and before.seq > s.seq and s.at > self.since:
                kind = self.excused(r, s)
                if kind is None:
                    self.world.find("round %d: %s got %s of %s before %s", self.round, r.name, before.seq, p.name, s.seq)
                    return
                self.world.count("out of order by %s" % kind)
            last[s.connection] = s

    # ---- routes

    def wanted(self):
        """(filter, node) of all subscriptions that there are."""
        want = set()
        for r in [*self.load.receivers, *self.load.members]:
            want |= {(f.split("/", 2)[2] if f.startswith("$share/") else f, r.node.name) for f in r.filters}
        for c in self.load.churners:
            want |= {(f, c.node.name) for f in c.filters}
        return want

    async def topics(self):
        want = self.wanted()
        for node in self.house.nodes:
            have = {(r["topic"], n) for r in await self.rows(node, "topics", "list") for n in r["node"].split(",")}
            if have != want:
                return "%s lists %s too many, %s too few" % (node.name, sorted(have - want)[:5], sorted(want - have)[:5])
        return None

    async def probes(self):
        """One message into every filter from every node: once at everybody who wants it."""
        for x in [*self.load.receivers, *self.load.members, *self.load.churners]:
            (x.life.probes if hasattr(x, "life") else x.probes).clear()
        want, topics = self.expected()
        for node in self.house.nodes:
            c = Client("probe%d" % node.n, expiry=0)
            try:
                await c.connect(node.host, node.mqtt, clean=True)
                sent = [c.publish(t, ("probe %d %s" % (node.n, t)).encode(), 1) for t in topics]
                await asyncio.wait_for(asyncio.gather(*sent), 10)
            except (Gone, asyncio.TimeoutError) as e:
                self.world.find("round %d: a probe at %s: %r", self.round, node.name, e)
            await c.disconnect()
        await self.until("probes", 5, lambda: self.probed(want))

    def expected(self):
        """(who, topic) that shall come from each node; None for the group: anyone."""
        want, topics = set(), {"s/0"}
        for i, r in enumerate(self.load.receivers):
            want.add((r.name, "q/%d" % i))
            topics.add("q/%d" % i)
        for c in self.load.churners:
            for f in c.filters:
                want.add((c.name, f.replace("+", "x")))
                topics.add(f.replace("+", "x"))
        return want, topics

    async def probed(self, want):
        wrong = []
        who = [(r.name, r.life.probes) for r in self.load.receivers]
        who += [(c.name, c.probes) for c in self.load.churners]
        for name, probes in who:
            for n in range(1, len(self.house.nodes) + 1):
                for topic in [t for w, t in want if w == name]:
                    times = probes.count(("probe %d %s" % (n, topic)).encode())
                    if times != 1:
                        wrong.append("%s got %s from node %d %d times" % (name, topic, n, times))
        group = [p for m in self.load.members for p in m.life.probes]
        for n in range(1, len(self.house.nodes) + 1):
            times = group.count(("probe %d s/0" % n).encode())
            if times != 1:
                wrong.append("the group got s/0 from node %d %d times" % (n, times))
        return "%d wrong: %s" % (len(wrong), "; ".join(wrong[:5])) if wrong else None

    # ---- what all nodes agree on

    async def kept(self, node, n):
        """topic -> payload of all retained messages there."""
        have = {}
        c = Client("probe-ret%d" % node.n, lambda topic, payload, flags: have.__setitem__(topic, payload), expiry=0)
        await c.connect(node.host, node.mqtt, clean=True)
        await c.subscribe("ret/#", 1)
        end = time.monotonic() + 3
        while len(have) < n and time.monotonic() < end:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        await c.disconnect()
        return have

    async def retained(self):
        values = {}
        for node in self.house.nodes:
            rows = await self.rows(node, "retainer", "topics", "1", "1000")
            values[node.name] = await self.kept(node, len(rows))
            if sorted(values[node.name]) != sorted(r["topic"] for r in rows):
                return "%s lists %d retained topics and sends %d" % (node.name, len(rows), len(values[node.name]))
        first, *others = values.items()
        for name, have in others:
            for topic in set(first[1]) | set(have):
                if first[1].get(topic) != have.get(topic):
                    return "%s: %s has %s, %s has %s" % (topic, first[0], first[1].get(topic), name, have.get(topic))
        for k in self.load.keepers:
            for topic in k.topics:
                value = first[1].get(topic)
                may_be = k.open[topic] + k.given_up[topic]
                if topic in k.acked and value != k.acked[topic] and value not in may_be:
                    return "%s has %s, acknowledged was %s, open %s" % (topic, value, k.acked[topic], may_be)
                k.now[topic] = value
        return None

    def settle_open(self):
        """What did not happen until now must not happen any more."""
        for x in [*self.load.keepers, *self.load.orders]:
            x.acked.update(x.now)
            for values in [*x.open.values(), *x.given_up.values()]:
                values.clear()

    # ---- processes

    def processes(self):
        for node in self.house.nodes:
            if not node.is_up():
                continue
            if len(node.children()) > 1:
                self.world.find("round %d: %s has children %s", self.round, node.name, node.children())
            for pid in [node.process.pid, *node.children()]:
                try:
                    rss = int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % pid, encoding="ascii").read())[1]) << 10
                    fds = len(os.listdir("/proc/%d/fd" % pid))
                except (OSError, TypeError):
                    continue
                first = self.sizes.setdefault(pid, (rss, fds))
                self.world.counts["most rss MiB"] = max(self.world.counts.get("most rss MiB", 0), rss >> 20)
                if rss > first[0] + GROWTH:
                    self.world.find("round %d: pid %d of %s has grown from %d to %d MiB", self.round, pid, node.name, first[0] >> 20, rss >> 20)
                if fds > first[1] + 40:
                    self.world.find("round %d: pid %d of %s has %d descriptors, %d at first", self.round, pid, node.name, fds, first[1])

    def is_meant(self, node, line):
        """Errors that the faults are meant to bring about."""
        for kind, words in MEANT.items():
            if (kind, node.n) in self.doer.done and any(word in line for word in words):
                return True
        return False

    def read_logs(self):
        for node in self.house.nodes:
            path = node.path("err")
            with open(path, encoding="utf-8", errors="replace") as f:
                f.seek(self.logs.get(path, 0))
                lines = f.read().splitlines()
                self.logs[path] = f.tell()
            strange = []
            for line in lines:
                event = re.search(r"\[(\w+)\] (\w+)", line)
                if event is not None and event[1] == "warning":
                    self.world.count("warned: " + event[2])
                if event is None or event[1] == "error" and not self.is_meant(node, line):
                    strange.append(line.strip()[:300])
            if strange:
                self.world.find("round %d: %s logs: %s", self.round, node.name, "\n#   ".join(strange[:25]))
