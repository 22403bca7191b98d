#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node that starts opens its listeners when it knows what clients of the others want."""
import asyncio
import time

from house import LONG, SLOW, House, run, wait_until
from mqtt5 import Client, Gone

ROUNDS = 12 if LONG else 4


async def first_one(node):
    """A client that is there as soon as the port is open."""
    c = Client("early", expiry=0)
    end = time.monotonic() + 30 * SLOW
    while True:
        try:
            await c.connect(node.host, node.mqtt)
            return c
        except Gone:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.001)


async def early_ones(h):
    got = []
    listener = Client("listener", lambda topic, payload, flags: got.append(payload), expiry=0)
    await listener.connect(h[2].host, h[2].mqtt)
    await listener.subscribe("early/#", 1)
    for i in range(ROUNDS):
        await asyncio.to_thread(h[3].stop)
        h[3].start(wait=False)
        c = await first_one(h[3])
        await asyncio.wait_for(c.publish("early/%d" % i, b"%d" % i), 5 * SLOW)
        await asyncio.to_thread(wait_until, "message %d" % i, 5, lambda i=i: b"%d" % i in got)
        await c.abort()
        # And what it subscribes then is known to the others.
        mine = []
        c = Client("back", lambda topic, payload, flags: mine.append(payload), expiry=0)
        await c.connect(h[3].host, h[3].mqtt)
        await c.subscribe("back/#", 1)
        await asyncio.wait_for(listener.publish("back/%d" % i, b"x"), 5 * SLOW)
        await asyncio.to_thread(wait_until, "the one back", 5, lambda: mine == [b"x"])
        await c.abort()
    await listener.abort()


def early():
    """what is acknowledged right after a start arrives at the other nodes"""
    with House(3) as h:
        h.start()
        h.join()
        asyncio.run(early_ones(h))


def without_one():
    """a member that is dead, or stands still, holds up no start"""
    with House(3) as h:
        h.start()
        h.join()
        h[2].kill()
        h[3].stop()
        h[3].start()
        wait_until("it has the one that runs", 10, lambda: h[3].running() == [h[1].name, h[3].name])
        h[1].pause()
        h[3].stop()
        h[3].start()
        h[1].go_on()
        wait_until("they have each other", 15, lambda: h[3].running() == [h[1].name, h[3].name])


if __name__ == "__main__":
    run(early, without_one)
