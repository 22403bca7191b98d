# SPDX-License-Identifier: Apache-2.0
"""A House whose nodes are hosts of their own, with a network between them that can fail.

Each node has a network namespace with the address 10.77.0.N, tied to a bridge in a
namespace that the test itself lives in while the Hosts are there: 10.77.0.254, where
clients connect from. No namespace has a name: they end with their processes, so nothing
stays behind whatever happens; names of links carry the test's pid.

    with Hosts(3) as h:
        h.start()
        h.join()
        h.cut_off(3)                    # no packet between 3 and the others
        h.cut(1, 2, one_way=True)       # packets from 1 to 2 are lost, those back arrive
        h.bar(1, 2)                     # 1 cannot call 2; 2 can call 1
        h.loss(1, 2, 20)                # percent, both ways
        h.delay(1, 2, 0.05, 0.02)       # seconds, and up to so many more
        h.delay(1, 2, 0.05, channel=DATA)  # of stranger.py: that channel alone
        h.heal()

Only what nodes say to each other is touched: TCP of the cluster port and UDP; clients
are not cut. Rules stand where packets arrive, so that the sender learns nothing, as from
a real network. delay() is a relay of the test's: within a connection the order stays, between
several it does not. Nodes are given as number or Node.

Where namespaces are not permitted the nodes have addresses of 127.0.0.0/8, `why` says the
reason, and what cuts is skipped.
"""
import asyncio
import ctypes
import os
import random
import shutil
import subprocess
import threading

from house import House, Skipped, free_port

NEWUSER, NEWNET = 0x10000000, 0x40000000
NET = "10.77.0.%d"
MQTT, PORT = 1883, 4370
LIBC = ctypes.CDLL(None, use_errno=True)


def check(rc, what):
    if rc != 0:
        no = ctypes.get_errno()
        raise OSError(no, "%s: %s" % (what, os.strerror(no)))


def this_namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(fd):
    check(LIBC.setns(fd, NEWNET), "setns")


def become_root_of_a_namespace():
    """For users: root inside a user namespace may make networks there."""
    uid, gid = os.geteuid(), os.getegid()
    check(LIBC.unshare(NEWUSER), "user namespaces")
    for name, text in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
        with open("/proc/self/" + name, "w", encoding="ascii") as f:
            f.write(text)


def tool(argv, text, **more):
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise OSError(0, "%s: %s" % (" ".join(argv), done.stderr.strip()))


class Net:
    """The namespaces. While it is there this thread, and what it starts, is at the bridge."""

    def __init__(self, n):
        for program, package in (("ip", "iproute2"), ("nft", "nftables"), ("nsenter", "util-linux")):
            if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
                raise OSError(0, "needs package " + package)
        if os.geteuid() != 0:
            become_root_of_a_namespace()
        self.before = this_namespace()
        self.fds = {}
        try:
            check(LIBC.unshare(NEWNET), "network namespaces")
            self.bridge = this_namespace()
            for i in range(1, n + 1):
                check(LIBC.unshare(NEWNET), "network namespaces")
                self.fds[i] = this_namespace()
                enter(self.bridge)
            self.wire()
            self.rules(1, "")
        except OSError:
            self.close()
            raise

    def wire(self):
        pid = os.getpid()
        lines = ["link set lo up", "link add b%d type bridge" % pid, "link set b%d up" % pid,
                 "addr add %s/24 dev b%d" % (NET % 254, pid)]
        for i, fd in self.fds.items():
            lines.append("link add v%d.%d type veth peer name eth0 netns /proc/%d/fd/%d" % (pid, i, pid, fd))
            lines.append("link set v%d.%d master b%d up" % (pid, i, pid))
        tool(["ip", "-batch", "-"], "\n".join(lines) + "\n")
        for i in self.fds:
            tool(self.inside(i) + ["ip", "-batch", "-"],
                 "link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\n" % (NET % i))

    def inside(self, i):
        """What stands before a command that runs at node @i."""
        return ["nsenter", "--net=/proc/%d/fd/%d" % (os.getpid(), self.fds[i])]

    def rules(self, i, text):
        """@text is all that node @i has for rules, from now on, in one step."""
        tool(self.inside(i) + ["nft", "-f", "-"],
             "table ip emqxd\ndelete table ip emqxd\ntable ip emqxd {\n%s}\n" % text)

    def close(self):
        try:
            enter(self.before)
        except OSError:
            pass  # a user's: there is no way back into the machine's own
        for fd in [self.before, *self.fds.values()] + ([self.bridge] if hasattr(self, "bridge") else []):
            os.close(fd)
        self.fds = {}


