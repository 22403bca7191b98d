#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Joining and leaving: what the commands say is so."""
import concurrent.futures
import os
import re
import shutil
import signal
import threading

from house import House, LONG, run, wait_until


def expect_exit(node, rc, text, *words):
    got, _, err = node.ctl(*words)
    assert got == rc, "exit %d, not %d: %s" % (got, rc, err)
    assert text in err, "%r is not in %r" % (text, err)


def alone():
    """a node alone is a cluster of one that needs nothing"""
    with House(1) as h:
        h.start()
        rows = h[1].rows("cluster", "status")
        assert [(r["node"], r["state"], r["role"], r["quorum"]) for r in rows] == \
            [(h[1].name, "running", "alone", True)], rows
        assert h[1].children() == []
        expect_exit(h[1], 1, "nothing to leave", "cluster", "leave")
        expect_exit(h[1], 3, "this node is alone", "cluster", "force-leave", "emqx9@127.0.0.1")
        assert "did you mean" not in h[1].ctl("cluster", "force-leave", "emqx9@127.0.0.1", "--yes")[2]
        for own in (h[1].name, h[1].address, h[1].address.replace("127.0.0.1", "localhost")):
            expect_exit(h[1], 2, "this node itself", "cluster", "join", own)
        h[1].stop()


