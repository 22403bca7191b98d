#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node that stands still: what waits for it is bounded, and nobody else waits.

Node 3 is stopped (SIGSTOP) for less than it takes to be thought dead. Clients of node 1
have pairs among themselves and with node 2 meanwhile.
"""
import socket
import struct
import time

from house import SLOW, House, run, wait_until
from pairs import PUBACK, PUBLISH, Client, Pairs, packet, text

BUFFER = 4 << 20
SIZE = 8192
# What is not the buffers': letters under way, what the kernel and the load take, noise.
ROOM = 32 << 20


def memory(node):
    with open("/proc/%d/status" % node.process.pid, encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    raise ValueError("VmRSS")


def metric(node, name):
    return {r["name"]: r["value"] for r in node.rows("broker", "metrics")}[name]


def publish(c, topic, qos, number):
    body = text(topic) + (struct.pack(">H", number % 65535 + 1) if qos else b"")
    return c.send(packet(0x30 | qos << 1, body + struct.pack(">Q", number).ljust(SIZE, b".")))


def flood(c, topic, qos, since, until, begun):
    """Publishes as fast as it is read; with QoS 1 at most 2 000 without an acknowledgement.
    How many were sent in all, and how many of this time were acknowledged."""
    sent, acked = begun, 0
    while since <= time.monotonic() < until:
        is_taken = not c.unsent and (qos == 0 or sent - begun - acked < 2000)
        if is_taken:
            is_taken = publish(c, topic, qos, sent)
            sent += 1
        elif c.unsent:
            c.send(b"")
        acked += acknowledged(c)
        if not is_taken:
            time.sleep(0.001)
    return sent, acked


def acknowledged(c):
    try:
        return sum(first >> 4 == PUBACK for first, _ in c.packets(c.sock.recv(1 << 20)))
    except BlockingIOError:
        return 0


def seen_acks(c, so_far):
    so_far[0] += acknowledged(c)
    return so_far[0]


def collect(c, n, seconds):
    """Numbers of the messages that came to a subscriber, n at most."""
    got, end = [], time.monotonic() + seconds * SLOW
    c.sock.settimeout(1)
    while len(got) < n and time.monotonic() < end:
        try:
            data = c.sock.recv(1 << 20)
        except socket.timeout:
            continue
        for first, body in c.packets(data):
            if first >> 4 == PUBLISH:
                qos, at = first >> 1 & 3, 2 + struct.unpack(">H", body[:2])[0]
                if qos:
                    c.sock.sendall(b"\x40\x02" + body[at:at + 2])
                    at += 2
                got.append(struct.unpack(">Q", body[at:at + 8])[0])
    return got


def judge_pairs(pairs, since, what):
    """Messages went on meanwhile: none was lost, and none was late as if it had waited for
    node 3. (How late exactly depends on who else uses the machine.)"""
    assert pairs.faults == [], (what, pairs.faults[:3])
    late = pairs.due(since, since + 3)
    assert len(late) > 500, (what, len(late))
    assert late[-1] < 1.0 * SLOW, "%s: %d ms late" % (what, late[-1] * 1e3)
    print("# %s meanwhile: p99 %.1f ms, most %.1f ms" % (what, late[int(len(late) * 0.99)] * 1e3, late[-1] * 1e3))


def slow_peer():
    """a node stands still: QoS 0 for it is dropped and counted, QoS 1 waits, others do not"""
    with House(3, "cluster.link.buffer = 4MB", "mqtt.max_mqueue_len = infinity") as h:
        h.start()
        h.join()
        sub0, sub1 = Client(h[3].mqtt, "sub0"), Client(h[3].mqtt, "sub1")
        sub0.subscribe("slow/0", 0)
        sub1.subscribe("slow/1", 1)
        pub0, pub1 = Client(h[1].mqtt, "pub0"), Client(h[1].mqtt, "pub1")
        for c in (pub0, pub1):
            c.sock.setblocking(False)
        local = Pairs(10, h[1].mqtt, h[1].mqtt, 200, name="local").start()
        across = Pairs(10, h[1].mqtt, h[2].mqtt, 200, name="across").start()
        time.sleep(0.5)
        before = memory(h[1])
        h[3].pause()
        begun = time.monotonic()
        try:
            sent0, _ = flood(pub0, "slow/0", 0, begun, begun + 1.5, 0)
            dropped = metric(h[1], "messages.forward.dropped")
            sent1, acked1 = flood(pub1, "slow/1", 1, begun, begun + 3, 0)
            grown = memory(h[1]) - before
        finally:
            h[3].go_on()
        print("# QoS 0: %d sent, %d dropped; QoS 1: %d sent, %d acknowledged while it stood; grown by %d MB" % (
            sent0, dropped, sent1, acked1, grown >> 20))
        assert sent0 * SIZE > 4 * BUFFER and dropped > 0, (sent0, dropped)
        assert acked1 < sent1, "who publishes with QoS 1 was not slowed down"
        assert grown < (2 * BUFFER + ROOM) * SLOW, grown
        acks = [acked1]
        wait_until("the rest is read", 10, lambda: pub1.send(b"") and pub0.send(b""))
        got = collect(sub1, sent1, 20)
        assert got == list(range(sent1)), (len(got), sent1)
        wait_until("all are acknowledged", 10, lambda: seen_acks(pub1, acks) == sent1)
        got0 = collect(sub0, sent0, 1)
        assert got0 == sorted(set(got0)), "QoS 0 came out of order"
        local.stop()
        across.stop()
        judge_pairs(local, begun, "pairs of node 1")
        judge_pairs(across, begun, "pairs of nodes 1 and 2")
        assert h[1].running() == sorted(n.name for n in h.nodes)


if __name__ == "__main__":
    run(slow_peer)
