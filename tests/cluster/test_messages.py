#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Messages between nodes: subscribed at one, published at another."""
import subprocess

from house import SLOW, House, run, wait_until


def subscribe(node, client, n, *words):
    return subprocess.Popen(
        ["mosquitto_sub", "-h", node.host, "-p", str(node.mqtt), "-V", "5", "-i", client, "-C", str(n),
         "-W", str(20 * SLOW), "-F", "%t %p %q", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def publish(node, *words):
    subprocess.run(["mosquitto_pub", "-h", node.host, "-p", str(node.mqtt), "-V", "5", *words],
                   stdin=subprocess.DEVNULL, check=True, timeout=20 * SLOW)


def is_subscribed(node, client):
    return node.rows("subscriptions", "show", client)


def lines(process):
    out, _ = process.communicate(timeout=30 * SLOW)
    return out.splitlines()


def all_qos():
    """all three QoS, in order, both ways; wildcards; nothing twice"""
    with House(3) as h:
        h.start()
        h.join()
        subs = [subscribe(node, "s%d" % node.n, 9, "-t", "a/#", "-t", "b/+", "-q", "2") for node in h.nodes]
        for node in h.nodes:
            wait_until("subscribed", 10, lambda n=node: is_subscribed(n, "s%d" % n.n))
        want = []
        for node in h.nodes:
            for qos in (0, 1, 2):
                topic, text = "a/%d" % qos if qos else "b/x", "%d-%d" % (node.n, qos)
                # One after the other at all: a QoS 0 message that is on its way may be overtaken.
                publish(node, "-t", topic, "-m", text, "-q", str(qos))
                want.append("%s %s %d" % (topic, text, qos))
        for sub in subs:
            assert sorted(lines(sub)) == sorted(want)


def retained():
    """a retained message is on every node, also on one that was away"""
    with House(3) as h:
        h.start()
        publish(h[1], "-t", "before", "-m", "one", "-q", "1", "-r")
        h.join()
        publish(h[2], "-t", "after", "-m", "two", "-q", "1", "-r")
        h[3].kill()
        publish(h[1], "-t", "away", "-m", "three", "-q", "1", "-r")
        h[3].start()
        for node in h.nodes:
            wait_until("%s has them" % node.name, 20, lambda n=node: sorted(
                r["topic"] for r in n.rows("retainer", "topics")) == ["after", "away", "before"])
        publish(h[3], "-t", "after", "-n", "-q", "1", "-r")
        for node in h.nodes:
            wait_until("%s has one less" % node.name, 10, lambda n=node: sorted(
                r["topic"] for r in n.rows("retainer", "topics")) == ["away", "before"])


def shared():
    """of a shared group one member gets each message, wherever it is"""
    with House(2) as h:
        h.start()
        h.join()
        subs = [subscribe(node, "g%d" % node.n, 10, "-t", "$share/g/t", "-q", "1") for node in h.nodes]
        for node in h.nodes:
            wait_until("subscribed", 10, lambda n=node: is_subscribed(n, "g%d" % n.n))
        for i in range(200):
            if all(s.poll() is not None for s in subs):
                break
            publish(h[1 + i % 2], "-t", "t", "-m", str(i), "-q", "1")
        got = [line.split()[1] for s in subs for line in lines(s)]
        assert len(got) == 20 and len(set(got)) == 20, got


def configured():
    """conf set at one node is in force at all"""
    with House(2) as h:
        h.start()
        h.join()
        h[2].ok("conf", "set", "mqtt.max_qos_allowed", "1")
        for node in h.nodes:
            wait_until(node.name, 10, lambda n=node: [
                r["value"] for r in n.rows("conf", "show", "mqtt.max_qos_allowed")] == ["1"])


def moved():
    """a session follows its client to another node, with what waited for it"""
    with House(2) as h:
        h.start()
        h.join()
        away = subscribe(h[1], "c1", 1, "-t", "m/#", "-q", "1", "-c", "-x", "100")
        wait_until("subscribed", 10, lambda: is_subscribed(h[1], "c1"))
        publish(h[2], "-t", "m/1", "-m", "first", "-q", "1")
        assert lines(away) == ["m/1 first 1"]
        wait_until("away", 10, lambda: not h[1].rows("clients", "show", "c1")[0]["connected"])
        publish(h[2], "-t", "m/2", "-m", "waits", "-q", "1")
        assert lines(subscribe(h[2], "c1", 1, "-t", "other", "-q", "1", "-c", "-x", "100")) == ["m/2 waits 1"]
        assert [r["clientid"] for r in h[1].rows("clients", "list")] == []
        again = subscribe(h[2], "c1", 1, "-t", "other", "-q", "1", "-c", "-x", "100")
        wait_until("back", 10, lambda: h[2].rows("clients", "show", "c1")[0]["connected"])
        publish(h[1], "-t", "m/3", "-m", "third", "-q", "1")
        assert lines(again) == ["m/3 third 1"]


if __name__ == "__main__":
    run(all_qos, retained, shared, configured, moved)
