# SPDX-License-Identifier: Apache-2.0
"""Whoever comes to the cluster port without being a node: the hello (link/link_hello.h) and
frames (link/frame.def) by hand, with or without the cookie, right or wrong."""
import hashlib
import hmac
import os
import re
import socket
import struct

from house import COOKIE, SLOW

NONCE, HELLO, REFUSE = 1, 2, 3
MAGIC = b"emqxlink"
CTL, DATA, RAFT, JOIN = range(4)
VERDICT = 11


def kinds():
    """name -> number of all frames."""
    with open("emqxd/link/frame.def", encoding="ascii") as f:
        return {m[1].lower(): int(m[2]) for m in re.finditer(r"^FRAME\((\w+), (\d+)", f.read(), re.M)}


def message(kind, body):
    return struct.pack(">HB", 1 + len(body), kind) + body


def facts(**what):
    """Those of a node, unless said otherwise."""
    all_ = {"protocol": b"\1\1", "channel": bytes([CTL]), "product": b"0.0.1", "cluster": b"emqxcl",
            "name": b"emqx9@127.0.0.1", "address": b"127.0.0.1:9", "group": b"",
            "site": os.urandom(8), "incarnation": os.urandom(8), "table": bytes(8)}
    all_.update(what)
    out = b"".join(bytes([tag, len(v)]) + v for tag, v in enumerate(all_.values(), 1))
    return out + bytes([VERDICT, 1, 0])


def proof(role, nonces, rest, cookie=COOKIE, bound=b""):
    return hmac.new(cookie.encode(), role + b"".join(nonces) + bound + rest, hashlib.sha256).digest()


def connect(node):
    s = socket.create_connection((node.host, node.port), 10 * SLOW)
    s.settimeout(10 * SLOW)
    return s


def take(s, n):
    out = b""
    while len(out) < n:
        part = s.recv(n - len(out))
        if not part:
            raise ConnectionError("closed after %d of %d bytes" % (len(out), n))
        out += part
    return out


def read(s):
    """(kind, body) of a message of the hello."""
    n, kind = struct.unpack(">HB", take(s, 3))
    return kind, take(s, n - 1)


def is_closed(s):
    """The other end has closed it, after whatever it still said."""
    try:
        while s.recv(4096):
            pass
    except ConnectionError:
        pass
    except socket.timeout:
        return False
    return True


def verdict(body):
    """What the answer's facts say of us."""
    at = 0
    while at < len(body) - 32:
        tag, n = body[at], body[at + 1]
        if tag == VERDICT:
            return body[at + 2]
        at += 2 + n
    return 0


def hello(s, what, cookie=COOKIE, nonce=None):
    """As a dialler: (kind, body) of the answer, and what was sent."""
    mine = nonce or os.urandom(32)
    s.sendall(message(NONCE, MAGIC + mine))
    kind, body = read(s)
    assert kind == NONCE and body[:8] == MAGIC
    sent = message(HELLO, what + proof(b"d", (mine, body[8:]), what, cookie))
    s.sendall(sent)
    return read(s), sent


def let_in(node, channel, **what):
    """A connection that stands, or ConnectionError."""
    s = connect(node)
    (kind, body), _ = hello(s, facts(channel=bytes([channel]), **what))
    if kind != HELLO or verdict(body) != 0:
        raise ConnectionError("refused: %d %d" % (kind, verdict(body) if kind == HELLO else body[0]))
    return s


def frame(kind, body):
    return struct.pack(">IB", len(body) + 1, kind) + body


def read_facts(body):
    """tag -> value of a hello."""
    at, out = 0, {}
    while at < len(body) - 32:
        tag, n = body[at], body[at + 1]
        out[tag] = body[at + 2:at + 2 + n]
        at += 2 + n
    return out


def answer(s, **what):
    """As who is dialled: the facts of who dials; we say ours and let it in."""
    kind, body = read(s)
    assert kind == NONCE
    theirs, mine = body[8:], os.urandom(32)
    s.sendall(message(NONCE, MAGIC + mine))
    kind, body = read(s)
    assert kind == HELLO, kind
    ours = facts(**what)
    s.sendall(message(HELLO, ours + proof(b"a", (theirs, mine), body[-32:] + ours)))
    return read_facts(body)
