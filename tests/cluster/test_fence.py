#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A session moves while messages for it are still on their way: CTL is fast, DATA is late
(routes/fence.h)."""
import time

from hosts import Hosts
from house import run, wait_until
from stranger import DATA
from talker import Talker
from test_hop import hop

LATE = 0.4  # less than the patience of a fence, which is two seconds


def is_late(a, b):
    """The links between the two were made anew, and what @a publishes comes to @b late."""
    ear, mouth = Talker(b, "ear").subscribe("probe"), Talker(a, "mouth")

    def probe():
        text = str(time.monotonic())
        mouth.publish("probe", text)
        wait_until("it comes", 2, lambda: text in ear.texts())
        return time.monotonic() - float(text) >= LATE
    wait_until("from %s to %s it is late" % (a.name, b.name), 20, probe)
    ear.close()
    mouth.close()


def late():
    """QoS 1 and 2: what is on a slow DATA when a session goes arrives before it goes, in order"""
    # From node 3, where the publisher is, to 1, from where the session goes to 2.
    with Hosts(3, "node.workers = 2", "mqtt.max_mqueue_len = 100000", "mqtt.max_inflight = 100") as h:
        h.need_cuts()
        h.start()
        h.join()
        h.delay(1, 3, LATE, channel=DATA)
        is_late(h[1], h[3])
        is_late(h[3], h[1])
        for qos in (1, 2):
            slowest = hop(h, qos, False, [h[1], h[2]], h[3])
            assert slowest >= LATE, "the fence waits for nothing: %.3f s" % slowest
        for node in h.nodes:
            assert "fence_not_passed" not in node.tail(1000), node.name


if __name__ == "__main__":
    run(late)
