#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes of several versions in one cluster: make vers has built them (tests/vers/overlay.sh).

older speaks level 1 and does not know the command `exclusive`; newer speaks 1 to 2, which
has brought a kind of rows (notes) and a frame, and has a command and a column more; too-new
speaks level 3 only. Without LONG=1 some of the tests only.
"""
import os
import threading
import time

import paho.mqtt.client as paho

from house import BUILD, Failed, House, LONG, SLOW, Skipped, run, wait_until

OLDER, NEWER, TOO_NEW = (BUILD + "/vers/" + v for v in ("older", "newer", "too-new"))


def house(*builds):
    if not os.path.exists(OLDER + "/emqxd"):
        raise Skipped("make vers has not been called")
    h = House(len(builds))
    for node, build in zip(h.nodes, builds):
        node.build = build
    return h


def fails(node, *words):
    """(exit code, stderr) of a command that must fail."""
    rc, out, err = node.ctl(*words)
    assert rc != 0, "%s: %s went well: %s" % (node.name, words, out)
    return rc, err


def upgrade(node, build):
    node.stop()
    node.build = build
    node.start()


class Client:
    """A client that keeps its session; what came to it, in order."""

    def __init__(self, node, name):
        self.name, self.got = name, []
        self.c = paho.Client(client_id=name, clean_session=False)
        self.c.on_message = lambda c, u, m: self.got.append(int(m.payload))
        self.to(node)

    def to(self, node):
        if self.c.is_connected():
            self.c.disconnect()
            self.c.loop_stop()
        self.c.connect(node.host, node.mqtt)
        self.c.loop_start()
        wait_until(self.name + " is connected", 10, self.c.is_connected)

    def subscribe(self, topic):
        done = threading.Event()
        self.c.on_subscribe = lambda *a: done.set()
        self.c.subscribe(topic, 1)
        assert done.wait(10 * SLOW), "no SUBACK"

    def publish(self, topic, n):
        m = self.c.publish(topic, str(n), 1)
        m.wait_for_publish(10 * SLOW)
        assert m.is_published(), "no PUBACK of %s %d" % (topic, n)

    def end(self):
        self.c.disconnect()
        self.c.loop_stop()


def messages_cross(h):
    for a in h.nodes:
        for b in h.nodes:
            sub, pub = Client(a, "sub"), Client(b, "pub")
            sub.subscribe("x/y")
            pub.publish("x/y", 7)
            wait_until("from %s to %s" % (b.name, a.name), 10, lambda s=sub: s.got == [7])
            sub.end()
            pub.end()


def both_orders():
    """an older and a newer are one cluster, whoever joins whom"""
    for builds in ((OLDER, NEWER), (NEWER, OLDER)):
        with house(*builds) as h:
            h.start()
            h.join()
            messages_cross(h)
            rows = {r["node"]: r["version"] for r in h[1].members().values()}
            assert sorted(rows.values()) == ["0.0.9", "9.1.0"], rows


def lists():
    """lists of all nodes; what one side does not know is said with which is older, or left out"""
    with house(OLDER, NEWER, BUILD) as h:
        h.start()
        h.join()
        old, new, _ = h.nodes
        for command in ("broker", "clients list", "topics list", "subscriptions list", "listeners",
                        "retainer topics", "delayed list", "alarms list", "broker stats", "broker metrics"):
            for node in h.nodes:
                rows = node.rows(*command.split(), "--all-nodes")
                if command in ("broker", "listeners", "broker stats"):
                    assert {r["node"] for r in rows} == {n.name for n in h.nodes}, (command, rows)
        # A column that only the newer has.
        flavours = {r["node"]: r.get("flavour") for r in new.rows("broker", "--all-nodes")}
        assert flavours == {old.name: None, new.name: "new", h[3].name: None}, flavours
        assert all("flavour" not in r for r in old.rows("broker", "--all-nodes"))
        # Commands that the older does not know.
        for words in (("exclusive", "list"), ("notes", "list")):
            _, err = fails(new, *words, "--node", old.name)
            assert "does not know '%s'" % " ".join(words) in err, err
            assert "that node is older: 0.0.9 there, 9.1.0 here" in err, err
        rc, err = fails(new, "exclusive", "list", "--all-nodes")
        assert rc == 7 and old.name in err and "that node is older" in err, (rc, err)
        rc, err = fails(old, "exclusive", "list", "--node", new.name)
        assert rc == 2, (rc, err)


def too_new():
    """a node that is too new is refused, by both versions in the sentence, on both sides"""
    with house(OLDER, NEWER, TOO_NEW) as h:
        h.start()
        h[2].ok("cluster", "join", h[1].address, "--yes")
        for to in h.nodes[:2]:
            rc, err = fails(h[3], "cluster", "join", to.address, "--yes")
            version = {1: "0.0.9", 2: "9.1.0"}[to.n]
            assert "12.0.0" in err and version in err and "too old" in err, err
            assert "upgrade the older of the two" in err, err
        _, err = fails(h[1], "cluster", "join", h[3].address, "--yes")
        rc, err = h[3].ctl("cluster", "status")[::2]
        assert rc == 0, err
        wait_until("it is told of", 5, lambda: "emqxd 12.0.0" in h[1].tail(50) and
                   "too new for emqxd 0.0.9 here" in h[1].tail(50))
        assert [r["role"] for r in h[3].rows("cluster", "status")] == ["alone"]
        h.wait_whole(h.nodes[:2])


def level(node):
    """What the log said last."""
    lines = [x for x in node.tail(10000).splitlines() if "cluster_level " in x]
    return int(lines[-1].split("to=")[1]) if lines else None


def kinds():
    """what a level has brought is used when all speak it, and who does not is refused from then on"""
    with house(NEWER, OLDER, OLDER) as h:
        h.start()
        h[1].ok("notes", "add", "alone")  # its own, before there is a cluster
        h[1].ok("cluster", "join", h[2].address, "--yes")
        h.wait_whole(h.nodes[:2])
        wait_until("its own is in the backup", 5, lambda: h[1].rows("notes", "list") == [])
        rc, err = fails(h[1], "notes", "add", "early")
        assert rc == 1 and "not taken" in err, (rc, err)
        upgrade(h[2], NEWER)
        h.wait_whole(h.nodes[:2])
        wait_until("the level rises", 10, lambda: level(h[1]) == 2)
        wait_until("it is taken", 10, lambda: h[1].ctl("notes", "add", "both")[0] == 0)
        for node in h.nodes[:2]:
            wait_until("all have it", 10, lambda n=node: [r["note"] for r in n.rows("notes", "list")] == ["both"])
        # The third one would not know it.
        rc, err = fails(h[3], "cluster", "join", h[1].address, "--yes")
        assert "0.0.9" in err and "9.1.0" in err, err
        assert h[3].rows("cluster", "status")[0]["role"] == "alone"
        upgrade(h[3], NEWER)
        h[3].ok("cluster", "join", h[2].address, "--yes")
        h.wait_whole()
        wait_until("it has it as well", 10, lambda: [r["note"] for r in h[3].rows("notes", "list")] == ["both"])
        # Nor would one that goes back.
        h[2].stop()
        h[2].build = OLDER
        h[2].start(wait=False)
        assert h[2].process.wait(20 * SLOW) != 0
        text = h[2].tail()
        assert "too old for the cluster of this node" in text and "9.1.0" in text, text
        h[2].build = NEWER
        h[2].start()
        h.wait_whole()


def back():
    """in the middle of an upgrade a node may go back"""
    with house(OLDER, OLDER) as h:
        h.start()
        h.join()
        upgrade(h[1], NEWER)
        h.wait_whole()
        wait_until("its row is new", 10, lambda: h[2].members()[h[1].name]["version"] == "9.1.0")
        time.sleep(1.5)  # a look of the levels' timer: the row, not only the link
        upgrade(h[1], OLDER)
        h.wait_whole()
        messages_cross(h)


def rolling():
    """three nodes are upgraded one by one under load, and sessions that move lose nothing"""
    with house(OLDER, OLDER, OLDER) as h:
        h.start()
        h.join()
        subs = [Client(h[1 + i % 3], "kept%d" % i) for i in range(9)]
        for i, sub in enumerate(subs):
            sub.subscribe("load/%d" % (i % 3))
            sub.at = 1 + i % 3
        pubs = [Client(h[1 + (i + 1) % 3], "pub%d" % i) for i in range(3)]
        stop, gate, sent, broken = threading.Event(), threading.Lock(), [0], []

        def load():
            while not stop.is_set():
                with gate:
                    try:
                        for i, pub in enumerate(pubs):
                            pub.publish("load/%d" % i, sent[0])
                        sent[0] += 1
                    except (AssertionError, ValueError, RuntimeError) as e:
                        broken.append(e)
                        return
                time.sleep(0.005)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for node in h.nodes:
                other = h[1 + node.n % 3]
                for sub in subs:  # while messages come
                    if sub.at == node.n:
                        sub.to(other)
                        sub.at = other.n
                with gate:
                    for pub in pubs:
                        pub.to(other)
                wait_until("nobody is left at " + node.name, 10, lambda n=node: not n.rows("clients", "list"))
                upgrade(node, NEWER)
                h.wait_whole()
                before = sent[0]
                wait_until("the load goes on", 10, lambda b=before: broken or sent[0] > b + 20)
        finally:
            stop.set()
            thread.join()
        if broken:
            raise Failed("a publisher: %s" % broken[0])
        for sub in subs:
            wait_until("%s has all" % sub.name, 20, lambda s=sub: len(set(s.got)) == sent[0])
            first = list(dict.fromkeys(sub.got))
            assert first == sorted(first), (sub.name, "out of order")
            sub.end()
        for pub in pubs:
            pub.end()
        wait_until("the level rises", 10, lambda: all(level(n) == 2 for n in h.nodes))
        h[3].ok("notes", "add", "done")


if __name__ == "__main__":
    ALL = [both_orders, lists, too_new, kinds, back, rolling]
    run(*(ALL if LONG else ALL[:3]))
