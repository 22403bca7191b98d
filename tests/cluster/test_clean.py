#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""retainer clean: all nodes or none."""
import asyncio

from house import House, LONG, run, wait_until
from mqtt5 import Client


def topics(node):
    return sorted(r["topic"] for r in node.rows("retainer", "topics") if r["topic"].startswith("r/"))


async def retain(node, names):
    c = Client("p", expiry=0)
    await c.connect(node.host, node.mqtt)
    for name in names:
        await c.publish(name, b"kept", retain=True)
    await c.abort()


def said_no(node, *words):
    rc, _, err = node.ctl(*words)
    assert rc == 1 and "no quorum" in err and "cluster status" in err, (words, rc, err)


def all_nodes_or_none():
    """retainer clean is the cluster's; without a quorum nothing goes, and nothing goes later"""
    with House(3) as h:
        h.start()
        h.join()
        asyncio.run(retain(h[1], ("r/1", "r/2", "r/3")))
        for n in h.nodes:
            wait_until("all have all", 10, lambda n=n: topics(n) == ["r/1", "r/2", "r/3"])
        rc, _, err = h[2].ctl("retainer", "clean", "r/1")
        assert rc == 0 and "the whole cluster" in err, (rc, err)
        for n in h.nodes:
            wait_until("one is gone everywhere", 10, lambda n=n: topics(n) == ["r/2", "r/3"])
        h[1].kill()
        h[3].kill()
        said_no(h[2], "retainer", "clean", "r/#")  # while it still believes in its quorum
        assert topics(h[2]) == ["r/2", "r/3"]
        wait_until("no quorum", 15, lambda: not h[2].rows("cluster", "status")[0]["quorum"])
        said_no(h[2], "retainer", "clean", "r/3")
        said_no(h[2], "retainer", "clean", "--yes")
        said_no(h[2], "retainer", "clean", "r/3", "--dry-run")
        assert topics(h[2]) == ["r/2", "r/3"]
        h[1].start()
        wait_until("a quorum", 15, lambda: h[2].rows("cluster", "status")[0]["quorum"])
        h[2].ok("retainer", "clean", "r/2")  # what had waited would have gone before it
        for n in (h[1], h[2]):
            wait_until("the last one is still there", 10, lambda n=n: topics(n) == ["r/3"])


def undone():
    """what was cleaned without the others is back after a restart, and the log says so"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        asyncio.run(retain(h[1], ("r/1", "r/2")))
        for n in h.nodes:
            wait_until("all have all", 10, lambda n=n: topics(n) == ["r/1", "r/2"])
        h[1].pause()
        h[3].pause()
        rc, _, err = h[2].ctl("retainer", "clean", "--yes")
        h[2].stop()
        with open(h[2].path("err"), encoding="utf-8") as f:
            said = "retained_clean_undone messages=2" in f.read()
        assert rc in (1, 6), (rc, err)
        assert said == (rc == 6 and "nothing is cleaned" not in err), (rc, said, err)
        h[1].go_on()
        h[3].go_on()
        h[2].start()
        wait_until("they are back", 20, lambda: topics(h[2]) == ["r/1", "r/2"])


def own(node):
    return len(node.rows("retainer", "topics")) - len(topics(node))


def without_sys():
    """of $SYS/ each node has its own: cluster status does not count it, nor does a clean of all take it"""
    with House(2, 'sys_topics.sys_msg_interval = "1s"') as h:
        h.start()
        h.join()
        asyncio.run(retain(h[1], ("r/1", "r/2")))
        for node in h.nodes:
            wait_until("$SYS/", 10, lambda n=node: own(n) > 0)
            wait_until("all count alike", 10, lambda n=node: [
                n.members()[o.name].get("retained") for o in h.nodes] == [2, 2])
            assert node.rows("retainer", "info")[0]["messages"] == 2 + own(node)
        assert "2 retained messages would be" in h[2].ok("retainer", "clean", "--dry-run")
        assert h[2].rows("retainer", "clean", "--yes")[0]["cleaned"] == 2
        for node in h.nodes:
            wait_until("they are gone everywhere", 10, lambda n=node: topics(n) == [])
            assert own(node) > 0
        assert h[2].rows("retainer", "clean", "$SYS/#", "--yes")[0]["cleaned"] > 0


if __name__ == "__main__":
    run(*[all_nodes_or_none, without_sys] + ([undone] if LONG else []))
