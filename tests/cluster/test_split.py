#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Netsplits: both sides go on, what needs agreement says no, and what heals is whole.

SPLIT_SECONDS is how long the split of the first test lasts (6, or 60 as a vendor would ask).
"""
import os
import time

from hosts import Hosts
from house import SLOW, run, wait_until
from talker import Talker
from test_license import Vendor, configure

SECONDS = float(os.environ.get("SPLIT_SECONDS", "6"))
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
    return {r["topic"]: node.rows("retainer", "show", r["topic"])[0]["payload"]
            for r in node.rows("retainer", "topics")}


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
        self.second = Talker(self.few, "twin", clean=False)
        self.second.subscribe("twin/#")
        assert self.twin.is_connected and self.second.is_connected

    def meet(self):
        began = heal(self.h)
        wait_exact(self.h, 5)
        print("# routes were exact %.1f s after it healed" % (time.monotonic() - began), flush=True)
        self.h.wait_whole()
        wait_until("the older twin is kicked", 5, lambda: self.twin.ends == [TAKENOVER])
        wait_until("there is one", 5, lambda: [
            r["node"] for r in self.h[1].rows("clients", "list", "--all-nodes") if r["clientid"] == "twin"
        ] == [self.few.name])
        assert self.second.is_connected
        wait_until("what the few retained is acknowledged", 10, lambda: set(self.late) <= self.keeper.acked)
        want = {"keep/both": "newer", "keep/many": "m", "keep/few": "f"}
        for node in self.h.nodes:
            wait_until("%s has what was retained" % node.name, 10, lambda n=node: retained(n) == want)
            wait_until("%s has what was set" % node.name, 10, lambda n=node: value(n, "mqtt.max_topic_levels") == "77")
            assert value(node, "mqtt.max_qos_allowed") == "2"
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
            configure(node, vendor.line)
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


if __name__ == "__main__":
    run(split)
