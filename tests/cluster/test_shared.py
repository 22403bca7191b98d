#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shared subscriptions with members at three nodes: every strategy; members that die."""
import threading

import paho.mqtt.client as paho

from house import SLOW, House, run_together, wait_until

GROUP = "$share/g/s/#"


class Member:
    """One of the group; what it got stands in got.  mute: it acknowledges nothing."""

    def __init__(self, node, name, mute=False, qos=1):
        self.got, self.node, self.name = [], node, name
        self.granted = threading.Event()
        self.client = paho.Client(name)
        if mute:
            self.client._send_puback = self.client._send_pubrec = lambda mid: paho.MQTT_ERR_SUCCESS
        self.client.reconnect_delay_set(300, 300)
        self.client.on_message = lambda c, u, m: self.got.append((m.topic, m.payload.decode()))
        self.client.on_subscribe = lambda *_: self.granted.set()
        self.client.connect(node.host, node.mqtt)
        self.client.loop_start()
        self.client.subscribe(GROUP, qos)
        assert self.granted.wait(20 * SLOW), "no SUBACK"

    def begun(self):
        """What came with QoS 2 and is not released."""
        return [(m.topic, m.payload.decode()) for m in list(self.client._in_messages.values())]

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def publish(node, name, n, topics=1, qos=1):
    """n messages of one client, each acknowledged."""
    c = paho.Client(name)
    c.connect(node.host, node.mqtt)
    c.loop_start()
    sent = []
    for i in range(n):
        topic, text = "s/%d" % (i % topics), "%s-%d" % (name, i)
        c.publish(topic, text, qos).wait_for_publish(20 * SLOW)
        sent.append((topic, text))
    c.disconnect()
    c.loop_stop()
    return sent


def exactly(members, sent):
    """All was got, by somebody, once."""
    wait_until("all came", 15, lambda: sum(len(m.got) for m in members) >= len(sent))
    got = sorted(x for m in members for x in m.got)
    assert got == sorted(sent), "of %d: %d, different %d" % (len(sent), len(got), len(set(got)))
    return [len(m.got) for m in members]


def strategies():
    """each message to one member, chosen by the strategy, from whichever node it comes"""
    with House(3) as h:
        h.start()
        h.join()
        members = [Member(node, "m%d%s" % (node.n, x)) for node in h.nodes for x in "ab"]
        for strategy in ("random", "round_robin", "round_robin_per_group", "sticky", "local",
                         "hash_clientid", "hash_topic"):
            h[1].ok("conf", "set", "mqtt.shared_subscription_strategy", strategy)
            for node in h.nodes:
                wait_until("it is in force", 10, lambda n=node: n.rows(
                    "conf", "get", "mqtt.shared_subscription_strategy")[0]["value"] == strategy)
            for node in h.nodes:
                for m in members:
                    m.got.clear()
                sent = publish(node, "%s-%d" % (strategy, node.n), 30, 5 if strategy == "hash_topic" else 1)
                counts = exactly(members, sent)
                busy = [m for m in members if m.got]
                where = "%s from %s: %s" % (strategy, node.name, counts)
                if strategy == "random":
                    assert len(busy) >= 3, where
                elif strategy.startswith("round_robin"):
                    assert max(counts) - min(counts) <= 2, where
                elif strategy in ("sticky", "hash_clientid"):
                    assert len(busy) == 1, where
                elif strategy == "local":
                    assert {m.node for m in busy} == {node}, where
                else:
                    for i in range(5):
                        assert sum(1 for m in members if any(t == "s/%d" % i for t, _ in m.got)) == 1, where
        for m in members:
            m.stop()


def one_goes():
    """what a member has not acknowledged goes to another, at another node, when it ends"""
    with House(2) as h:
        h.start()
        h.join()
        mute = Member(h[2], "mute", True)
        sent = publish(h[1], "p", 20)
        wait_until("it has them", 10, lambda: len(mute.got) == 20)
        other = Member(h[1], "other")
        h[2].ok("clients", "kick", "mute")
        exactly([other], sent)
        mute.client.loop_stop()
        other.stop()


def node_dies():
    """a node dies: what comes from then on goes to members at the others"""
    with House(3) as h:
        h.start()
        h.join()
        members = [Member(node, "d%d" % node.n) for node in h.nodes]
        h[3].kill()
        members[2].client.loop_stop()
        wait_until("it is missed", 10, lambda: h[1].name in h[1].running() and len(h[1].running()) == 2)
        sent = publish(h[1], "after", 30)
        counts = exactly(members[:2], sent)
        assert min(counts) > 0, counts
        for m in members[:2]:
            m.stop()


def what_it_had(qos):
    """A member at a node that dies has four under way and the rest in its queue."""
    with House(3, "cluster.node_down_timeout = 5s", "mqtt.max_inflight = 4",
               "mqtt.shared_subscription_strategy = round_robin") as h:
        h.start()
        h.join()
        mute, other = Member(h[3], "mute", True, qos), Member(h[2], "other", False, qos)
        sent = publish(h[1], "p", 40, 1, qos)
        wait_until("the other has its part", 10, lambda: len(other.got) == 20)
        wait_until("the mute one has its window full", 10, lambda: len(mute.got) + len(mute.begun()) == 4)
        before = sorted(other.got)
        h[3].kill()
        mute.client.loop_stop()
        begun = mute.begun()  # [MQTT5-4.8.2-5]
        exactly([other], [x for x in sent if x not in begun])
        assert len(begun) == (4 if qos == 2 else 0), begun
        # What was acknowledged is over: the next death brings nothing of it.
        h[1].ok("cluster", "force-leave", h[3].name, "--yes")
        last = Member(h[1], "last", False, qos)
        h[2].kill()
        other.client.loop_stop()
        wait_until("2 is dead", 20, lambda: "owner_rows_dropped node=" + h[2].name in h[1].tail(200))
        sent = publish(h[1], "q", 5, 1, qos)
        exactly([last], sent)
        assert not set(before) & set(last.got)
        last.stop()


def unacknowledged_qos1():
    """a node dies: what its member has not acknowledged, QoS 1, goes to another, and no more"""
    what_it_had(1)


def unacknowledged_qos2():
    """a node dies: of QoS 2 what waited for its member goes to another; what had begun does not"""
    what_it_had(2)


if __name__ == "__main__":
    run_together(strategies, one_goes, node_dies, unacknowledged_qos1, unacknowledged_qos2)
