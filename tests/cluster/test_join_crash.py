#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A join that is interrupted by a kill -9 of either side, in each of its phases: afterwards
the node is alone with its own rows, or a member with the cluster's, and never half."""
import os
import subprocess

import filling
from house import BUILD, House, LONG, SLOW, run, wait_until

OWN, THEIRS = 3000, 3000


def begin_join(node, to):
    return subprocess.Popen(
        [BUILD + "/emqx_ctl", "--socket", node.path("ctl.sock"), "cluster", "join", to.address, "--yes"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def log(node):
    with open(node.path("err"), encoding="utf-8", errors="replace") as f:
        return f.read()


def count(node, prefix):
    """Retained messages of whom: those of the other must not be there."""
    return sum(1 for r in node.rows("retainer", "topics") if r["topic"].startswith(prefix + "/"))


def is_decided(house, node):
    """Alone with its own, or a member with theirs; the members must say the same."""
    me = node.members()[node.name]
    if me["role"] == "joining":
        return None
    if me["role"] == "alone":
        if (count(node, "own"), count(node, "theirs")) != (OWN, 0):
            return None
        return "alone" if node.name not in house[1].members() else None
    if node.running() != sorted(n.name for n in house.nodes) or node.name not in house[1].running():
        return None
    return "member" if (count(node, "own"), count(node, "theirs")) == (0, THEIRS) else None


def filled():
    h = House(2)
    h.start()
    filling.retain(h[1], THEIRS, "theirs")
    filling.retain(h[2], OWN, "own")
    return h


def interrupt(phase, victim, wants):
    """Kills @victim (1: who is asked, 2: who joins) once the joining node says @phase."""
    with filled() as h:
        join = begin_join(h[2], h[1])
        wait_until("it is " + phase, 20, lambda: phase in log(h[2]))
        h[victim].kill()
        if phase == "phase=fetching" and "phase=entering" in log(h[2]):
            wants = ["alone", "member"]  # it was faster than this test
        h[victim].start()
        join.communicate(timeout=90 * SLOW)
        end = wait_until("it is decided", 60, lambda: is_decided(h, h[2]))
        assert end in wants, end
        # It is not only said: what is changed now is changed on all of them.
        key = "mqtt.max_topic_levels"
        for node in h.nodes:
            wait_until("changes go on", 20, lambda n=node: n.ctl("conf", "set", key, "%d" % (90 + n.n), "--yes")[0] == 0)
        # And a start later it still is.
        h[2].stop()
        h[2].start()
        wait_until("it is the same", 30, lambda: is_decided(h, h[2]) == end)
        if end == "alone":
            h[2].ok("cluster", "join", h[1].address, "--yes", timeout=90)
            wait_until("it joins at last", 20, lambda: is_decided(h, h[2]) == "member")


def joining_fetching():
    """who joins is killed while it fetches: it is alone, with its own rows, and joins later"""
    interrupt("phase=fetching", 2, ["alone"])


def joining_entering():
    """who joins is killed while it is let in: it goes on, and is a member"""
    interrupt("phase=entering", 2, ["member"])


def asked_fetching():
    """who is asked is killed while it gives out rows: the other is alone, with its own"""
    interrupt("phase=fetching", 1, ["alone"])


def asked_entering():
    """who is asked is killed while it lets in: the other is alone, or a member"""
    interrupt("phase=entering", 1, ["alone", "member"])


def last_step():
    """who joins is killed when the cluster takes its row: it is a member"""
    interrupt(" cluster_joined ", 2, ["member"])


def ended(phase):
    with filled() as h:
        join = begin_join(h[2], h[1])
        wait_until("it is " + phase, 20, lambda: phase in log(h[2]))
        h[2].stop()
        join.communicate(timeout=90 * SLOW)
        h[2].start()
        end = wait_until("it is decided", 60, lambda: is_decided(h, h[2]))
        if end == "alone":  # then no copy is of use any more
            wait_until("it is removed", 10, lambda: os.listdir(h[2].path("data", "backup")) == [])


def ended_fetching():
    """who joins is stopped while it fetches: it ends as it should"""
    ended("phase=fetching")


def ended_entering():
    """who joins is stopped while it is let in: it ends as it should"""
    ended("phase=entering")


def each_other():
    """two that join each other at once: none is half"""
    with House(2) as h:
        h.start()
        joins = [begin_join(h[1], h[2]), begin_join(h[2], h[1])]
        ends = [j.communicate(timeout=90 * SLOW) for j in joins]
        good = [j.returncode == 0 for j in joins]
        assert sum(good) <= 1, ends
        if sum(good) == 1:
            h.wait_whole()
        else:
            h[2].ok("cluster", "join", h[1].address, "--yes", timeout=90)
            h.wait_whole()


if __name__ == "__main__":
    ALL = [joining_entering, joining_fetching, asked_fetching, asked_entering, last_step, each_other,
           ended_fetching, ended_entering]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not LONG:
        ALL = ALL[:1]  # make check has no time for all of them
    run(*ALL)
