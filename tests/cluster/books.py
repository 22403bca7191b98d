# SPDX-License-Identifier: Apache-2.0
"""What the nodes say that they lost, for the chaos run.

A fault excuses the loss of a message only where a node that lived on has counted it. Whose
process ended, or who was no member, has no books that could be looked at.
"""
LOSSES = ("messages.forward.lost", "messages.forward.dropped", "delivery.dropped")
WITHOUT = {"kill", "restart", "leave", "force leave"}  # kinds of faults


class Books:
    """The counters of all nodes, since the round before ended."""

    def __init__(self, house, rows):
        self.house, self.rows = house, rows
        self.before = {}  # pid -> what it had counted

    async def read(self):
        """(pid -> losses) of all nodes."""
        now = {}
        for node in self.house.nodes:
            counters = {r["name"]: r["value"] for r in await self.rows(node, "broker", "metrics")}
            now[node.process.pid] = sum(int(counters[name]) for name in LOSSES)
        return now

    async def begin(self):
        self.before = await self.read()

    async def counted(self):
        """Losses of this round."""
        return sum(n - self.before.get(pid, 0) for pid, n in (await self.read()).items())
