#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nodes that find each other by themselves."""
import base64
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import urllib.request

from house import SLOW, House, Skipped, free_port, run_together, wait_until


def alarms(node):
    """name -> message of those that are active."""
    return {r["name"]: r["message"] for r in node.rows("alarms", "list") if r["active"]}


def configure(node, *lines):
    node.lines += lines
    node.write_conf()


def discovery(node):
    return node.rows("cluster", "discovery")[0]


def seeds(house):
    return ('cluster.discovery_strategy = static',
            'cluster.static.seeds = "%s"' % ", ".join(n.address for n in house.nodes))


# ---- one strategy

def static():
    """nodes that are started at once become one cluster; who left comes when it is told to"""
    with House(3) as h:
        for node in h.nodes:
            configure(node, *seeds(h))
        h.start()
        h.wait_whole()
        d = discovery(h[2])
        assert (d["strategy"], d["state"]) == ("static", "member"), d
        assert h[2].members()[h[2].name]["discovery"] == "static: member"
        assert h[3].rows("cluster", "leave", "--yes")[0]["discovery"] == "paused"
        h.wait_whole(h.nodes[:2])
        rounds = discovery(h[3])["rounds"]
        wait_until("it looked again", 10, lambda: discovery(h[3])["rounds"] > rounds + 1)
        assert discovery(h[3])["state"] == "paused"
        assert len(h[3].members()) == 1
        h[3].ok("cluster", "discovery", "enable")
        h.wait_whole()
        assert alarms(h[1]) == {}, alarms(h[1])


def waits():
    """without the first of the list nobody founds a cluster, and the status says for whom it waits"""
    with House(2) as h:
        first, other = sorted(h.nodes, key=lambda n: n.port)
        configure(other, *seeds(h))
        other.start()
        wait_until("it waits", 10, lambda: discovery(other)["state"] == "waiting")
        assert first.address in discovery(other)["hint"], discovery(other)
        assert first.address in other.members()[other.name]["hint"]
        first.start()
        h.wait_whole()


# ---- the others, each with two nodes on addresses of their own and one port

class Wide(House):
    """Node N is 127.0.0.(10 * at + N), all with the port of the first."""

    def __init__(self, at, *lines):
        super().__init__(2)
        for node in self.nodes:
            node.host = "127.0.0.%d" % (10 * at + node.n)
            node.name = "emqx@" + node.host
            node.port = self[1].port
            configure(node, 'cluster.listen = "%s:%d"' % (node.host, node.port),
                      'cluster.advertise = "%s:%d"' % (node.host, node.port), *lines)

    def meet(self):
        self.start()
        self.wait_whole()


class Service:
    """A program of somebody else; ends with the block."""

    def __init__(self, port, *argv):
        self.port, self.argv = port, argv

    def is_up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.argv[0] + " listens", 20, self.is_up)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def dnsmasq(port, *records):
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
    return Service(port, program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                   "--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", "--pid-file=",
                   "--user=", "--group=", "--port=%d" % port, *records)


def dns_a():
    """dns: the A records of a name are the nodes"""
    port = free_port()
    with Wide(1, "cluster.discovery_strategy = dns", "cluster.dns.name = emqx.test",
              'cluster.dns.server = "127.0.0.1:%d"' % port) as h, \
            dnsmasq(port, *["--host-record=emqx.test," + n.host for n in h.nodes]):
        h.meet()


def dns_srv():
    """dns: SRV records have ports of their own"""
    port = free_port()
    with House(2) as h:
        records = []
        for node in h.nodes:
            configure(node, "cluster.discovery_strategy = dns", "cluster.dns.record_type = srv",
                      "cluster.dns.name = _emqx._tcp.emqx.test",
                      'cluster.dns.server = "127.0.0.1:%d"' % port)
            # Names of hosts are dialled by the system's resolver: let it be one that it has.
            records.append("--srv-host=_emqx._tcp.emqx.test,localhost,%d" % node.port)
        with dnsmasq(port, *records):
            h.start()
            h.wait_whole()


def mcast():
    """mcast: nodes of a network hear each other"""
    with Wide(2, "cluster.discovery_strategy = mcast", "cluster.mcast.addr = 239.192.0.78",
              "cluster.mcast.ports = %d" % free_port(), 'cluster.mcast.iface = "127.0.0.1"') as h:
        h.meet()


def etcd():
    client, peer = free_port(), free_port()
    with Wide(3, "cluster.discovery_strategy = etcd", "cluster.etcd.node_ttl = 5s",
              'cluster.etcd.server = "http://127.0.0.1:%d"' % client) as h, \
            Service(client, "etcd", "--data-dir", os.path.join(h.dir, "etcd"),
                    "--listen-client-urls", "http://127.0.0.1:%d" % client,
                    "--advertise-client-urls", "http://127.0.0.1:%d" % client,
                    "--listen-peer-urls", "http://127.0.0.1:%d" % peer,
                    "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % peer,
                    "--initial-cluster", "default=http://127.0.0.1:%d" % peer):
        h.meet()
        names = etcd_keys(client)
        assert len(names) == 2, names
        h[2].stop()
        wait_until("its key is gone", 10, lambda: len(etcd_keys(client)) == 1)


def etcd_keys(port):
    body = {"key": base64.b64encode(b"emqxcl").decode(), "range_end": base64.b64encode(b"emqxcm").decode()}
    request = urllib.request.Request("http://127.0.0.1:%d/v3/kv/range" % port, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=5 * SLOW) as r:
        return [base64.b64decode(kv["key"]).decode() for kv in json.load(r).get("kvs", [])]


class Kubernetes(http.server.BaseHTTPRequestHandler):
    """The one question that is asked of its API."""

    def do_GET(self):
        is_known = self.path == "/api/v1/namespaces/default/endpoints/emqx"
        body = json.dumps(self.server.answer if is_known else {"kind": "Status"}).encode()
        self.send_response(200 if is_known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def k8s():
    """k8s: the endpoints of a service are the nodes"""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Wide(4, "cluster.discovery_strategy = k8s",
              'cluster.k8s.apiserver = "http://127.0.0.1:%d"' % server.server_port) as h:
        server.answer = {"subsets": [{"addresses": [{"ip": n.host} for n in h.nodes],
                                      "ports": [{"port": 1883}]}]}
        h.meet()
    server.shutdown()


def by_etcd():
    """etcd: two nodes meet, and the key of one that ends is gone"""
    if shutil.which("etcd") is None:
        raise Skipped("etcd is not installed (packaging/install-deps --all)")
    etcd()


def two():
    """two clusters are never made one: an alarm says that there are two"""
    with House(3) as h:
        h.start()
        h[2].ok("cluster", "join", h[1].address, "--yes")
        h.wait_whole(h.nodes[:2])
        h[3].stop()
        h[3].lines += seeds(h)
        h[3].write_conf()
        # A cluster of its own: somebody has joined it, and left again.
        with House(1) as other:
            other.start()
            h[3].lines = [line for line in h[3].lines if "seeds" not in line and "strategy" not in line]
            h[3].write_conf()
            h[3].start()
            other[1].ok("cluster", "join", h[3].address, "--yes")
            h[3].stop()
            configure(h[3], *seeds(h))
            h[3].start()
            wait_until("the alarm", 15, lambda: "cluster_two" in alarms(h[3]))
            assert sorted(h[3].members()) == sorted([h[3].name, other[1].name])
            assert len(h[1].members()) == 2


if __name__ == "__main__":
    run_together(static, waits, dns_a, dns_srv, mcast, by_etcd, k8s, two)
