#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Strangers at the cluster port: without the cookie, with garbage, with huge lengths, too
many; and a member that has gone mad. Each is counted, told of with a bound, and costs nobody
else anything. The run prints its seed (SEED); without LONG=1 it plays some of the
tests only."""
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time

import stranger
from house import Failed, House, LONG, SLOW, run, wait_until
from stranger import CTL, DATA, HELLO, MAGIC, NONCE, RAFT, REFUSE
from toll import crosses, fds, lines, metric, rss

SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
print("# SEED=%d" % SEED, flush=True)
rng = random.Random(SEED)


@contextlib.contextmanager
def costs_nothing(h, node, refused=0):
    """All in it is refused: the cluster and its clients go on, nothing is kept."""
    had, kib, before = fds(node), rss(node), metric(node, "cluster.link.refused")
    quiet = [len(lines(n, "cluster_node_unreachable")) for n in h.nodes[:2]]
    yield
    crosses(h[1], h[2])
    crosses(h[2], h[1])
    wait_until("descriptors are given back", 10, lambda: fds(node) <= had + 2)
    assert metric(node, "cluster.link.refused") - before >= refused, \
        "%d of %d counted" % (metric(node, "cluster.link.refused") - before, refused)
    assert rss(node) < kib + (20 << 10), "grew from %d KiB to %d" % (kib, rss(node))
    assert quiet == [len(lines(n, "cluster_node_unreachable")) for n in h.nodes[:2]]


def together(n=2):
    return House(n)


def garbage():
    """garbage, huge and wrong lengths, half a hello: each is refused and counted"""
    with together() as h:
        h.start()
        h.join()
        nonce = stranger.message(NONCE, MAGIC + os.urandom(32))
        bad = [os.urandom(1), rng.randbytes(3), rng.randbytes(600), bytes(1000), b"\xff" * 1000,
               b"\xff\xff\x01" + MAGIC, b"\0\0\0", b"\0\1\1", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
               b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(100),
               stranger.message(NONCE, b"emqxlinK" + os.urandom(32)), nonce + nonce,
               stranger.message(HELLO, stranger.facts() + os.urandom(32)),
               nonce + stranger.message(HELLO, b""), nonce + stranger.message(HELLO, os.urandom(32)),
               nonce + stranger.message(HELLO, bytes([1, 255]) + os.urandom(60)),
               nonce + stranger.message(HELLO, os.urandom(450)), nonce + b"\xff\xff\x02" + bytes(600),
               nonce + stranger.message(REFUSE, b"\x01"), nonce + stranger.message(77, b"x")]
        bad += [rng.randbytes(rng.randrange(1, 700)) for _ in range(100)]
        bad += [nonce + rng.randbytes(rng.randrange(1, 500)) for _ in range(100)]
        with costs_nothing(h, h[1], len(bad)):
            for b in bad:
                s = stranger.connect(h[1])
                with contextlib.suppress(OSError):
                    s.sendall(b)
                    s.shutdown(socket.SHUT_WR)
                assert stranger.is_closed(s), b
                s.close()
        assert len(lines(h[1], "cluster_link_refused")) < 50, len(lines(h[1], "cluster_link_refused"))


def cookie():
    """without the cookie nothing is said; a replay and a mirror of the challenge do not pass"""
    with together() as h:
        h.start()
        h.join()
        with costs_nothing(h, h[1], 4):
            s = stranger.connect(h[1])
            answer, _ = stranger.hello(s, stranger.facts(), cookie="wrong")
            assert answer == (REFUSE, b"\x01"), answer
            assert stranger.is_closed(s)
            # Heard on the wire, said again with the same nonce: the node's own is another.
            s, nonce = stranger.connect(h[1]), os.urandom(32)
            what = stranger.facts(channel=bytes([stranger.JOIN]))
            answer, sent = stranger.hello(s, what, nonce=nonce)
            assert answer[0] == HELLO and stranger.verdict(answer[1]) == 0
            s.close()
            s = stranger.connect(h[1])
            s.sendall(stranger.message(NONCE, MAGIC + nonce))
            assert stranger.read(s)[0] == NONCE
            s.sendall(sent)
            assert stranger.read(s) == (REFUSE, b"\x01")
            # Its own nonce sent back to it, and what it then says as well.
            s = stranger.connect(h[1])
            s.sendall(stranger.message(NONCE, MAGIC + bytes(32)))
            mirrored = stranger.read(s)[1]
            s.close()
            s = stranger.connect(h[1])
            s.sendall(stranger.message(NONCE, mirrored))
            theirs = stranger.read(s)[1]
            assert theirs != mirrored, "a nonce came twice"
            s.sendall(stranger.message(HELLO, theirs[:32] + os.urandom(60)))
            assert stranger.read(s) == (REFUSE, b"\x01")
        # It dials a stranger, who gives back what it gets.
        with socket.create_server(("127.0.0.1", 0)) as door:
            def mirror():
                s, _ = door.accept()
                with contextlib.suppress(OSError):
                    while data := s.recv(4096):
                        s.sendall(data)
            def relay():
                """To its own port: it would speak with itself."""
                s, _ = door.accept()
                t = stranger.connect(h[2])
                def pump(a, b):
                    with contextlib.suppress(OSError):
                        while data := a.recv(4096):
                            b.sendall(data)
                threading.Thread(target=pump, args=(t, s), daemon=True).start()
                pump(s, t)
            node = h[2]
            node.ok("cluster", "leave", "--yes")
            for fn, want in ((mirror, "cookie"), (relay, "itself")):
                threading.Thread(target=fn, daemon=True).start()
                rc, _, err = node.ctl("cluster", "join", "x@127.0.0.1:%d" % door.getsockname()[1], "--yes")
                assert rc != 0 and want in err, (rc, err)


def identity():
    """with the cookie, but of another cluster, no member, of the node's name, with a member's name"""
    with together() as h:
        h.start()
        h.join()
        with costs_nothing(h, h[1], 4):
            for what, want in (({"cluster": b"other"}, 2), ({}, 6), ({"name": h[1].name.encode()}, 4),
                               ({"name": h[2].name.encode()}, 4), ({"protocol": b"\x63\x63"}, 3)):
                for channel in (CTL, DATA, RAFT):
                    s = stranger.connect(h[1])
                    (kind, body), _ = stranger.hello(s, stranger.facts(channel=bytes([channel]), **what))
                    assert kind == HELLO and stranger.verdict(body) == want, (what, kind, stranger.verdict(body))
                    assert stranger.is_closed(s)
            # Facts that are none.
            for what in ({"name": b""}, {"name": b"a\0b"}, {"site": bytes(8)}, {"protocol": b"\2\1"},
                         {"channel": b"\x09"}, {"name": b"x" * 200}, {"group": b"g" * 90}):
                s = stranger.connect(h[1])
                with contextlib.suppress(ConnectionError):
                    (kind, body), _ = stranger.hello(s, stranger.facts(**what))
                    assert stranger.verdict(body) != 0, what
                assert stranger.is_closed(s)


def certificates(folder):
    """(authority, certificate, key) by name: good, of another authority, expired."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True)
    for ca in ("ca", "otherca"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", ca + ".key", "-out", ca + ".pem",
                "-subj", "/CN=" + ca, "-days", "2")
    for name, ca, days in (("good", "ca", "1"), ("other", "otherca", "1"), ("expired", "ca", "-1")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
                "-subj", "/CN=" + name)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key",
                "-CAcreateserial", "-out", name + ".pem", "-days", days)


