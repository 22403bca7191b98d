#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stranger that has the cookie and is no member, and a member that has gone wild: whatever
they say has a bound, is refused or counted, and costs nobody else anything. The run prints
its seed (SEED); ONLY=name plays one of the tests."""
import os
import random
import struct
import threading

import stranger
from house import House, run, wait_until
from stranger import JOIN
from toll import crosses
from wild import Asker, text

SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
print("# SEED=%d" % SEED, flush=True)
rng = random.Random(SEED)


def together(n=3, *conf):
    h = House(n, *conf)
    h.start()
    h.join()
    return h


def roles(h):
    return {m: r["role"] for m, r in h[1].members().items()}


def all_vote(h):
    wait_until("all vote", 20, lambda: sorted(roles(h).values()) == ["leader", "voter", "voter"])
    return next(n for n in h.nodes if roles(h)[n.name] == "leader")


def change(group, what, raft_id, name, site, address="127.0.0.1:9"):
    """The body of GROUP_CHANGE; what: 0 add, 1 standby, 2 voter, 3 remove."""
    return struct.pack(">BBQQ", group, what, raft_id, site) + text(name) + text(address)


def guest():
    """a stranger with the cookie speaks for itself alone, and all that it asks for has a bound"""
    with together() as h:
        leader = all_vote(h)
        other = next(n for n in h.nodes if n is not leader)
        long_name = "x" * 128
        for to in (leader, other):
            site = rng.randrange(1, 1 << 63)
            me = {"name": long_name.encode(), "site": struct.pack(">Q", site)}
            a = Asker(stranger.let_in(to, JOIN, **me))
            # A name as long as names may be is one.
            err, _ = a.ask("group_change", change(0, 3, 7, long_name, site))
            assert err in ("notfound", "again", "busy", "ok"), err
            for body in (change(0, 0, 9, "another", site), change(0, 0, 9, long_name, site + 1),
                         change(1, 2, 9, long_name, site), change(0, 3, 9, h[3].name, site)):
                err, _ = a.ask("group_change", body)
                assert err == "denied", err
            for body in (b"", b"\xff" * 18, change(9, 0, 1, "x", 1), change(0, 9, 1, "x", 1),
                         change(0, 0, 0, long_name, site), change(0, 0, 1, "y" * 129, 1)):
                err, _ = a.ask("group_change", body)
                assert err == "malformed", err
            # Exports: two at a time, and they end with who asked.
            got = [a.ask("order_fetch", struct.pack(">BQ", g, 0))[0] for g in (0, 1, 0, 1, 0)]
            assert "busy" in got or got.count("ok") == 5, got
            for body in (b"", b"\7" + bytes(8), struct.pack(">BQ", 0, 99), b"\0" + b"\xff" * 8):
                assert a.ask("order_fetch", body)[0] in ("malformed", "notfound"), body
            for body in (b"", b"\1", b"\1" + text("") + text("a:1") + bytes(8), b"\0" + text("a b") + text("x") + bytes(8)):
                assert a.ask("join_ask", body)[0] == "malformed"
            assert a.ask("who", b"")[0] == "malformed"
            a.s.close()
        # Passed on to the leader at most so many at a time.
        me = {"name": b"flood", "site": struct.pack(">Q", 77)}
        a = Asker(stranger.let_in(other, JOIN, **me))
        n = 500
        threading.Thread(target=lambda: [a.send("group_change", change(i % 2, 3, 1000 + i, "flood", 77))
                                         for i in range(n)], daemon=True).start()
        got = [a.answer()[1] for _ in range(n)]
        assert got.count("busy") > n // 2, {e: got.count(e) for e in got}
        a.s.close()
        assert roles(h)[leader.name] == "leader" and len(roles(h)) == 3, roles(h)
        crosses(h[1], h[2])
        h[2].ok("conf", "set", "mqtt.max_qos_allowed", "1")


if __name__ == "__main__":
    ALL = [guest]
    if "ONLY" in os.environ:
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    run(*ALL)
