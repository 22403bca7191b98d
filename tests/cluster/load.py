# SPDX-License-Identifier: Apache-2.0
"""Load for the chaos run: clients that live on several nodes, and what they saw.

Every client is a task that goes on by itself: it picks a node, stays a while, leaves with
or without a word, and comes back elsewhere. What was promised to it (acknowledgements) and
what it got is written down here; checks.py judges it.
"""
import asyncio
import random
import time

from mqtt5 import Client, Gone
from orders import Licences, Settings

RATE = 8  # messages a second of each publisher
STALL = 1  # seconds for which this process got no CPU, so perhaps the nodes did not


class World:
    """What all clients share."""

    def __init__(self, house, seed):
        self.house, self.seed = house, seed
        self.going = asyncio.Event()  # set: publishers send, clients move
        self.is_over = False
        self.troubles = []  # (t0, t1 or None, kind, node numbers)
        self.findings = []
        self.counts = {}

    def rng(self, name):
        return random.Random("%s/%s" % (self.seed, name))

    def find(self, fmt, *args):
        line = fmt % args
        self.findings.append(line)
        print("# FINDING %s" % line, flush=True)

    def count(self, what, n=1):
        self.counts[what] = self.counts.get(what, 0) + n

    def trouble(self, kind, *nodes):
        """Something that excuses losses at these nodes begins; the row, to be ended."""
        row = [time.monotonic(), None, kind, set(nodes)]
        self.troubles.append(row)
        return row

    def was_alone(self, begin, nodes):
        """Was one of them no member since then? What it took went when it joined again."""
        return any(kind in ("leave", "force leave") and where & nodes and (t1 is None or t1 >= begin)
                   for _, t1, kind, where in self.troubles)

    def excuses(self, begin, nodes, arrivals=()):
        """Kinds of trouble that there were at these nodes since then. A short one, which
        connections between nodes outlive, is none but for who arrived meanwhile: SUBACK does
        not wait for those who do not answer."""
        kinds = []
        for t0, t1, kind, where in self.troubles:
            if t1 is not None and t1 < begin:
                continue
            if kind.startswith("short"):
                if any(t0 - 1 < t < (t1 or t + 1) for t in arrivals):
                    kinds.append(kind)
            elif where & nodes:
                kinds.append(kind)
        return kinds

    def excuse(self, begin, nodes, arrivals=()):
        """One of them, or None."""
        return next(iter(self.excuses(begin, nodes, arrivals)), None)


async def watch_for_stalls(world):
    """A machine that stands still looks to the nodes like a network that does."""
    while not world.is_over:
        before = time.monotonic()
        await asyncio.sleep(0.1)
        late = time.monotonic() - before - 0.1
        if late > STALL:
            row = world.trouble("stall of the machine", *[n.n for n in world.house.nodes])
            row[0], row[1] = before, time.monotonic() + 2
            world.count("stalls of the machine")


class Roamer:
    """A client that is now here, now there."""

    stay, away = (2, 12), (0, 1.5)

    def __init__(self, world, name, expiry=3600):
        self.world, self.name = world, name
        self.rng = world.rng(name)
        self.client = Client(name, self.on_message, expiry)
        self.node = None  # where it is, or was last
        self.places = []  # (when, number of the node): where it came to
        self.is_settled = False  # connected, with what it wants to have

    def on_message(self, topic, payload, flags):
        pass

    def nodes_since(self, when):
        """Numbers of the nodes where it was at that time or later."""
        later = [n for t, n in self.places if t >= when]
        before = [n for t, n in self.places if t < when][-1:]
        return set(later + before)

    def arrivals(self):
        return [t for t, _ in self.places]

    async def begin(self, is_present):
        """Connected: its subscriptions and the like."""

    async def work(self, until):
        """What it does while it is connected; may raise Gone."""
        while time.monotonic() < until or not self.world.going.is_set():
            await self.client.ping()
            await asyncio.sleep(0.7)

    async def attach(self):
        node = self.rng.choice(self.world.house.nodes)
        before = self.node
        self.places.append((time.monotonic(), node.n))
        is_present = await self.client.connect(node.host, node.mqtt)
        self.node = node
        if before is not None and before is not node:
            self.world.count("clients that moved" if is_present else "clients that began anew")
        await self.begin(is_present)
        self.is_settled = True

    async def run(self):
        while not self.world.is_over:
            try:
                await self.attach()
                await self.work(time.monotonic() + self.rng.uniform(*self.stay))
                self.is_settled = False
                await (self.client.disconnect() if self.rng.random() < 0.6 else self.client.abort())
                await asyncio.sleep(self.rng.uniform(*self.away))
            except Gone:
                self.is_settled = False
                await self.client.abort()
                await asyncio.sleep(self.rng.uniform(0.05, 0.3))


