# SPDX-License-Identifier: Apache-2.0
"""A small MQTT 5 client for tests with many clients: asyncio, QoS 0 to 2 both ways.

It knows what it is owed: messages that it sent and that are not acknowledged are sent
again when its session is there (session present), in their order and by their packet ids,
and so are its PUBRELs. What a caller does with a session that is gone is his choice.
"""
import asyncio
import itertools

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14


class Gone(Exception):
    """The connection is no more, or was refused."""


def varint(n):
    out = bytearray()
    while True:
        n, digit = n >> 7, n & 127
        out.append(digit | (128 if n else 0))
        if not n:
            return bytes(out)


def text(s):
    b = s.encode() if isinstance(s, str) else s
    return len(b).to_bytes(2, "big") + b


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def take_varint(body, at):
    n = shift = 0
    while True:
        n |= (body[at] & 127) << shift
        at += 1
        if not body[at - 1] & 128:
            return n, at
        shift += 7


async def read_packet(reader):
    head = (await reader.readexactly(1))[0]
    n = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        n |= (digit & 127) << shift
        shift += 7
        if not digit & 128:
            break
    return head >> 4, head & 15, await reader.readexactly(n) if n else b""


class Out:
    """A message that was sent and is not acknowledged."""

    def __init__(self, topic, payload, qos, retain):
        self.topic, self.payload, self.qos, self.retain = topic, payload, qos, retain
        self.is_received, self.code = False, 0  # PUBREC came, and said
        self.done = asyncio.get_running_loop().create_future()  # of the reason code


