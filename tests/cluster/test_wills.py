#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wills of clients whose node dies: once, or not at all when they are back."""
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from house import Failed, House, run_together, wait_until

DOWN = ("cluster.node_down_timeout = 5s", "cluster.will_memory = 10MB")


class Ear:
    """Hears w/# on a node: what came, in order."""

    def __init__(self, node):
        self.got = []
        self.client = paho.Client("ear%d" % node.n)
        self.client.on_message = lambda c, u, m: self.got.append("%s %s" % (m.topic, m.payload.decode()))
        self.client.connect(node.host, node.mqtt)
        self.client.subscribe("w/#", 1)
        self.client.loop_start()
        wait_until("it hears", 10, lambda: node.rows("subscriptions", "show", "ear%d" % node.n))

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def come(node, name, delay=0, topic=None, clean=True):
    """A client of MQTT 5 with a will, connected."""
    c = paho.Client(name, protocol=paho.MQTTv5)
    c.reconnect_delay_set(300, 300)
    props = None
    if delay:
        props = Properties(PacketTypes.WILLMESSAGE)
        props.WillDelayInterval = delay
    c.will_set(topic or "w/" + name, "gone", qos=1, properties=props)
    conn = Properties(PacketTypes.CONNECT)
    conn.SessionExpiryInterval = 600
    c.connect(node.host, node.mqtt, clean_start=clean, properties=conn)
    c.loop_start()
    wait_until("%s is there" % name, 10, lambda: node.rows("clients", "show", name)[0]["connected"])
    return c


def gone(*clients):
    for c in clients:
        c.loop_stop()


def metric(node, name):
    return next(r["value"] for r in node.rows("broker", "metrics") if r["name"] == name)


def kept(h, n):
    """So many copies of wills are with other nodes."""
    def counts():
        return [metric(x, "wills.kept") for x in h.nodes if x.is_up()]
    try:
        wait_until("%d are kept" % n, 10, lambda: sum(counts()) == n)
    except Failed as e:
        raise Failed("%s: %s" % (e, counts())) from None


def killed():
    """a node is killed: each will once, delay respected, none for who came back elsewhere"""
    with House(3, *DOWN) as h:
        h.start()
        h.join()
        ears = [Ear(h[1]), Ear(h[2])]
        a, b, c, d = come(h[3], "a"), come(h[3], "b", 8), come(h[3], "c"), come(h[3], "d")
        kept(h, 8)
        d.disconnect()  # with the code 0: no will any more
        kept(h, 6)
        began = time.monotonic()
        h[3].kill()
        gone(a, b, c, d)
        back = come(h[1], "c")
        wait_until("a's will", 20, lambda: ears[0].got and ears[1].got)
        assert ears[0].got == ["w/a gone"] and ears[1].got == ["w/a gone"], (ears[0].got, ears[1].got)
        assert time.monotonic() - began >= 4.5, "before node_down_timeout"
        wait_until("b's will", 20, lambda: len(ears[0].got) > 1 and len(ears[1].got) > 1)
        # Anything that would come twice comes within the same second.
        time.sleep(1.5)
        assert ears[0].got == ears[1].got == ["w/a gone", "w/b gone"], (ears[0].got, ears[1].got)
        back.disconnect()
        gone(back)
        kept(h, 0)
        assert sum(metric(x, "wills.inherited") for x in (h[1], h[2])) == 2
        assert sum(metric(x, "wills.cancelled") for x in (h[1], h[2])) == 1
        for ear in ears:
            ear.stop()


def back_at_once():
    """a node that is killed and back at once: wills of those who did not come back"""
    with House(2, *DOWN) as h:
        h.start()
        h.join()
        ear = Ear(h[1])
        a, b = come(h[2], "a"), come(h[2], "b")
        kept(h, 2)
        h[2].kill()
        gone(a, b)
        h[2].start()
        b = come(h[2], "b")
        wait_until("a's will", 20, lambda: ear.got)
        time.sleep(1)
        assert ear.got == ["w/a gone"], ear.got
        kept(h, 1)
        b.disconnect()
        gone(b)
        ear.stop()


def stopped():
    """a node that is stopped publishes its wills itself, once, and others hear them"""
    with House(3, *DOWN) as h:
        h.start()
        h.join()
        ear = Ear(h[1])
        here = [come(h[3], "s%d" % i, 60 if i % 2 else 0) for i in range(6)]
        kept(h, 12)
        h[3].stop()
        gone(*here)
        wait_until("all wills", 10, lambda: len(ear.got) >= 6)
        kept(h, 0)
        time.sleep(1)
        assert sorted(ear.got) == sorted("w/s%d gone" % i for i in range(6)), ear.got
        ear.stop()


def moved():
    """a session that moves takes its will along: keepers know of the new node's only"""
    with House(3, *DOWN) as h:
        h.start()
        h.join()
        ear = Ear(h[1])
        a = come(h[2], "m", 60)
        kept(h, 2)
        b = come(h[3], "m", 60, clean=False)
        gone(a)
        kept(h, 2)
        h[2].kill()
        wait_until("it is held dead", 20, lambda: "owner_rows_dropped" in h[1].tail(200))
        time.sleep(1)
        assert ear.got == [], ear.got
        b.disconnect()
        gone(b)
        ear.stop()


def removed():
    """a dead node is removed at once: its wills come; a node leaves: its clients keep theirs"""
    with House(3, "cluster.node_down_timeout = 60s") as h:
        h.start()
        h.join()
        ear = Ear(h[1])
        a, b = come(h[3], "a"), come(h[2], "b")
        kept(h, 4)
        h[3].kill()
        gone(a)
        wait_until("it is missed", 10, lambda: len(h[1].running()) == 2)
        h[1].ok("cluster", "force-leave", h[3].name, "--yes")
        wait_until("a's will", 10, lambda: ear.got)
        h[2].ok("cluster", "leave", "--yes")
        wait_until("nobody keeps any", 10, lambda: metric(h[1], "wills.kept") == 0)
        time.sleep(3)  # a will of a member that was removed waits for two seconds
        assert ear.got == ["w/a gone"], ear.got
        b.disconnect()
        gone(b)
        ear.stop()


if __name__ == "__main__":
    run_together(killed, back_at_once, stopped, moved, removed)