class Life:
    """A session's, from the SUBACK on; what came in it."""

    def __init__(self):
        self.begun = None
        self.got = {}  # payload -> how often
        self.order = []  # payloads as they came first
        self.probes = []


class Receiver(Roamer):
    """A kept session with subscriptions."""

    def __init__(self, world, name, filters, qos):
        super().__init__(world, name)
        self.filters, self.qos = list(filters), qos
        self.life = Life()  # what comes before CONNACK
        self.lives = []
        self.odd = []  # copies that nothing explains

    def on_message(self, topic, payload, flags):
        life = self.life
        if payload.startswith(b"probe"):
            life.probes.append(payload)
            return
        n = life.got[payload] = life.got.get(payload, 0) + 1
        if n == 1:
            life.order.append(payload)
        elif self.qos == 2 or not flags & 8:
            self.odd.append((time.monotonic(), payload))

    async def begin(self, is_present):
        if is_present and self.life.begun is not None:
            return
        if self.life.begun is not None:
            self.lost_session()
        if not is_present:
            self.life = Life()
        for f in self.filters:
            await self.client.subscribe(f, self.qos)
        self.life.begun = time.monotonic()
        self.lives.append(self.life)

    def lost_session(self):
        kind = self.world.excuse(self.life.begun, self.nodes_since(self.life.begun), self.arrivals())
        self.world.count("sessions lost by " + str(kind))
        if kind is None:
            self.world.find("the session of %s was lost without a reason, at %s", self.name, self.node.name)


class Sent:
    """A message that a publisher sent."""

    def __init__(self, seq, connection, node, topic):
        self.seq, self.connection, self.nodes, self.topic = seq, connection, {node}, topic
        self.at = time.monotonic()
        self.acked = None  # when
        self.code = None
        self.is_again = False  # sent twice, or perhaps


class Publisher(Roamer):
    """Sends numbered messages to one topic, by a kept session."""

    stay = (4, 20)

    def __init__(self, world, name, topic, qos, rate=RATE):
        super().__init__(world, name)
        self.topic, self.qos, self.rate = topic, qos, rate
        self.sent = {}  # payload -> Sent

    async def begin(self, is_present):
        for m in self.client.out.values():
            if m.payload in self.sent:
                self.sent[m.payload].is_again = True
                self.sent[m.payload].nodes.add(self.node.n)
        if is_present:
            return
        for m in self.client.forget():  # the same again, as new messages
            self.send(m.payload, m.done)

    def send(self, payload, done=None):
        future = self.client.publish(self.topic, payload, self.qos)
        s = self.sent[payload]

        def acked(f):
            if f.cancelled() or s.acked is not None:
                return
            s.acked, s.code = time.monotonic(), f.result()
            if done is not None and not done.done():
                done.set_result(f.result())
        future.add_done_callback(acked)

    async def work(self, until):
        pinged = time.monotonic()
        while time.monotonic() < until or not self.world.going.is_set():
            if self.world.going.is_set() and len(self.client.out) < 50:
                payload = ("%s:%d" % (self.name, len(self.sent))).encode()
                self.sent[payload] = Sent(len(self.sent), self.client.connections, self.node.n, self.topic)
                self.send(payload)
            if time.monotonic() > pinged + 1:
                await self.client.ping()
                pinged = time.monotonic()
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) / self.rate)

    def is_quiet(self):
        return self.is_settled and not self.client.out


