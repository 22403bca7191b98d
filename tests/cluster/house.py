# SPDX-License-Identifier: Apache-2.0
"""Several nodes on one machine, for tests: starts, kills, pauses and asks them.

A node has a folder of its own with emqx.conf, data, ctl.sock, out and err. Ports are
the kernel's: asked for once, then configured, so that a node keeps its ports over a
restart. Everything that waits waits for a condition, with a limit that SLOW stretches.
"""
import json
import os
import pty
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
SLOW = int(os.environ.get("SLOW", "1"))
LONG = bool(os.environ.get("LONG"))  # the long cases too (make check-all)
COOKIE = "a-cookie-of-the-tests"


class Failed(Exception):
    """What was waited for did not come, or a command said no."""


class Skipped(Exception):
    """The test cannot be played here, and why."""


BLOCK = 100  # ports
taken = []  # (the socket that says that a block is ours, its ports)


def free_port():
    """A port of 127.0.0.1 that nobody listens on, that the kernel gives to no outgoing
    connection, and no other test to its nodes: one that restarts finds it free again."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        end = int(f.read().split()[0])
    blocks = list(range(end - 12000, end, BLOCK))
    random.shuffle(blocks)
    while True:
        for port in taken[-1][1] if taken else ():
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    pass
        mine = socket.socket(socket.AF_UNIX)
        first = blocks.pop()
        try:
            mine.bind("\0emqxd-tests-%d" % first)
            taken.append((mine, iter(range(first, first + BLOCK))))
        except OSError:
            mine.close()


def wait_until(what, seconds, fn):
    """Until fn() is true; its value. Errors of a command count as not yet."""
    end = time.monotonic() + seconds * SLOW
    last = None
    while time.monotonic() < end:
        try:
            value = fn()
            if value:
                return value
        except (Failed, OSError, ValueError) as e:
            last = e
        time.sleep(0.02)
    raise Failed("not within %d s: %s%s" % (seconds * SLOW, what, "; %s" % last if last else ""))


class Node:
    """One daemon."""

    def __init__(self, house, n, lines):
        self.house, self.n = house, n
        self.host, self.mqtt, self.port = house.place(n)
        self.name = "emqx%d@%s" % (n, self.host)
        self.dir = os.path.join(house.dir, "n%d" % n)
        self.process = None
        self.build = BUILD  # where its programs stand: another version's, perhaps
        self.lines = list(lines)
        os.makedirs(self.dir)
        self.write_conf()

    @property
    def address(self):
        return "%s:%d" % (self.name, self.port)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write_conf(self):
        lines = [
            'node.name = "%s"' % self.name,
            'node.cookie = "%s"' % COOKIE,
            'node.data_dir = "%s"' % self.path("data"),
            'ctl.socket = "%s"' % self.path("ctl.sock"),
            'listeners.tcp.default.bind = "%s:%d"' % (self.host, self.mqtt),
            'cluster.listen = "%s:%d"' % (self.host, self.port),
            'log.console.level = "info"',
        ]
        with open(self.path("emqx.conf"), "w", encoding="utf-8") as f:
            f.write("\n".join(lines + self.lines) + "\n")

    def start(self, wait=True):
        if self.process is not None:
            self.house.guard.dead(self.process.pid)
        with open(self.path("out"), "ab") as out, open(self.path("err"), "ab") as err:
            self.process = subprocess.Popen(
                self.house.inside(self.n) + [self.build + "/emqxd", "foreground", "-c", self.path("emqx.conf")],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.house.guard.born(self.process.pid)
        if wait:
            self.wait_ready()

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def wait_ready(self):
        def is_ready():
            if not self.is_up():
                raise SystemExit("%s ended: %s" % (self.name, self.tail()))
            return self.rows("status")[0]["state"] == "ready"
        wait_until(self.name + " is ready", 15, is_ready)

    def tail(self, n=15):
        with open(self.path("err"), encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-n:])

    def kill(self, sig=signal.SIGKILL):
        if self.is_up():
            self.process.send_signal(sig)
            self.process.wait(30 * SLOW)
            self.house.guard.dead(self.process.pid)

    def stop(self):
        """Ends it as an operator would; anything but status 0 is a failure."""
        if not self.is_up():
            return
        self.process.terminate()
        rc = self.process.wait(30 * SLOW)
        self.house.guard.dead(self.process.pid)
        if rc != 0:
            raise Failed("%s ended with %d: %s" % (self.name, self.process.returncode, self.tail()))

    def reports(self):
        """What a sanitizer found in the daemon or its child."""
        with open(self.path("err"), encoding="utf-8", errors="replace") as f:
            lines = f.read().splitlines()
        for i, line in enumerate(lines):
            if "Sanitizer" in line or "runtime error:" in line:
                return ["%s: %s" % (self.name, "\n".join(lines[i:i + 40]))]
        return []

    def pause(self):
        """A thread that runs stops a moment after the signal was sent."""
        self.process.send_signal(signal.SIGSTOP)
        wait_until("%s stands still" % self.name, 10, self.stands_still)

    def stands_still(self):
        tasks = "/proc/%d/task" % self.process.pid
        for task in os.listdir(tasks):
            with open("%s/%s/stat" % (tasks, task), encoding="utf-8") as f:
                if f.read().rsplit(")", 1)[1].split()[0] != "T":
                    return False
        return True

    def go_on(self):
        if self.is_up():
            self.process.send_signal(signal.SIGCONT)

    def children(self):
        """Pids of its children: the one that holds the Raft log."""
        pids, tasks = [], "/proc/%d/task" % self.process.pid
        for task in os.listdir(tasks):
            try:
                with open("%s/%s/children" % (tasks, task), encoding="ascii") as f:
                    pids += [int(p) for p in f.read().split()]
            except OSError:
                pass  # the thread has ended
        return pids

    def ctl(self, *words, timeout=30):
        """(exit code, stdout, stderr) of emqx_ctl."""
        done = subprocess.run(
            [self.build + "/emqx_ctl", "--socket", self.path("ctl.sock"), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=timeout * SLOW, check=False)
        return done.returncode, done.stdout, done.stderr

    def asked(self, answer, *words):
        """(exit code, all that a terminal shows) of a command that asks, and is answered so."""
        master, slave = pty.openpty()
        with subprocess.Popen([self.build + "/emqx_ctl", "--socket", self.path("ctl.sock"), *words],
                              stdin=slave, stdout=slave, stderr=slave) as tool:
            os.close(slave)
            shown, answers = "", [answer.encode() + b"\n"]
            while True:
                try:
                    shown += os.read(master, 4096).decode()
                except OSError:  # the other end is closed
                    break
                if "[y/N] " in shown and answers:
                    os.write(master, answers.pop())
        os.close(master)
        return tool.returncode, shown.replace("\r", "")

    def ok(self, *words, timeout=30):
        """stdout of a command that must succeed."""
        rc, out, err = self.ctl(*words, timeout=timeout)
        if rc != 0:
            raise Failed("%s: emqx_ctl %s: exit %d: %s" % (self.name, " ".join(words), rc, err.strip()))
        return out

    def offered(self, *words):
        """What completes the last of the words."""
        done = subprocess.run(
            [self.build + "/emqx_ctl", "__complete", *words], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=30 * SLOW, check=False, env={**os.environ, "EMQX_SOCKET": self.path("ctl.sock")})
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    def rows(self, *words):
        """The rows of a command; one that is no list has one."""
        rows = json.loads(self.ok(*words, "--json"))
        return rows if isinstance(rows, list) else [rows]

    def members(self):
        """name -> row of cluster status."""
        return {r["node"]: r for r in self.rows("cluster", "status")}

    def running(self):
        return sorted(n for n, r in self.members().items() if r["state"] == "running")


class Guard:
    """Outlives the test, whatever ends it, and then ends the nodes that it left."""

    SCRIPT = """while read -r word pid; do
            for old; do shift; [ "$old" = "$pid" ] || set -- "$@" "$old"; done
            [ "$word" = dead ] || set -- "$@" "$pid"
        done
        for pid; do kill -KILL "$pid"; done
        rm -rf "$0" """

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["sh", "-c", self.SCRIPT, folder], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True, text=True)

    def tell(self, word, pid):
        self.process.stdin.write("%s %d\n" % (word, pid))
        self.process.stdin.flush()

    def born(self, pid):
        self.tell("born", pid)

    def dead(self, pid):
        self.tell("dead", pid)

    def close(self):
        self.process.stdin.close()
        self.process.wait(30 * SLOW)


class House:
    """All nodes of a test; a context manager that leaves nothing behind."""

    def __init__(self, n, *lines):
        self.dir = tempfile.mkdtemp(prefix="emqxd-cluster.")
        self.guard = Guard(self.dir)
        self.nodes = [Node(self, i + 1, lines) for i in range(n)]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        wrong = []
        for node in self.nodes:
            node.go_on()
            try:
                if kind is None:
                    node.stop()
                wrong += node.reports()
            except (Failed, subprocess.TimeoutExpired) as e:
                wrong.append(str(e))
            node.kill()
            if kind is not None and os.path.exists(node.path("err")):
                print("--- %s\n%s" % (node.name, node.tail(40)))
        keep = os.environ.get("CHAOS_KEEP")
        if kind is not None and keep:
            shutil.copytree(self.dir, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
        self.guard.close()
        if wrong and kind is None:
            raise Failed("\n".join(wrong))

    def place(self, n):
        """(address, MQTT's port, cluster's port) of node @n."""
        return "127.0.0.1", free_port(), free_port()

    def inside(self, n):
        """What stands before the daemon's words to start node @n where it lives."""
        return []

    def __getitem__(self, n):
        """By number, from 1."""
        return self.nodes[n - 1]

    def start(self):
        for node in self.nodes:
            node.start(wait=False)
        for node in self.nodes:
            node.wait_ready()

    def join(self, to=1):
        """All others join node @to; until everybody sees everybody."""
        for node in self.nodes:
            if node is not self[to]:
                node.ok("cluster", "join", self[to].address, "--yes")
        self.wait_whole()

    def wait_whole(self, nodes=None):
        nodes = nodes or self.nodes
        names = sorted(n.name for n in nodes)
        for node in nodes:
            wait_until("%s sees %s" % (node.name, names), 15, lambda n=node: n.running() == names)