def three():
    """three nodes are one cluster, and are it again after each was restarted"""
    with House(3) as h:
        h.start()
        out = h[2].ok("cluster", "join", h[1].address, "--dry-run")
        assert "would join" in out, out
        for words in (("--dry-run",), ("--yes",)):
            other = h[1].address.replace("emqx1@", "emqx9@")
            expect_exit(h[2], 3, "not " + other, "cluster", "join", other, *words)
            own = "%s:%d" % (h[2].name, h[1].port)
            expect_exit(h[2], 3, "not " + own, "cluster", "join", own, *words)
        assert h[1].rows("cluster", "status")[0]["role"] == "alone"
        h.join()
        roles = sorted(r["role"] for r in h[1].members().values())
        wait_until("all vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        assert h[3].ok("wait", "cluster", "3", "--timeout", "20s") == ""
        expect_exit(h[3], 6, ": 3 nodes", "wait", "cluster", "4", "--timeout", "100ms")
        assert os.listdir(h[2].path("data", "backup")), roles
        with open(h[1].path("err"), encoding="utf-8") as f:
            said = sorted(line.split("cluster_change ")[1] for line in f if "cluster_change " in line)
        assert said == sorted("group=%s node=%s what=voter\n" % (g, n.name)
                              for g in ("meta", "ret") for n in h.nodes[1:]), said
        expect_exit(h[2], 8, "of one cluster already", "cluster", "join", h[3].address)
        expect_exit(h[2], 8, "of one cluster already", "cluster", "join", h[3].name)
        expect_exit(h[2], 2, "this node itself", "cluster", "join", h[2].address)
        offered = h[2].offered("cluster", "force-leave", "emqx")
        assert offered == [h[1].name, h[3].name], offered
        for node in h.nodes:
            with open(node.path("err"), encoding="utf-8") as f:
                warned = [line for line in f if "[warning]" in line and "error=notmember" in line]
            assert warned == [], warned
        for node in h.nodes:
            node.stop()
            node.start()
            h.wait_whole()


def leave():
    """who leaves is alone, and may come again"""
    with House(3) as h:
        h.start()
        h.join()
        h[3].ok("cluster", "leave", "--yes")
        h.wait_whole(h.nodes[:2])
        wait_until("it is alone", 10, lambda: h[3].rows("cluster", "status")[0]["role"] == "alone")
        assert h[3].children() == []
        # Members that were started just now find their leader first.
        for node in h.nodes[:2]:
            node.stop()
        h[1].start(wait=False)
        h[2].start()
        h[3].ok("cluster", "join", h[2].address, "--yes")
        h.wait_whole()


def stale():
    """a member that was away, and has not heard that another left, lets it in again"""
    with House(4) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader"] + 3 * ["voter"])
        h[2].kill()
        h[4].ok("cluster", "leave", "--yes")
        h[2].start()
        h[4].ok("cluster", "join", h[2].address, "--yes")
        h.wait_whole()


def last():
    """the last one of a cluster is a member until it leaves, and may join another then"""
    with House(3) as h:
        h.start()
        h[2].ok("cluster", "join", h[1].address, "--yes")
        h[2].ok("cluster", "leave", "--yes")
        h.wait_whole([h[1]])
        expect_exit(h[1], 8, "cluster leave first", "cluster", "join", h[3].address, "--yes")
        h[1].ok("cluster", "leave", "--yes")
        assert h[1].rows("cluster", "status")[0]["role"] == "alone"
        h[1].ok("cluster", "join", h[3].address, "--yes")
        h.wait_whole([h[1], h[3]])


def with_one_dead():
    """a leave never takes the quorum away: with one of three dead it is refused, and says whom first"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        h[3].kill()
        for node in h.nodes[:2]:
            wait_until("there is a leader", 15, lambda n=node: n.members()[n.name]["quorum"] and
                       "leader" in [n.members()[m.name]["role"] for m in h.nodes[:2]] and
                       h[3].name not in n.running())
        for node in h.nodes[:2]:
            for words in (["--dry-run"], ["--yes"]):
                expect_exit(node, 1, "force-leave %s first" % h[3].name, "cluster", "leave", *words)
        roles = sorted(h[1].members()[n.name]["role"] for n in h.nodes[:2])
        assert roles == ["leader", "voter"], roles
        h[1].ok("conf", "set", "mqtt.max_inflight", "17")
        # Who runs counts as well.
        for words in (["--dry-run"], ["--yes"]):
            follower = next(n for n in h.nodes[:2] if h[1].members()[n.name]["role"] == "voter")
            other = next(n for n in h.nodes[:2] if n is not follower)
            expect_exit(other, 1, "force-leave %s first" % h[3].name, "cluster", "force-leave", follower.name, *words)
        h[1].ok("cluster", "force-leave", h[3].name, "--yes")
        expect_exit(h[1], 3, "no member", "cluster", "force-leave", h[3].name, "--yes")
        assert "did you mean '%s'" % h[3].name not in h[1].ctl("cluster", "force-leave", h[3].name, "--yes")[2]
        wait_until("two vote", 20, lambda: len(h[2].members()) == 2)
        h[2].ok("cluster", "leave", "--yes")
        h.wait_whole(h.nodes[:1])
        h[1].ok("conf", "set", "mqtt.max_inflight", "18")


def two_at_once():
    """of two that leave at once, where one may, at least one stays, and votes"""
    with House(4) as h:
        h.start()
        h.join()
        wait_until("all vote", 40, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader"] + 3 * ["voter"])
        h[4].kill()
        for node in h.nodes[:3]:
            wait_until("it is seen", 15, lambda n=node: n.members()[n.name]["quorum"] and
                       h[4].name not in n.running())
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ends = list(pool.map(lambda n: n.ctl("cluster", "leave", "--yes", timeout=60), h.nodes[:2]))
        # Each may be first in one of the two groups: then both stay.
        assert sorted(rc for rc, _, _ in ends) in ([0, 1], [1, 1]), ends
        stay = [n for n, end in zip(h.nodes, ends) if end[0] == 1] + [h[3]]
        assert any("force-leave %s first" % h[4].name in err for _, _, err in ends), ends
        for node in stay:
            wait_until("they vote", 20, lambda n=node: sorted(
                n.members()[m.name]["role"] for m in stay) == ["leader"] + (len(stay) - 1) * ["voter"])
        h[3].ok("conf", "set", "mqtt.max_inflight", "17")


def pair():
    """of a pair whose other one is dead there is no quorum: leave names force-leave --recover, which helps"""
    with House(2) as h:
        h.start()
        h.join()
        wait_until("both vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter"])
        h[2].kill()
        wait_until("no quorum", 15, lambda: not h[1].members()[h[1].name]["quorum"])
        for words in (["--dry-run"], ["--yes"]):
            expect_exit(h[1], 1, "force-leave %s --recover" % h[2].name, "cluster", "leave", *words)
        assert len(h[1].members()) == 2
        h[1].ok("cluster", "force-leave", h[2].name, "--recover", "--yes", timeout=60)
        h[1].ok("cluster", "leave", "--yes")
        assert h[1].rows("cluster", "status")[0]["role"] == "alone"


def pair_at_once():
    """of a pair both leave at once: both are alone"""
    with House(2) as h:
        h.start()
        h.join()
        wait_until("both vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter"])
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ends = list(pool.map(lambda n: n.ctl("cluster", "leave", "--yes", timeout=60), h.nodes))
        assert [rc for rc, _, _ in ends] == [0, 0], ends
        for node in h.nodes:
            assert node.rows("cluster", "status")[0]["role"] == "alone"


def two_dead():
    """with two dead of five a leave names one that can be removed, or started, and that is enough"""
    with House(5) as h:
        h.start()
        h.join()
        wait_until("all vote", 60, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader"] + 4 * ["voter"])
        for node in h.nodes[3:]:
            node.kill()
        for node in h.nodes[:3]:
            wait_until("it is seen", 20, lambda n=node: n.members()[n.name]["quorum"] and len(n.running()) == 3)
        rc, _, err = h[3].ctl("cluster", "leave", "--yes")
        assert rc == 1 and "%s, %s" % (h[4].name, h[5].name) in err, (rc, err)
        first = re.search("force-leave (.*) first, or start one of them", err).group(1)
        h[1].ok("cluster", "force-leave", first, "--yes")
        wait_until("it is gone", 10, lambda: first not in h[3].members())
        h[3].ok("cluster", "leave", "--yes", timeout=60)
        h[1].ok("conf", "set", "mqtt.max_inflight", "17")


def without_its_log():
    """who cannot leave, nor remove another, because its own log is down says that, and not that the others are silent"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        over = threading.Event()

        def keep_down():
            while not over.wait(0.01):
                for pid in h[3].children():
                    os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=keep_down)
        killer.start()
        try:
            wait_until("it is down", 10, lambda: not h[3].members()[h[3].name]["quorum"])
            expect_exit(h[3], 1, "the log is down", "cluster", "leave", "--yes")
            expect_exit(h[3], 1, "the log is down", "cluster", "force-leave", h[2].name, "--yes")
        finally:
            over.set()
            killer.join()
        for node in h.nodes:
            wait_until("all is well", 20, lambda n=node: len(n.members()) == 3 and n.members()[n.name]["quorum"])


