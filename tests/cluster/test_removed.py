#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that were removed from their cluster: what they do, and who is removed by itself."""
import os
import signal
import subprocess

from hosts import Hosts
from house import BUILD, House, LONG, SLOW, run_together, wait_until


def alarms(node):
    """name -> message of those that are active."""
    return {r["name"]: r["message"] for r in node.rows("alarms", "list") if r["active"]}


def log_of(node, event):
    with open(node.path("err"), encoding="utf-8", errors="replace") as f:
        return [line for line in f if event in line]


def discovery(node):
    return node.rows("cluster", "discovery")[0]


def begin(house):
    """One cluster, in which the third may die: the first two have a quorum of any voters."""
    house.start()
    house.join()
    wait_until("two vote", 30, lambda: house[1].members()[house[2].name]["role"] == "voter")


def down(node, seen_by):
    node.kill()
    wait_until("it is seen", 15, lambda: node.name not in seen_by.running())


def gone(node, of):
    for other in of:
        wait_until("it is gone", 20, lambda o=other: node.name not in o.members())


def is_alone(node):
    return node.rows("cluster", "status")[0]["role"] == "alone"


def forced():
    """a node that was removed while it was down is alone, says so, and floods nobody"""
    with House(3) as h:
        begin(h)
        down(h[3], h[1])
        h[3].lines += ('cluster.discovery_strategy = static',
                       'cluster.static.seeds = "%s"' % ", ".join(n.address for n in h.nodes))
        h[3].write_conf()
        h[1].ok("cluster", "force-leave", h[3].name, "--yes")
        gone(h[3], h.nodes[:2])
        before = [len(log_of(n, "cluster_link_refused")) for n in h.nodes[:2]]
        h[3].start()
        wait_until("it is alone", 15, lambda: is_alone(h[3]))
        wait_until("the alarm", 5, lambda: "cluster_removed" in alarms(h[3]))
        assert discovery(h[3])["state"] == "paused"
        hint = h[3].rows("cluster", "status")[0]["hint"]
        assert "was removed from its cluster" in hint and hint in h[3].ok("cluster", "status", "-o", "classic"), hint
        assert len(log_of(h[3], "cluster_left_by_others")) == 1
        for node in h.nodes[:2]:
            assert len(log_of(node, "cluster_link_refused")) <= before.pop(0) + 1
        h[3].stop()
        h[3].start()
        assert is_alone(h[3]) and discovery(h[3])["state"] == "paused", discovery(h[3])
        assert "cluster_removed" in alarms(h[3]), alarms(h[3])
        out = h[3].ok("cluster", "leave", "--dry-run")
        assert "it would stay alone" in out and "members" not in out, out
        assert "cluster_removed" in alarms(h[3]), alarms(h[3])
        left = h[3].rows("cluster", "leave", "--yes")[0]
        assert "it stays alone" in left["note"] and left["members"] is None, left
        assert left["discovery"] == "paused", left
        assert alarms(h[3]) == {} and discovery(h[3])["state"] == "paused", discovery(h[3])
        h[3].ok("cluster", "discovery", "enable")
        h.wait_whole()
        wait_until("no alarm", 5, lambda: alarms(h[3]) == {})


def half_led():
    """a node that was removed is alone also where its cluster has no leader for retained messages"""
    with House(3) as h:
        begin(h)
        down(h[3], h[1])
        h[1].ok("cluster", "force-leave", h[3].name, "--yes")
        gone(h[3], h.nodes[:2])
        for node in h.nodes[:2]:
            node.stop()
            subprocess.run([BUILD + "/tests/tools/wronglist", node.path("data", "raft", "ret"), "3"],
                           stdin=subprocess.DEVNULL, check=True, timeout=30 * SLOW)
        for node in h.nodes[:2]:
            node.start(wait=False)
        for node in h.nodes[:2]:
            node.wait_ready()
        wait_until("it can be set", 20, lambda: h[1].ctl("conf", "set", "mqtt.max_inflight", "17", "--yes")[0] == 0)
        assert not h[1].members()[h[1].name]["quorum"]
        h[3].start()
        wait_until("it is alone", 15, lambda: is_alone(h[3]))
        wait_until("the alarm", 5, lambda: "cluster_removed" in alarms(h[3]))


