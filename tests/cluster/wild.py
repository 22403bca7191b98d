# SPDX-License-Identifier: Apache-2.0
"""A member gone wild: it has the place of a node that was killed, stands at its port, lets the
others in, answers their pings as a node does, and says whatever a test wants it to say."""
import contextlib
import socket
import struct
import threading
import time

import stranger
from house import SLOW, wait_until
from stranger import CTL, DATA, frame

KIND = stranger.kinds()
PING, PONG, REPLY = KIND["ping"], KIND["pong"], KIND["reply"]


def text(s):
    """With 2 bytes of size."""
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack(">H", len(b)) + b


def read_frame(s):
    """(kind, body)."""
    n, kind = struct.unpack(">IB", stranger.take(s, 5))
    return kind, stranger.take(s, n - 1)


def reply(number, body=b"", err="ok"):
    return frame(REPLY, struct.pack(">IB", number, len(err)) + err.encode() + body)


class Asker:
    """Asks on a connection that stands; what is told meanwhile is passed over."""

    def __init__(self, s):
        self.s, self.number = s, 0

    def send(self, kind, body):
        self.number += 1
        self.s.sendall(frame(KIND[kind], struct.pack(">I", self.number) + body))
        return self.number

    def answer(self):
        """(number, error, body) of the next reply."""
        while True:
            kind, body = read_frame(self.s)
            if kind == PING:
                self.s.sendall(frame(PONG, body[:8] + bytes(8)))
            elif kind == REPLY:
                number, n = struct.unpack(">IB", body[:5])
                return number, body[5:5 + n].decode(), body[5 + n:]

    def ask(self, kind, body):
        number = self.send(kind, body)
        got = self.answer()
        while got[0] != number:
            got = self.answer()
        return got[1:]


class Wild:
    """In the place of @node, towards @others.  on(kind, body): what is said on what came, and
    was no ping; bytes to send back, or None."""

    def __init__(self, node, others, on=None):
        self.node, self.on, self.is_over = node, on, False
        with open(node.path("data", "site"), encoding="ascii") as f:
            site = int(f.read().split()[0], 16)
        self.me = {"name": node.name.encode(), "site": struct.pack(">Q", site),
                   "address": ("%s:%d" % (node.host, node.port)).encode(),
                   "incarnation": struct.pack(">Q", time.time_ns())}
        self.site, self.incarnation = site, struct.unpack(">Q", self.me["incarnation"])[0]
        self.came = []  # (from, channel, kind, body) of all but pings
        self.heard_from = set()
        node.kill()
        self.door = socket.create_server((node.host, node.port))
        threading.Thread(target=self.stand, daemon=True).start()
        self.to = {}
        for o in others:
            for channel in (CTL, DATA):
                self.dial(o, channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        with contextlib.suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        for s in self.to.values():
            s.close()

    # ---- those that come

    def stand(self):
        while not self.is_over:
            try:
                s, _ = self.door.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        s.settimeout(60 * SLOW)
        with contextlib.suppress(OSError, AssertionError, struct.error):
            facts = stranger.answer(s, **self.me)
            channel, who = facts[2][0], facts[5].decode()
            while not self.is_over and channel in (CTL, DATA):
                self.hear(s, who, channel)
            while not self.is_over and s.recv(65536):
                pass
        s.close()

    def hear(self, s, who, channel):
        kind, body = read_frame(s)
        if kind == PING:
            self.heard_from.add(who)
            s.sendall(frame(PONG, body[:8] + struct.pack(">Q", time.time_ns())))
            return
        if len(self.came) < 100000:
            self.came.append((who, channel, kind, body))
        said = self.on(kind, body) if self.on is not None else None
        if said is not None:
            s.sendall(said)

    # ---- to them

    def dial(self, other, channel):
        s = stranger.let_in(other, channel, **self.me)
        s.settimeout(60 * SLOW)
        self.to[other.name, channel] = s
        threading.Thread(target=self.drain, args=(s,), daemon=True).start()
        if channel == CTL:
            threading.Thread(target=self.ping, args=(s,), daemon=True).start()

    def drain(self, s):
        with contextlib.suppress(OSError):
            while s.recv(65536):
                pass

    def ping(self, s):
        with contextlib.suppress(OSError):
            while not self.is_over:
                s.sendall(frame(PING, struct.pack(">Q", time.monotonic_ns())))
                time.sleep(1)

    def again(self, other):
        """The connections to it, anew."""
        for channel in (CTL, DATA):
            with contextlib.suppress(KeyError):
                self.to.pop((other.name, channel)).close()
            self.dial(other, channel)

    def say(self, other, kind, *bodies, channel=CTL):
        """All in one go; false: it has had enough of us."""
        try:
            self.to[other.name, channel].sendall(b"".join(frame(KIND[kind], b) for b in bodies))
            return True
        except OSError:
            return False

    def is_reached_by(self, other):
        return self.node.name in other.running()

    def wait_reached(self, others):
        for o in others:
            wait_until("%s is taken for a node by %s" % (self.node.name, o.name), 15,
                       lambda o=o: self.is_reached_by(o))
