#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Joining with much: what gives way is counted before, kept, and can be had again.

LONG=1: 100 000 retained messages and 1 000 sessions, as the issue says."""
import os
import shutil
import threading

import filling
from house import House, LONG, SLOW, run, wait_until

RETAINED, SESSIONS = (100000, 1000) if LONG else (5000, 100)


def gives_way():
    """the dry run counts what gives way, the join keeps a copy, and the copy brings it back"""
    with House(2) as h:
        h.start()
        filling.retain(h[1], 10, "theirs")
        filling.retain(h[2], RETAINED, "own")
        filling.sessions(h[2], SESSIONS)
        said = h[2].ok("cluster", "join", h[1].address, "--dry-run")
        assert "%d retained messages" % RETAINED in said, said
        assert "%d sessions in memory end" % SESSIONS in said, said
        assert h[2].rows("cluster", "status")[0]["role"] == "alone"
        assert filling.retained(h[2]) == RETAINED
        said = h[2].rows("cluster", "join", h[1].address, "--yes")[0]
        assert (said["retained"], said["sessions"]) == (RETAINED, SESSIONS), said
        wait_until("its rows are theirs", 20, lambda: filling.retained(h[2]) == 10)
        wait_until("its sessions ended", 20, lambda: h[2].rows("clients", "list") == [])
        kept = os.listdir(h[2].path("data", "backup"))
        assert len(kept) == 1 and kept[0].startswith("join-") and said["backup"].endswith(kept[0]), (kept, said)
        # As the manual says: leave, stop, put the copy in the store's place, start.
        h[2].ok("cluster", "leave", "--yes")
        h[2].stop()
        os.rename(h[2].path("data", "store"), h[2].path("data", "store.cluster"))
        shutil.copytree(h[2].path("data", "backup", kept[0]), h[2].path("data", "store"))
        h[2].start()
        assert h[2].rows("cluster", "status")[0]["role"] == "alone"
        assert filling.retained(h[2]) == RETAINED
        h[2].ok("cluster", "join", h[1].address, "--yes", timeout=90)
        wait_until("it joins again", 20, lambda: filling.retained(h[2]) == 10)


def comes_empty():
    """two empty nodes join at once one that has much, while it is published to"""
    with House(3) as h:
        h.start()
        filling.retain(h[1], RETAINED, "theirs")
        stop, sent = threading.Event(), []

        def publish():
            while not stop.is_set():
                filling.retain(h[1], 50, "meanwhile/%d" % len(sent), client="busy")
                sent.append(50)

        def join(node):
            node.ok("cluster", "join", h[1].address, "--yes", timeout=120)

        load = threading.Thread(target=publish)
        joins = [threading.Thread(target=join, args=(n,)) for n in h.nodes[1:]]
        load.start()
        try:
            for j in joins:
                j.start()
            for j in joins:
                j.join(180 * SLOW)
        finally:
            stop.set()
            load.join()
        h.wait_whole()
        want = RETAINED + sum(sent)
        for node in h.nodes:
            wait_until("%s has all %d" % (node.name, want), 30, lambda n=node: filling.retained(n) == want)


if __name__ == "__main__":
    ALL = [gives_way, comes_empty]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    run(*ALL)
