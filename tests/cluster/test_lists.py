#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the office of one node knows of all: lists, kicks, $SYS, exclusive filters, conf."""
import json
import os
import subprocess
import threading
import time

import paho.mqtt.client as paho

from frozen import Frozen
from house import BUILD, House, SLOW, run_together, wait_until


class Client:
    """Connected; what it hears stands in got."""

    def __init__(self, node, name, version=paho.MQTTv311):
        self.got, self.codes = [], None
        self.granted = threading.Event()
        self.client = paho.Client(name, protocol=version)
        self.client.on_message = lambda c, u, m: self.got.append((m.topic, m.payload.decode()))
        self.client.on_subscribe = self.on_subscribe
        self.client.reconnect_delay_set(300, 300)
        self.client.connect(node.host, node.mqtt)
        self.client.loop_start()
        wait_until("%s is there" % name, 10, lambda: node.rows("clients", "show", name)[0]["connected"])

    def on_subscribe(self, client, user, mid, codes, *props):
        self.codes = list(codes)
        self.granted.set()

    def subscribe(self, topic, qos=1):
        self.granted.clear()
        self.client.subscribe(topic, qos)
        assert self.granted.wait(20), "no SUBACK"
        return self.codes[0]

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def house(n, *lines):
    h = House(n, *lines)
    h.start()
    h.join()
    return h


def one_client(h):
    """What is said of one client is the same at every node, with --all-nodes too."""
    for node in h.nodes:
        for words in (("clients", "show"), ("subscriptions", "show")):
            rows = node.rows(*words, "c2a", "--all-nodes")
            assert [r["clientid"] for r in rows] == ["c2a"], (words, rows)
        rc, _, err = node.ctl("clients", "show", "c2c", "--all-nodes")
        assert rc == 3 and "no client 'c2c'" in err and "clients list --all-nodes" in err, (rc, err)
        rc, _, err = node.ctl("subscriptions", "del", "c2a", "l/x/y")
        assert rc == 3 and "no subscription 'l/x/y'" in err and "subscriptions show c2a" in err, (rc, err)


def topics(h):
    """A node knows the filters of all; with --all-nodes each counts its own."""
    own = Client(h[3], "own")
    assert own.subscribe("own") == 1
    names = ",".join(n.name for n in h.nodes)

    def told(node, *more):
        return [(r["topic"], r["node"], r["subscribers"]) for r in node.rows("topics", *more)]

    for node in h.nodes:
        wait_until("the filter is known", 10, lambda n=node: told(n, "list") == [
            ("l/+", names, 2), ("own", h[3].name, int(n is h[3]))])
        assert sorted(told(node, "list", "--all-nodes")) == [
            ("l/+", n.name, 2) for n in h.nodes] + [("own", h[3].name, 1)]
        assert told(node, "show", "own") == [("own", h[3].name, int(node is h[3]))]
    own.stop()


def delayed(h):
    """One of another node is deleted from anywhere."""
    c = Client(h[3], "late")
    c.client.publish("$delayed/600/d", "x", 1)
    wait_until("it waits", 10, lambda: len(h[3].rows("delayed", "list")) == 1)
    assert h[1].rows("delayed", "list") == []
    waits = h[1].rows("delayed", "list", "--all-nodes")
    assert [r["node"] for r in waits] == [h[3].name], waits
    h[1].ok("delayed", "delete", waits[0]["id"])
    assert h[3].rows("delayed", "list") == []
    rc, _, err = h[1].ctl("delayed", "delete", waits[0]["id"])
    assert rc == 3 and "delayed list --all-nodes" in err, (rc, err)
    c.stop()