def run(*tests):
    """Plays the functions as a TAP test each; the first line of its docstring is the name."""
    failed = 0
    print("1..%d" % len(tests), flush=True)
    for i, test in enumerate(tests, 1):
        name = test.__doc__.strip().split("\n")[0]
        try:
            test()
            print("ok %d - %s" % (i, name), flush=True)
        except Skipped as e:
            print("ok %d - %s # SKIP %s" % (i, name, e), flush=True)
        except (Failed, AssertionError, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as e:
            failed += 1
            where = e.__traceback__
            while where.tb_next is not None:
                where = where.tb_next
            print("not ok %d - %s" % (i, name))
            for line in ("%s: %s" % (type(e).__name__, e)).splitlines():
                print("# " + line)
            print("# at %s:%d" % (where.tb_frame.f_code.co_filename, where.tb_lineno), flush=True)
    raise SystemExit(1 if failed else 0)


class Later(threading.Thread):
    """A test that is under way; joined when it is its turn to be told of."""

    def __init__(self, test):
        super().__init__()
        self.test, self.fault, self.__doc__ = test, None, test.__doc__
        self.start()

    def run(self):
        try:
            self.test()
        except BaseException as e:
            self.fault = e

    def __call__(self):
        self.join()
        if self.fault is not None:
            raise self.fault


def run_together(*tests):
    """The same as run(), all at once: for tests that wait far more than they work."""
    run(*[Later(t) for t in tests])