def tls():
    """with TLS: another authority, an expired certificate, none, no TLS; and a good one"""
    with together(4) as h:
        certificates(h.dir)
        def secure(node, name):
            node.lines += ['cluster.tls.enable = true'] + [
                'cluster.tls.%s = "%s/%s"' % (k, h.dir, v) for k, v in
                (("certfile", name + ".pem"), ("keyfile", name + ".key"), ("cacertfile", "ca.pem"))]
            node.write_conf()
        for node, name in zip(h.nodes, ("good", "good", "other")):
            secure(node, name)
        h.start()
        h[2].ok("cluster", "join", h[1].address, "--yes")
        h.wait_whole(h.nodes[:2])
        with costs_nothing(h, h[1], 4):
            for node in (h[3], h[4]):
                rc, _, err = node.ctl("cluster", "join", h[1].address, "--yes")
                assert rc != 0 and ("TLS" in err or "certificate" in err or "closed" in err), err
                assert "systemctl" not in err, err # that hint is for the tool's own daemon
                rc, _, err = h[1].ctl("cluster", "status")
                assert node.rows("cluster", "status")[0]["role"] == "alone"
            # The cookie alone does not do.
            s = stranger.connect(h[1])
            with contextlib.suppress(ConnectionError, AssertionError):
                stranger.hello(s, stranger.facts())
                raise Failed("a plain hello was taken")
            s.close()
            for client in ([], ["-cert", h.dir + "/expired.pem", "-key", h.dir + "/expired.key"], ["-tls1_2"]):
                done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % h[1].port, *client],
                                      input=b"x" * 300, capture_output=True, timeout=20 * SLOW, check=False)
                assert b"emqxlink" not in done.stdout, done.stdout
            for _ in range(100):
                s = stranger.connect(h[1])
                with contextlib.suppress(OSError):
                    s.sendall(b"\x16\x03\x01" + rng.randbytes(rng.randrange(2, 2000)))
                    s.shutdown(socket.SHUT_WR)
                assert stranger.is_closed(s)
                s.close()


