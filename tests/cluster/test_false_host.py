#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who is asked to let a node in has the cookie, and is no cluster: whatever it answers, and
wherever it stops, the node is alone with its own rows again, and keeps nothing of it. The
run prints its seed (SEED)."""
import contextlib
import os
import random
import socket
import struct
import subprocess
import threading

import stranger
from house import SLOW, House, run, wait_until
from toll import fds, rss
from wild import KIND, read_frame, reply, text

SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
print("# SEED=%d" % SEED, flush=True)
rng = random.Random(SEED)
NAME = "false@127.0.0.1"
ASKED = {KIND[k]: k for k in ("join_ask", "order_fetch", "group_change", "who")}


class FalseHost:
    """Answers as @says tells: kind -> function of (number, body), bytes or None."""

    def __init__(self):
        self.says, self.came = {}, []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = "%s:%d" % (NAME, self.door.getsockname()[1])
        threading.Thread(target=self.stand, daemon=True).start()

    def stand(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self.door.accept()
                threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        s.settimeout(60 * SLOW)
        with contextlib.suppress(OSError, AssertionError, struct.error):
            stranger.answer(s, name=NAME.encode(), address=self.address.split("@")[1].encode())
            while True:
                kind, body = read_frame(s)
                if kind == KIND["ping"]:
                    s.sendall(stranger.frame(KIND["pong"], body[:8] + bytes(8)))
                elif kind in ASKED:
                    self.came.append(ASKED[kind])
                    said = self.says[ASKED[kind]](struct.unpack(">I", body[:4])[0], body[4:])
                    if said is None:
                        break
                    s.sendall(said)
        s.close()


def err(name, body=b""):
    return lambda number, _: reply(number, body, name)


def ok(body):
    return lambda number, _: reply(number, body)


def members(n=1, leader=NAME, licence=b"", size=None):
    one = text(NAME) + text("127.0.0.1:9") + struct.pack(">Q", 7)
    return text(leader) + text(leader) + bytes([n if size is None else size]) + one * n + text(licence)


def part(number, is_last, body):
    return struct.pack(">QB", number, is_last) + body


def is_alone_with_its_rows(node):
    return node.rows("cluster", "status")[0]["role"] == "alone" and \
        "mine" in [r["topic"] for r in node.rows("retainer", "topics")]


@contextlib.contextmanager
def alone():
    with House(1) as h:
        h.start()
        node, host = h[1], FalseHost()
        subprocess.run(["mosquitto_pub", "-h", node.host, "-p", str(node.mqtt), "-t", "mine", "-m", "m", "-r", "-q", "1"],
                       check=True, timeout=20 * SLOW)
        wait_until("it is retained", 10, lambda: is_alone_with_its_rows(node))
        had, kib = fds(node), rss(node)
        yield node, host
        wait_until("descriptors are given back", 20, lambda: fds(node) <= had + 2)
        assert rss(node) < kib + (150 << 10), "grew from %d KiB to %d" % (kib, rss(node))
        host.door.close()


def joins(node, host, **says):
    """It does not become a member."""
    host.says = says
    rc, out, said = node.ctl("cluster", "join", host.address, "--yes", timeout=60)
    assert rc not in (0, -6, -11), (rc, out, said)
    assert "\x1b" not in said, said
    wait_until("it is alone", 60, lambda: is_alone_with_its_rows(node))
    return said


def answers():
    """an error of every name, members without sense: nothing has changed, and no connection stays"""
    with alone() as (node, host):
        for name in ["unreachable"] * 40 + ["timeout", "cancelled", "ok", "busy", "again", "noquorum", "exists", "none", "", "x" * 255]:
            joins(node, host, join_ask=err(name, b"\x1b[2J" + rng.randbytes(20)))
        for body in (b"", b"\0", b"\xff" * 9, members(255), members(1, size=255), members(0, size=200), members(1, "x" * 60000),
                     members()[:-3], rng.randbytes(300), b"\xff" * 70000):
            joins(node, host, join_ask=ok(body), order_fetch=err("io"))
        joins(node, host, join_ask=lambda *_: None)
        joins(node, host, join_ask=lambda *_: b"\xff\xff\xff\xff\x03")


def rows():
    """rows that are none, parts of other numbers, the same part again, an end in the middle"""
    with alone() as (node, host):
        fetches = [err("io"), err("unreachable"), err("ok"), lambda *_: None, ok(b""), ok(b"\0" * 8), ok(part(0, 1, b"")), ok(part(1, 1, b"")),
                   ok(part(1, 2, b"\xff" * 40)), ok(part(1, 0, rng.randbytes(3000))), ok(part(1, 1, bytes(1 << 20))),
                   lambda n, _: reply(n, part(rng.randrange(1 << 64), 0, b""))]
        for fetch in fetches:
            joins(node, host, join_ask=ok(members(licence=b"a.b")), order_fetch=fetch, group_change=err("notfound"))
        assert host.came.count("order_fetch") >= len(fetches), host.came


if __name__ == "__main__":
    run(*[t for t in (answers, rows) if os.environ.get("ONLY", t.__name__) == t.__name__])
