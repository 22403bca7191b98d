#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Most members are gone for good: force-leave --recover, and those that come back."""
import os
import time

import filling
from hosts import Hosts
from house import House, LONG, SLOW, run, wait_until

KEY = "mqtt.max_topic_levels"


def expect_exit(node, rc, text, *words):
    got, _, err = node.ctl(*words, timeout=60)
    assert got == rc, "exit %d, not %d: %s" % (got, rc, err)
    assert text in err, "%r is not in %r" % (text, err)


def set_key(node, value):
    return node.ctl("conf", "set", KEY, str(value), "--yes")[0] == 0


def voters(node, n):
    wait_until("%d vote" % n, 60, lambda: sum(
        r["role"] in ("leader", "voter") for r in node.members().values()) == n)


def is_retained(node, prefix, n):
    return sum(r["topic"].startswith(prefix + "/") for r in node.rows("retainer", "topics")) == n


def two_of_three():
    """two of three die: without a quorum it is said so, with --recover the last one goes on"""
    with House(3) as h:
        h.start()
        h.join()
        voters(h[3], 3)
        filling.retain(h[2], 200, "before")
        assert set_key(h[2], 91)
        wait_until("it is everywhere", 10, lambda: all(is_retained(n, "before", 200) for n in h.nodes))
        h[2].kill()
        h[1].kill()
        wait_until("it is seen", 30, lambda: not h[3].members()[h[3].name]["quorum"])
        wait_until("both are away", 15, lambda: h[3].running() == [h[3].name])
        expect_exit(h[3], 1, "no quorum", "cluster", "force-leave", h[2].name, "--yes")
        assert len(h[3].members()) == 3
        assert not set_key(h[3], 92)
        out = h[3].ok("cluster", "force-leave", h[2].name, "--recover", "--dry-run")
        assert "%s would be removed, and %s too; 1 member would" % (h[2].name, h[1].name) in out, out
        assert len(h[3].members()) == 3
        rc, shown = h[3].asked("n", "cluster", "force-leave", h[2].name, "--recover", "--color", "never")
        assert rc == 1 and out.splitlines()[0] + "\nRemove another node" in shown, (rc, shown)
        assert len(h[3].members()) == 3
        said = h[3].rows("cluster", "force-leave", h[2].name, "--recover", "--yes")
        assert (said[0]["others"], said[0]["members"]) == (h[1].name, 1), said
        assert list(h[3].members()) == [h[3].name], h[3].members()
        assert set_key(h[3], 93)
        filling.retain(h[3], 100, "after")
        assert is_retained(h[3], "before", 200)
        # One after the other: together they have a quorum of their own.  The second is refused by the
        # first too, which is alone and comes before the one that has gone on in any list by name.
        for node in h.nodes[:2]:
            node.start()
            wait_until("%s is alone" % node.name, 60, lambda n=node: n.members()[n.name]["role"] == "alone")
            assert is_retained(node, "before", 200)
        assert list(h[3].members()) == [h[3].name]
        wait_until("it is done with going, and joins", 90,
                   lambda: h[2].ctl("cluster", "join", h[3].address, "--yes", timeout=90)[0] == 0)
        wait_until("it has what was changed", 20, lambda: is_retained(h[2], "after", 100))
        h.wait_whole(h.nodes[1:])


def log_of(node, event):
    with open(node.path("err"), encoding="utf-8", errors="replace") as f:
        return [line for line in f if event in line]


def is_disowned(node):
    return any(r["name"] == "cluster_disowned" and r["active"] for r in node.rows("alarms", "list"))


def together():
    """the two that were given up come back together at once: neither cluster hears the other"""
    with House(3) as h:
        h.start()
        h.join()
        voters(h[1], 3)
        filling.retain(h[2], 50, "before")
        wait_until("it is everywhere", 10, lambda: all(is_retained(n, "before", 50) for n in h.nodes))
        for node in h.nodes[1:]:
            node.kill()
        wait_until("both are away", 20, lambda: h[1].running() == [h[1].name])
        wait_until("it is seen", 30, lambda: not h[1].members()[h[1].name]["quorum"])
        h[1].ok("cluster", "force-leave", h[2].name, "--recover", "--yes", timeout=60)
        filling.retain(h[1], 20, "alone")
        led = log_of(h[1], "cluster_leader")
        for node in h.nodes[1:]:
            node.start(wait=False)
        for node in h.nodes[1:]:
            node.wait_ready()
            wait_until("they are a cluster", 30, lambda n=node: n.members()[n.name]["quorum"])
            wait_until("the alarm", 40, lambda n=node: is_disowned(n))
        filling.retain(h[3], 10, "theirs")
        assert set_key(h[1], 93) and set_key(h[2], 94)
        wait_until("the two agree", 10, lambda: is_retained(h[2], "theirs", 10))
        assert list(h[1].members()) == [h[1].name], h[1].members()
        assert is_retained(h[1], "before", 50) and is_retained(h[1], "alone", 20)
        assert is_retained(h[1], "theirs", 0)
        for node in h.nodes[1:]:
            assert len(node.members()) == 3
            assert is_retained(node, "before", 50) and is_retained(node, "alone", 0)
        assert log_of(h[1], "cluster_leader") == led, log_of(h[1], "cluster_leader")
        for node in h.nodes:
            assert not log_of(node, "cstore_ended"), log_of(node, "cstore_ended")


