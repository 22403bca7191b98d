#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Wills of clients whose node is cut off and lives (wills/wills.h: Split)."""
import time

from hosts import Hosts
from house import run, wait_until
from test_wills import DOWN, Ear, come, gone, kept, metric


def is_cut(h):
    wait_until("3 is missed", 15, lambda: len(h[1].running()) == len(h[2].running()) == 2)
    wait_until("3 is alone", 15, lambda: len(h[3].running()) == 1)


def split():
    """two against one: the majority publishes each once; healed, none comes again"""
    with Hosts(3, *DOWN) as h:
        h.need_cuts()
        h.start()
        h.join()
        ears = [Ear(node) for node in h.nodes]
        a, moved, late = come(h[3], "a"), come(h[3], "moved"), come(h[3], "late", 600)
        here = come(h[1], "here")
        kept(h, 8)

        h.cut_off(3, reset=True)
        is_cut(h)
        h.heal()  # before node_down_timeout: nobody was dead
        h.wait_whole()
        kept(h, 8)
        assert not any(ear.got for ear in ears), [ear.got for ear in ears]

        h.cut_off(3)
        is_cut(h)
        again = come(h[2], "moved")  # its other connection stands yet
        wait_until("a's will", 20, lambda: ears[0].got and ears[1].got)
        wait_until("3 holds nobody dead, and sees nobody", 20, lambda: "owner_rows_dropped" in h[3].tail(200))
        h.heal()
        h.wait_whole()
        wait_until("of moved one is left", 20, lambda: not h[3].rows("clients", "list", "--filter", "clientid == 'moved'"))
        kept(h, 6)  # late, here, moved; a's is none any more
        gone(a, late, moved)
        h[3].ok("clients", "kick", "a")
        h[3].ok("clients", "kick", "late")
        wait_until("its own time: late's will", 20, lambda: "w/late gone" in ears[0].got)
        kept(h, 4)
        time.sleep(1)  # what would come twice
        for ear in ears[:2]:
            assert sorted(set(ear.got)) == sorted(ear.got), ear.got
            assert "w/a gone" in ear.got and "w/here gone" not in ear.got, ear.got
        assert "w/a gone" not in ears[2].got and "w/here gone" not in ears[2].got, ears[2].got
        assert metric(h[3], "wills.inherited") == 0
        for c in (again, here):
            c.disconnect()
        gone(again, here)
        for ear in ears:
            ear.stop()


if __name__ == "__main__":
    run(split)
