#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A join that is interrupted by a kill -9 of either side, in each of its phases: afterwards
the node is alone with its own rows, or a member with the cluster's, and never half."""
import os
import subprocess

import filling
from hosts import Hosts
from house import BUILD, House, LONG, SLOW, Skipped, run, wait_until

OWN, THEIRS = 3000, 3000
RAFT = 2  # the channel


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
    if node.running() != sorted(n.name for n in house.nodes[:2]) or node.name not in house[1].running():
        return None
    return "member" if (count(node, "own"), count(node, "theirs")) == (0, THEIRS) else None


def filled():
    h = House(3)
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
        for node in h.nodes[:2]:
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


def without_copy(h):
    """The second is killed while it fetches, and the copy of its own rows is gone: the way to put it back."""
    join = begin_join(h[2], h[1])
    wait_until("it fetches", 20, lambda: "phase=fetching" in log(h[2]))
    h[2].kill()
    join.communicate(timeout=90 * SLOW)
    if "phase=entering" in log(h[2]):
        raise Skipped("it was faster than this test")
    backups, away = h[2].path("data", "backup"), h[2].path("away")
    os.rename(backups, away)
    return lambda: os.rename(away, backups)


def start_mixed(node, n):
    node.start()
    wait_until("they are not put back", 20, lambda: log(node).count("own rows could not be put back") == n)
    assert node.members()[node.name]["role"] == "alone"


def not_restored():
    """own rows that cannot be put back are put back at the next start that finds them"""
    with filled() as h:
        put_back = without_copy(h)
        for n in (1, 2):
            start_mixed(h[2], n)
            h[2].stop()
        put_back()
        h[2].start()
        wait_until("it has its own", 30, lambda: is_decided(h, h[2]) == "alone")
        wait_until("the copy is removed", 10, lambda: os.listdir(h[2].path("data", "backup")) == [])


def joins_mixed():
    """who has rows of either joins without a copy of these, and keeps the one of its own"""
    with filled() as h:
        put_back = without_copy(h)
        start_mixed(h[2], 1)
        rc, _, err = h[3].ctl("cluster", "join", h[2].address, "--yes")
        assert rc != 0 and "could not be put back" in err, (rc, err)
        put_back()
        before = os.listdir(h[2].path("data", "backup"))
        h[2].ok("cluster", "join", h[1].address, "--yes", timeout=90)
        wait_until("it is a member", 30, lambda: is_decided(h, h[2]) == "member")
        after = os.listdir(h[2].path("data", "backup"))
        assert len(before) == 1 and after == before, (before, after)


def given_up():
    """who is let in, does not hear of it, and is told to leave, is no member afterwards"""
    with Hosts(2) as h:
        h.need_cuts()
        h.start()
        for _ in range(5):  # until it is cut off between the two
            h.delay(1, 2, 1.0, channel=RAFT)
            join = begin_join(h[2], h[1])
            wait_until("it has a row", 30, lambda: h[2].name in h[1].members())
            h.delay(1, 2, 3600, channel=RAFT)
            _, err = join.communicate(timeout=90 * SLOW)
            if join.returncode != 0:
                break
            h.heal()
            h.wait_whole()
            h[2].ok("cluster", "leave", "--yes", timeout=90)
        assert join.returncode != 0 and "goes on trying" in err, (join.returncode, err)
        h[2].ok("cluster", "leave", "--yes", timeout=90)
        assert h[2].members()[h[2].name]["role"] == "alone"
        assert list(h[1].members()) == [h[1].name], h[1].members()
        h.heal()
        h[2].ok("cluster", "join", h[1].address, "--yes", timeout=90)
        h.wait_whole()


def last_step_again():
    """the same, of one that an operator had removed: it is no removed one any more"""
    with House(2) as h:
        h.start()
        h[2].ok("cluster", "join", h[1].address, "--yes", timeout=90)
        h[1].ok("cluster", "force-leave", h[2].name, "--yes")
        alarms = lambda: [r["name"] for r in h[2].rows("alarms", "list") if r["active"]]
        wait_until("the alarm", 20, lambda: "cluster_removed" in alarms())
        since = len(log(h[2]))
        join = begin_join(h[2], h[1])
        wait_until("it is in", 20, lambda: " cluster_joined " in log(h[2])[since:])
        h[2].kill()
        join.communicate(timeout=90 * SLOW)
        h[2].start()
        h.wait_whole()
        assert alarms() == [], alarms()
        h[2].stop()
        h[2].start()
        assert alarms() == [], alarms()


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
           ended_fetching, ended_entering, last_step_again, not_restored, joins_mixed, given_up]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not LONG:
        ALL = ALL[:1]  # make check has no time for all of them
    run(*ALL)