def three_of_five():
    """three of five die: of the two left the one with less refuses, and names the other"""
    with House(5) as h:
        h.start()
        h.join()
        voters(h[1], 5)
        h[2].kill()
        filling.retain(h[1], 100, "more")
        for node in h.nodes[2:]:
            node.kill()
        wait_until("it is seen", 30, lambda: not h[1].members()[h[1].name]["quorum"])
        h[1].stop()  # it led: what it had still to send goes with its child
        h[1].start()
        h[2].start()
        wait_until("it is seen there", 30, lambda: all(
            not n.members()[n.name]["quorum"] for n in h.nodes[:2]))
        wait_until("they see each other", 30, lambda: all(
            n.running() == [h[1].name, h[2].name] for n in h.nodes[:2]))
        expect_exit(h[2], 1, h[1].name, "cluster", "force-leave", h[3].name, "--recover", "--yes")
        expect_exit(h[1], 1, "runs", "cluster", "force-leave", h[2].name, "--recover", "--yes")
        h[1].ok("cluster", "force-leave", h[3].name, "--recover", "--yes", timeout=60)
        assert set_key(h[1], 91)
        # The other one finds that it is on no list, and joins anew by itself.
        wait_until("the other one is in", 60, lambda: set_key(h[2], 92) and
                   h[2].running() == [h[1].name, h[2].name] and is_retained(h[2], "more", 100))
        voters(h[1], 2)
        for node in h.nodes[2:]:
            node.start()
            wait_until("%s is alone" % node.name, 60, lambda n=node: n.members()[n.name]["role"] == "alone")
        assert sorted(h[1].members()) == [h[1].name, h[2].name]


def stale_leader():
    """a node that does not vote believes in no leader that is none any more, nor says so"""
    with House(6) as h:
        h.start()
        h.join()
        wait_until("five vote", 60, lambda: sorted(r["role"] for r in h[1].members().values()) ==
                   ["leader", "standby"] + 4 * ["voter"])
        roles = {n: r["role"] for n, r in h[1].members().items()}
        leader = next(n for n in h.nodes if roles[n.name] == "leader")
        standby = next(n for n in h.nodes if roles[n.name] == "standby")
        voters_ = [n for n in h.nodes if roles[n.name] == "voter"]
        for node in voters_[:3]:
            node.kill()
        left = [leader, standby, voters_[3]]
        for node in left:
            wait_until("%s sees it" % node.name, 20, lambda n=node: not any(
                r["quorum"] or r["role"] == "leader" for r in n.members().values()))
        began = time.monotonic()
        expect_exit(standby, 1, "no quorum", "conf", "set", KEY, "95", "--yes")
        assert time.monotonic() - began < 5 * SLOW
        expect_exit(standby, 1, "force-leave %s --recover" % min(n.name for n in voters_[:3]),
                    "cluster", "leave", "--dry-run")
        first = None
        for node in (leader, voters_[3]):  # one of them may have more
            rc, _, err = node.ctl("cluster", "force-leave", voters_[0].name, "--recover", "--yes", timeout=60)
            assert "hears a leader" not in err, err
            if rc == 0:
                first = node
                break
        assert first is not None, err
        wait_until("the others are in", 90, lambda: set_key(first, 92) and
                   first.running() == sorted(n.name for n in left))


def cut_off_standby():
    """a node that does not vote and was cut off is back soon after the link is"""
    with Hosts(6) as h:
        h.need_cuts()
        h.start()
        h.join()
        wait_until("five vote", 60, lambda: sorted(r["role"] for r in h[1].members().values()) ==
                   ["leader", "standby"] + 4 * ["voter"])
        standby = next(n for n in h.nodes if h[1].members()[n.name]["role"] == "standby")
        h.cut_off(standby)
        wait_until("no quorum there", 30, lambda: not standby.members()[standby.name]["quorum"])
        expect_exit(standby, 1, "no quorum", "conf", "set", KEY, "95", "--yes")
        h.heal()
        wait_until("all are seen", 30, lambda: len(standby.running()) == 6)
        wait_until("it hears the leader", 3, lambda: standby.members()[standby.name]["quorum"])
        wait_until("it is set", 3, lambda: set_key(standby, 96))


if __name__ == "__main__":
    ALL = [two_of_three, together, three_of_five, stale_leader, cut_off_standby]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not LONG:
        ALL = ALL[:2]
    run(*ALL)