def unheard():
    """who leaves and does not hear that it may is alone soon"""
    with Hosts(3) as h:
        h.need_cuts()
        begin(h)
        wait_until("all vote", 20, lambda: sorted(r["role"] for r in h[1].members().values()) ==
                   ["leader", "voter", "voter"])
        child = h[3].children()[0]
        os.kill(child, signal.SIGSTOP)  # it asks to leave, and hears of nothing agreed on
        leave = subprocess.Popen([BUILD + "/emqx_ctl", "--socket", h[3].path("ctl.sock"), "cluster", "leave", "--yes"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until("its row is gone", 20, lambda: h[3].name not in h[1].members())
        h.cut_off(3)
        os.kill(child, signal.SIGCONT)
        _, err = leave.communicate(timeout=60 * SLOW)
        assert leave.returncode == 6 and "not known whether it is a member" in err, (leave.returncode, err)
        h.heal()
        wait_until("the alarm", 15, lambda: is_alone(h[3]) and "cluster_removed" in alarms(h[3]))
        h[3].ok("cluster", "join", h[1].address, "--yes")
        h.wait_whole()


def cleaned():
    """who is away for longer than cluster.autoclean is removed, and joins again when it is back"""
    with House(3, "cluster.autoclean = 2s") as h:
        begin(h)
        h[3].kill()
        gone(h[3], h.nodes[:2])
        h[1].ok("conf", "set", "mqtt.max_inflight", "17")
        h[3].start()
        wait_until("it heals", 15, lambda: log_of(h[3], "cluster_heals"))
        h.wait_whole()
        wait_until("it has what was changed", 10, lambda: "17" in h[3].ok("conf", "get", "mqtt.max_inflight"))
        wait_until("no alarm", 5, lambda: alarms(h[3]) == {})
        assert len(log_of(h[3], "cluster_heals")) == 1


def in_the_minority():
    """without a quorum nobody is removed"""
    with House(3, "cluster.autoclean = 2s") as h:
        begin(h)
        h[3].kill()
        gone(h[3], h.nodes[:2])
        h[2].kill()
        wait_until("no quorum", 15, lambda: not h[1].members()[h[1].name]["quorum"])
        removed = len(log_of(h[1], "cluster_cleaned"))
        h[1].ok("cluster", "status")
        assert h[2].name in h[1].members() and removed <= 1


def unhealed():
    """without cluster.autoheal who was removed stays alone"""
    with House(3, "cluster.autoclean = 2s", "cluster.autoheal = false") as h:
        begin(h)
        h[3].kill()
        gone(h[3], h.nodes[:1])
        h[3].start()
        wait_until("it is alone", 15, lambda: is_alone(h[3]))
        wait_until("the alarm", 5, lambda: "cluster_removed" in alarms(h[3]))


def remembered():
    """who was removed while it ran says so over restarts, until it leaves or joins"""
    with House(3) as h:
        begin(h)
        leader = next(n for n in h.nodes if n.members()[n.name]["role"] == "leader")
        node = next(n for n in h.nodes if n is not leader)
        wait_until("all vote", 20, lambda: sorted(r["role"] for r in leader.members().values()) ==
                   ["leader", "voter", "voter"])
        leader.ok("cluster", "force-leave", node.name, "--yes")
        for last in ("leave", "join"):
            wait_until("the alarm", 20, lambda: is_alone(node) and "cluster_removed" in alarms(node))
            node.stop()
            node.start()
            assert "cluster_removed" in alarms(node), alarms(node)
            assert "removed from its cluster" in node.rows("cluster", "status")[0]["hint"]
            node.ok("cluster", *(["leave"] if last == "leave" else ["join", leader.address]), "--yes")
            assert alarms(node) == {}, alarms(node)
            if last == "leave":
                assert not node.rows("cluster", "status")[0].get("hint")
                node.stop()
                node.start()
                assert alarms(node) == {}, alarms(node)
                node.ok("cluster", "join", leader.address, "--yes")
                h.wait_whole()
                wait_until("all vote", 20, lambda: sorted(r["role"] for r in leader.members().values()) ==
                           ["leader", "voter", "voter"])
                leader.ok("cluster", "force-leave", node.name, "--yes")
        h.wait_whole()


def recovered_instead():
    """who cannot join again, and was recovered by force instead, goes on as that cluster"""
    seeds = "cluster.discovery_strategy = singleton"  # such a one lets nobody in
    with House(3, "cluster.autoclean = 2s") as h:
        begin(h)
        h[3].kill()
        gone(h[3], h.nodes[:2])
        for node in h.nodes[:2]:
            node.stop()
            node.lines.append(seeds)
            node.write_conf()
        for node in h.nodes[:2]:
            node.start(wait=False)
        for node in h.nodes[:2]:
            node.wait_ready()
        h[3].start()
        wait_until("it tries to heal", 30, lambda: log_of(h[3], "cluster_task_failed"))
        assert "cluster_removed" in alarms(h[3]), alarms(h[3])
        h[3].ok("cluster", "force-leave", h[1].name, "--recover", "--yes", timeout=60)
        h[3].ok("conf", "set", "mqtt.max_inflight", "17")
        for node in h.nodes[:2]:
            node.stop()
            node.lines.remove(seeds)
            node.write_conf()
        for node in h.nodes[:2]:
            node.start(wait=False)
        for node in h.nodes[:2]:
            node.wait_ready()
        wait_until("they have a quorum", 20, lambda: h[1].members()[h[1].name]["quorum"])
        tries = len(log_of(h[3], "cluster_task_failed"))
        wait_until("it leads", 10, lambda: h[3].members()[h[3].name]["role"] == "leader")
        assert alarms(h[3]) == {}, alarms(h[3])
        h[3].ok("cluster", "leave", "--yes")
        assert is_alone(h[3]) and len(log_of(h[3], "cluster_task_failed")) == tries
        assert "17" in h[3].ok("conf", "get", "mqtt.max_inflight")


def while_it_ran():
    """who was cut off for so long joins again without a restart, and its clients stay"""
    with Hosts(3, "cluster.autoclean = 3s") as h:
        h.need_cuts()
        begin(h)
        sub = subprocess.Popen(
            ["mosquitto_sub", "-h", h[3].host, "-p", str(h[3].mqtt), "-V", "5", "-i", "stays", "-C", "1",
             "-W", str(60 * SLOW), "-q", "1", "-t", "a/#"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        wait_until("it has subscribed", 10, lambda: h[3].rows("subscriptions", "show", "stays"))
        since = h[3].rows("clients", "show", "stays")[0]["connected_at"]
        h.cut_off(3)
        gone(h[3], h.nodes[:2])
        h.heal()
        wait_until("it heals", 20, lambda: log_of(h[3], "cluster_heals"))
        h.wait_whole()
        assert h[3].rows("clients", "show", "stays")[0]["connected_at"] == since
        subprocess.run(["mosquitto_pub", "-h", h[1].host, "-p", str(h[1].mqtt), "-V", "5", "-q", "1", "-t", "a/b",
                        "-m", "here"], stdin=subprocess.DEVNULL, check=True, timeout=20 * SLOW)
        assert sub.communicate(timeout=30 * SLOW)[0] == "here\n"


def disowned():
    """a recovery while the others live makes two clusters: both go on, and an alarm says so"""
    with Hosts(3) as h:
        h.need_cuts()
        begin(h)
        wait_until("all vote", 20, lambda: h[1].members()[h[3].name]["role"] == "voter")
        h.cut_off(1)
        wait_until("no quorum", 20, lambda: not h[1].members()[h[1].name]["quorum"])
        wait_until("both are away", 20, lambda: h[1].running() == [h[1].name])
        for node in (h[2], h[3]):
            if node.name in h[1].members():
                h[1].ok("cluster", "force-leave", node.name, "--recover", "--yes")
        assert sorted(h[1].members()) == [h[1].name]
        h.heal()
        for node in (h[2], h[3]):
            wait_until("the alarm", 20, lambda n=node: "cluster_disowned" in alarms(n))
            said = [r["message"] for r in node.rows("alarms", "list") if r["name"] == "cluster_disowned"]
            assert said[0].startswith(h[1].name + ", a member of this cluster, goes on without it"), said
            wait_until("a quorum", 10, lambda n=node: n.members()[n.name]["quorum"])
            assert len(node.members()) == 3
        # As the alarm says: one after the other moves.
        rc, _, err = h[3].ctl("cluster", "leave", "--yes")
        assert rc == 1 and "force-leave %s first" % h[1].name in err, (rc, err)
        h[2].ok("cluster", "force-leave", h[1].name, "--yes")
        for node in (h[2], h[3]):
            node.ok("cluster", "leave", "--yes")
            node.ok("cluster", "join", h[1].address, "--yes")
        h.wait_whole()
        for node in h.nodes:
            wait_until("no alarm", 10, lambda n=node: not alarms(n))


if __name__ == "__main__":
    ALL = [forced, cleaned, remembered] + ([half_led, unheard, in_the_minority, unhealed, recovered_instead,
                                           while_it_ran, disowned] if LONG else [])
    run_together(*[t for t in ALL if t.__name__ in os.environ.get("ONLY", t.__name__).split()])
