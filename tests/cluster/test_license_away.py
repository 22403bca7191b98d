#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The licence while nodes are slow, die, or are asked at once."""
import datetime
import subprocess
import threading

from house import BUILD, House, LONG, SLOW, run, wait_until
from licences import Vendor, alarms, backups, configure, copy_of, info, read



def day(n):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=n)).strftime("%Y%m%d")


def two_of(h):
    """One that is asked, and one that the others can do without."""
    wait_until("all vote", 20, lambda: sorted(
        r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
    roles = {name: r["role"] for name, r in h[1].members().items()}
    slow = next(n for n in h.nodes if roles[n.name] != "leader")
    return next(n for n in h.nodes if n is not slow), slow


def at_once(h, vendor):
    """Two that are given at once at two nodes: all have the same one; back to what is configured goes everywhere."""
    files = [vendor.sign("%d.lic" % i, "customer=C%d" % i) for i in range(2)]
    ends = [None, None]

    def give(i):
        ends[i] = h.nodes[i].ctl("license", "reload", files[i])

    threads = [threading.Thread(target=give, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert [e[0] for e in ends] == [0, 0] and all(e[1].count(": ok") == 3 for e in ends), ends
    rows = [info(node) for node in h.nodes]
    assert all((r["customer"], r["hash"], r["differ"]) == (rows[0]["customer"], rows[0]["hash"], 0) for r in rows), rows
    out = h[2].ok("license", "update", "default")
    assert out.count(": ok, backup ") == 3, out
    for node in h.nodes:
        row = info(node)
        assert row["source"] == "none" and row["copy"] is None and row["differ"] == 0, row
    h[3].stop()
    h[3].start()
    assert info(h[3])["source"] == "none"
    h.wait_whole()


def paused(h, vendor, asked, slow):
    """One that does not report is named, exit 7, and takes the licence when it goes on."""
    first = vendor.sign("first.lic", "customer=First")
    slow.pause()
    rc, out, err = asked.ctl("license", "reload", first)
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert rc == 7 and "1 of 3 running nodes" in err, (rc, out, err)
    assert lines.pop(slow.name).startswith("no report: "), out
    assert all(line.startswith("ok, ") for line in lines.values()), out
    slow.go_on()
    wait_until("it takes it", 15, lambda: info(slow)["customer"] == "First")
    wait_until("it has its copy", 5, lambda: copy_of(slow) == read(first))
    h.wait_whole()


def stopped(h, asked, slow, path):
    """The node that was asked ends while a report is still to come: as it should."""
    other = next(n for n in h.nodes if n not in (asked, slow))
    slow.pause()
    tool = subprocess.Popen(
        [BUILD + "/emqx_ctl", "--socket", asked.path("ctl.sock"), "license", "reload", path],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until("they agree", 5, lambda: info(other)["customer"] == "Third")
    asked.stop()
    rc = tool.wait(30 * SLOW)
    assert rc in (4, 7), rc
    slow.go_on()
    asked.start()
    h.wait_whole()
    for node in h.nodes:
        wait_until("has its copy", 10, lambda n=node: copy_of(n) == read(path))


def killed(h, asked, slow, before, path):
    """One that dies at some moment of taking it has it after its start, with the one before beside it."""
    had = len(backups(slow))
    tool = subprocess.Popen(
        [BUILD + "/emqx_ctl", "--socket", asked.path("ctl.sock"), "license", "reload", path],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    slow.kill()
    rc = tool.wait(30 * SLOW)
    assert rc in (0, 7), rc
    slow.start()
    wait_until("it takes it", 15, lambda: info(slow)["customer"] == "Second")
    wait_until("it has its copy", 5, lambda: copy_of(slow) == read(path))
    assert len(backups(slow)) == had + 1 and read(before) in [read(b) for b in backups(slow)]
    # Its last day is near: an alarm on each, once.
    for node in h.nodes:
        wait_until("alarm", 5, lambda n=node: "license_expiry" in alarms(n))
        assert len([r for r in node.rows("alarms", "list") if r["name"] == "license_expiry"]) == 1


def away():
    """given at two nodes at once, to a paused node, and to one that dies: in the end all have the same"""
    with House(3) as h:
        vendor = Vendor(h)
        for node in h.nodes:
            configure(node, vendor.line)
        h.start()
        h.join()
        at_once(h, vendor)
        asked, slow = two_of(h)
        before = vendor.sign("third.lic", "customer=Third")
        if LONG:
            paused(h, vendor, asked, slow)
            stopped(h, asked, slow, before)
            asked, slow = two_of(h)
        else:
            asked.ok("license", "reload", before)
        killed(h, asked, slow, before, vendor.sign("second.lic", "customer=Second", "start=%s" % day(-5), "days=20"))


if __name__ == "__main__":
    run(away)