def force_leave():
    """a dead member is removed, and no longer counts"""
    with House(3) as h:
        h.start()
        h.join()
        wait_until("all vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        leader = next(n for n in h.nodes if n.members()[n.name]["role"] == "leader")
        other = next(n for n in h.nodes if n is not leader)
        expect_exit(other, 1, "runs, and leads", "cluster", "force-leave", leader.name, "--yes")
        out = leader.ok("cluster", "force-leave", other.name, "--dry-run")
        assert "would be removed; 2 members would stay; it runs" in out, out
        h[3].kill()
        shutil.rmtree(h[3].path("data"))  # its disk was replaced
        h[3].start()
        expect_exit(h[3], 8, "cluster force-leave", "cluster", "join", h[1].address, "--yes")
        h[3].kill()
        shutil.rmtree(h[3].path("data"))  # its disk was replaced
        h[3].start()
        expect_exit(h[3], 8, "cluster force-leave", "cluster", "join", h[1].address, "--yes")
        h[3].kill()
        wait_until("it is seen", 15, lambda: h[3].name not in h[1].running())
        h[1].ok("cluster", "force-leave", h[3].name, "--yes")
        for node in h.nodes[:2]:
            wait_until("it is gone", 10, lambda n=node: h[3].name not in n.members())


def refused():
    """a wrong cookie, another cluster and a port where nobody is are told apart"""
    with House(3) as h:
        h[2].lines.append('cluster.name = "other"')
        h[2].write_conf()
        h[3].write_conf()
        conf = open(h[3].path("emqx.conf"), encoding="utf-8").read()
        with open(h[3].path("emqx.conf"), "w", encoding="utf-8") as f:
            f.write(re.sub(r'node.cookie = ".*"', 'node.cookie = "wrong"', conf))
        h.start()
        texts = []
        for node, to in ((h[2], h[1].address), (h[3], h[1].address), (h[2], "emqx@127.0.0.1:1")):
            rc, _, err = node.ctl("cluster", "join", to, "--yes")
            assert rc in (1, 4, 5), (rc, err)
            texts.append(err.splitlines()[0])
            assert node.rows("cluster", "status")[0]["role"] == "alone"
        assert len(set(texts)) == 3, texts
        assert "cookie" in texts[1] and "cluster" in texts[0], texts


if __name__ == "__main__":
    ALL = [alone, three, leave, last, with_one_dead, pair, force_leave, refused] + (
        [stale, two_at_once, pair_at_once, two_dead, without_its_log] if LONG else [])
    if os.environ.get("ONLY"):
        ALL = [t for t in ALL if t.__name__ in os.environ["ONLY"].split()]
    run(*ALL)
