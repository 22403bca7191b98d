#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A kept session that hops between nodes loses nothing and keeps its order."""
import os
import random
import socket
import subprocess
import threading
import time

import paho.mqtt.client as paho

from house import SLOW, House, run, wait_until

SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
SECONDS = float(os.environ.get("HOP_SECONDS", "2"))
TOPICS = ["h/1", "h/2", "h/3"]


class Hopper:
    """A client of MQTT 3.1.1 with a kept session; what it got, by topic, in order."""

    def __init__(self, name, qos):
        self.qos, self.got, self.dups = qos, {t: [] for t in TOPICS}, 0
        self.client = paho.Client(name, clean_session=False)
        self.client.max_inflight_messages_set(1000)
        self.client.on_message = self.on_message
        self.client.on_connect = lambda c, u, flags, rc: self.connected(flags, rc)
        self.client.on_subscribe = lambda *_: self.granted.set()
        self.up, self.granted = threading.Event(), threading.Event()
        self.present = None

    def connected(self, flags, rc):
        assert rc == 0, rc
        self.present = flags["session present"]
        self.up.set()

    def on_message(self, client, user, m):
        n = int(m.payload)
        got = self.got[m.topic]
        if self.qos == 1 and got and n <= got[-1]:
            # QoS 1 comes again when the acknowledgement did not get through.
            assert m.dup, "%s: %d again, behind %d" % (m.topic, n, got[-1])
            self.dups += 1
            return
        got.append(n)

    def connect(self, node):
        self.up.clear()
        self.client.connect(node.host, node.mqtt, keepalive=60)
        self.client.loop_start()
        if not self.up.wait(20 * SLOW):
            raise AssertionError("no CONNACK from " + node.name)

    def subscribe(self):
        self.client.subscribe([("h/#", self.qos)])
        assert self.granted.wait(20 * SLOW)

    def leave(self, abruptly):
        if not abruptly:
            self.client.disconnect()
        self.client.loop_stop()
        if abruptly:
            self.client._sock_close()  # as when the network goes


class Publisher:
    """Sends numbers to the topics, turn by turn, with QoS 1 or 2, a window at a time."""

    def __init__(self, node, name, qos):
        self.qos, self.sent, self.stopped = qos, {t: 0 for t in TOPICS}, False
        self.client = paho.Client(name)
        self.client.max_inflight_messages_set(50)
        self.client.max_queued_messages_set(0)
        self.client.connect(node.host, node.mqtt)
        self.client.loop_start()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        last, at = [], 0
        while not self.stopped:
            topic = TOPICS[at % len(TOPICS)]
            at += 1
            last.append(self.client.publish(topic, str(self.sent[topic]), self.qos))
            self.sent[topic] += 1
            if len(last) > 40:
                last.pop(0).wait_for_publish(20 * SLOW)
            time.sleep(0.0005)
        for m in last:
            m.wait_for_publish(20 * SLOW)

    def stop(self):
        self.stopped = True
        self.thread.join()
        self.client.disconnect()
        self.client.loop_stop()


class Flood:
    """Large messages of QoS 0 from a node to others, so that DATA is behind CTL."""

    def __init__(self, node, others):
        self.subs = [subprocess.Popen(
            ["mosquitto_sub", "-h", n.host, "-p", str(n.mqtt), "-t", "flood", "-N"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for n in others]
        self.socket = socket.create_connection((node.host, node.mqtt))
        self.socket.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood")
        self.socket.recv(4)
        self.stopped = False
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        body = b"\x00\x05flood" + b"x" * 60000
        packet = b"\x30" + bytes([len(body) & 127 | 128, len(body) >> 7 & 127 | 128, len(body) >> 14]) + body
        while not self.stopped:
            self.socket.sendall(packet * 4)
            time.sleep(0.002)

    def stop(self):
        self.stopped = True
        self.thread.join()
        self.socket.close()
        for sub in self.subs:
            sub.kill()
            sub.wait()


def hop(h, qos, abruptly, nodes, publishers):
    rng = random.Random(SEED)
    hopper = Hopper("hopper-%d-%d" % (qos, abruptly), qos)
    hopper.connect(nodes[0])
    hopper.subscribe()
    pub = Publisher(publishers, "pub-%d-%d" % (qos, abruptly), qos)
    hops, end, at, slowest = 0, time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < end:
        time.sleep(rng.choice([0, 0.001, 0.01, 0.05, 0.1]))
        hopper.leave(abruptly)
        at = (at + rng.randrange(1, len(nodes))) % len(nodes)
        began = time.monotonic()
        hopper.connect(nodes[at])
        slowest = max(slowest, time.monotonic() - began)
        hops += 1
        assert hopper.present, "hop %d: the session is not there (seed %d)" % (hops, SEED)
    pub.stop()
    want = {t: list(range(pub.sent[t])) for t in TOPICS}
    try:
        wait_until("all has come", 15, lambda: all(len(hopper.got[t]) >= pub.sent[t] for t in TOPICS))
    finally:
        hopper.leave(False)
        for t in TOPICS:
            if hopper.got[t] != want[t]:
                lost = sorted(set(want[t]) - set(hopper.got[t]))
                again = len(hopper.got[t]) - len(set(hopper.got[t]))
                order = sum(1 for a, b in zip(hopper.got[t], hopper.got[t][1:]) if b < a)
                print("# seed %d, %s: of %d lost %d (%s), doubled %d, out of order %d" % (
                    SEED, t, len(want[t]), len(lost), lost[:10], again, order))
    assert hopper.got == want, "after %d hops (seed %d)" % (hops, SEED)
    print("# %d hops, the slowest %.3f s, %d messages, %d came again" % (hops, slowest, sum(pub.sent.values()), hopper.dups))
    return slowest


def house():
    h = House(3, "node.workers = 2", "mqtt.max_mqueue_len = 100000", "mqtt.max_inflight = 100")
    h.start()
    h.join()
    return h


def qos2():
    """QoS 2: between two nodes, the publisher at the third: none lost, none doubled"""
    with house() as h:
        hop(h, 2, False, [h[1], h[2]], h[3])
        flood = Flood(h[3], [h[1], h[2]])
        try:
            hop(h, 2, True, [h[1], h[2]], h[3])
        finally:
            flood.stop()


def qos1():
    """QoS 1: between three nodes, the publisher at one of them: none lost, order kept"""
    with house() as h:
        hop(h, 1, False, [h[1], h[2]], h[3])
        hop(h, 1, True, [h[1], h[2], h[3]], h[3])


if __name__ == "__main__":
    print("# SEED=%d" % SEED, flush=True)
    run(qos2, qos1)