class Channel:
    """Which channel a connection is: a field of the dialler's second message
    (link/link_hello.h), which TLS would hide."""

    TAG = 2

    def __init__(self):
        self.seen, self.is_known, self.number = b"", False, None

    def look(self, data):
        """Takes what the dialler says, until it is known."""
        if self.is_known:
            return
        self.seen += data
        at = 2 + int.from_bytes(self.seen[:2], "big") + 3
        end = at - 1 + int.from_bytes(self.seen[at - 3:at - 1], "big")
        if len(self.seen) < at or len(self.seen) < end:
            return
        while at < end and self.seen[at] != self.TAG:
            at += 2 + self.seen[at + 1]
        self.number, self.is_known = self.seen[at + 2], True


class Relay(threading.Thread):
    """At node @host: takes connections to its cluster port and passes them on, late: all,
    or those of one channel."""

    def __init__(self, fd, host, seconds, jitter, channel=None):
        super().__init__(daemon=True)
        self.fd, self.host, self.seconds, self.jitter, self.channel = fd, host, seconds, jitter, channel
        self.port = None
        self.loop = asyncio.new_event_loop()
        self.is_there = threading.Event()
        self.start()
        self.is_there.wait(10)

    def run(self):
        enter(self.fd)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, self.host, 0))
        self.port = server.sockets[0].getsockname()[1]
        self.is_there.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def serve(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, PORT)
        except OSError:
            writer.close()
            return
        try:
            channel = Channel()
            await asyncio.gather(self.pump(reader, far_writer, channel, True),
                                 self.pump(far_reader, writer, channel, False))
        except asyncio.CancelledError:
            pass  # else asyncio would complain of it

    async def pump(self, reader, writer, channel, is_dialler):
        waiting = asyncio.Queue(256)
        late = asyncio.create_task(self.send_late(waiting, writer))
        try:
            data = b"-"
            while data:
                data = await reader.read(65536)
                when = self.loop.time()
                if is_dialler and self.channel is not None:
                    channel.look(data)
                if self.channel is None or channel.number == self.channel:
                    when += self.seconds + random.random() * self.jitter
                await waiting.put((when, data))
            await late
        except OSError:
            late.cancel()
        finally:
            writer.close()

    async def send_late(self, waiting, writer):
        while True:
            when, data = await waiting.get()
            await asyncio.sleep(when - self.loop.time())
            if not data:
                return
            writer.write(data)
            await writer.drain()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(10)


