#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node whose list of members is one that nobody agreed on joins anew, by itself; so does one
whose log is gone or cannot be read."""
import os
import shutil
import signal
import subprocess

import filling
from hosts import Hosts
from house import BUILD, House, LONG, SLOW, run, wait_until

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


def without_log(h):
    """Three members, and the last one, that is stopped and whose log is gone."""
    wait_until("all vote", 40, lambda: is_whole(h))
    h[3].kill()
    shutil.rmtree(h[3].path("data", "raft"))
    return h[3]


def role(node):
    return node.members()[node.name]["role"]


def lost_log():
    """a member whose log is gone comes back under another id, and with all rows"""
    with House(3) as h:
        h.start()
        h.join()
        filling.retain(h[1], 300, "before")
        node = without_log(h)
        filling.retain(h[1], 50, "meanwhile")
        node.start()
        wait_until("it joins anew", 60, lambda: "cluster_joined_anew" in log(node))
        wait_until("all vote", 60, lambda: is_whole(h))
        wait_until("it has all", 20, lambda: filling.retained(node) == 350)


def broken_log():
    """a member whose log cannot be read comes back under another id, and with all rows"""
    with House(3) as h:
        h.start()
        h.join()
        filling.retain(h[1], 300, "before")
        wait_until("all vote", 40, lambda: is_whole(h))
        h[3].stop()
        folder = h[3].path("data", "raft", "ret")
        for name in os.listdir(folder):
            if "open-" in name:
                with open(os.path.join(folder, name), "r+b") as f:
                    f.truncate(1000)
        h[3].start()
        wait_until("it cannot be read", 20, lambda: "cluster_log_unusable" in log(h[3]))
        filling.retain(h[1], 50, "meanwhile")
        wait_until("it joins anew", 60, lambda: "cluster_joined_anew" in log(h[3]))
        wait_until("all vote", 60, lambda: is_whole(h))
        wait_until("it has all", 20, lambda: filling.retained(h[3]) == 350)


def lost_all():
    """a member without a log, and without the others, can leave; its rows stay"""
    with House(3) as h:
        h.start()
        h.join()
        filling.retain(h[1], 300, "before")
        wait_until("it has all", 20, lambda: filling.retained(h[3]) == 300)
        node = without_log(h)
        h[1].kill()
        h[2].kill()
        node.start()
        wait_until("it wants to join anew", 20, lambda: "phase=reentering" in log(node))
        node.ok("cluster", "leave", "--yes")
        assert role(node) == "alone", node.members()
        assert filling.retained(node) == 300
        node.stop()
        node.start()
        assert role(node) == "alone", node.members()


def broken_head():
    """the same, of one whose broken file the child can tell of"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: is_whole(h))
        filling.retain(h[1], 300, "before")
        h[3].stop()
        for name in os.listdir(h[3].path("data", "raft", "meta")):
            if name.startswith("metadata"):
                with open(h[3].path("data", "raft", "meta", name), "wb") as f:
                    f.write(b"\xa5" * 32)
        h[3].start()
        wait_until("it joins anew", 60, lambda: "cluster_joined_anew" in log(h[3]))
        wait_until("all vote", 60, lambda: is_whole(h))
        wait_until("it has all", 20, lambda: filling.retained(h[3]) == 300)
        wait_until("it can be set there", 20, lambda: set_key(h[3], 99))


def one_without_leader():
    """who joins anew asks others too when the first does not hear who leads"""
    with Hosts(5) as h:
        h.need_cuts()
        h.start()
        h.join()
        wait_until("all vote", 60, lambda: roles(h[2]) == ["leader"] + ["voter"] * 4)
        h[5].kill()
        shutil.rmtree(h[5].path("data", "raft"))
        for n in (2, 3, 4):
            h.cut(1, n)
        wait_until("it hears no leader", 20, lambda: not h[1].members()[h[1].name]["quorum"])
        wait_until("another leads", 20, lambda: h[2].members()[h[2].name]["quorum"])
        h[5].start()
        wait_until("it joins anew", 25, lambda: "cluster_joined_anew" in log(h[5]))


def broken_leader():
    """the log of the leader breaks and its child dies: it joins anew, without a restart"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: is_whole(h))
        filling.retain(h[1], 300, "before")
        leader = next(n for n in h.nodes if h[1].members()[n.name]["role"] == "leader")
        folder = leader.path("data", "raft", "meta")
        for name in os.listdir(folder):
            if name.startswith("metadata"):
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(b"\xa5" * 32)
        for pid in leader.children():
            os.kill(pid, signal.SIGKILL)
        wait_until("it cannot be read", 20, lambda: "cluster_log_unusable" in log(leader))
        wait_until("it joins anew", 60, lambda: "cluster_joined_anew" in log(leader))
        wait_until("all vote", 60, lambda: is_whole(h))
        wait_until("it has all", 20, lambda: filling.retained(leader) == 300)
        wait_until("it can be set there", 20, lambda: set_key(leader, 99))


def removed_meanwhile():
    """a member without a log that was removed meanwhile is alone"""
    with House(3) as h:
        h.start()
        h.join()
        node = without_log(h)
        h[1].ok("cluster", "force-leave", node.name, "--yes")
        node.start()
        wait_until("it is alone", 30, lambda: role(node) == "alone")
        wait_until("it says why", 10, lambda: "cluster_removed" in [r["name"] for r in node.rows("alarms", "list")])


def leads(node, since):
    """Who leads ret, as @node says behind that place of its log."""
    wait_until("somebody leads", 30, lambda: "group=ret leader=emqx" in log(node)[since:])
    return [line for line in log(node)[since:].splitlines() if "group=ret leader=emqx" in line][-1]


def leads_without_rows():
    """a node that lacks rows of the log's beginning fetches them, also where it leads itself"""
    many = 30000
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: is_whole(h))
        h[3].kill()
        filling.retain(h[1], many, "big", payload=b"x" * 4000)  # more than the log keeps
        h[3].start()
        wait_until("rows are missing", 30, lambda: "cluster_rows_missing group=ret" in log(h[3]))
        h[1].kill()
        for _ in range(10):  # until it is elected before it has all
            h[3].kill()
            h[2].kill()
            since = len(log(h[3]))
            h[3].start(wait=False)
            wait_until("it is up", 20, lambda: "emqxd_ready" in log(h[3])[since:])
            h[2].start()
            if h[3].name in leads(h[3], since) or filling.retained(h[3]) == many:
                break
        wait_until("it has all", 60, lambda: filling.retained(h[3]) == many)


if __name__ == "__main__":
    ALL = [wrong_list, interrupted, lost_log, broken_log, lost_all, removed_meanwhile, one_without_leader,
           leads_without_rows, broken_head, broken_leader]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not LONG:
        ALL = ALL[:1]
    run(*ALL)
