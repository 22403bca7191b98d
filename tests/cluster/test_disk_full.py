#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One node's disk is full, or its store is at store.max_size: the others go on, it says so,
loses nothing that was acknowledged, and catches up when there is room."""
import os
import subprocess
import time

import filling
from house import LONG, SLOW, House, Skipped, run, wait_until

MIB = 1 << 20


class Disk:
    """A tmpfs in the place of a node's data folder."""

    def __init__(self, node, mib):
        self.path = node.path("data")
        os.makedirs(self.path)
        if os.geteuid() != 0 or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=%dm,mode=0750" % mib, "tmpfs", self.path],
                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
            raise Skipped("a tmpfs cannot be mounted here: it needs root")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], stdin=subprocess.DEVNULL, check=False)

    def fill(self):
        """Takes all the room that is left."""
        with open(os.path.join(self.path, "ballast"), "ab", buffering=0) as f:
            for size in (MIB, 4096):
                try:
                    while True:
                        f.write(b"\0" * size)
                except OSError:
                    pass

    def clear(self):
        os.unlink(os.path.join(self.path, "ballast"))


def cpu(pid):
    """Seconds of CPU that it has used."""
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def alarms(node):
    return [r["name"] for r in node.rows("alarms", "list") if not r.get("deactivated_at")]


def hint(node):
    return node.members()[node.name].get("hint") or ""


def topics(node):
    return sorted(r["topic"] for r in node.rows("retainer", "topics"))


def no_room_for_anything():
    """a member's disk is full, store and log: the others go on, and it catches up"""
    with House(3) as h, Disk(h[3], 300) as disk:
        h.start()
        h.join()
        filling.retain(h[3], 100, "before")
        disk.fill()
        filling.retain(h[1], 400, "full", b"x" * 131072)  # more than the segments that it has
        filling.retain(h[2], 1000, "full2", b"x" * 1000)
        wait_until("an alarm", 20, lambda: set(alarms(h[3])) & {"store_full", "cstore_down", "cstore_full"})
        wait_until("the status says so", 10, lambda: "full" in hint(h[3]))
        print("#", alarms(h[3]), hint(h[3]))
        before = cpu(h[3].process.pid)
        time.sleep(2)
        assert cpu(h[3].process.pid) - before < 1, "it spins"
        want = topics(h[1])
        assert len(want) == 1500 and topics(h[2]) == want
        disk.clear()
        wait_until("it has all", 40, lambda: topics(h[3]) == want)
        wait_until("it is over", 30, lambda: not alarms(h[3]) and "full" not in hint(h[3]))
        filling.retain(h[3], 10, "after")
        wait_until("it goes on", 20, lambda: all(len(topics(n)) == 1510 for n in h.nodes))


def at_max_size():
    """one member's store is at store.max_size: it stops there, and resumes when that is raised"""
    with House(3) as h:
        h[3].lines.append('store.max_size = "2MB"')
        h[3].write_conf()
        h.start()
        h.join()
        filling.retain(h[1], 3000, "much", b"x" * 1000)
        wait_until("an alarm", 20, lambda: "store_full" in alarms(h[3]))
        wait_until("the status says so", 10, lambda: "max_size" in hint(h[3]))
        before = cpu(h[3].process.pid)
        time.sleep(2)
        assert cpu(h[3].process.pid) - before < 1, "it spins"
        assert len(topics(h[1])) == len(topics(h[2])) == 3000
        # It takes part still: two of three are a quorum, also with this one.
        wait_until("all vote", 40, lambda: all(
            r["role"] in ("leader", "voter") for r in h[1].members().values()))
        h[2].kill()
        filling.retain(h[1], 10, "two")
        h[2].start()
        h[3].stop()
        h[3].lines[-1] = 'store.max_size = "64MB"'
        h[3].write_conf()
        h[3].start()
        wait_until("it has all", 30, lambda: all(len(topics(n)) == 3010 for n in h.nodes))
        assert not alarms(h[3])


def who_joins():
    """who joins has no room for the cluster's rows: it is alone, with its own, each time"""
    with House(2) as h, Disk(h[2], 12) as disk:
        h.start()
        filling.retain(h[1], 160, "theirs", b"x" * 131072)
        filling.retain(h[2], 1, "mine")
        for _ in range(2):
            rc, _, err = h[2].ctl("cluster", "join", h[1].address, "--yes")
            assert rc not in (0, 4) and "with its own rows again" in err, (rc, err)
            assert topics(h[2]) == ["mine/0"] and h[2].members()[h[2].name]["role"] == "alone"
        disk.fill()
        rc, _, err = h[2].ctl("cluster", "join", h[1].address, "--yes")
        assert rc not in (0, 4) and "nothing has changed" in err, (rc, err)
        h[2].kill()
        h[2].start()
        wait_until("its own", 20, lambda: topics(h[2]) == ["mine/0"])
        assert os.listdir(h[2].path("data", "backup")) == []


if __name__ == "__main__":
    ALL = [who_joins, at_max_size, no_room_for_anything]
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not LONG:
        ALL = ALL[:2]  # make check has no time for all
    run(*ALL)