def many():
    """thousands of connections, and ones that say nothing or speak slowly"""
    with together() as h:
        h.start()
        h.join()
        most = [0]
        with costs_nothing(h, h[1], 1900):
            had, open_ = fds(h[1]), []
            for i in range(2000):
                try:
                    s = stranger.connect(h[1])
                    s.setblocking(False)
                    open_.append(s)
                    if i % 3 == 0:
                        s.send(stranger.message(NONCE, MAGIC + os.urandom(32)))
                except OSError:
                    pass
                if i % 100 == 0:
                    most[0] = max(most[0], fds(h[1]) - had)
                if len(open_) > 500:
                    open_.pop(0).close()
            assert most[0] <= 64 + 8, "%d descriptors" % most[0]
            # Who has the cookie comes in all the same.
            stranger.let_in(h[1], stranger.JOIN).close()
            crosses(h[1], h[2])
            slow = stranger.connect(h[1])
            began = time.monotonic()
            with contextlib.suppress(ConnectionError):
                for byte in stranger.message(NONCE, MAGIC + os.urandom(32)):
                    slow.send(bytes([byte]))
                    time.sleep(0.25)
            assert time.monotonic() - began < 9 * SLOW, "a slow one is waited for"
            for s in open_:
                s.close()
        assert len(lines(h[1], "cluster_link_refused")) < 200, len(lines(h[1], "cluster_link_refused"))


def in_place_of(h):
    """All vote, then node 3 is killed; who says that it is node 3."""
    wait_until("all vote", 20, lambda: sorted(
        r["role"] for r in h[1].members().values()) == ["leader", "voter", "voter"])
    with open(h[3].path("data", "site"), encoding="ascii") as f:
        site = int(f.read().split()[0], 16)
    h[3].kill()
    return {"name": h[3].name.encode(), "site": struct.pack(">Q", site),
            "incarnation": struct.pack(">Q", time.time_ns())}


def mad():
    """a member that sends every kind of frame with nonsense: the others go on"""
    with together(3) as h:
        h.start()
        h.join()
        pids = [n.process.pid for n in h.nodes]
        me = in_place_of(h)
        numbers = stranger.kinds()
        kib = rss(h[1])

        def nonsense(kind):
            head = struct.pack(">I", rng.randrange(1, 1 << 32)) if kind >= 128 else b""
            yield head
            yield head + b"\0"
            for n in (1, 3, 8, 9, 16, 40, 200, 5000):
                yield head + rng.randbytes(n)
                yield head + b"\xff" * n
                yield head + bytes(n)
                yield head + b"\0" * min(n, 9) + b"\xff\xff\xff\xff" + rng.randbytes(n)
            yield head + b"\1" + b"\0\x05aaaaa" + struct.pack(">H", 300) + b"a" * 300 + bytes(8)
            yield head + b"\0\0" + bytes(7) + b"\1" + bytes(7) + b"\1" + b"\0\3a\0b" + struct.pack(">H", 300) + b"b" * 300

        for to in h.nodes[:2]:
            for channel in (CTL, DATA):
                for name, kind in list(numbers.items()) + [("unknown", 99), ("unknown asked", 222)]:
                    for body in nonsense(kind):
                        if channel == DATA:
                            ctl = stranger.let_in(to, CTL, **me)
                        s = stranger.let_in(to, channel, **me)
                        with contextlib.suppress(ConnectionError):
                            s.sendall(stranger.frame(kind, body) * rng.choice((1, 1, 2, 50)))
                        s.close()
                        if channel == DATA:
                            ctl.close()
                    assert to.is_up(), "%s died of %s: %s" % (to.name, name, to.tail())
            # Lengths that no frame has.
            for head in (b"\xff\xff\xff\xff\x01", b"\0\0\0\0\x01", b"\x01\0\0\0\x2d", b"\0\xff\xff\xff\x2d"):
                s = stranger.let_in(to, CTL, **me)
                with contextlib.suppress(ConnectionError):
                    s.sendall(head + bytes(1 << 16))
                s.close()
        assert pids[:2] == [n.process.pid for n in h.nodes[:2]]
        crosses(h[1], h[2])
        crosses(h[2], h[1])
        h[1].ok("conf", "set", "mqtt.max_qos_allowed", "1")
        wait_until("at the other", 10, lambda: [
            r["value"] for r in h[2].rows("conf", "show", "mqtt.max_qos_allowed")] == ["1"])
        assert rss(h[1]) < kib + (60 << 10), "grew from %d KiB to %d" % (kib, rss(h[1]))
        h[3].start()
        h.wait_whole()
        crosses(h[3], h[1])


