#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stranger that has the cookie and is no member, and a member that has gone wild: whatever
they say has a bound, is refused or counted, and costs nobody else anything. The run prints
its seed (SEED); without LONG=1 it plays the stranger only, ONLY=name one of the tests."""
import contextlib
import os
import random
import struct
import subprocess
import threading
import time

import stranger
from house import LONG, SLOW, House, run, wait_until
from stranger import JOIN
from stranger import DATA, frame
from toll import metric, rss
from wild import KIND, Asker, Wild, text

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


def crosses(a, b):
    """A message from a client of b comes to one of a; the office is not asked: it would ask the
    wild one too, and wait for it."""
    sub = subprocess.Popen(
        ["mosquitto_sub", "-h", a.host, "-p", str(a.mqtt), "-i", "s%d" % a.n, "-t", "x", "-C", "1",
         "-W", str(20 * SLOW), "-q", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    while sub.poll() is None:
        subprocess.run(["mosquitto_pub", "-h", b.host, "-p", str(b.mqtt), "-t", "x", "-m", "hello", "-q", "1"],
                       check=True, timeout=10 * SLOW)
        time.sleep(0.05)
    assert sub.communicate()[0] == b"hello\n"


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


@contextlib.contextmanager
def costs_nobody(h, mib=60):
    """While it is done, and after it, the two nodes that are well serve their clients, and keep
    no more than so much of it."""
    well = h.nodes[:2]
    had = [rss(n) for n in well]
    begun = time.monotonic()
    yield
    crosses(h[1], h[2])
    crosses(h[2], h[1])
    for n, kib in zip(well, had):
        assert n.is_up(), n.tail()
        assert rss(n) < kib + (mib << 10), "%s grew from %d KiB to %d" % (n.name, kib, rss(n))
    print("#   %.1f s, %s MiB more" % (time.monotonic() - begun,
                                       [(rss(n) - kib) >> 10 for n, kib in zip(well, had)]), flush=True)


@contextlib.contextmanager
def gone_wild(*conf, on=None):
    """Three nodes, of which the third has gone wild."""
    with together(3, *conf) as h:
        all_vote(h)
        with Wild(h[3], h.nodes[:2], on) as w:
            w.wait_reached(h.nodes[:2])
            yield h, w


def route(filter_, is_there=1):
    body = struct.pack(">B", is_there) + text(filter_)
    return b"\1" + (bytes([len(body)]) if len(body) < 128 else
                    bytes([len(body) & 127 | 128, len(body) >> 7])) + body


def client(hash_, is_there=1):
    return b"\3\x09" + struct.pack(">BQ", is_there, hash_)


def sends(w, to, kind, bodies, channel=stranger.CTL):
    """In goes of some; connections that were ended are made anew."""
    bodies = list(bodies)
    for i in range(0, len(bodies), 200):
        if not w.say(to, kind, *bodies[i:i + 200], channel=channel):
            w.again(to)


def rows():
    """routes and clients by the hundred thousand, snapshots without end, in the wrong order"""
    with gone_wild("cluster.max_rows = 20000") as (h, w):
        to = h[1]
        with costs_nobody(h):
            w.say(to, "owner_snap", struct.pack(">QQ", w.incarnation, 0))
            for i in range(0, 200000, 1000):
                w.say(to, "owner_rows", bytes(8) + b"".join(route("wild/%d" % k) for k in range(i, i + 1000)))
                w.say(to, "owner_rows", bytes(8) + b"".join(client(k + 1) for k in range(i, i + 1000)))
            w.say(to, "owner_done", b"")
            wait_until("they are counted", 30, lambda: metric(to, "cluster.rows.refused") >= 380000)
        with costs_nobody(h):
            sends(w, to, "owner_again", [b""] * 20000)
            sends(w, to, "owner_snap", [struct.pack(">QQ", i, 1 << 63) for i in range(20000)])
            sends(w, to, "owner_ack", [struct.pack(">QQ", rng.randrange(1 << 64), rng.randrange(1 << 64)) for _ in range(5000)])
            sends(w, to, "owner_done", [b""] * 5000)
            sends(w, to, "owner_rows", [struct.pack(">Q", rng.randrange(1 << 64)) + route("x") for _ in range(5000)])
            sends(w, to, "owner_rows", [rng.randbytes(rng.randrange(100)) for _ in range(5000)])
            wait_until("the node answers", 10, lambda: to.rows("status"))
        # What it told goes with it.
        w.__exit__()
        h[3].start()
        wait_until("its rows are gone", 30 , lambda: to.rows("broker", "stats") and not [
            r for r in to.rows("topics", "list", "--limit", "10") if r["topic"].startswith("wild/")])


def sessions():
    """sessions that nobody asked for, twins, parts of sessions, wills"""
    with gone_wild() as (h, w):
        to = h[1]
        sub = subprocess.Popen(["mosquitto_sub", "-h", to.host, "-p", str(to.mqtt), "-i", "kept", "-t", "kept",
                                "-q", "1", "-c", "-V", "5", "-x", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        wait_until("subscribed", 10, lambda: [r for r in to.rows("topics", "list") if r["topic"] == "kept"])
        with costs_nobody(h, 150):
            ids = [struct.pack(">QB", i, 0) + b"nobody%d" % i for i in range(30000)]
            sends(w, to, "takeover_take", ids)
            sends(w, to, "takeover_take", [struct.pack(">QB", i, i & 1) + rng.randbytes(60000) for i in range(500)])
            for kind in ("takeover_more", "takeover_leave", "takeover_stop", "takeover_nothing"):
                sends(w, to, kind, [struct.pack(">Q", rng.randrange(1 << 64)) for _ in range(5000)])
                sends(w, to, kind, [struct.pack(">Q", i) for i in range(5000)])
            sends(w, to, "takeover_part", [struct.pack(">QI", i, i % 3) + rng.randbytes(100) for i in range(5000)], DATA)
        with costs_nobody(h, 150):
            sends(w, to, "takeover_twin", [struct.pack(">Q", (1 << 64) - 1) + rng.randbytes(60000) for i in range(3000)])
        # A session that is asked for, and then nothing more is heard: its client comes back to it.
        w.say(to, "takeover_take", struct.pack(">QB", 1 << 50, 0) + b"kept")
        sub.wait(20 * SLOW)
        subprocess.run(["mosquitto_pub", "-h", h[2].host, "-p", str(h[2].mqtt), "-t", "kept", "-m", "still", "-q", "1"],
                       check=True, timeout=20 * SLOW)
        def comes_back():
            done = subprocess.run(["mosquitto_sub", "-h", to.host, "-p", str(to.mqtt), "-i", "kept", "-t", "kept", "-q", "1",
                                   "-c", "-V", "5", "-x", "1000", "-C", "1", "-W", "3"], capture_output=True, check=False)
            return b"still" in done.stdout
        wait_until("it has what came meanwhile", 60, comes_back)
        with costs_nobody(h, 150):
            for i in range(200):
                w.say(to, "wills_all", struct.pack(">QB", i, 0))
                sends(w, to, "wills_set", [struct.pack(">BQ", k, 1) + rng.randbytes(300) for k in range(50)])
                w.say(to, "wills_all", struct.pack(">QB", i, 1))
            sends(w, to, "wills_done", [struct.pack(">QQQ", w.site, i, i) for i in range(5000)])
            sends(w, to, "view", [struct.pack(">QH", 1, 3000) + rng.randbytes(17 * 3000) for _ in range(300)])
            sends(w, to, "figures", [b"\xff" * 64] * 5000)
            to.ok("cluster", "status")


def floods():
    """questions by the hundred thousand whose answers nobody reads; half a frame; nonsense to vote on"""
    with gone_wild() as (h, w):
        for to in h.nodes[:2]:
            with costs_nobody(h, 200):
                for kind in sorted(k for k, n in KIND.items() if n >= 128):
                    s = stranger.let_in(to, stranger.CTL, **w.me)
                    s.settimeout(5 * SLOW)
                    with contextlib.suppress(OSError):
                        for i in range(0, 40000, 200):
                            s.sendall(b"".join(frame(KIND[kind], struct.pack(">I", k + 1) + rng.randbytes(rng.choice((0, 9, 30))))
                                               for k in range(i, i + 200)))
                    s.close()
            with costs_nobody(h, 200):
                guests = []
                for i in range(16):
                    with contextlib.suppress(OSError):
                        s = stranger.let_in(to, JOIN, name=b"guest%d" % i)
                        s.settimeout(3 * SLOW)
                        guests.append(s)
                        s.sendall(struct.pack(">IB", 15 << 20, KIND["who"]) + bytes(8 << 20))
                for s in guests:
                    assert stranger.is_closed(s), "a guest says too much"
            w.again(to)
            with costs_nobody(h, 200):
                sends(w, to, "order_propose", [rng.randbytes(rng.randrange(200)) for _ in range(5000)])
                head = struct.pack(">BQQQH", 1, w.site, time.time_ns(), 1, 1000)
                members = b"".join(
                    struct.pack(">BB", 1, kind) + text("wild%d@h" % i) + struct.pack(">I", len(blob)) + blob
                    for i in range(1000) for kind in (MEMBER,)
                    for blob in (struct.pack(">BQQQ", 1, 1000 + i, 1000 + i, 0) + text("127.0.0.1:1") + b"\1\0",))
                w.say(to, "order_propose", b"\0" + head + members)
        wait_until("the cluster is full of them", 20, lambda: len(h[1].members()) > 60)
        assert len(h[1].members()) <= 128, len(h[1].members())
        with costs_nobody(h, 200):
            h[2].ok("cluster", "status")


def kind_of_row(name):
    with open("emqxd/store/kind.def", encoding="ascii") as f:
        names = [x.split("(")[1].split(",")[0] for x in f if x.startswith("KIND(")]
    return names.index(name)


MEMBER, CONF = kind_of_row("MEMBER"), kind_of_row("CONF")
ODD = (0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def record(flags=1, at=0, topic="nobody", props=b"", expires=None, group=None, number=1, tried=(), payload=b"p"):
    """A message of a FORWARD."""
    b = struct.pack(">BQ", flags | (8 if expires is not None else 0) | (16 if group is not None else 0), at)
    b += b"" if expires is None else struct.pack(">Q", expires)
    b += text(topic) + text("wild") + struct.pack(">I", len(props)) + props
    if group is not None:
        b += struct.pack(">Q", number) + text(group) + text("nobody") + bytes([len(tried)]) + struct.pack(">%dQ" % len(tried), *tried)
    return struct.pack(">I", len(b + payload)) + b + payload


def forwards(w, to):
    """Messages, parts of them, marks and debts."""
    topics = ("nobody", "", "$SYS/a", "$share/g/x", "$exclusive/x", "$delayed/5/x", "a/+", "\0", "x" * 65535, b"\xff\xfe")
    sends(w, to, "forward", [record(1, at, t, expires=e) for at in ODD for e in (None,) + ODD for t in topics], DATA)
    sends(w, to, "forward", [record(f) for f in range(256)] +
          [record(1, props=rng.randbytes(rng.randrange(60))) for _ in range(1000)] +
          [record(f, group=g, number=n, tried=t) for f in (0, 1, 5) for g in ("g", "", "g" * 65535, b"\xff") for n in ODD
           for t in ((), (w.site,), range(255))], DATA)
    w.again(to)
    for _ in range(20):
        w.say(to, "forward_part", b"\0" + bytes(4 << 20), channel=DATA)
    sends(w, to, "forward_part", [b"\1", b"", b"\0", b"\1" + record()[:5]] * 50, DATA)
    for kind in ("forward_begin", "forward_mark"):
        sends(w, to, kind, [struct.pack(">QQ", rng.choice(ODD), rng.choice(ODD)) for _ in range(1000)] + [b"", b"\1"], DATA)
    for kind in ("forward_ack", "forward_done", "forward_owed"):
        sends(w, to, kind, [struct.pack(">Q", x) for x in ODD] * 100 + [b"\3" + rng.randbytes(80000), b"\2" * 70001, b""])


def holders(w, to):
    """Who has a filter for himself, asked and told."""
    s = stranger.let_in(to, stranger.CTL, **w.me)
    s.settimeout(20 * SLOW)
    a = Asker(s)
    rows_ = [struct.pack(">Q", x) + text("e/" + f) + text(c) for x in ODD for f in ("", "f" * 60) for c in ("ex", "z" * 60000)]
    for row in rows_:
        for kind in ("exclusive", "exclusive_held"):
            assert a.ask(kind, row)[0] == "ok"
            a.ask(kind, row[:rng.randrange(len(row))])
    assert a.ask("exclusive_held", rows_[0] * 20000)[0] == "toobig"
    for kind in ("wills_reaches", "fence", "group_last", "exclusive_held"):
        for n in range(40):
            a.ask(kind, rng.randbytes(n))
    s.close()


def proposals(w, nodes):
    """Rows of all kinds: those that are none, without a key, and more than there may be."""
    def entry(*rows_):
        return b"\0" + struct.pack(">BQQQH", 1, w.site, time.time_ns(), 1, len(rows_)) + b"".join(rows_)

    def row(kind, key, blob, what=1):
        return struct.pack(">BB", what, kind) + text(key) + struct.pack(">I", len(blob)) + blob

    for to in nodes:
        for kind in (MEMBER, CONF):
            for blob in (b"", b"\1" * 5, b"\xea\n\x1b" + rng.randbytes(60), bytes(70000)):
                for key in ("", "k", "k" * 300, b"\xff\0\n"):
                    w.say(to, "order_propose", entry(row(kind, key, blob)))
        for i in range(4):
            w.say(to, "order_propose", entry(*[row(CONF, "mqtt.of_tomorrow%d" % k, b"1") for k in range(i * 300, i * 300 + 300)]))


def letters():
    """all that the others above do not say: messages, holders of filters, lags, rows that are none"""
    with gone_wild() as (h, w):
        to = h[1]
        with costs_nobody(h, 150):
            forwards(w, to)
        w.again(to)
        with costs_nobody(h, 150):
            holders(w, to)
        w.again(to)
        with costs_nobody(h, 150):
            sends(w, to, "view", [struct.pack(">QH", x, n) + rng.randbytes(17 * n) for x in ODD for n in (0, 1, 70)])
            sends(w, to, "figures", [struct.pack(">QQ", x, x) * 4 for x in ODD])
            to.ok("cluster", "status")
            sends(w, to, "takeover_take", [struct.pack(">QBQ", n, how, since) + b"s" for n in ODD for how in (0, 1, 2, 3, 255) for since in ODD])
        w.again(to)
        with costs_nobody(h, 150):
            proposals(w, h.nodes[:2])
        # What all agreed on is no reason to refuse a change, or a start.
        wait_until("all have them", 20, lambda: all(conf_file(n).count("of_tomorrow") >= 1000 for n in h.nodes[:2]))
        h[2].stop()
        h[2].start()
        wait_until("it is one of them", 20, lambda: h[2].name in h[1].running())


def conf_file(node):
    with open(node.path("data", "configs", "cluster.hocon"), encoding="utf-8") as f:
        return f.read()


def pieces(number, kind, body=b""):
    return frame(KIND["rpc"], struct.pack(">BI", kind, number) + body)


def offices():
    """what is asked of it by --node: each answer is nonsense, too much or none"""
    answer = [None]

    def on(kind, body):
        if kind != KIND["rpc"] or answer[0] is None or body[0] != 1:
            return None
        return b"".join(pieces(struct.unpack(">I", body[1:5])[0], k, b) for k, b in answer[0])

    with gone_wild(on=on) as (h, w):
        # What goes to it comes on what it let in; its answers go where it dialled.
        replies = [
            [(5, rng.randbytes(50))], [(4, rng.randbytes(50))], [(6, b"")], [(6, rng.randbytes(40))], [(7, b"")],
            [(7, rng.randbytes(40))], [(5, b"\x90")] * 1000, [(4, b"\x90"), (5, b"\x90")] * 500 + [(6, b"")], [(4, b"\xdd" + b"\xff" * 8)],
            [(4, b"\x90")] * 3 + [(5, b"\x90")] * 5000 + [(6, b"\x80")] * 3, [(9, b""), (6, b"")], [(1, b"\x80"), (6, b"")], [(5, b"\xc0" * 100000)],
            [(5, b"\xdf" + b"\xff" * 10)], [(7, b"\x84" + b"\xa3err" + b"\xd9\xff" + b"x" * 255)]]
        for r in replies:
            answer[0] = None
            sent = []
            with costs_nobody(h, 100):
                def say():
                    seen = len(w.came)
                    end = time.monotonic() + 10
                    while time.monotonic() < end:
                        for _, _, kind, body in w.came[seen:]:
                            if kind == KIND["rpc"] and body[0] == 1:
                                number = struct.unpack(">I", body[1:5])[0]
                                w.say(h[1], "rpc", *[struct.pack(">BI", k, number) + b for k, b in r])
                                sent.append(number)
                                return
                        time.sleep(0.01)
                t = threading.Thread(target=say)
                t.start()
                begun = time.monotonic()
                rc, out, err = h[1].ctl("clients", "list", "--node", h[3].name, timeout=60)
                t.join()
                assert sent, "it was not asked"
                print("#   %.40r: %d %.100s %.1f s" % (r[0], rc, err.strip().split("\n")[0], time.monotonic() - begun), flush=True)
                assert rc in (0, 1, 4, 6, 7), (rc, out, err)
        # As who asks: requests without end, without credit, in pieces of nonsense.
        ask = b"\x83\xa3cmd\xacclients list\xa6credit\x00\xa4args\x90"
        with costs_nobody(h, 150):
            sends(w, h[1], "rpc", [struct.pack(">BI", 1, i) + ask for i in range(20000)])
            sends(w, h[1], "rpc", [struct.pack(">BI", 2, i) + b"\xff" * 8 for i in range(20000)])
            sends(w, h[1], "rpc", [struct.pack(">BI", rng.randrange(9), rng.randrange(300)) + rng.randbytes(40) for _ in range(20000)])
            sends(w, h[1], "rpc", [struct.pack(">BI", 1, 1 << 31) + bytes(1 << 20)] * 60)
        rc, out, err = h[2].ctl("clients", "list", "--node", h[1].name)
        assert rc == 0, (rc, out, err)


if __name__ == "__main__":
    ALL = [guest, rows, sessions, floods, offices, letters]
    if "ONLY" in os.environ:
        ALL = [t for t in ALL if t.__name__ in os.environ["ONLY"].split(",")]
    elif not LONG:
        ALL = ALL[:1]
    run(*ALL)
