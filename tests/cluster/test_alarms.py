#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Alarms of a cluster: a member that is down, and no quorum; while it is so, and not for a moment."""
import time

from house import House, run_together, wait_until


def rows(node):
    return [r for r in node.rows("alarms", "list") if r["name"].startswith("cluster_")]


def active(node):
    return sorted(r["name"] for r in rows(node) if r["active"])


def down(node):
    return "cluster_member_down/" + node.name


def begin(h):
    h.start()
    h.join()
    wait_until("all vote", 20, lambda: sorted(
        r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])


def raised_and_over():
    """a member is down, then the quorum: an alarm each where it is seen, until it is over; a restart raises none"""
    with House(3) as h:
        begin(h)
        before = {}
        for node in (h[3], h[1]):
            since = time.monotonic()
            node.kill()
            node.start()
            h.wait_whole()
            for other in h.nodes:
                before[other] = len(rows(other))
                assert before[other] == 0 or time.monotonic() - since > 4, rows(other)
        h[2].kill()
        h[3].kill()
        wait_until("three alarms", 20, lambda: active(h[1]) == sorted(
            [down(h[2]), down(h[3]), "cluster_no_quorum"]))
        said = {r["name"]: r["message"] for r in rows(h[1])}
        assert "the member " + h[3].name in said[down(h[3])], said
        h[2].start()
        wait_until("the quorum's is over", 20, lambda: active(h[1]) == [down(h[3])])
        h[3].start()
        wait_until("all are over", 20, lambda: active(h[1]) == [])
        assert len(rows(h[1])) == before[h[1]] + 3, rows(h[1])
        assert all(r["deactivated_at"] for r in rows(h[1])), rows(h[1])


def removed():
    """a dead member is removed: its alarm is over, on all that saw it"""
    with House(3) as h:
        begin(h)
        h[3].kill()
        for node in (h[1], h[2]):
            wait_until("the alarm", 20, lambda n=node: active(n) == [down(h[3])])
        h[1].ok("cluster", "force-leave", h[3].name)
        for node in (h[1], h[2]):
            wait_until("it is over", 10, lambda n=node: active(n) == [])


if __name__ == "__main__":
    run_together(raised_and_over, removed)
