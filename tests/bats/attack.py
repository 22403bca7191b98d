# SPDX-License-Identifier: Apache-2.0
"""attack: clients that are not kind, for 60-attack.bats.

    attack.py NAME PORT [ARGUMENT...]

Each function is one attack; it ends with status 0 when the broker stood it.
"""
import socket
import struct
import sys
import time

PING, DISCONNECT = b"\xc0\x00", b"\xe0\x00"


def length(n):
    out = b""
    while True:
        n, low = n >> 7, n & 127
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out


def text(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack(">H", len(s)) + s


def packet(first, body):
    return bytes([first]) + length(len(body)) + body


def connect(client_id, clean=True, props=b"", will=None):
    flags = (2 if clean else 0) | (4 if will else 0)
    body = text("MQTT") + bytes([5, flags, 0, 0]) + length(len(props)) + props
    body += text(client_id)
    if will:
        body += b"\0" + text(will[0]) + text(will[1])
    return packet(0x10, body)


def subscribe(packet_id, *filters, qos=0):
    body = struct.pack(">H", packet_id) + b"\0"
    return packet(0x82, body + b"".join(text(f) + bytes([qos]) for f in filters))


def unsubscribe(packet_id, *filters):
    body = struct.pack(">H", packet_id) + b"\0"
    return packet(0xA2, body + b"".join(text(f) for f in filters))


def publish(topic, payload=b"", qos=0, packet_id=0, retain=0):
    body = text(topic) + (struct.pack(">H", packet_id) if qos else b"") + b"\0"
    return packet(0x30 | qos << 1 | retain, body + payload)


class Client:
    def __init__(self, port, data=b"", rcvbuf=None):
        self.s = socket.socket()
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.settimeout(20)
        self.s.connect(("127.0.0.1", int(port)))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.came = bytearray()
        self.send(data)

    def send(self, data):
        self.s.sendall(data)

    def next(self):
        """(first byte, body) of the next packet; None at the end."""
        while True:
            n = shift = 0
            for i in range(1, min(len(self.came), 5)):
                n |= (self.came[i] & 127) << shift
                shift += 7
                if self.came[i] < 128:
                    if len(self.came) <= i + n:
                        break
                    found = self.came[0], bytes(self.came[i + 1:i + 1 + n])
                    del self.came[:i + 1 + n]
                    return found
            data = self.s.recv(1 << 16)
            if not data:
                return None
            self.came += data

    def until(self, kind):
        """Packets before the first of this kind, by kind; the end is a failure."""
        kinds = []
        while True:
            p = self.next()
            assert p is not None, f"closed before a packet {kind}; came {kinds}"
            if p[0] >> 4 == kind:
                return kinds
            kinds.append(p[0] >> 4)


def two_pieces(port):
    """A CONNECT in two pieces; behind it, in the second's segment, more packets."""
    for i in range(40):
        for will in (None, ("w", b"x" * 60000)):
            whole = connect(f"piece{i}", will=will)
            c = Client(port, whole[:len(whole) // 3])
            time.sleep(0.005)
            c.send(whole[len(whole) // 3:] + subscribe(1, "t/1") +
                   publish("t/1", b"x", 1, 7) + DISCONNECT)
            kinds = []
            while (p := c.next()) is not None:
                kinds.append(p[0] >> 4)
            assert sorted(kinds) == [2, 3, 4, 9], kinds


def again_and_again(port):
    """A client that subscribes to the same and to ever other filters and reads nothing."""
    c = Client(port, connect("keeper"))
    for i in range(2000):
        c.send(publish(f"kept/{i}", b"x" * 1000, retain=1))
    c.send(PING)
    c.until(13)
    greedy = Client(port, connect("greedy"), rcvbuf=4096)
    greedy.s.settimeout(2)
    same = subscribe(1, "#") * 20000
    try:
        for i in range(100):
            greedy.send(same)
            greedy.send(b"".join(subscribe(2, f"{i}/{k}/#") + unsubscribe(3, f"{i}/{k}/#")
                                 for k in range(2000)))
    except socket.timeout:
        pass  # it is not read any more, which is right too
    c.send(PING)
    c.until(13)


def long_lists(port, n=100000):
    """SUBSCRIBE and UNSUBSCRIBE with very many filters: others are served meanwhile, what
    comes behind them comes behind their answers, and one may go in the middle."""
    n = int(n)
    names = [f"l/{i}" for i in range(n)]
    other = Client(port, connect("other"))
    many = Client(port, connect("many"))
    many.until(2)
    for p, kind in ((subscribe(7, *names), 9), (unsubscribe(8, *names), 11)):
        many.s.settimeout(60)
        many.send(p[:-1])
        other.send(PING)
        other.until(13)  # all but one byte was read by then, or soon is
        many.send(p[-1:] + PING)
        many.s.setblocking(False)
        pings = 0
        while True:
            try:
                many.came += many.s.recv(1 << 20)
                break
            except BlockingIOError:
                other.send(PING)
                other.until(13)
                pings += 1
        assert pings >= 5, f"others had {pings} answers while a packet {kind} was due"
        many.s.settimeout(20)
        first, body = many.next()
        assert first >> 4 == kind and len(body) == n + 3 and set(body[3:]) == {0}
        assert many.until(13) == []
    gone = Client(port, connect("gone"))
    gone.send(subscribe(7, *names) + DISCONNECT)
    gone.s.close()
    again = [Client(port, connect(f"again{i}") + subscribe(1, *names[:5000])) for i in range(20)]
    for c in again:
        c.until(9)
        c.send(unsubscribe(2, *names[:5000]) + PING)
    for c in again:
        assert c.until(13) == [11]


def only_begin(port, before_connect):
    """200 large packets that are begun and never ended, before a CONNECT or as a client."""
    before_connect = before_connect == "connect"
    some, busy = [], 0
    for i in range(200):
        c = Client(port, b"" if before_connect else connect(f"b{i}"))
        if not before_connect:
            try:
                p = c.next()
            except OSError:
                continue
            if p is None or p[1][1] != 0:
                busy += p is not None and p[1][1] == 0x89
                continue
        try:
            if before_connect:
                c.send(b"\x10" + length(1000000) + text("MQTT") + b"\x05\x02\0\0" +
                       b"\xb9\x84\x3d" + b"\x26\0\x01x\0\x01y" * 120000)
            else:
                c.send(b"\x30" + length(1000000) + text("t") + b"\0" + b"x" * 900000)
        except OSError:
            pass  # it is told why
        some.append(c)
    for c in some:
        c.s.settimeout(0.02)
        try:
            p = c.next()
            busy += p is not None and p[0] in (0x20, 0xE0) and 0x89 in p[1][:2]
        except OSError:
            pass
    print(busy)
    c = Client(port, connect("kind") + DISCONNECT)
    assert (p := c.next()) is not None and p[0] == 0x20 and p[1][1] == 0, p
    c = Client(port, connect("more") + publish("t", b"x" * 500000, 1, 1) + DISCONNECT)
    assert c.until(4) == [2]


def large_fan_out(port):
    """Large messages to many who do not read yet: then they get them, whole and in order."""
    subs = [Client(port, connect(f"s{i}") + subscribe(1, "t"), rcvbuf=4096) for i in range(100)]
    for c in subs:
        c.until(9)
    pub = Client(port, connect("pub"))
    sent = [bytes([65 + i]) * 900000 for i in range(5)]
    for m in sent:
        pub.send(publish("t", m))
    pub.send(PING)
    pub.until(13)
    print("sent", flush=True)
    for c in subs:
        for m in sent:
            first, body = c.next()
            assert first == 0x30 and body == text("t") + b"\0" + m


def come_and_go(port):
    """Until the broker is gone: take-overs, wills, half CONNECTs, publishes, resets."""
    from random import random, randrange
    while True:
        some = []
        try:
            for i in range(20):
                whole = connect(f"c{randrange(5)}", clean=random() < 0.5, will=("t/w", "w"),
                                props=b"\x11" + struct.pack(">I", randrange(2)))
                whole += subscribe(1, "t/#", "$share/g/t/+", qos=randrange(3))
                whole += publish("t/1", b"x" * randrange(5000), 1, 9, retain=randrange(2))
                some.append(Client(port, whole[:randrange(9, len(whole))] if i % 4 == 0 else whole))
            for c in some:
                if random() < 0.5:
                    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                c.s.close()
        except ConnectionRefusedError:
            return
        except OSError:
            pass


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
