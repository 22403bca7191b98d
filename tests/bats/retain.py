# SPDX-License-Identifier: Apache-2.0
# retain: publishers of retained messages that know what was acknowledged.
#
#	retain.py load PORT STATE	publish until the broker goes; STATE.log says "going" when
#					there is load; what was sent and acknowledged goes to STATE
#	retain.py check PORT STATE	subscribe and compare: nothing acknowledged is missing
#	retain.py full PORT		publish until it is refused, by 5.0 and by 3.1.1
#	retain.py order PORT		acknowledgements come in the order of their messages
import json
import os
import random
import socket
import struct
import sys
import time


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(s):
    return struct.pack(">H", len(s)) + s


class Client:
    def __init__(self, port, name, version=5):
        self.version = version
        self.s = socket.create_connection(("127.0.0.1", port))
        self.s.settimeout(30)
        self.buf = b""
        props = b"\x00" if version == 5 else b""
        body = text(b"MQTT") + bytes([version, 2]) + b"\0\0" + props + text(name.encode())
        self.send(0x10, body)
        first, _ = self.packet()
        assert first == 0x20

    def send(self, first, body):
        self.s.sendall(bytes([first]) + varint(len(body)) + body)

    def publish(self, topic, payload, qos, number, retain=True):
        body = text(topic.encode()) + (struct.pack(">H", number) if qos else b"")
        body += (b"\x00" if self.version == 5 else b"") + payload
        self.send(0x30 | qos << 1 | retain, body)

    def whole(self):
        """One packet of the buffer, or None."""
        n = shift = 0
        for i in range(1, 5):
            if len(self.buf) <= i:
                return None
            n |= (self.buf[i] & 127) << shift
            shift += 7
            if self.buf[i] < 128:
                break
        if len(self.buf) < 1 + i + n:
            return None
        first, body = self.buf[0], self.buf[1 + i:1 + i + n]
        self.buf = self.buf[1 + i + n:]
        return first, body

    def packet(self):
        while True:
            p = self.whole()
            if p is not None:
                return p
            more = self.s.recv(65536)
            if not more:
                raise ConnectionError
            self.buf += more

    def code(self, body):
        return body[2] if len(body) > 2 else 0


TOPICS = 200
WINDOW = 50


def load_one(port, number, log):
    """What this publisher sent and had acknowledged, by topic; only it writes there."""
    sent, acked, way, value = {}, {}, {}, int(time.time() * 1000)
    rand = random.Random(number)
    count = 0
    try:
        c = Client(port, "pub%d" % number)
        next_id = 1
        while True:
            while len(way) < WINDOW:
                value += 1
                topic = "t/%d/%d" % (number, rand.randrange(TOPICS))
                qos = rand.choice((1, 2))
                way[next_id] = (topic, value)
                sent.setdefault(topic, []).append(value)
                c.publish(topic, b"%d" % value, qos, next_id)
                next_id = next_id % 60000 + 1
                while next_id in way:
                    next_id = next_id % 60000 + 1
            first, body = c.packet()
            assert first >> 4 in (4, 5, 7), "packet %#x %s" % (first, body.hex())
            packet_id, = struct.unpack(">H", body[:2])
            if first >> 4 == 5:
                c.send(0x62, body[:2])
            if first >> 4 in (4, 5):
                assert c.code(body) in (0, 0x10), c.code(body)
                topic, v = way[packet_id]
                acked[topic] = max(acked.get(topic, 0), v)
                count += 1
                if count == 200:
                    os.write(log, b"going\n")
            if first >> 4 in (4, 7):
                del way[packet_id]
    except (ConnectionError, OSError):
        return sent, acked


def load(port, state):
    with open(state + ".log", "w"):
        pass
    log = os.open(state + ".log", os.O_WRONLY | os.O_APPEND)
    kids = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            with open("%s.%d" % (state, number), "w") as f:
                json.dump(load_one(port, number, log), f)
            os._exit(0)
        kids.append(pid)
    for pid in kids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, "a publisher failed"


def retained(port):
    c = Client(port, "sub")
    c.send(0x82, b"\0\1\0" + text(b"#") + b"\1")
    c.send(0xc0, b"")
    got, pings = {}, 0
    while True:
        first, body = c.packet()
        if first >> 4 == 3:
            n, = struct.unpack(">H", body[:2])
            at = 2 + n
            if first & 6:
                c.send(0x40, body[at:at + 2])
                at += 2
            got[body[2:2 + n].decode()] = body[at + 1 + body[at]:]
            pings = 0
        elif first >> 4 == 13:
            # Twice nothing between two of them: there is no more.
            pings += 1
            if pings > 3:
                return got
            time.sleep(0.02)
            c.send(0xc0, b"")


def check(port, state):
    got = retained(port)
    n = 0
    for number in range(4):
        with open("%s.%d" % (state, number)) as f:
            sent, acked = json.load(f)
        for topic, values in sent.items():
            value = int(got[topic]) if topic in got else 0
            least = acked.get(topic, 0)
            n += topic in acked
            assert value >= least, "%s: %d came back, %d was acknowledged" % (topic, value, least)
    assert n > 50, "only %d topics were acknowledged: no load" % n
    print("%d topics" % n)


def full(port):
    c = Client(port, "five")
    for i in range(1, 400):
        c.publish("big/%d" % i, b"x" * 20000, 1 + i % 2, i)
        first, body = c.packet()
        if c.code(body) == 0x97:
            break
        assert c.code(body) in (0, 0x10)
        if first >> 4 == 5:
            c.send(0x62, body[:2])
            c.packet()
    else:
        sys.exit("never refused")
    # The exchange of QoS 2 is over with the error: its id is free.
    c.publish("big/again", b"x" * 20000, 2, i)
    _, body = c.packet()
    assert c.code(body) == 0x97, c.code(body)
    # What is not retained goes on.
    c.publish("plain", b"x", 1, 1, retain=False)
    _, body = c.packet()
    assert c.code(body) in (0, 0x10)
    three = Client(port, "three", 4)
    three.publish("big/three", b"x" * 20000, 1, 7)
    try:
        three.packet()
        sys.exit("3.1.1 was acknowledged")
    except ConnectionError:
        pass


def order(port):
    c = Client(port, "order")
    rand = random.Random(3)
    for _ in range(20):
        ids = list(range(1, 91))
        rand.shuffle(ids)
        qos = {i: rand.choice((1, 2)) for i in ids}
        for i in ids:
            c.publish("o/%d" % i, b"v", qos[i], i, retain=rand.random() < 0.3)
        got = []
        for i in ids:
            first, body = c.packet()
            got.append((first >> 4, struct.unpack(">H", body[:2])[0]))
        assert got == [(3 + qos[i], i) for i in ids], got
        twos = [i for i in ids if qos[i] == 2]
        for i in twos:
            c.send(0x62, struct.pack(">H", i))
        for i in twos:
            first, body = c.packet()
            assert (first >> 4, struct.unpack(">H", body[:2])[0]) == (7, i)


{"load": load, "check": check, "full": full, "order": order}[sys.argv[1]](
    int(sys.argv[2]), *sys.argv[3:])
