# SPDX-License-Identifier: Apache-2.0
"""Many retained messages and sessions, fast: MQTT 3.1.1 by hand over plain sockets."""
import socket
import struct

from house import SLOW

WINDOW = 500


def length(n):
    out = b""
    while True:
        n, byte = n // 128, n % 128
        out += bytes([byte | (128 if n else 0)])
        if not n:
            return out


def text(s):
    raw = s.encode()
    return struct.pack(">H", len(raw)) + raw


def connect(node, client, clean=True):
    """A connected socket; the client's id is @client."""
    s = socket.create_connection((getattr(node, "host", "127.0.0.1"), node.mqtt), timeout=30 * SLOW)
    body = text("MQTT") + bytes([4, 2 if clean else 0]) + struct.pack(">H", 0) + text(client)
    s.sendall(b"\x10" + length(len(body)) + body)
    answer = take(s, 4)
    if answer[0] != 0x20 or answer[3] != 0:
        raise OSError("CONNACK %r" % answer)
    return s


def take(s, n):
    out = b""
    while len(out) < n:
        part = s.recv(n - len(out))
        if not part:
            raise OSError("the connection ended")
        out += part
    return out


def retain(node, n, prefix, payload=b"x" * 16, client="filler"):
    """@n retained messages prefix/0 and on, QoS 1; when it returns all are acknowledged."""
    s = connect(node, client)
    under_way = 0
    for i in range(n):
        body = text("%s/%d" % (prefix, i)) + struct.pack(">H", i % 60000 + 1) + payload
        s.sendall(b"\x33" + length(len(body)) + body)
        under_way += 1
        if under_way == WINDOW:
            take(s, 4 * under_way)
            under_way = 0
    take(s, 4 * under_way)
    s.sendall(b"\xe0\x00")
    s.close()


def sessions(node, n, prefix="s"):
    """@n sessions that stay when their clients are gone."""
    for i in range(n):
        s = connect(node, "%s%d" % (prefix, i), clean=False)
        s.sendall(b"\xe0\x00")
        s.close()


def retained(node):
    """How many retained messages it has."""
    return node.rows("retainer", "info")[0]["messages"]
