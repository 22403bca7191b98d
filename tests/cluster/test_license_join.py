#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes with licences of their own meet: who joins takes the cluster's."""
from house import House, run, wait_until
from licences import Vendor, backups, configure, copy_of, info, read


def would(node, to):
    return node.rows("cluster", "join", to.address, "--dry-run")[0]["licence"]


def takes_it():
    """who joins takes the cluster's licence, over restarts too; the dry run says which one wins"""
    with House(3) as h:
        vendor = Vendor(h)
        first = vendor.sign("first.lic", "customer=First", "max_sessions=100")
        second = vendor.sign("second.lic", "customer=Second", "max_sessions=200")
        configure(h[1], vendor.line, 'license.key = "file://%s"' % first)
        configure(h[2], vendor.line)
        configure(h[3], vendor.line, 'license.key = "file://%s"' % second)
        h.start()
        text = would(h[2], h[1])
        assert text == "the cluster's licence (customer 'First', 100 sessions) is this node's too", text
        text = would(h[3], h[1])
        assert text == "the cluster's licence (customer 'First', 100 sessions) stands in place of this node's " \
            "(customer 'Second', 200 sessions)", text
        assert would(h[1], h[2]).endswith("is configured and stays, on it alone"), would(h[1], h[2])
        h.join()
        for node in h.nodes:
            wait_until("has it", 10, lambda n=node: info(n)["customer"] == "First" and info(n)["differ"] == 0)
            assert copy_of(node) == read(first)
            assert info(node)["changed_by"] == "the configuration of %s" % h[1].name
        assert [read(b) for b in backups(h[3])] == [read(second)]
        # Its own is the newer file, and it is a member.
        h[3].stop()
        vendor.sign("second.lic", "customer=Second", "max_sessions=300")
        h[3].start()
        assert info(h[3])["customer"] == "First"
        h.wait_whole()


def stays_alone():
    """where the cluster has none, the configured one stays on its node alone, and that is seen"""
    with House(2) as h:
        vendor = Vendor(h)
        path = vendor.sign("own.lic", "customer=Own")
        configure(h[1], vendor.line)
        configure(h[2], vendor.line, 'license.key = "file://%s"' % path)
        h.start()
        out = h[2].rows("cluster", "join", h[1].address, "--yes")[0]["licence"]
        assert out == "the cluster has no licence; this node's (customer 'Own', 1000 sessions) is configured and " \
            "stays, on it alone", out
        h.wait_whole()
        assert info(h[1])["source"] == "none" and info(h[2])["customer"] == "Own"
        wait_until("it is marked", 5, lambda: info(h[1])["differ"] == 1)
        assert "DIFFERS" in info(h[1])["copies"]
        h[2].ok("license", "reload")
        assert info(h[1])["customer"] == "Own" and info(h[1])["differ"] == 0


if __name__ == "__main__":
    run(takes_it, stays_alone)
