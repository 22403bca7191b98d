#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What each node says of itself: statistics, and totals over all nodes."""
import subprocess

from house import House, run, wait_until


def stats(node):
    return {r["name"]: r["value"] for r in node.rows("broker", "stats")}


def subscriber(node, name, *words):
    return subprocess.Popen(
        ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(node.mqtt), "-V", "5", "-i", name, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def seen(h, key):
    """[[what node 1 says that nodes 1, 2, ... have], [what node 2 says] ...]"""
    rows = [node.members() for node in h.nodes if node.is_up()]
    return [[r[n.name].get(key) for n in h.nodes] for r in rows]


def figures():
    """every node knows how many clients, sessions and subscriptions the others have"""
    with House(3) as h:
        h.start()
        h.join()
        subs = [subscriber(h[1], "a", "-t", "f/1"), subscriber(h[1], "b", "-t", "f/2", "-t", "f/3"),
                subscriber(h[2], "c", "-t", "f/1", "-x", "1000", "-c")]
        try:
            for key, want in (("connections", [2, 1, 0]), ("sessions", [2, 1, 0]),
                              ("subscriptions", [3, 1, 0]), ("routes", [3, 3, 3])):
                wait_until("%s %s" % (key, want), 8, lambda k=key, w=want: seen(h, k) == [w] * 3)
            wait_until("sessions of all nodes", 5, lambda: [
                stats(n)["cluster_sessions.count"] for n in h.nodes] == [3] * 3)
            assert [stats(n)["sessions.count"] for n in h.nodes] == [2, 1, 0]
            subs[2].kill()
            subs[2].wait()
            wait_until("it is away", 8, lambda: seen(h, "connections") == [[2, 0, 0]] * 3)
            assert seen(h, "sessions") == [[2, 1, 0]] * 3, seen(h, "sessions")
            pub = subprocess.Popen(
                ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(h[3].mqtt), "-t", "f/1", "-m", "x",
                 "--repeat", "100000", "--repeat-delay", "0.01"])
            subs.append(pub)
            wait_until("rates", 8, lambda: all(
                r[2] > 20 for r in seen(h, "received_rate")) and all(r[0] > 20 for r in seen(h, "sent_rate")))
            h[2].kill()
            wait_until("of a dead node nothing is said", 15, lambda: [
                r[1] for r in seen(h, "connections")] == [None, None])
            # Its sessions count (and the publisher) until its rows go (cluster.node_down_timeout).
            assert stats(h[1])["cluster_sessions.count"] == 4, stats(h[1])["cluster_sessions.count"]
        finally:
            for s in subs:
                s.kill()
                s.wait()


if __name__ == "__main__":
    run(figures)
