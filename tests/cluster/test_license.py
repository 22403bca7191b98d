#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The licence: given to one node, in force on all; and sessions of all count."""
import hashlib
import os
import subprocess

from house import SLOW, Failed, House, run, wait_until
from licences import Vendor, alarms, backups, configure, copy_of, info, read


def give(node, path, rc=0):
    """The tool's line of each node, by node."""
    got, out, err = node.ctl("license", "reload", path)
    assert got == rc, (got, out, err)
    return dict(line.split(": ", 1) for line in out.splitlines())


def hold(node, client):
    """A client with a session that stays."""
    got = subprocess.run(
        ["mosquitto_pub", "-h", node.host, "-p", str(node.mqtt), "-V", "5", "-i", client, "-c", "-x", "3600",
         "-t", "t", "-m", "m", "-q", "1"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * SLOW, check=False)
    return got.returncode == 0


class Three:
    """Three nodes that are one cluster, through all tests: one makes it, one after the other changes it."""

    def __init__(self):
        self.house, self.has_failed = House(3), False
        self.vendor = Vendor(self.house)
        for node in self.house.nodes:
            configure(node, self.vendor.line)

    def begin(self):
        """three nodes with a vendor's public key are one cluster"""
        self.house.start()
        self.house.join()
        assert info(self.house[1])["customer"] == "community edition"
        assert info(self.house[1])["differ"] == 0

    def all_nodes(self):
        """a licence given to one node is in force on all, with copy and backup on each"""
        h, vendor = self.house, self.vendor
        first = vendor.sign("first.lic", "customer=First", "max_sessions=1000")
        lines = give(h[2], first)
        assert sorted(lines) == [n.name for n in h.nodes], lines
        assert all(line.startswith("ok, copy ") and "backup" not in line for line in lines.values()), lines
        # One is away when the next one comes.
        h[3].stop()
        wait_until("it is seen", 15, lambda: h[3].name not in h[1].running())
        second = vendor.sign("second.lic", "customer=Second", "max_sessions=2000")
        out = h[1].ok("license", "reload", second, "--dry-run").splitlines()
        assert [line.split(": ", 1)[0] for line in out] == [n.name for n in h.nodes], out
        assert ["would take the licence of Second, 2000 sessions" in line for line in out] == [True, True, False], out
        assert ["by its own license.public_key" in line for line in out].count(True) == 1, out
        assert out[2].endswith("not running: would take it when it returns") and info(h[2])["customer"] == "First"
        lines = give(h[1], second)
        for node in h.nodes[:2]:
            assert lines[node.name].startswith("ok, copy %s, backup " % node.path("data", "licenses", "emqx.lic")), lines
        assert lines[h[3].name] == "not running: takes it when it returns", lines
        assert "(not running)" in info(h[1])["copies"], info(h[1])
        h[3].start()
        wait_until("it took it", 15, lambda: info(h[3])["customer"] == "Second")
        wait_until("it has its copy", 15, lambda: info(h[3])["hash"] == hashlib.sha256(read(second)).hexdigest())
        h.wait_whole()
        rows = [info(node) for node in h.nodes]
        assert all({k: v for k, v in r.items() if k not in ("node", "copy")} ==
                   {k: v for k, v in rows[0].items() if k not in ("node", "copy")} for r in rows), rows
        assert rows[0]["differ"] == 0 and rows[0]["copies"].count(rows[0]["hash"][:12]) == 3, rows[0]
        for node in h.nodes:
            assert copy_of(node) == read(second)
            assert [read(b) for b in backups(node)] == [read(first)], backups(node)
        assert [r["hash"] for r in h[1].rows("license", "info", "--all-nodes")] == [rows[0]["hash"]] * 3

    def forged(self):
        """a forged, foreign or expired licence is refused on every node and changes nothing anywhere"""
        h, vendor = self.house, self.vendor
        before = [(info(node), copy_of(node), backups(node)) for node in h.nodes]
        other = Vendor(h, "other").sign("other.lic", "customer=Other")
        text = copy_of(h[1])
        bad = os.path.join(h.dir, "bad.lic")
        with open(bad, "wb") as f:
            f.write(text[:8] + (b"A" if text[8:9] != b"A" else b"B") + text[9:])
        old = vendor.sign("old.lic", "type=trial", "start=20250101", "days=10")
        for node in h.nodes:
            for path, why in ((other, "invalid_signature"), (bad, "i"), (old, "no new client could come")):
                rc, out, err = node.ctl("license", "reload", path)
                assert rc == 1 and out == "" and why in err, (path, rc, out, err)
        assert before == [(info(node), copy_of(node), backups(node)) for node in h.nodes]
        assert all("license_invalid" not in alarms(node) for node in h.nodes)

    def partly(self):
        """a node whose key differs, or whose disk refuses, is told of; the disk is tried again"""
        h, vendor = self.house, self.vendor
        copy = h[3].path("data", "licenses", "emqx.lic")
        h[2].stop()
        configure(h[2], 'license.public_key = "file://%s/other/public.pem"' % h.dir)
        h[2].start()
        h.wait_whole()
        os.unlink(copy)
        os.mkdir(copy)
        lines = give(h[1], vendor.sign("one.lic", "customer=One"), rc=7)
        assert lines[h[1].name].startswith("ok, copy "), lines
        assert lines[h[2].name].startswith("failed: ") and "invalid_signature" in lines[h[2].name], lines
        assert lines[h[3].name].startswith("failed: the licence is in force, and this node has no copy of it"), lines
        assert "license.public_key" in lines[h[2].name], lines
        assert "license.public_key" in alarms(h[2])["license_invalid"]["message"], alarms(h[2])
        assert "license_invalid" in alarms(h[2]) and "license_copy" in alarms(h[3])
        row = info(h[1])
        assert row["differ"] == 2 and "%s none DIFFERS" % h[2].name in row["copies"] and \
            "%s (no copy)" % h[3].name in row["copies"], row
        assert info(h[3])["customer"] == "One"
        os.rmdir(copy)
        wait_until("it has its copy", 20, lambda: info(h[3])["hash"] == row["hash"])
        wait_until("the alarm is over", 5, lambda: "license_copy" not in alarms(h[3]))
        h[2].stop()
        configure(h[2], vendor.line)
        h[2].start()
        h.wait_whole()
        wait_until("it accepts it", 10, lambda: info(h[2])["hash"] == row["hash"])

    def configured(self):
        """back to what is configured, which may be different on each node: that is said"""
        h, vendor = self.house, self.vendor
        h[2].stop()
        configure(h[2], vendor.line, 'license.key = "file://%s"' % vendor.sign("own.lic", "customer=Own"))
        h[2].start()
        h.wait_whole()
        rc, out, err = h[1].ctl("license", "update", "default")
        assert rc == 0 and "different licences now" in err, (rc, out, err)
        assert info(h[1])["differ"] > 0, info(h[1])
        h[2].stop()
        configure(h[2], vendor.line)
        h[2].start()
        h.wait_whole()

    def quota(self):
        """sessions of all nodes count once, wherever they move; who has one always comes"""
        h, vendor = self.house, self.vendor
        give(h[1], vendor.sign("four.lic", "max_sessions=4"))
        for i, client in enumerate("abcd"):
            assert hold(h[1 + i % 3], client)
            for node in h.nodes:
                wait_until("counted", 5, lambda n=node, want=i + 1: info(n)["sessions"] == want)
        for node in h.nodes:
            assert not hold(node, "e")
            wait_until("alarm", 5, lambda n=node: "license_quota" in alarms(n))
        assert "its limit is reached" in info(h[3])["state"]
        # Moved, and back: it is the same session.
        assert hold(h[3], "a") and hold(h[2], "a")
        for node in h.nodes:
            wait_until("still four", 5, lambda n=node: info(n)["sessions"] == 4)
            assert len([r for r in node.rows("alarms", "list") if r["name"] == "license_quota"]) == 1
        h[1].ok("clients", "kick", "a")
        for node in h.nodes:
            wait_until("three", 5, lambda n=node: info(n)["sessions"] == 3)
            wait_until("alarm is over", 5, lambda n=node: "license_quota" not in alarms(n))
        assert hold(h[3], "e")
        # Over 25 a tenth more comes: 26 + 3, on all nodes together.
        give(h[2], vendor.sign("more.lic", "max_sessions=26"))
        for i in range(25):
            assert hold(h[1 + i % 3], "m%d" % i)
        for node in h.nodes:
            wait_until("counted", 5, lambda n=node: info(n)["sessions"] == 29)
            assert not hold(node, "z")
        assert hold(h[3], "m1")

    def minority(self):
        """without a quorum nothing is changed, and that is said"""
        h, vendor = self.house, self.vendor
        wait_until("all vote", 20, lambda: sorted(
            r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
        before = [(info(node)["hash"], copy_of(node), backups(node)) for node in h.nodes]
        h[2].kill()
        h[3].kill()
        wait_until("no quorum", 20, lambda: not h[1].rows("cluster", "status")[0]["quorum"])
        rc, out, err = h[1].ctl("license", "reload", vendor.sign("two.lic", "customer=Two"), "--dry-run")
        assert rc == 1 and "no quorum" in err, (rc, out, err)
        rc, out, err = h[1].ctl("license", "reload", vendor.sign("two.lic", "customer=Two"))
        assert rc == 1 and out == "" and "no quorum" in err, (rc, out, err)
        assert before[0] == (info(h[1])["hash"], copy_of(h[1]), backups(h[1]))
        for node in h.nodes[1:]:
            node.start()
        h.wait_whole()
        assert before == [(info(node)["hash"], copy_of(node), backups(node)) for node in h.nodes]

    def end(self):
        """all end as they should"""
        self.house.__exit__(Failed if self.has_failed else None, None, None)

    def watched(self, test):
        """The test, whose failure is remembered: then the end shows what the nodes said."""
        def watch():
            before, self.has_failed = self.has_failed, True
            test()
            self.has_failed = before
        watch.__doc__ = test.__doc__
        return watch


def main():
    three = Three()
    tests = (three.begin, three.all_nodes, three.forged, three.partly, three.configured, three.quota,
             three.minority)
    run(*[three.watched(t) for t in tests], three.end)


if __name__ == "__main__":
    main()