class Hosts(House):
    """See above. heal() mends all; each of the others adds to what is wrong."""

    def __init__(self, n, *lines):
        self.net, self.why = None, None
        self.cuts, self.bars, self.losses, self.relays = {}, set(), {}, {}
        try:
            self.net = Net(n)
        except OSError as e:
            self.why = "no network namespaces: %s" % (e.strerror or e)
            print("# " + self.why, flush=True)
        super().__init__(n, *lines)

    def __exit__(self, kind, value, trace):
        self.stop_relays()
        try:
            super().__exit__(kind, value, trace)
        finally:
            if self.net is not None:
                self.net.close()

    def place(self, n):
        if self.net is None:
            return "127.77.0.%d" % n, free_port(), free_port()
        return NET % n, MQTT, PORT

    def inside(self, n):
        return [] if self.net is None else self.net.inside(n)

    def can_cut(self):
        return self.net is not None

    def need_cuts(self):
        """Ends the test as skipped where nothing can be cut."""
        if self.net is None:
            raise Skipped(self.why)

    def number(self, node):
        return node if isinstance(node, int) else node.n

    def cut(self, a, b, one_way=False, reset=False):
        """Packets from @a to @b are lost, and back if not @one_way. @reset: connections
        are reset instead, as by a host that knows nothing of them."""
        a, b = self.number(a), self.number(b)
        self.cuts[a, b] = reset
        if not one_way:
            self.cuts[b, a] = reset
        self.apply(a, b)

    def cut_off(self, a, reset=False):
        """@a from all others."""
        for node in self.nodes:
            if node.n != self.number(a):
                self.cut(a, node, reset=reset)

    def split(self, *sides):
        """Cuts between the sides, each a list of nodes."""
        for i, side in enumerate(sides):
            for other in sides[i + 1:]:
                for a in side:
                    for b in other:
                        self.cut(a, b)

    def bar(self, a, b):
        """Connections that @a dials to @b get nothing through; those of @b to @a do."""
        a, b = self.number(a), self.number(b)
        self.bars.add((a, b))
        self.apply(b)

    def loss(self, a, b, percent):
        """So many of the packets between the two are lost, each way."""
        a, b = self.number(a), self.number(b)
        self.losses[a, b] = self.losses[b, a] = percent
        self.apply(a, b)

    def delay(self, a, b, seconds, jitter=0, channel=None):
        """What the two say to each other, on one channel or all, is late, each way;
        connections that are there are reset."""
        self.need_cuts()
        for to, of in ((self.number(a), self.number(b)), (self.number(b), self.number(a))):
            if (of, to) in self.relays:
                self.relays[of, to].stop()
            self.relays[of, to] = Relay(self.net.fds[to], NET % to, seconds, jitter, channel)
        self.apply(*[node.n for node in self.nodes])

    def heal(self, a=None, b=None):
        """All is well again; with @a and @b between these two."""
        pair = None if a is None else {self.number(a), self.number(b)}
        for what in (self.cuts, self.losses):
            for key in [k for k in what if pair in (None, set(k))]:
                del what[key]
        self.bars = {k for k in self.bars if pair not in (None, set(k))}
        self.stop_relays(pair)
        self.apply(*[node.n for node in self.nodes if pair is None or node.n in pair])

    def stop_relays(self, pair=None):
        for key in [k for k in self.relays if pair in (None, set(k))]:
            self.relays.pop(key).stop()

    def apply(self, *numbers):
        self.need_cuts()
        for n in numbers:
            self.net.rules(n, self.arriving(n) + self.redirected(n))

    def arriving(self, n):
        """Rules for what reaches node @n. What a relay takes has the relay's port here."""
        ports = "{ %s }" % ", ".join(str(p) for p in [PORT] + [
            relay.port for (_, b), relay in self.relays.items() if b == n])
        both = "tcp sport %d" % PORT, "tcp dport " + ports
        rules = []
        for (a, b), reset in self.cuts.items():
            end = "reject with tcp reset" if reset else "drop"
            rules += [(a, b, "%s %s" % (side, end)) for side in both]
            rules.append((a, b, "meta l4proto udp drop"))
        rules += [(a, b, both[1] + " drop") for a, b in self.bars]
        rules += [(a, b, "%s numgen random mod 100 < %d drop" % (side, percent))
                  for (a, b), percent in self.losses.items() for side in both]
        rules += [(a, b, "tcp dport %d reject with tcp reset" % PORT) for a, b in self.relays]
        return "chain arriving {\ntype filter hook input priority 0; policy accept;\n%s}\n" % "".join(
            "ip saddr %s %s\n" % (NET % a, rule) for a, b, rule in rules if b == n)

    def redirected(self, n):
        lines = ["ip saddr %s tcp dport %d redirect to :%d" % (NET % a, PORT, relay.port)
                 for (a, b), relay in self.relays.items() if b == n]
        if not lines:
            return ""
        return "\n".join(["chain late {", "type nat hook prerouting priority -100;"] + lines + ["}"]) + "\n"