def lists():
    """lists of one node, another, all; kick at any node; names of nodes are completed"""
    with house(3) as h:
        clients = [Client(node, "c%d%s" % (node.n, x)) for node in h.nodes for x in "ab"]
        for c in clients:
            assert c.subscribe("l/+") == 1
        names = ["c%d%s" % (n, x) for n in (1, 2, 3) for x in "ab"]
        for words in (("clients", "list"), ("subscriptions", "list")):
            here = h[1].rows(*words)
            assert sorted(r["clientid"] for r in here) == names[:2], here
            there = h[1].rows(*words, "--node", h[3].name)
            assert sorted(r["clientid"] for r in there) == names[4:], there
            all_of_them = h[2].rows(*words, "--all-nodes")
            assert sorted(r["clientid"] for r in all_of_them) == names
            assert {r["node"] for r in all_of_them} == {n.name for n in h.nodes}
            few = h[2].rows(*words, "--all-nodes", "--filter", "clientid like '*b'", "--limit", "2")
            assert len(few) == 2, few
        topics(h)
        delayed(h)
        for words in (("listeners",), ("broker", "metrics"), ("alarms", "list"),
                      ("retainer", "topics"), ("delayed", "list"), ("trace", "list")):
            rc, out, err = h[1].ctl(*words, "--all-nodes", "--json")
            assert rc == 0, (words, err)
            assert isinstance(json.loads(out), (list, dict)), words
        assert h[1].rows("clients", "show", "c3a")[0]["clientid"] == "c3a"
        assert h[1].rows("subscriptions", "show", "c2a")[0]["clientid"] == "c2a"
        one_client(h)
        for node, client, where in ((h[1], "c3a", h[3].name), (h[3], "c3a", None), (h[1], "c1a", None), (h[1], "none", None)):
            rc, out, err = node.ctl("trace", "start", "client", client, node.path(client + ".log"))
            assert rc == 0 and "c" in out, (rc, out, err)
            assert ("is on node" in err) == (where is not None) and (where or "") in err, (client, err)
            node.ok("trace", "stop", "client", client)
        offered = h[1].offered("clients", "list", "--node", "emqx")
        assert offered == [n.name for n in h.nodes], offered
        for name in ("c1a", "c2a", "c3a"):
            h[1].ok("clients", "kick", name)
        assert h[1].ctl("clients", "kick", "nobody")[0] == 3
        for node in h.nodes:
            wait_until("one is gone at %s" % node.name, 10, lambda n=node: [
                r["clientid"] for r in n.rows("clients", "list")] == ["c%db" % n.n])
        for c in clients:
            c.client.loop_stop()


def kick_many():
    """kick of several: each wherever it lives, a line each in the order they were named"""
    with house(3) as h:
        clients = [Client(node, "k%d%s" % (node.n, x)) for node in h.nodes for x in "ab"]
        words = ("clients", "kick", "k3a", "nobody", "k1a", "k2b")
        rc, out, err = h[1].ctl(*words, "--dry-run")
        assert rc == 7 and out.count("would be disconnected") == 3, (rc, out, err)
        rc, out, err = h[1].ctl(*words, "--yes")
        assert rc == 7 and "1 of 4 failed" in err, (rc, err)
        assert out.splitlines() == ["client k3a: ok", "client nobody: no such client", "client k1a: ok", "client k2b: ok"]
        wait_until("they are gone", 10, lambda: sorted(
            r["clientid"] for r in h[3].rows("clients", "list", "--all-nodes")) == ["k1b", "k2a", "k3b"])
        rows = json.loads(h[2].ctl("clients", "kick", *["x%d" % i for i in range(1500)], "k3b", "--yes", "--json")[1])
        assert len(rows) == 1501 and rows[-1] == {"clientid": "k3b", "result": "ok"}, rows[-1]
        h[3].kill()
        wait_until("it is seen", 15, lambda: h[3].name not in h[1].running())
        rc, out, err = h[1].ctl("clients", "kick", "k2a", "k3a", "--yes")
        assert rc == 7 and "no answer from " + h[3].name in err, (rc, err)
        assert out.splitlines() == ["client k2a: ok", "client k3a: no such client"], out
        for c in clients:
            c.client.loop_stop()


def one_is_gone():
    """a node that was killed or hangs: what the others have, exit 7, and which it was"""
    with house(3) as h:
        clients = [Client(node, "g%d" % node.n) for node in h.nodes]
        h[3].pause()
        rc, out, err = h[1].ctl("clients", "list", "--all-nodes", "--json", timeout=60)
        assert rc == 7, (rc, out, err)
        assert sorted(r["clientid"] for r in json.loads(out)) == ["g1", "g2"], out
        assert h[3].name in err, err
        h[3].go_on()
        wait_until("all are there", 20, lambda: len(h[1].rows("clients", "list", "--all-nodes")) == 3)
        h[3].kill()
        rc, out, err = h[1].ctl("clients", "list", "--all-nodes", "--json", timeout=60)
        assert rc == 7 and h[3].name in err, (rc, out, err)
        rc, out, err = h[1].ctl("clients", "list", "--node", h[3].name)
        assert rc == 4 and h[3].name in err and "cluster status" in err and "systemctl" not in err, (rc, err)
        for c in clients:
            c.client.loop_stop()


