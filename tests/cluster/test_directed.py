#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the chaos run found once, or could: each fault alone, at the moment that hurts."""
import asyncio
import os
import random
import threading
import time

from hosts import Hosts
from house import LONG, SLOW, Failed, House, run, wait_until
from mqtt5 import Client, Gone


async def wait_for(what, seconds, fn):
    await asyncio.to_thread(wait_until, what, seconds, fn)


def is_lost(node, other):
    return node.members()[other.name]["state"] != "running"


async def connect_and_go(node, name):
    """A client that gave up before anybody read what it said."""
    c = Client(name)
    try:
        await c.connect(node.host, node.mqtt, timeout=0.3)
    except Gone:
        return
    raise AssertionError("a node that stands still answered")


async def zombie(h):
    away, here = h[1], h[2]
    got = []
    c = Client("z", lambda topic, payload, flags: got.append(payload))
    assert not await c.connect(here.host, here.mqtt)
    await c.subscribe("z/#", 1)
    away.pause()
    await connect_and_go(away, "z")
    await wait_for("the others miss it", 15, lambda: is_lost(here, away) and is_lost(h[3], away))
    away.go_on()
    await wait_for("the others have it again", 15, lambda: h.wait_whole() is None)
    await wait_for("one place", 10, lambda: sum(len(n.rows("clients", "list")) for n in h.nodes) == 1)
    p = Client("p", expiry=0)
    await p.connect(h[3].host, h[3].mqtt)
    if not c.is_connected:
        assert await c.connect(here.host, here.mqtt)
    await asyncio.wait_for(p.publish("z/1", b"still here"), 5 * SLOW)
    await wait_for("the message", 5, lambda: got == [b"still here"])
    await c.abort()
    await p.abort()


async def begin_asking(h):
    """A client that waits at node 1 for its session, which is at node 2; that stands still.
    Right after the join node 1 may not know yet of a session, and lets its client in."""
    for i in range(20):
        c = Client("w%d" % i)
        await c.connect(h[2].host, h[2].mqtt)
        await c.subscribe("w", 1)
        await c.abort()
        h[2].pause()
        c = Client("w%d" % i)
        waiting = asyncio.create_task(c.connect(h[1].host, h[1].mqtt))
        await asyncio.sleep(0.2)
        if not waiting.done():
            return waiting
        await waiting
        await c.abort()
        h[2].go_on()
    raise AssertionError("node 1 never asks")


async def ends_while_asking(h):
    waiting = await begin_asking(h)
    await asyncio.to_thread(h[1].stop)
    h[2].go_on()
    try:
        await waiting
    except Gone:
        return
    raise AssertionError("a node that ends let somebody in")


def a_node_that_ends_while_clients_wait():
    """a node ends in order while clients wait for their sessions of another node"""
    with House(2) as h:
        h.start()
        h.join()
        asyncio.run(ends_while_asking(h))


def a_connect_read_late():
    """a CONNECT that a node reads after it stood still takes no session from who is there"""
    with House(3) as h:
        h.start()
        h.join()
        asyncio.run(zombie(h))


def go_and_come(h, node):
    node.ok("cluster", "leave", "--yes", timeout=60)
    node.ok("cluster", "join", h[2].address, "--yes", timeout=60)


