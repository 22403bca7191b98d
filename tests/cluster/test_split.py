#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Netsplits: both sides go on, what needs agreement says no, and what heals is whole."""
from hosts import Hosts
from house import run, wait_until


def roles(node):
    return sorted(r["role"] for r in node.members().values())


def minority():
    """a node that is cut off says that there is no quorum, and changes nothing"""
    with Hosts(3) as h:
        h.need_cuts()
        h.start()
        h.join()
        wait_until("all vote", 20, lambda: roles(h[1]) == ["leader", "voter", "voter"])
        h.cut_off(3)
        wait_until("it is seen", 15, lambda: h[3].running() == [h[3].name])
        rc, _, err = h[3].ctl("conf", "set", "mqtt.max_qos_allowed", "1")
        assert rc == 1 and "no quorum" in err, (rc, err)
        h.heal()
        h.wait_whole()
        for node in h.nodes:
            assert node.rows("conf", "show", "mqtt.max_qos_allowed")[0]["value"] == "2"


if __name__ == "__main__":
    run(minority)