class Client:
    """One client id; connects as often as it likes."""

    def __init__(self, client_id, on_message=None, expiry=3600, receive_max=100):
        self.client_id, self.on_message, self.expiry = client_id, on_message, expiry
        self.receive_max = receive_max
        self.reader = self.writer = self.task = None
        self.out = {}  # packet id -> Out, in order
        self.rel_in = set()  # packet ids of QoS 2 that came and were not released
        self.waiting = {}  # packet id of SUBSCRIBE, UNSUBSCRIBE -> future
        self.pong = None
        self.ids = itertools.cycle(range(1, 65536))
        self.end_reason = None  # of the server's DISCONNECT
        self.connections = 0

    @property
    def is_connected(self):
        return self.task is not None and not self.task.done()

    async def connect(self, host, port, clean=False, timeout=5):
        """Is the session there? Gone if it was refused or nothing came in time."""
        await self.abort()
        try:
            return await asyncio.wait_for(self._connect(host, port, clean), timeout)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as e:
            await self.abort()
            raise Gone("connect: %r" % e) from e

    async def _connect(self, host, port, clean):
        self.reader, self.writer = await asyncio.open_connection(host, port)
        props = b"\x11" + self.expiry.to_bytes(4, "big") + b"\x21" + self.receive_max.to_bytes(2, "big")
        self.writer.write(packet(CONNECT, 0, text("MQTT") + bytes([5, 2 if clean else 0]) + b"\0\0"
                                 + varint(len(props)) + props + text(self.client_id)))
        kind, _, body = await read_packet(self.reader)
        if kind != CONNACK or body[1] != 0:
            raise Gone("refused: %s" % body.hex())
        is_present = bool(body[0] & 1)
        self.connections += 1
        self.end_reason = None
        if not is_present:
            self.rel_in.clear()
        else:
            self._send_again()
        self.task = asyncio.create_task(self._read(self.reader, self.writer))
        return is_present

    def _send_again(self):
        for pid, m in self.out.items():
            if m.is_received:
                self.writer.write(packet(PUBREL, 2, pid.to_bytes(2, "big")))
            else:
                self._send(pid, m, is_again=True)

    def _send(self, pid, m, is_again=False):
        flags = (8 if is_again else 0) | m.qos << 1 | (1 if m.retain else 0)
        head = text(m.topic) + (pid.to_bytes(2, "big") if m.qos else b"") + b"\0"
        self.writer.write(packet(PUBLISH, flags, head + m.payload))

    def forget(self):
        """The session is gone: what was not acknowledged, in its order, is the caller's."""
        lost = list(self.out.values())
        self.out.clear()
        return lost

    async def abort(self):
        """Ends the connection without a word."""
        if self.writer is not None:
            self.writer.transport.abort()
        if self.task is not None:
            await asyncio.wait([self.task])
        self.writer = self.task = None

    async def disconnect(self):
        """As a client should."""
        if self.is_connected:
            self.writer.write(packet(DISCONNECT, 0, b""))
            try:
                await asyncio.wait_for(self.writer.drain(), 1)
                self.writer.close()
                await asyncio.wait([self.task], timeout=1)
            except (OSError, asyncio.TimeoutError):
                pass
        await self.abort()

    def publish(self, topic, payload, qos=1, retain=False):
        """A future of the acknowledgement's reason code; it stays over reconnects."""
        if not self.is_connected:
            raise Gone("not connected")
        m = Out(topic, payload, qos, retain)
        pid = 0
        if qos:
            pid = next(p for p in self.ids if p not in self.out and p not in self.waiting)
            self.out[pid] = m
        else:
            m.done.set_result(0)
        self._send(pid, m)
        return m.done

    async def subscribe(self, topic, qos, timeout=5):
        return await self._ask(SUBSCRIBE, b"\0" + text(topic) + bytes([qos]), timeout)

    async def unsubscribe(self, topic, timeout=5):
        return await self._ask(UNSUBSCRIBE, b"\0" + text(topic), timeout)

    async def _ask(self, kind, body, timeout):
        if not self.is_connected:
            raise Gone("not connected")
        pid = next(p for p in self.ids if p not in self.out and p not in self.waiting)
        future = self.waiting[pid] = asyncio.get_running_loop().create_future()
        self.writer.write(packet(kind, 2, pid.to_bytes(2, "big") + body))
        try:
            return await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError as e:
            raise Gone("no answer") from e
        finally:
            self.waiting.pop(pid, None)

    async def ping(self, timeout=3):
        if not self.is_connected:
            raise Gone("not connected")
        self.pong = asyncio.get_running_loop().create_future()
        self.writer.write(packet(PINGREQ, 0, b""))
        try:
            await asyncio.wait_for(self.pong, timeout)
        except asyncio.TimeoutError as e:
            raise Gone("no pong") from e

    # ---- what comes

    async def _read(self, reader, writer):
        try:
            while True:
                self._on_packet(writer, *await read_packet(reader))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            for future in [*self.waiting.values(), self.pong]:
                if future is not None and not future.done():
                    future.set_exception(Gone("the connection ended"))
                    future.exception()  # it may have no reader

    def _on_packet(self, writer, kind, flags, body):
        if kind == PUBLISH:
            self._on_publish(writer, flags, body)
        elif kind == PINGRESP:
            if self.pong is not None and not self.pong.done():
                self.pong.set_result(None)
        elif kind == DISCONNECT:
            self.end_reason = body[0] if body else 0
        else:
            self._on_ack(writer, kind, int.from_bytes(body[:2], "big"), body)

    def _on_ack(self, writer, kind, pid, body):
        code = body[2] if len(body) > 2 else 0
        if kind == PUBREL:
            self.rel_in.discard(pid)
            writer.write(packet(PUBCOMP, 0, body[:2]))
        elif kind in (SUBACK, UNSUBACK):
            future = self.waiting.get(pid)
            if future is not None and not future.done():
                future.set_result(body[-1])
        elif kind == PUBREC and code < 128:
            if pid in self.out:
                self.out[pid].is_received, self.out[pid].code = True, code
            writer.write(packet(PUBREL, 2, body[:2]))
        elif pid in self.out:
            m = self.out.pop(pid)
            if not m.done.done():
                m.done.set_result(m.code or code)

    def _on_publish(self, writer, flags, body):
        n = int.from_bytes(body[:2], "big")
        topic, at = body[2:2 + n].decode(), 2 + n
        qos, pid = flags >> 1 & 3, b""
        if qos:
            pid, at = body[at:at + 2], at + 2
        length, at = take_varint(body, at)
        number = int.from_bytes(pid, "big")
        if qos < 2 or number not in self.rel_in:
            if qos == 2:
                self.rel_in.add(number)
            if self.on_message is not None:
                self.on_message(topic, body[at + length:], flags)
        if qos:
            writer.write(packet(PUBACK if qos == 1 else PUBREC, 0, pid))
