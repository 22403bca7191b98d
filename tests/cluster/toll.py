# SPDX-License-Identifier: Apache-2.0
"""What it costs a node, and its clients, that somebody else has gone wild."""
import os
import subprocess

from house import SLOW, wait_until


def metric(node, name):
    return [r["value"] for r in node.rows("broker", "metrics") if r["name"] == name][0]


def fds(node):
    return len(os.listdir("/proc/%d/fd" % node.process.pid))


def rss(node):
    """KiB."""
    with open("/proc/%d/status" % node.process.pid, encoding="ascii") as f:
        return [int(x.split()[1]) for x in f if x.startswith("VmRSS")][0]


def lines(node, event):
    return [x for x in node.tail(100000).splitlines() if event in x]


def crosses(a, b):
    """A message from a client of b comes to one of a."""
    sub = subprocess.Popen(
        ["mosquitto_sub", "-h", a.host, "-p", str(a.mqtt), "-i", "s%d" % a.n, "-t", "x", "-C", "1",
         "-W", str(10 * SLOW), "-q", "1"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    wait_until("subscribed", 10, lambda: a.rows("subscriptions", "show", "s%d" % a.n))
    subprocess.run(["mosquitto_pub", "-h", b.host, "-p", str(b.mqtt), "-t", "x", "-m", "hello", "-q", "1"],
                   check=True, timeout=10 * SLOW)
    assert sub.communicate(timeout=20 * SLOW)[0] == b"hello\n"


def cpu(node):
    """Seconds that it has used."""
    with open("/proc/%d/stat" % node.process.pid, encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
