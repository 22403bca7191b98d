#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Retained messages that are larger than an entry of the ordered log."""
import hashlib

import filling
from house import House, run, wait_until

LINES = ('mqtt.max_packet_size = "16MB"', 'retainer.max_payload_size = "16MB"')


def payload(n, seed):
    block = hashlib.sha512(seed).digest()
    return (block * (n // len(block) + 1))[:n]


def size_of(node, topic):
    return [r["payload_size"] for r in node.rows("retainer", "topics") if r["topic"] == topic]


def read(node, topic):
    """The retained message of a topic, over MQTT."""
    s = filling.connect(node, "reader%d" % node.n)
    body = b"\0\1" + filling.text(topic) + b"\1"
    s.sendall(b"\x82" + filling.length(len(body)) + body)
    while True:
        first, n, shift = filling.take(s, 1)[0], 0, 0
        while True:
            byte = filling.take(s, 1)[0]
            n, shift = n | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        body = filling.take(s, n)
        if first & 0xf0 == 0x30:
            s.close()
            at = 2 + int.from_bytes(body[:2], "big") + (2 if first & 6 else 0)
            return body[at:]


def ten_mib():
    """one of 10 MiB is on every node, also when a follower took it, one was away, one joins"""
    with House(3, *LINES) as h:
        h.start()
        h[2].ok("cluster", "join", h[1].address, "--yes", timeout=60)
        h.wait_whole(h.nodes[:2])
        want = {}
        for i, node in enumerate(h.nodes[:2]):
            want["big/%d/0" % i] = payload(10 << 20, b"%d" % i)
            filling.retain(node, 1, "big/%d" % i, want["big/%d/0" % i])
        # Over itself, and small ones between.
        filling.retain(h[2], 50, "small")
        want["big/0/0"] = payload((10 << 20) - 1, b"again")
        filling.retain(h[2], 1, "big/0", want["big/0/0"])
        h[2].kill()
        h[2].start()
        h.wait_whole(h.nodes[:2])
        wait_until("there is a leader", 20, lambda: h[2].members()[h[2].name]["quorum"])
        # The log has all of it once more: on a slow disk it goes on after the command.
        rc, _, err = h[3].ctl("cluster", "join", h[2].address, "--yes", timeout=60)
        assert rc == 0 or "goes on trying" in err, err
        wait_until("it is a member", 60, lambda: len(h[3].running()) == 3)
        h.wait_whole()
        for node in h.nodes:
            for topic, bytes_ in want.items():
                wait_until("%s has %s" % (node.name, topic), 20, lambda n=node, t=topic, b=bytes_: read(n, t) == b)


if __name__ == "__main__":
    run(ten_mib)