def heard_prefaces(node, of, me):
    """(group, node's Raft id, of's) of the streams that @of opens to @node, which is down."""
    out = []
    with socket.create_server((node.host, node.port)) as door:
        door.settimeout(10 * SLOW)
        end = time.monotonic() + 10 * SLOW
        while len({p[0] for p in out}) < 2 and time.monotonic() < end:
            s, _ = door.accept()
            s.settimeout(2 * SLOW)
            with contextlib.suppress(OSError, AssertionError):
                facts = stranger.answer(s, **me)
                if facts[2] == bytes([RAFT]) and facts[5] == of.name.encode():
                    _, group, its, mine = struct.unpack(">IIQQ", stranger.take(s, 24))
                    out.append((group, mine, its))
            s.close()
    return out


def raft():
    """nonsense to the engine: its process may die, and is there again; the cluster goes on"""
    with together(3) as h:
        h.start()
        h.join()
        me = in_place_of(h)
        to = h[1]
        pid, children = to.process.pid, set()
        prefaces = heard_prefaces(h[3], to, me)
        assert prefaces, "the engine of %s did not dial" % to.name
        for i in range(150):
            group, mine, its = rng.choice(prefaces)
            with contextlib.suppress(ConnectionError):
                s = stranger.let_in(to, RAFT, group=(b"meta", b"ret")[group], **me)
                s.sendall(struct.pack(">IIQQ", 0x45435331, group, mine, its) + rng.choice((
                    rng.randbytes(100), b"\xff" * 4096, bytes(4096), b"",
                    struct.pack("<QQ", rng.randrange(12), 1 << 40),
                    struct.pack("<QQ", rng.randrange(1, 8), 64) + rng.randbytes(64),
                    struct.pack("<QQ", rng.randrange(1, 8), 1 << 20) + rng.randbytes(5000),
                    # Entries: so many that their sizes in bytes come to nothing.
                    struct.pack("<QQ", 1, 40) + struct.pack("<QQQQQ", 99, 1, 1, 1, 1 << 61),
                    struct.pack("<QQ", 1, 56) + struct.pack("<QQQQQQQ", 99, 1, 1, 1, 1, 1, 1 << 40))))
                s.close()
            children.update(to.children())
        print("# the engine of %s has had %d processes" % (to.name, len(children)))
        assert to.process.pid == pid and to.is_up(), to.tail()
        # What it may do to it at worst, again and again.
        for i in range(6):
            child = wait_until("its engine is there again", 15, to.children)[0]
            os.kill(child, signal.SIGSEGV)
            wait_until("it has died", 5, lambda c=child: c not in to.children())
        wait_until("an alarm says so", 10, lambda: [
            r for r in to.rows("alarms", "list") if "does not stay up" in r["message"] and r["active"]])
        crosses(h[1], h[2])
        crosses(h[2], h[1])
        wait_until("its engine works", 15, to.children)
        wait_until("changes are taken", 20, lambda: to.ctl("conf", "set", "mqtt.max_qos_allowed", "1")[0] == 0)
        assert to.process.pid == pid
        h[3].start()
        h.wait_whole()


if __name__ == "__main__":
    ALL = [garbage, cookie, identity, many, tls, mad, raft]
    if "ONLY" in os.environ:
        ALL = [t for t in ALL if t.__name__ == os.environ["ONLY"]]
    elif not LONG:
        ALL = ALL[:3]
    run(*ALL)
