# SPDX-License-Identifier: Apache-2.0
"""Publishers and subscribers in pairs, at an even rate, each message with its time.

One thread of the test's turns them all. Each pair has a topic of its own; what was due
when is written into the message, so that a broker that stands still shows in the delay of
all messages that were due meanwhile. MQTT 3.1.1 by hand: only what is needed here.
"""
import selectors
import socket
import struct
import threading
import time

from house import SLOW

PUBLISH, PUBACK, SUBACK, CONNACK = 3, 4, 9, 2


def packet(kind, body):
    n, head = len(body), bytearray([kind])
    while True:
        n, low = n >> 7, n & 127
        head.append(low | (128 if n else 0))
        if not n:
            return bytes(head) + body


def text(s):
    return struct.pack(">H", len(s)) + s.encode()


class Client:
    """One connection; blocking until it is in, then the loop's."""

    def __init__(self, port, name):
        self.name, self.inbox = name, b""
        self.unsent = b""
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(packet(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text(name)))
        self.wait_for(CONNACK)

    def wait_for(self, kind):
        while True:
            for got, _ in self.packets(self.sock.recv(65536)):
                if got >> 4 == kind:
                    return

    def subscribe(self, topic, qos):
        self.sock.sendall(packet(0x82, b"\x00\x01" + text(topic) + bytes([qos])))
        self.wait_for(SUBACK)

    def send(self, data):
        """What the socket does not take waits; False: it takes nothing more."""
        self.unsent += data
        try:
            self.unsent = self.unsent[self.sock.send(self.unsent):]
        except BlockingIOError:
            pass
        return not self.unsent

    def packets(self, data):
        """(first byte, body) of all that are whole."""
        if not data:
            raise ConnectionError("%s was disconnected" % self.name)
        buf, at, out = self.inbox + data, 0, []
        while at + 2 <= len(buf):
            n, shift, i = 0, 0, at + 1
            while i < len(buf) and buf[i] & 128:
                n |= (buf[i] & 127) << shift
                shift, i = shift + 7, i + 1
            if i >= len(buf):
                break
            n |= buf[i] << shift
            if i + 1 + n > len(buf):
                break
            out.append((buf[at], buf[i + 1:i + 1 + n]))
            at = i + 1 + n
        self.inbox = buf[at:]
        return out


class Pairs:
    """@n pairs, publisher at @pub_port, subscriber at @sub_port, @rate messages a second in
    all. start(), then stop(): nothing is sent any more, what is on its way is awaited."""

    def __init__(self, n, pub_port, sub_port, rate, qos=1, name="pair"):
        self.qos, self.rate = qos, rate
        self.selector = selectors.DefaultSelector()
        self.subs = [Client(sub_port, "%s-s%d" % (name, i)) for i in range(n)]
        for i, c in enumerate(self.subs):
            c.subscribe("%s/%d" % (name, i), qos)
        self.pubs = [Client(pub_port, "%s-p%d" % (name, i)) for i in range(n)]
        for i, c in enumerate(self.pubs):
            c.topic = text("%s/%d" % (name, i))
        for i, c in enumerate(self.subs + self.pubs):
            c.number, c.is_sub = i % n, i < n
            c.sock.setblocking(False)
            self.selector.register(c.sock, selectors.EVENT_READ, c)
        self.sent, self.acked, self.next = [0] * n, [0] * n, [0] * n
        self.delays = []  # (when it was due, how late it came), in s
        self.faults = []
        self.over = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.begun = time.monotonic()
        self.thread.start()
        return self

    def stop(self, seconds=10):
        self.over, self.until = True, time.monotonic() + seconds * SLOW
        self.thread.join()
        for c in self.subs + self.pubs:
            c.sock.close()
        self.selector.close()

    def due(self, since, until):
        """Delays of what was due in that time, sorted."""
        return sorted(late for due, late in list(self.delays) if since <= due < until)

    def percentile(self, since, until, p=0.99):
        late = self.due(since, until)
        return late[int(len(late) * p)] if late else float("inf")

    # ---- the thread

    def publish(self, number, due):
        c = self.pubs[number]
        body = c.topic
        if self.qos > 0:
            body += struct.pack(">H", self.sent[number] % 65535 + 1)
        body += struct.pack(">Qd", self.sent[number], due).ljust(64, b".")
        c.send(packet(0x30 | self.qos << 1, body))
        self.sent[number] += 1

    def received(self, c, first, body, now):
        n = 2 + struct.unpack(">H", body[:2])[0]
        qos = first >> 1 & 3
        if qos > 0:
            c.send(b"\x40\x02" + body[n:n + 2])
            n += 2
        seq, due = struct.unpack(">Qd", body[n:n + 16])
        if seq != self.next[c.number]:
            self.faults.append("%s got %d, not %d" % (c.name, seq, self.next[c.number]))
        self.next[c.number] = seq + 1
        self.delays.append((due, now - due))

    def read(self, c, now):
        try:
            for first, body in c.packets(c.sock.recv(65536)):
                if first >> 4 == PUBLISH:
                    self.received(c, first, body, now)
                elif first >> 4 == PUBACK:
                    self.acked[c.number] += 1
        except BlockingIOError:
            pass

    def is_through(self):
        acked = self.qos == 0 or self.acked == self.sent
        return acked and self.next == self.sent

    def run(self):
        issued, n = 0, len(self.pubs)
        try:
            while not self.over or (time.monotonic() < self.until and not self.is_through()):
                now = time.monotonic()
                while not self.over and self.begun + issued / self.rate <= now:
                    self.publish(issued % n, self.begun + issued / self.rate)
                    issued += 1
                for key, _ in self.selector.select(1 / self.rate if not self.over else 0.05):
                    self.read(key.data, time.monotonic())
                for c in self.subs + self.pubs:
                    if c.unsent:
                        c.send(b"")
            if not self.is_through() and self.qos > 0:
                self.faults.append("sent %d, acknowledged %d, received %d" % (
                    sum(self.sent), sum(self.acked), sum(self.next)))
        except (OSError, ConnectionError) as e:
            self.faults.append(str(e))