def two_at_once():
    """two of three leave and join again at once: they wait for each other, and nobody complains"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: all(
            r["role"] in ("leader", "voter") for n in h.nodes for r in n.members().values()))
        both = [threading.Thread(target=go_and_come, args=(h, h[n])) for n in (1, 3)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        h.wait_whole()
        for node in h.nodes:
            with open(node.path("err"), encoding="utf-8") as f:
                wrong = [line for line in f if "[error]" in line]
            assert not wrong, wrong


KEY = "mqtt.max_topic_levels"
BUSY = 8  # exit status
SEED = os.environ.get("CHAOS_SEED") or str(int.from_bytes(os.urandom(4), "big"))
MINUTES = os.environ.get("CHAOS_MINUTES", "1" if LONG else "")
LATE = 0.04  # seconds from node to node: a change waits so long twice before it is proposed


class Change:
    """Node 4 joins, or leaves if it is in: what changes the members of both groups."""

    def __init__(self, h):
        self.h, self.seen = h, {n: os.path.getsize(n.path("err")) for n in h.nodes}
        self.is_leave = len(h[4].members()) > 1
        self.words = ("leave",) if self.is_leave else ("join", h[1].address)
        self.leads = self.is_leave and next(
            n for n in h.nodes if h[4].members()[n.name]["role"] == "leader")
        self.said = None
        self.thread = threading.Thread(target=self.ask, args=self.words)
        self.thread.start()

    def ask(self, *words):
        """One that was removed while it was down is still busy with that for a moment."""
        def said():
            self.said = words[0], *self.h[4].ctl("cluster", *words, "--yes", timeout=90)
            return self.said[1] != BUSY

        wait_until("node 4 is not busy", 10, said)

    def leader(self):
        """The node that is about to propose it, as soon as it says so; of a leave it does not."""
        if self.is_leave:
            return self.leads
        for node in self.h.nodes[:3]:
            with open(node.path("err"), encoding="utf-8", errors="replace") as f:
                f.seek(self.seen[node])
                if " cluster_change " in f.read():
                    return node
        return None


def views(nodes):
    """What each node says of the members."""
    return {n.name: {m: r["role"] for m, r in n.members().items()} for n in nodes}


def agreed(h):
    """Do all who are in say the same, and is node 4 in for all or for none?"""
    seen = views(h.nodes)
    inside = [n.name for n in h.nodes[:3]]
    if list(seen[h[4].name]) != [h[4].name]:
        inside.append(h[4].name)
    for name in inside:
        roles = seen[name]
        if sorted(roles) != inside or sorted(roles.values()) != ["leader"] + ["voter"] * (len(inside) - 1):
            raise Failed("%s" % seen)
    return all(n.running() == inside for n in h.nodes if n.name in inside)


def lose_quorum(h, value, is_killed, wait):
    """A change of the members is proposed and the two others die; the leader that proposed
    it stands still, or dies, while they come back without it."""
    change = Change(h)
    leader = wait_until("a change is proposed", 30, change.leader)
    wait *= 10 if change.is_leave else 1
    time.sleep(wait)
    others = [n for n in h.nodes[:3] if n is not leader]
    for node in others:
        node.kill()
    time.sleep(0.3)
    (leader.kill if is_killed else leader.pause)()
    for node in others:
        node.start(wait=False)
    for node in others:
        node.wait_ready()
    try:
        wait_until("the two agree on something", 40, lambda: others[0].ctl("conf", "set", KEY, str(value), "--yes")[0] == 0)
    except Failed as e:
        raise Failed("seed %s: %s; %s stood still in a %s; %s" % (
            SEED, e, leader.name, change.words[0], views(n for n in h.nodes if n is not leader))) from e
    (leader.start if is_killed else leader.go_on)()
    change.thread.join()
    try:
        wait_until("all agree on who is in", 60, lambda: agreed(h))
    except Failed as e:
        raise Failed("seed %s: %s; the command: %s" % (SEED, e, change.said)) from e
    for node in h.nodes[:3]:
        wait_until("it has what was set", 10, lambda n=node: str(n.rows("conf", "get", KEY)[0]["value"]) == str(value))
    ended = [line for n in h.nodes for line in open(n.path("err"), encoding="utf-8") if " cstore_ended " in line]
    print("# %s, %.0f ms: %s exit %d; children that ended: %d" % (
        "killed" if is_killed else "paused", wait * 1e3, change.said[0], change.said[1], len(ended)), flush=True)


def members_while_the_quorum_goes():
    """the quorum goes while the members change: the old leader comes back, all agree again"""
    rng = random.Random(SEED)
    rounds = max(1, int(4 * float(MINUTES)))
    with Hosts(4) as h:
        h.start()
        for n in (2, 3):
            h[n].ok("cluster", "join", h[1].address, "--yes")
        wait_until("all vote", 40, lambda: agreed(h))
        if h.can_cut():
            for a, b in ((1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)):
                h.delay(a, b, LATE)
            wait_until("all are there again", 20, lambda: agreed(h))
        for i in range(rounds):
            lose_quorum(h, 100 + i, i % 2 == 1, rng.uniform(0, 4 * LATE))


if __name__ == "__main__":
    run(a_connect_read_late, a_node_that_ends_while_clients_wait, *([two_at_once, members_while_the_quorum_goes] if MINUTES else []))
