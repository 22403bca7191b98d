#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the chaos run found once, or could: each fault alone, at the moment that hurts."""
import asyncio

from house import SLOW, House, run, wait_until
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


async def ends_while_asking(h):
    """A client waits at node 1 for its session, which is at a node that stands still."""
    c = Client("w")
    await c.connect(h[2].host, h[2].mqtt)
    await c.abort()
    h[2].pause()
    waiting = asyncio.create_task(Client("w").connect(h[1].host, h[1].mqtt))
    await asyncio.sleep(0.2)
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


if __name__ == "__main__":
    run(a_connect_read_late, a_node_that_ends_while_clients_wait)
