#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Configuration of the whole cluster: what is said to be set is, and where it is not is said."""
import os
import shutil
import time

from house import House, run_together, wait_until

KEY = "mqtt.max_inflight"


def house(n, *lines):
    h = House(n, *lines)
    h.start()
    h.join()
    return h


def value(node, key=KEY):
    return node.ok("conf", "get", key).strip()


def everywhere():
    """conf set and unset answer when all nodes have it: conf get anywhere says the new value"""
    with house(3) as h:
        for i in range(1, 25):
            h[1 + i % 3].ok("conf", "set", KEY, str(i))
            assert [value(n) for n in h.nodes] == [str(i)] * 3, i
        h[2].ok("conf", "unset", KEY)
        assert [value(n) for n in h.nodes] == ["32"] * 3
        rc, out, err = h[1].ctl("conf", "set", KEY, "7", "--json")
        assert rc == 0 and out.count('"path"') == 1 and "node" not in err, (rc, out, err)


def not_all():
    """a node that hangs or is down is named and not waited for, and takes it later"""
    with house(3) as h:
        h[3].pause()
        since = time.monotonic()
        rc, _, err = h[1].ctl("conf", "set", KEY, "11")
        assert rc == 0 and h[3].name in err, (rc, err)
        assert time.monotonic() - since < 9, "it waited for too long"
        assert value(h[2]) == "11"
        h[3].go_on()
        wait_until("it takes it", 20, lambda: value(h[3]) == "11")
        h.wait_whole()
        h[3].kill()
        wait_until("it is seen", 15, lambda: h[3].name not in h[1].running())
        rc, _, err = h[1].ctl("conf", "set", KEY, "12")
        assert rc == 0 and "not reached: " + h[3].name in err, (rc, err)
        h[3].start()
        wait_until("it has it", 15, lambda: value(h[3]) == "12")


def refused_there():
    """where it cannot be in force, it is said which node and why, exit 7"""
    with house(3) as h:
        h[1].ok("conf", "set", KEY, "5")
        path = h[2].path("data", "configs", "cluster.hocon")
        os.unlink(path)
        os.makedirs(os.path.join(path, "in the way"))
        rc, _, err = h[1].ctl("conf", "set", KEY, "6")
        assert rc == 7 and h[2].name in err and h[3].name not in err, (rc, err)
        assert value(h[3]) == "6"
        rc, _, err = h[2].ctl("conf", "set", KEY, "7")
        assert rc == 7 and "not in force on this node" in err, (rc, err)
        assert value(h[1]) == "7"
        shutil.rmtree(path)
        wait_until("it is tried again", 15, lambda: value(h[2]) == "7")


if __name__ == "__main__":
    run_together(everywhere, not_all, refused_there)
