#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `cluster status` says of a network in which nothing is cut."""
from house import House, run, wait_until


def hints(nodes):
    """(who says it, of whom, what)"""
    return [(n.name, r["node"], r["hint"]) for n in nodes for r in n.rows("cluster", "status") if r.get("hint")]


def blames_nothing(nodes, *words):
    wrong = [h for h in hints(nodes) if any(w in h[2] for w in ("look at the network", "reach this node", "does not reach it") + words)]
    assert not wrong, wrong
    return True


def no_cut():
    """neither joins, nor nodes that die or stand still, look like a cut in the network"""
    with House(4) as h:
        h.start()
        for node in h.nodes[1:]:
            node.ok("cluster", "join", h[1].address, "--yes")
            inside = h.nodes[:node.n]
            names = [n.name for n in inside]
            wait_until("all see all", 20, lambda i=inside, n=names: blames_nothing(i, "does not know") and
                       all(x.running() == n for x in i))
        h[2].pause()
        h[3].kill()
        alive = [h[1], h[4]]
        for node in h[2], h[3]:
            wait_until("it is seen", 20, lambda n=node: blames_nothing(alive) and
                       all(n.name not in x.running() for x in alive))
        said = "no other node that is heard reaches it either"
        wait_until("they agree", 10, lambda: all(
            said in r["hint"] for x in alive for r in x.rows("cluster", "status") if r["state"] == "stopped"))


if __name__ == "__main__":
    run(no_cut)
