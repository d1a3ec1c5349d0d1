"""The graph that partitioning works on: numbered nodes and edges, nothing else. Knows no IR."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence


class Dag:
    """A directed graph without cycles. Nodes are 0, 1, ...; an edge leads from a producer to what takes its result.

    `predecessors[i]` are the producers that node i takes from, each once; `successors[i]` the nodes that take from it;
    `order` is a topological order, the numbers themselves where these are one.
    """

    __slots__ = ("order", "predecessors", "successors")

    def __init__(self, predecessors: Sequence[Iterable[int]]) -> None:
        """Takes for each node its producers. Raises `ValueError` for an unknown node and where there is a cycle."""
        count = len(predecessors)
        self.predecessors = tuple(tuple(dict.fromkeys(before)) for before in predecessors)
        after: list[list[int]] = [[] for _ in range(count)]
        for node, before in enumerate(self.predecessors):
            for producer in before:
                if not 0 <= producer < count:
                    raise ValueError(f"node {node} takes from {producer}, but there are only {count} nodes")
                after[producer].append(node)
        self.successors = tuple(map(tuple, after))
        self.order = self._topological_order()

    @classmethod
    def from_edges(cls, count: int, edges: Iterable[tuple[int, int]]) -> Dag:
        """The graph of `count` nodes with edges (producer, consumer)."""
        before: list[list[int]] = [[] for _ in range(count)]
        for producer, consumer in edges:
            before[consumer].append(producer)
        return cls(before)

    def __len__(self) -> int:
        return len(self.predecessors)

    def reversed(self) -> Dag:
        """The graph with every edge turned round."""
        return Dag(self.successors)

    def _topological_order(self) -> tuple[int, ...]:
        if all(not before or max(before) < node for node, before in enumerate(self.predecessors)):
            return tuple(range(len(self)))
        order = _smallest_first(self.predecessors, self.successors)
        if len(order) < len(self):
            raise ValueError("the graph has a cycle")
        return tuple(order)


def execution_order(graph: Dag, regions: Sequence[Collection[int]]) -> list[tuple[int, ...]]:
    """An order in which regions and the nodes outside them can run, each region as a whole.

    Every element is a region's nodes in topological order, or a single node. Of what can run, that with the smallest
    node comes first, so that the order stays near the given one. Raises `ValueError` where regions overlap or wait for
    one another: then they are not convex, or not jointly so.
    """
    rank = {node: place for place, node in enumerate(graph.order)}
    block_of = [-1] * len(graph)
    blocks: list[tuple[int, ...]] = []
    for region in regions:
        for node in region:
            if block_of[node] >= 0:
                raise ValueError(f"node {node} is in two regions")
            block_of[node] = len(blocks)
        blocks.append(tuple(sorted(region, key=rank.__getitem__)))
    for node in graph.order:
        if block_of[node] < 0:
            block_of[node] = len(blocks)
            blocks.append((node,))
    # Blocks are numbered by their first nodes, so that the smallest number comes first.
    by_place = sorted(range(len(blocks)), key=lambda block: min(map(rank.__getitem__, blocks[block]), default=-1))
    number = {block: place for place, block in enumerate(by_place)}
    before: list[set[int]] = [set() for _ in blocks]
    after: list[set[int]] = [set() for _ in blocks]
    for node, producers in enumerate(graph.predecessors):
        mine = number[block_of[node]]
        for producer in producers:
            other = number[block_of[producer]]
            if other != mine:
                before[mine].add(other)
                after[other].add(mine)
    order = _smallest_first(before, after)
    if len(order) < len(blocks):
        raise ValueError("the regions wait for one another")
    return [blocks[by_place[place]] for place in order]


def _smallest_first(before: Sequence[Collection[int]], after: Sequence[Iterable[int]]) -> list[int]:
    """The topological order that takes the smallest number that is ready; what lies behind a cycle is missing."""
    waiting = [len(producers) for producers in before]
    ready = [node for node, count in enumerate(waiting) if not count]
    order = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for consumer in after[node]:
            waiting[consumer] -= 1
            if not waiting[consumer]:
                heapq.heappush(ready, consumer)
    return order


def components(graph: Dag, nodes: Collection[int]) -> list[frozenset[int]]:
    """`nodes` as sets that edges between them connect, whatever way the edges lead; ordered by first node."""
    inside = set(nodes)
    found = []
    for start in sorted(nodes):
        if start not in inside:
            continue
        inside.discard(start)
        stack, part = [start], {start}
        while stack:
            node = stack.pop()
            for neighbour in (*graph.predecessors[node], *graph.successors[node]):
                if neighbour in inside:
                    inside.discard(neighbour)
                    part.add(neighbour)
                    stack.append(neighbour)
        found.append(frozenset(part))
    return found
