#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Configuration of the whole cluster: what is said to be set is, and where it is not is said."""
import os
import shutil
import threading
import time

from hosts import Hosts
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


def removed():
    """a node that has just left, or was removed, is asked nothing any more, and named nowhere"""
    with house(4) as h:
        for word in ("leave", "force-leave"):
            gone, near, far = (h[4], h[1], h[2]) if word == "leave" else (h[3], h[2], h[1])
            if word == "leave":
                gone.ok("cluster", "leave")
            else:
                gone.kill()
                near.ok("cluster", "force-leave", gone.name)
            for node in (near, far):
                wait_until("it is no member", 10, lambda n=node: gone.name not in n.members())
                rc, _, err = node.ctl("conf", "set", KEY, "13")
                assert rc == 0 and gone.name not in err, (word, rc, err)
                rc, _, err = node.ctl("clients", "list", "--all-nodes")
                assert rc == 0 and err == "", (word, rc, err)
                rc, _, err = node.ctl("clients", "list", "--node", gone.name)
                assert rc == 3 and "no node" in err, (word, rc, err)
            if word == "leave":
                gone.stop()


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


def given_up():
    """what a node that was cut off could not say is set, does not come behind what others set later"""
    with Hosts(3) as h:
        h.need_cuts()
        h.start()
        h.join()
        wait_until("all vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        said = {}
        leader = next(r["node"] for r in h[1].rows("cluster", "status") if r["role"] == "leader")
        few = next(n for n in h.nodes if n.name != leader)
        many = [n for n in h.nodes if n is not few]
        h.cut_off(few)  # it does not know yet, and asks the leader
        asking = threading.Thread(target=lambda: said.update(few=few.ctl("conf", "set", KEY, "21", "--timeout", "25s")))
        asking.start()
        wait_until("the others see it", 15, lambda: few.name not in many[0].running())
        many[0].ok("conf", "set", KEY, "22")
        asking.join()
        rc, _, err = said["few"]
        assert rc == 6 and "not known whether" in err, (rc, err)
        h.heal()
        h.wait_whole()
        wait_until("it can set again", 15, lambda: few.ctl("conf", "set", "mqtt.max_topic_levels", "77")[0] == 0)
        assert [value(n) for n in h.nodes] == ["22"] * 3


if __name__ == "__main__":
    run_together(everywhere, not_all, removed, refused_there, given_up)
