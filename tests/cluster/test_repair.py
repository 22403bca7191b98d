#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node whose list of members is one that nobody agreed on joins anew, by itself."""
import subprocess

import filling
from house import BUILD, SLOW, House, run, wait_until

KEY = "mqtt.max_topic_levels"


def log(node):
    with open(node.path("err"), encoding="utf-8", errors="replace") as f:
        return f.read()


def roles(node):
    return sorted(r["role"] for r in node.members().values())


def set_key(node, value):
    return node.ctl("conf", "set", KEY, str(value), "--yes")[0] == 0


def key_of(node):
    return node.rows("conf", "get", KEY)[0]["value"]


def is_whole(house):
    return all(roles(n) == ["leader", "voter", "voter"] for n in house.nodes)


def forge(h, group):
    """300 messages, then a wrong list in a follower's log, which is stopped; it, and the others."""
    wait_until("all vote", 40, lambda: is_whole(h))
    filling.retain(h[1], 300, "before")
    follower = next(n for n in reversed(h.nodes) if h[1].members()[n.name]["role"] == "voter")
    others = [n for n in h.nodes if n is not follower]
    follower.stop()
    subprocess.run([BUILD + "/tests/tools/wronglist", follower.path("data", "raft", group)],
                   stdin=subprocess.DEVNULL, check=True, timeout=30 * SLOW)
    return follower, others


def wrong_list():
    """a wrong list of members is seen, and the node comes back under another id"""
    with House(3) as h:
        h.start()
        h.join()
        follower, others = forge(h, "meta")
        # The place in the log that the wrong list has taken is another entry's, of the same term.
        for i in range(3):
            wait_until("it is set", 20, lambda v=91 + i: set_key(others[0], v))
        follower.start()
        wait_until("it is seen", 40, lambda: "cluster_members_differ" in log(follower))
        wait_until("it joins anew", 60, lambda: "cluster_joined_anew" in log(follower))
        wait_until("all vote", 60, lambda: is_whole(h))
        wait_until("it can be set there", 20, lambda: set_key(follower, 99))
        for node in h.nodes:
            wait_until("it is set everywhere", 20, lambda n=node: str(key_of(n)) == "99")
            wait_until("it has all", 20, lambda n=node: filling.retained(n) == 300)


def interrupted():
    """it is killed while it joins anew: it goes on at its next start"""
    with House(3) as h:
        h.start()
        h.join()
        follower, others = forge(h, "ret")
        filling.retain(others[0], 50, "meanwhile")
        follower.start()
        wait_until("it joins anew", 60, lambda: "phase=reentering" in log(follower))
        follower.kill()
        follower.start()
        wait_until("it is in", 60, lambda: "cluster_joined_anew" in log(follower))
        wait_until("all vote", 60, lambda: is_whole(h))
        for node in h.nodes:
            wait_until("it has all", 20, lambda n=node: filling.retained(n) == 350)


if __name__ == "__main__":
    import os
    ALL = [wrong_list, interrupted]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not os.environ.get("CHAOS_MINUTES"):
        ALL = ALL[:1]
    run(*ALL)