class Keeper(Roamer):
    """The only one who writes its retained topics, one value after the other."""

    stay = (3, 15)

    def __init__(self, world, name, n=8, rate=6):
        super().__init__(world, name)
        self.rate = rate
        self.topics = ["ret/%s/%d" % (name, i) for i in range(n)]
        self.value = 0
        self.acked = {}  # topic -> value, None: deleted
        self.now = {}  # what it had when all was quiet
        self.open = {t: [] for t in self.topics}  # values of which nobody knows, since acked
        # Of sessions that were lost: a node that stood still may read them at any time.
        self.given_up = {t: [] for t in self.topics}
        self.busy = set()

    async def begin(self, is_present):
        if is_present:
            return
        for m in self.client.forget():
            self.busy.discard(m.topic)
            self.given_up[m.topic] += self.open[m.topic]

    def write(self, topic):
        self.value += 1
        value = None if self.rng.random() < 0.1 else b"%d" % self.value
        future = self.client.publish(topic, value or b"", 1, retain=True)
        self.open[topic].append(value)
        self.busy.add(topic)
        begun = time.monotonic()

        def acked(f):
            self.busy.discard(topic)
            if self.world.was_alone(begun, self.nodes_since(begun)):
                self.given_up[topic].append(value)
            elif not f.cancelled() and f.result() < 128:
                self.acked[topic] = value
                # Older ones are overtaken whatever became of them.
                self.open[topic] = self.open[topic][self.open[topic].index(value) + 1:]
                self.world.count("retained changes acknowledged")
            elif not f.cancelled() and value in self.open[topic]:
                self.open[topic].remove(value)
                self.world.count("retained changes refused 0x%02x" % f.result())
        future.add_done_callback(acked)

    async def work(self, until):
        pinged = time.monotonic()
        while time.monotonic() < until or not self.world.going.is_set():
            free = [t for t in self.topics if t not in self.busy]
            if self.world.going.is_set() and free:
                self.write(self.rng.choice(free))
            if time.monotonic() > pinged + 1:
                await self.client.ping()
                pinged = time.monotonic()
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) / self.rate)

    def is_quiet(self):
        return self.is_settled and not self.client.out


class Churner(Roamer):
    """A volatile session that subscribes and unsubscribes all the time."""

    stay, away = (1, 6), (0, 0.3)

    def __init__(self, world, name):
        super().__init__(world, name, expiry=0)
        self.filters = set()
        self.probes = []

    def on_message(self, topic, payload, flags):
        if payload.startswith(b"probe"):
            self.probes.append(payload)

    async def begin(self, is_present):
        self.filters.clear()

    async def work(self, until):
        while time.monotonic() < until or not self.world.going.is_set():
            if not self.world.going.is_set() and self.filters:
                self.is_settled = True
                await self.client.ping()
                await asyncio.sleep(0.5)
                continue
            self.is_settled = False
            f = "ch/%d/+" % self.rng.randrange(20)
            if f in self.filters:
                await self.client.unsubscribe(f)
                self.filters.discard(f)
            else:
                await self.client.subscribe(f, 1)
                self.filters.add(f)
            self.world.count("subscriptions changed")
            await asyncio.sleep(self.rng.uniform(0.02, 0.4))


class Load:
    """All clients of a run."""

    def __init__(self, world, vendor, pairs=8, keepers=2, churners=6):
        self.world = world
        self.receivers = [Receiver(world, "r%d" % i, ["q/%d" % i], 1 + i % 2) for i in range(pairs)]
        self.publishers = [Publisher(world, "p%d" % i, "q/%d" % i, 1 + i // 2 % 2) for i in range(pairs)]
        self.members = [Receiver(world, "g%d" % i, ["$share/g/s/+"], 1) for i in range(3)]
        self.sharers = [Publisher(world, "sp%d" % i, "s/%d" % i, 1) for i in range(2)]
        self.keepers = [Keeper(world, "k%d" % i) for i in range(keepers)]
        self.churners = [Churner(world, "ch%d" % i) for i in range(churners)]
        self.orders = [Settings(world), Licences(world, vendor)]
        self.roamers = (self.receivers + self.publishers + self.members + self.sharers
                        + self.keepers + self.churners)
        self.tasks = []

    def start(self):
        self.tasks = [asyncio.create_task(r.run()) for r in self.roamers]
        self.tasks += [asyncio.create_task(o.run()) for o in self.orders]
        self.tasks.append(asyncio.create_task(watch_for_stalls(self.world)))

    def go_on(self):
        self.world.going.set()

    def rest(self):
        """Nobody sends or moves any more, when all have settled."""
        self.world.going.clear()

    def died(self):
        """Tasks that should not have ended."""
        return [t.exception() for t in self.tasks if t.done() and not t.cancelled() and t.exception() is not None]

    async def stop(self):
        self.world.is_over = True
        for t in self.tasks:
            t.cancel()
        await asyncio.wait(self.tasks)
        for r in self.roamers:
            await r.client.abort()
