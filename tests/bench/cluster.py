#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several nodes, measured: what forwarding costs, what routes take, what a death does.

    /usr/bin/python3 tests/bench/cluster.py [forward|routes|join|death]...

    BUILD           where emqxd and the load (mqload) stand (build)
    ROUNDS TIME     of forwarding: how often, how many seconds each (3, 2)
    SCENARIOS       of forwarding: names, or all
    ROUTES          how many (1000000)

Local delivery and forwarding are measured in turns on the same nodes, and their difference
is judged: figures of different runs say nothing on a machine that others use too. The
sending node has one core, the load and the other nodes have the other one. Exit status 1: a
figure is beyond its bound, or a message was lost.
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cluster"))
from house import BUILD, House, wait_until  # noqa: E402
from pairs import Pairs  # noqa: E402

MQLOAD = BUILD + "/tests/bench/mqload"
CORES = sorted(os.sched_getaffinity(0))
BEYOND_MAX = 1.0  # us of CPU a message, beyond local delivery
RESIDENT_MAX = 200 << 20
BAD = []


def judge(is_good, what):
    if not is_good:
        BAD.append(what)
    return "ok" if is_good else "BEYOND"


def median(values):
    values = sorted(values)
    n = len(values)
    return (values[(n - 1) // 2] + values[n // 2]) / 2


def start_on(core, nodes):
    """They take one core each, and so begin with one worker."""
    os.sched_setaffinity(0, {core})
    try:
        for node in nodes:
            node.start()
    finally:
        os.sched_setaffinity(0, set(CORES))


def cpu(node):
    """Seconds of all threads; the child that holds the Raft log is not among them."""
    tasks = "/proc/%d/task" % node.process.pid
    total = 0
    for task in os.listdir(tasks):
        with open("%s/%s/schedstat" % (tasks, task), encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def memory(node, what="VmRSS"):
    """Resident bytes; VmHWM: the most ever."""
    with open("/proc/%d/status" % node.process.pid, encoding="ascii") as f:
        for line in f:
            if line.startswith(what + ":"):
                return int(line.split()[1]) << 10
    raise ValueError(what)


def forget_peak(node):
    with open("/proc/%d/clear_refs" % node.process.pid, "w", encoding="ascii") as f:
        f.write("5")


def metric(node, name):
    return {r["name"]: r["value"] for r in node.rows("broker", "metrics")}[name]


def routes_of(node):
    return {r["name"]: r["value"] for r in node.rows("broker", "stats")}["routes.count"]


def turn_max(node):
    """ms: of the clients' workers, and of the thread that talks to other nodes."""
    return metric(node, "loop.turn_max") / 1e3, metric(node, "loop.turn_max.link") / 1e3


def load(mode, pid, *words):
    """What mqload found; it counts every message and their order."""
    done = subprocess.run(
        [MQLOAD, mode, "--pid", str(pid), "--json", "--cpu", str(CORES[-1]), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise SystemExit("mqload: %s%s" % (done.stdout, done.stderr))


# ---- forwarding

# name -> (QoS, bytes, window, receiving nodes, with TLS, judged)
FORWARD = {
    "q0_64": (0, 64, 32, 1, False, True),
    "q1_64": (1, 64, 32, 1, False, True),
    "q0_64_to2": (0, 64, 32, 2, False, True),
    "q0_64_tls": (0, 64, 32, 1, True, True),
    "q1_64_tls": (1, 64, 32, 1, True, True),
    "q0_16k": (0, 16384, 4, 1, False, False),
    "q0_16k_tls": (0, 16384, 4, 1, True, False),
}


def pubsub(scenario, sender, receivers):
    """The load from clients of one node to those of others: at most 64 connections have a
    port of their own choice."""
    qos, size, window, _, _, _ = FORWARD[scenario]
    n = 32 // len(receivers) if len(receivers) < 3 else 16
    ports = [str(r.mqtt) for r in receivers for _ in range(n)] + [str(sender.mqtt)] * n
    before = [cpu(r) for r in receivers]
    got = load("pubsub", sender.process.pid, "--qos", str(qos), "--size", str(size), "--window", str(window),
               "--subs", str(n * len(receivers)), "--pubs", str(n), "--port", ",".join(ports),
               "--warmup", "0.5", "--time", os.environ.get("TIME", "2"))
    if not got["ok"]:
        BAD.append("%s: messages were lost: %s" % (scenario, got["failure"]))
    got["received_us"] = sum(cpu(r) - b for r, b in zip(receivers, before)) / max(got["received"], 1) * 1e6
    return got


def forward_scenario(scenario, h):
    _, _, _, n, _, judged = FORWARD[scenario]
    local, away = [], []
    for _ in range(int(os.environ.get("ROUNDS", "3"))):
        local.append(pubsub(scenario, h[1], [h[1]] * n))
        away.append(pubsub(scenario, h[1], [h[2], h[3]][:n]))
    here = median([r["cpu_us_per_msg"] for r in local])
    there = median([r["cpu_us_per_msg"] for r in away])
    word = judge(there - here <= BEYOND_MAX, scenario) if judged else "-"
    print("%-12s %10.3f %10.3f %+9.3f %9.3f %10d %10d %8s" % (
        scenario, here, there, there - here, median([r["received_us"] for r in away]),
        median([r["recv_per_s"] for r in local]), median([r["recv_per_s"] for r in away]), word), flush=True)


def make_certs(folder):
    """One certificate for all nodes, signed by itself."""
    key, crt = folder + "/key.pem", folder + "/crt.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                    "-nodes", "-keyout", key, "-out", crt, "-days", "2", "-subj", "/CN=bench",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return ["cluster.tls.enable = true", 'cluster.tls.certfile = "%s"' % crt,
            'cluster.tls.keyfile = "%s"' % key, 'cluster.tls.cacertfile = "%s"' % crt]


def forward():
    """CPU of a message"""
    wanted = os.environ.get("SCENARIOS", " ".join(FORWARD)).split()
    print("%-12s %10s %10s %9s %9s %10s %10s" % (
        "us CPU/msg", "local", "sending", "beyond", "receiving", "local/s", "away/s"))
    for tls in (False, True):
        names = [s for s in wanted if FORWARD[s][4] == tls]
        if not names:
            continue
        with House(3) as h:
            for node in h.nodes:
                node.lines += make_certs(h.dir) if tls and node.n == 1 else h[1].lines if tls else []
                node.write_conf()
            start_on(CORES[0], [h[1]])
            start_on(CORES[-1], h.nodes[1:])
            h.join()
            for name in names:
                forward_scenario(name, h)


# ---- routes

def many_routes(h, n):
    """A load that subscribes n filters at node 1 and stays until it is killed."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [MQLOAD, "topics", "--n", str(n), "--subs", "100", "--pubs", "1", "--rate", "5", "--warmup", "0",
         "--time", "600", "--timeout", "600", "--port", str(h[1].mqtt)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until("node 1 has all", 60, lambda: routes_of(h[1]) == n)
    here = time.monotonic()
    wait_until("all have all", 60, lambda: [routes_of(node) for node in h.nodes if node.is_up()] == [n] * sum(
        node.is_up() for node in h.nodes))
    print("%d filters subscribed at node 1 in %.2f s; all nodes know them %.2f s later" % (
        n, here - begun, time.monotonic() - here))
    return process


def show_nodes(h, n):
    for node in h.nodes:
        if not node.is_up():
            continue
        rss, peak = memory(node), memory(node, "VmHWM")
        limit = max(n, 1000000) / 1000000 * RESIDENT_MAX
        print("  node %d: %4d MB resident, most %4d MB (at most %d): %s; longest turn %.2f ms, link's %.2f ms" % (
            node.n, rss >> 20, peak >> 20, int(limit) >> 20,
            judge(peak <= limit, "resident bytes of node %d" % node.n), *turn_max(node)), flush=True)


def routes():
    """memory for a million routes, and a node that comes to them"""
    n = int(os.environ.get("ROUTES", "1000000"))
    with House(3, "cluster.node_down_timeout = 5s") as h:
        h.start()
        h.join()
        process = many_routes(h, n)
        try:
            show_nodes(h, n)
            h[3].kill()
            pairs = Pairs(10, h[1].mqtt, h[2].mqtt, 500).start()
            time.sleep(1.5)
            begun = time.monotonic()
            h[3].start()
            wait_until("it has all", 30, lambda: routes_of(h[3]) == n + 10)
            done = time.monotonic()
            late, usual = pairs.percentile(begun, done), pairs.percentile(begun - 1, begun)
            print("node 3 started again: it knows all after %.2f s; p99 from node 1 to 2 meanwhile %.1f ms (%.1f before)"
                  % (done - begun, late * 1e3, usual * 1e3))
            show_nodes(h, n)
            begun = time.monotonic()
            h[1].kill()
        finally:
            process.kill()
            process.wait()
        pairs.stop(0)
        wait_until("its routes are gone", 60, lambda: [routes_of(node) for node in h.nodes[1:]] == [10, 0] or [
            routes_of(node) for node in h.nodes[1:]] == [0, 0])
        print("node 1 killed: its routes are gone after %.2f s" % (time.monotonic() - begun))
        show_nodes(h, n)


# ---- a death

def death():
    """the leader's death, judged"""
    test = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cluster", "test_leader_dies.py")
    done = subprocess.run(["/usr/bin/python3", test], env=dict(os.environ, BENCH="1"), check=False)
    judge(done.returncode == 0, "the leader's death")


if __name__ == "__main__":
    PARTS = {"forward": forward, "routes": routes, "death": death}
    for part in sys.argv[1:] or PARTS:
        print("-- %s: %s" % (part, PARTS[part].__doc__), flush=True)
        PARTS[part]()
    for bad in BAD:
        print("BEYOND: " + bad)
    raise SystemExit(1 if BAD else 0)
