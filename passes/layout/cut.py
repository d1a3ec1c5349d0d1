"""Minimum cuts: which nodes of a network belong to the source, so that the cut edges have the least capacity.

Dinic's algorithm, with loops in place of recursion. Cuts that are many but each local take few phases, and time that
grows with the size of the network.
"""

from __future__ import annotations

INFINITE = 1 << 200
"""A capacity that is never cut."""

SOURCE, SINK = 0, 1


class FlowNetwork:
    """A directed network. Nodes are numbered; `SOURCE` and `SINK` are there from the beginning."""

    def __init__(self) -> None:
        self._edges: list[list[int]] = [[], []]
        self._target: list[int] = []
        self._capacity: list[int] = []
        """Edge 2k and the one that flows back, 2k + 1."""

    def node(self) -> int:
        """A new node."""
        self._edges.append([])
        return len(self._edges) - 1

    def connect(self, start: int, end: int, capacity: int) -> None:
        """Adds an edge: `capacity` is cut where `start` is on the source's side and `end` on the sink's."""
        for node, target, amount in ((start, end, capacity), (end, start, 0)):
            self._edges[node].append(len(self._target))
            self._target.append(target)
            self._capacity.append(amount)

    def source_side(self) -> list[bool]:
        """For each node whether it is on the source's side of a minimum cut, the smallest such side."""
        while True:
            level = self._levels()
            if level[SINK] < 0:
                return [distance >= 0 for distance in level]
            self._block(level)

    def _levels(self) -> list[int]:
        """Distances from the source over edges with capacity left; -1 where there is no way."""
        level = [-1] * len(self._edges)
        level[SOURCE] = 0
        queue = [SOURCE]
        for node in queue:
            for edge in self._edges[node]:
                target = self._target[edge]
                if self._capacity[edge] and level[target] < 0:
                    level[target] = level[node] + 1
                    queue.append(target)
        return level

    def _block(self, level: list[int]) -> None:
        """Sends what can be sent along shortest ways."""
        following = [0] * len(self._edges)
        path: list[int] = []
        node = SOURCE
        while True:
            if node == SINK:
                node = self._push(path)
                continue
            edges = self._edges[node]
            while following[node] < len(edges):
                edge = edges[following[node]]
                if self._capacity[edge] and level[self._target[edge]] == level[node] + 1:
                    break
                following[node] += 1
            else:
                if not path:
                    return
                node = self._target[path.pop() ^ 1]
                following[node] += 1
                continue
            path.append(edge)
            node = self._target[edge]

    def _push(self, path: list[int]) -> int:
        """Sends all that fits along `path`, and shortens it to before its first full edge; the node reached."""
        amount = min(self._capacity[edge] for edge in path)
        for edge in path:
            self._capacity[edge] -= amount
            self._capacity[edge ^ 1] += amount
        first = next(i for i, edge in enumerate(path) if not self._capacity[edge])
        node = self._target[path[first] ^ 1]
        del path[first:]
        return node
