#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Netsplits: both sides go on, what needs agreement says no, and what heals is whole.

SPLIT_SECONDS is how long the split of the first test lasts (6; with LONG=1 60, and the faults).
"""
import os
import threading
import time

from hosts import Hosts
from house import LONG, SLOW, run, wait_until
from talker import Talker
from test_license import Vendor, configure

SECONDS = float(os.environ.get("SPLIT_SECONDS", "60" if LONG else "6"))
TAKENOVER = 0x8E


def roles(node):
    return sorted(r["role"] for r in node.members().values())


def wait_all_vote(h):
    wait_until("all vote", 20, lambda: roles(h[1]) == ["leader", "voter", "voter"])


def leader_of(h):
    rows = h[1].members()
    return next(node for node in h.nodes if rows[node.name]["role"] == "leader")


def routes(node):
    """filter -> nodes that want it, as this node knows it."""
    return {r["topic"]: sorted(r["node"].split(",")) for r in node.rows("topics", "list")}


def wanted(h):
    """The same, as it is."""
    out = {}
    for node in h.nodes:
        for row in node.rows("subscriptions", "list"):
            topic = row["topic"]
            if topic.startswith("$share/"):
                topic = topic.split("/", 2)[2]
            out.setdefault(topic, set()).add(node.name)
    return {topic: sorted(nodes) for topic, nodes in out.items()}


def wait_exact(h, seconds=5):
    """All nodes know exactly the routes that there are."""
    def is_so():
        want = wanted(h)
        for node in h.nodes:
            got = routes(node)
            if got != want:
                raise OSError("%s: %s, not %s" % (node.name, got, want))
        return True
    wait_until("routes are exact", seconds, is_so)


def pids(h):
    return [(node.process.pid, sorted(node.children())) for node in h.nodes]


def value(node, key):
    return node.rows("conf", "show", key)[0]["value"]


def retained(node):
    """topic -> payload; what each broker says of itself once a minute ($SYS/) is left out."""
    return {r["topic"]: node.rows("retainer", "show", r["topic"])[0]["payload"]
            for r in node.rows("retainer", "topics") if not r["topic"].startswith("$SYS/")}


def held(node):
    """(filter, client) that it has for itself, once each; the subscriptions say the same."""
    want = sorted((r["topic"], r["clientid"]) for r in node.rows("exclusive", "list"))
    rows = node.rows("subscriptions", "list", "--all-nodes")
    got = sorted((r["topic"], r["clientid"]) for r in rows if r["topic"].startswith("x/"))
    return set(want) if got == want else None


def expect_no_quorum(node, *words):
    began = time.monotonic()
    rc, out, err = node.ctl(*words)
    assert rc == 1 and "no quorum" in err, (words, rc, out, err)
    assert time.monotonic() - began < 5 * SLOW, words


def heal(h):
    h.heal()
    return time.monotonic()


class Sides:
    """What both sides do while they are apart, and what must be when they are not."""

    def __init__(self, h, minority):
        self.h, self.few = h, minority
        self.many = [node for node in h.nodes if node is not minority]
        self.pids = pids(h)
        self.clients = {}
        for node in h.nodes:
            self.talker(node, "a%d" % node.n).subscribe("all/#", 2).subscribe("own/%d" % node.n)
        self.twin = Talker(self.many[0], "twin", clean=False)
        self.twin.subscribe("twin/#")
        Talker(self.few, "wanderer", clean=False).subscribe("wander/older").close()
        wait_exact(h)

    def talker(self, node, name):
        self.clients[name] = Talker(node, name)
        return self.clients[name]

    def own(self, node):
        return self.clients["a%d" % node.n]

    def go_apart(self):
        self.h.cut_off(self.few)
        # At once, while nobody knows: a subscription, and messages on both sides.
        self.own(self.few).subscribe("early/few")
        self.own(self.many[0]).subscribe("early/many")
        self.own(self.many[0]).unsubscribe("own/%d" % self.many[0].n)
        wait_until("the many see it", 15, lambda: all(
            self.few.name not in node.running() for node in self.many))
        wait_until("the few see it", 15, lambda: self.few.running() == [self.few.name])

    def agree(self):
        """The many change things, the few cannot."""
        assert not any(r["quorum"] for r in self.few.rows("cluster", "status"))
        wait_until("the many have a quorum", 10, lambda: all(
            r["quorum"] for r in self.many[0].rows("cluster", "status")))
        hints = {r["node"]: r["hint"] for r in self.few.rows("cluster", "status")}
        assert hints[self.few.name].startswith("no quorum: 1 of 3 members are heard"), hints
        wait_until("the many say who is away", 5, lambda: "no other node that is heard reaches it" in
                   self.many[0].members()[self.few.name]["hint"])
        expect_no_quorum(self.few, "conf", "set", "mqtt.max_qos_allowed", "1")
        expect_no_quorum(self.few, "license", "reload", self.license)
        assert value(self.few, "mqtt.max_qos_allowed") == "2"
        assert not os.path.exists(self.few.path("data", "licenses", "emqx.lic"))
        self.many[0].ok("conf", "set", "mqtt.max_topic_levels", "77")

    def go_on(self):
        """Clients are served on both sides."""
        few, many = self.own(self.few), self.own(self.many[0])
        for qos in (0, 1, 2):
            few.publish("all/few", "f%d" % qos, qos)
            many.publish("all/many", "m%d" % qos, qos)
        few.expect("all/few", "f2")
        self.own(self.many[1]).expect("all/many", "m2")
        many.publish("keep/both", "older", retain=True)
        many.publish("keep/many", "m", retain=True)
        # What is acknowledged is on most disks: the few say so when that is true.
        self.keeper = self.talker(self.few, "keeper")
        self.late = [self.keeper.send("keep/few", "f", retain=True),
                     self.keeper.send("keep/both", "newer", retain=True)]
        self.talker(self.few, "late-few").subscribe("late/few").subscribe("$share/g/work")
        self.talker(self.many[1], "late-many").subscribe("late/many").subscribe("$share/g/work")
        # It finds its session nowhere, begins another one, and goes.
        Talker(self.many[0], "wanderer", clean=False).subscribe("wander/newer").close()
        many.publish("wander/newer", "waits", 1)
        # What one client has for itself, one has on each side now.
        self.talker(self.few, "x-few").subscribe("$exclusive/x/few")
        self.talker(self.many[0], "x-many").subscribe("$exclusive/x/few").subscribe("$exclusive/x/many")
        self.clients["x-few"].subscribe("$exclusive/x/many")
        codes = [code for name in ("x-few", "x-many") for code in self.clients[name].codes.values()]
        assert codes == 4 * [[1]], codes
        self.second = Talker(self.few, "twin", clean=False)
        self.second.subscribe("twin/#")
        assert self.twin.is_connected and self.second.is_connected

    def meet(self):
        began = heal(self.h)
        wait_exact(self.h, 5)
        print("# routes were exact %.1f s after it healed" % (time.monotonic() - began), flush=True)
        self.h.wait_whole()
        wanderer = self.clients["wanderer"] = Talker(self.few, "wanderer", clean=False)
        wanderer.expect("wander/newer", "waits")
        wait_until("the older twin is kicked", 5, lambda: self.twin.ends == [TAKENOVER])
        wait_until("there is one", 5, lambda: [
            r["node"] for r in self.h[1].rows("clients", "list", "--all-nodes") if r["clientid"] == "twin"
        ] == [self.few.name])
        assert self.second.is_connected
        for node in self.h.nodes:
            wait_until("who had it first has it, as %s says" % node.name, 5, lambda n=node: held(n) == {
                ("x/few", "x-few"), ("x/many", "x-many")})
        wait_until("what the few retained is acknowledged", 5, lambda: set(self.late) <= self.keeper.acked)
        want = {"keep/both": "newer", "keep/many": "m", "keep/few": "f"}
        for node in self.h.nodes:
            wait_until("%s has what was retained" % node.name, 5, lambda n=node: retained(n) == want)
            wait_until("%s has what was set" % node.name, 5, lambda n=node: value(n, "mqtt.max_topic_levels") == "77")
            assert value(node, "mqtt.max_qos_allowed") == "2"
        print("# all was settled %.1f s after it healed" % (time.monotonic() - began), flush=True)
        assert pids(self.h) == self.pids, (pids(self.h), self.pids)
        for name, client in self.clients.items():
            assert client.is_connected, "%s was cut: %s" % (name, client.ends)

    def talk(self):
        """All reach all again."""
        for node in self.h.nodes:
            self.own(node).publish("all/after", "after %d" % node.n, 2)
        for node in self.h.nodes:
            for other in self.h.nodes:
                self.own(node).expect("all/after", "after %d" % other.n)
        self.own(self.h[1]).publish("twin/x", "to the one")
        self.second.expect("twin/x", "to the one")


def split():
    """two against one: both sides go on, the minority changes nothing, and what heals is whole"""
    with Hosts(3) as h:
        h.need_cuts()
        vendor = Vendor(h)
        for node in h.nodes:
            configure(node, vendor.line, "mqtt.exclusive_subscription = true")
        h.start()
        h.join()
        wait_all_vote(h)
        sides = Sides(h, leader_of(h))
        sides.license = vendor.sign("emqx.lic")
        began = time.monotonic()
        sides.go_apart()
        sides.agree()
        sides.go_on()
        time.sleep(max(0, began + SECONDS - time.monotonic()))
        sides.meet()
        sides.talk()


class Flow(threading.Thread):
    """At each node a client that hears all, and one that says something all the time."""

    def __init__(self, h, group=None):
        super().__init__(daemon=True)
        self.h, self.group = h, group
        self.topic = "flow" if group is None else "work"
        self.before = self.counts()
        self.ears = [Talker(node, "%s-ear%d" % (self.topic, node.n)).subscribe(
            self.topic + "/#" if group is None else "$share/%s/%s/#" % (group, self.topic), 2) for node in h.nodes]
        self.mouths = [Talker(node, "%s-mouth%d" % (self.topic, node.n)) for node in h.nodes]
        self.sent = []  # (mouth, packet id, text)
        self.n = 0
        self.is_over = threading.Event()
        wait_exact(h)
        self.start()

    def counts(self):
        """name -> sum over all nodes."""
        out = {}
        for node in self.h.nodes:
            for row in node.rows("broker", "metrics"):
                out[row["name"]] = out.get(row["name"], 0) + row["value"]
        return out

    def say(self):
        self.n += 1
        for mouth in self.mouths:
            text = "%s %d" % (mouth.name, self.n)
            self.sent.append((mouth, mouth.send("%s/%s" % (self.topic, mouth.name), text, 1 + self.n % 2), text))
        return True

    def run(self):
        while not self.is_over.wait(0.02):
            self.say()

    def numbers(self, ear, mouth):
        return [int(t.split()[1]) for t in ear.texts("%s/%s" % (self.topic, mouth.name))]

    def end(self):
        """What was acknowledged arrived once at each, or is counted; nobody was cut."""
        self.is_over.set()
        self.join()
        for one in self.ears + self.mouths:
            assert one.is_connected, "%s was cut: %s" % (one.name, one.ends)
        wait_until("all is acknowledged", 10, lambda: all(mid in mouth.acked for mouth, mid, _ in self.sent))
        # What is behind them has come: they do not come any more.
        first = self.n + 1
        wait_until("all hear all", 15, lambda: self.say() and time.sleep(0.2) is None and all(
            self.numbers(ear, mouth)[-1] >= first for ear in self.ears for mouth in self.mouths))
        time.sleep(0.5)
        after = self.counts()
        counted = sum(after[k] - self.before[k] for k in ("messages.forward.dropped", "messages.forward.lost"))
        missed = 0
        for ear in self.ears:
            got = ear.texts()
            assert len(got) == len(set(got)), "%s got something twice" % ear.name
            for mouth in self.mouths:
                for qos in (0, 1):  # paho shows QoS 2 when it is released
                    numbers = [n for n in self.numbers(ear, mouth) if n % 2 == qos]
                    assert numbers == sorted(numbers), "%s: %s in another order" % (ear.name, mouth.name)
            missed += len(self.sent) - len(got)
        print("# of %d messages to each %d were missed, %d counted" % (len(self.sent), missed, counted), flush=True)
        assert missed == counted, (missed, counted)

    def end_shared(self):
        """Of what was acknowledged each came to one of the group at least, or is counted."""
        self.is_over.set()
        self.join()
        for one in self.ears + self.mouths:
            assert one.is_connected, "%s was cut: %s" % (one.name, one.ends)
        wait_until("all is acknowledged", 15, lambda: all(mid in mouth.acked for mouth, mid, _ in self.sent))

        def missing():
            got = [text for ear in self.ears for text in ear.texts()]
            after = self.counts()
            counted = sum(after[k] - self.before[k] for k in ("messages.forward.dropped", "messages.forward.lost"))
            lost = {text for _, _, text in self.sent} - set(got)
            return len(lost), counted, len(got) - len(set(got)), sorted(lost)[:5]
        try:
            wait_until("what is not there is counted", 10, lambda: missing()[0] <= missing()[1])
        finally:
            print("# of %d messages %d are missing, %d counted, %d came twice %s" % (len(self.sent), *missing()), flush=True)


def size(node):
    """(memory in KiB, descriptors) of a daemon and its child."""
    rss = fds = 0
    for pid in [node.process.pid, *node.children()]:
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            rss += next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        fds += len(os.listdir("/proc/%d/fd" % pid))
    return rss, fds


def expect_hint(node, of, *texts):
    wait_until("%s says of %s: %s" % (node.name, of.name, texts), 20, lambda: all(
        text in (node.members()[of.name]["hint"] or "") for text in texts))


def expect_one_way(h):
    """Both ends know which way is cut, and that the third reaches both."""
    third = "%s reaches it" % h[3].name
    expect_hint(h[1], h[2], "this node hears it, but it does not hear this node", third)
    expect_hint(h[2], h[1], "it hears this node, but this node does not hear it", third)
    assert h[3].running() == sorted(node.name for node in h.nodes)


def one_way(h):
    h.cut(1, 2, one_way=True)
    expect_one_way(h)


def barred(h):
    h.bar(1, 2)
    # The last word of a connection may be lost with it: then the direction is not known.
    expect_hint(h[1], h[2], "%s reaches it" % h[3].name)
    expect_hint(h[2], h[1], "%s reaches it" % h[3].name)


def each_alone(h):
    h.split([1], [2], [3])
    for node in h.nodes:
        wait_until("it is seen", 15, lambda n=node: n.running() == [n.name])


def lossy(h):
    for a, b in ((1, 2), (2, 3), (1, 3)):
        h.loss(a, b, 20)
    time.sleep(6)


def flapping(h):
    for i in range(12):
        h.cut_off(1 + i % 3, reset=i % 2 == 0)
        time.sleep(0.4)
        h.heal()
        time.sleep(0.4)


def short(h):
    for _ in range(2):
        h.cut_off(leader_of(h))
        time.sleep(3)
        h.heal()
        time.sleep(2)


def whole(h):
    h.start()
    h.join()
    wait_all_vote(h)


def faults():
    """whatever the network does: clients stay, what is acknowledged comes or is counted, nothing grows"""
    with Hosts(3) as h:
        h.need_cuts()
        whole(h)
        were = pids(h)
        flow = Flow(h)
        time.sleep(1)
        before = [size(node) for node in h.nodes]
        for fault in (one_way, barred, each_alone, lossy, flapping, short):
            began = time.monotonic()
            fault(h)
            healed = heal(h)
            wait_exact(h)
            h.wait_whole()
            print("# %s: %.1f s, whole after %.1f s" % (
                fault.__name__, healed - began, time.monotonic() - healed), flush=True)
        flow.end()
        assert pids(h) == were
        # Who leads has streams of Raft to all, and keeps them: 4 more, with 3 descriptors each.
        wait_until("no descriptor is left over", 15, lambda: all(
            size(node)[1] <= fds + 12 for node, (_, fds) in zip(h.nodes, before)))
        for node, (rss, _) in zip(h.nodes, before):
            print("# %s: %d KiB, before %d" % (node.name, size(node)[0], rss), flush=True)
            assert size(node)[0] < rss + 8192, "%s has grown" % node.name


def shared():
    """a shared group in a split: each message that was acknowledged comes to one member, or is counted"""
    with Hosts(3) as h:
        h.need_cuts()
        whole(h)
        flow = Flow(h, "g")
        time.sleep(1)
        for fault in (short, each_alone, flapping, one_way):
            fault(h)
            heal(h)
            wait_exact(h)
            h.wait_whole()
            print("# %s: %d" % (fault.__name__, len(flow.sent)), flush=True)
        flow.end_shared()


if __name__ == "__main__":
    run(*([split, faults, shared] if LONG else [split]))