def office_hangs():
    """a node whose office hangs while all else runs is told of after 5 s, not at the end of the tool's patience"""
    with house(2) as h:
        with Frozen(h[2].process.pid, "admin"):
            for words in (("clients", "list", "--node", h[2].name), ("clients", "list", "--all-nodes")):
                since = time.monotonic()
                rc, _, err = h[1].ctl(*words)
                assert rc == (4 if "--node" in words else 7), (rc, err)
                assert "did not answer within 5s" in err or "no answer from " + h[2].name in err, err
                assert h[2].name in err and 4 < time.monotonic() - since < 10 * SLOW, err
            assert h[2].name in h[1].running()
        h[1].ok("clients", "list", "--node", h[2].name)


def lost_midway():
    """a node that dies while its list streams: what it had sent, exit 7, and which it was"""
    with house(2) as h:
        client = paho.Client("many")
        client.connect(h[2].host, h[2].mqtt)
        client.loop_start()
        for at in range(0, 12000, 500):
            client.subscribe([("a/rather/long/filter/of/number/%d" % (at + i), 1) for i in range(500)])
        words = ("subscriptions", "list", "--node", h[2].name)
        wait_until("they are there", 30, lambda: 12000 in [
            r["value"] for r in h[2].rows("broker", "stats") if r["name"] == "subscriptions.count"])
        tool = subprocess.Popen([BUILD + "/emqx_ctl", "--socket", h[1].path("ctl.sock"), *words, "-o", "jsonl"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = os.read(tool.stdout.fileno(), 1)  # rows come; and then it does not read on
        h[2].kill()
        wait_until("it is seen", 15, lambda: h[2].name not in h[1].running())
        out, err = tool.communicate(timeout=60)
        got = [json.loads(line) for line in (first + out).decode().splitlines()]
        assert tool.returncode == 7 and h[2].name in err.decode(), (tool.returncode, err)
        assert 1 < len(got) < 12000 and {r["node"] for r in got} == {h[2].name}, len(got)
        client.loop_stop()


def sys():
    """$SYS/brokers names all that run, and what nodes tell of themselves is heard, and kept, anywhere"""
    with house(3, 'sys_topics.sys_msg_interval = "1s"', 'sys_topics.sys_heartbeat_interval = "1s"') as h:
        ear = Client(h[2], "ear")
        ear.subscribe("$SYS/brokers")
        ear.subscribe("$SYS/brokers/+/version")
        ear.subscribe("$SYS/brokers/+/uptime")
        ear.subscribe("$SYS/brokers/+/clients/+/connected")
        names = ",".join(sorted(n.name for n in h.nodes))
        wait_until("all are named", 10, lambda: ("$SYS/brokers", names) in ear.got)
        for node in h.nodes:
            for what in ("version", "uptime"):
                topic = "$SYS/brokers/%s/%s" % (node.name, what)
                wait_until(topic, 10, lambda t=topic: any(t == got[0] for got in ear.got))
        late = Client(h[3], "late")
        topic = "$SYS/brokers/%s/clients/late/connected" % h[3].name
        wait_until(topic, 10, lambda: any(topic == got[0] for got in ear.got))
        late.stop()
        for node in h.nodes:
            for other in h.nodes:
                topic = "$SYS/brokers/%s/version" % other.name
                wait_until("%s is kept at %s" % (topic, node.name), 10, lambda n=node, t=topic: n.ctl(
                    "retainer", "show", t)[0] == 0)
                version = node.members()[other.name]["version"]
                assert [r["payload"] for r in node.rows("retainer", "show", topic)] == [version]
        h[1].ok("cluster", "leave")
        topic = "$SYS/brokers/%s/version" % h[1].name
        wait_until("it is forgotten with the member", 10, lambda: h[2].ctl("retainer", "show", topic)[0] == 3)
        h[1].ok("cluster", "join", h[2].address)
        wait_until("it is kept again", 10, lambda: h[2].ctl("retainer", "show", topic)[0] == 0)
        h[3].stop()
        two = ",".join(sorted(n.name for n in (h[1], h[2])))
        wait_until("two are named", 15, lambda: ("$SYS/brokers", two) in ear.got)
        ear.stop()


def exclusive_at_the_end():
    """a node that is stopped while others are asked for a filter of $exclusive/ ends well"""
    with house(3, "mqtt.exclusive_subscription = true") as h:
        c = Client(h[1], "asks")
        h[2].pause()
        try:
            c.client.subscribe("$exclusive/x", 1)
            wait_until("it is claimed", 5, lambda: h[1].rows("exclusive", "list", "--node", h[1].name))
            h[1].stop()
        finally:
            h[2].go_on()
        c.client.loop_stop()


def exclusive():
    """of two clients at two nodes one has a filter for itself; the list names all"""
    with house(3, "mqtt.exclusive_subscription = true") as h:
        a, b = Client(h[1], "a", paho.MQTTv311), Client(h[2], "b", paho.MQTTv311)
        assert a.subscribe("$exclusive/x/1") == 1
        assert b.subscribe("$exclusive/x/1") == 128
        assert b.subscribe("$exclusive/x/2") == 1
        # A member that is gone does not answer: its node is named, exit 7.
        def held(topic):
            rows = h[1].rows("exclusive", "list", "--node", h[1].name) + h[3].rows("exclusive", "list", "--node", h[3].name)
            return [r for r in rows if r["topic"] == topic]
        want = {("x/1", "a", h[1].name), ("x/2", "b", h[2].name)}
        for node in h.nodes:
            rows = node.rows("exclusive", "list")
            assert {(r["topic"], r["clientid"], r["node"]) for r in rows} == want, rows
        assert [r["topic"] for r in h[3].rows("exclusive", "list", "--node", h[2].name)] == ["x/2"]
        b.client.publish("x/1", "for a", 1)
        wait_until("a hears", 10, lambda: ("x/1", "for a") in a.got)
        a.client.unsubscribe("$exclusive/x/1")
        wait_until("it is free", 10, lambda: len(h[3].rows("exclusive", "list")) == 1)
        assert b.subscribe("$exclusive/x/1") == 1
        rc, _, err = h[3].ctl("exclusive", "delete", "x/1")
        assert rc == 0 and "the whole cluster" in err, (rc, err)
        assert a.subscribe("$exclusive/x/1") == 1
        assert h[3].ctl("exclusive", "delete", "x/9")[0] == 3
        h[2].kill()  # what its clients had is free
        b.client.loop_stop()
        wait_until("b's is free", 15, lambda: a.subscribe("$exclusive/x/2") == 1)
        # Several at once: one gets it.
        many = [Client(h[1 + i % 2 * 2], "m%d" % i) for i in range(6)]
        for round_ in range(5):
            for c in many:
                c.granted.clear()
            for c in many:
                c.client.subscribe("$exclusive/r/%d" % round_, 1)
            for c in many:
                assert c.granted.wait(20)
            codes = [c.codes[0] for c in many]
            assert codes.count(1) <= 1, codes
            holders = held("r/%d" % round_)
            assert len(holders) == codes.count(1), (holders, codes)
        for c in many + [a]:
            c.stop()


def given():
    """what the broker or an administrator subscribes to for a client: of one in the cluster"""
    with house(2, "mqtt.exclusive_subscription = true",
               'auto_subscribe.topics = [ { topic = "$exclusive/auto" } ]') as h:
        a, b = Client(h[1], "a"), Client(h[2], "b")
        wait_until("b's was refused", 10, lambda: any(
            r["name"] == "auto_subscribe.ignored" and r["value"] == 1 for r in h[2].rows("broker", "metrics")))
        assert h[1].rows("subscriptions", "add", "a", "$exclusive/x")[0]["qos"] == 0
        rc, _, err = h[2].ctl("subscriptions", "add", "b", "$exclusive/x")
        assert rc != 0 and "alone" in err, (rc, err)
        h[2].ok("subscriptions", "add", "b", "$exclusive/y", "1")
        rows = h[1].rows("exclusive", "list")
        assert sorted((r["topic"], r["clientid"]) for r in rows) == [("auto", "a"), ("x", "a"), ("y", "b")], rows
        b.client.publish("auto", "for a", 1)
        wait_until("a hears", 10, lambda: ("auto", "for a") in a.got)
        a.stop()
        wait_until("it is nobody's", 10, lambda: "auto" not in [r["topic"] for r in h[1].rows("exclusive", "list")])
        late = Client(h[2], "late")
        wait_until("it is the next one's", 10, lambda: any(
            (r["topic"], r["clientid"]) == ("auto", "late") for r in h[1].rows("exclusive", "list")))
        late.stop()
        b.stop()


if __name__ == "__main__":
    run_together(lists, kick_many, one_is_gone, office_hangs, lost_midway, sys, exclusive, exclusive_at_the_end, given)
