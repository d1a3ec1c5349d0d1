"""Few regions that are each of one piece: any two nodes of a region are joined by edges inside it.

TVM's partitioner makes such regions. Finding the fewest is a hard problem. Here the connected parts of the phases
(phases.py), forwards and backwards, and single nodes are merged with their neighbours as long as two can be; the best
is taken. Small graphs in which that does not meet the lower bound are searched through.
"""

from __future__ import annotations

from collections.abc import Iterator

from nir.passes.partition.graph import Dag, components
from nir.passes.partition.merging import merged
from nir.passes.partition.phases import Owners, fewest, phases

_LARGEST_SEARCHED = 14
"""Nodes of a graph (or of a part of it that is connected with nothing else) that is searched through."""


def connected_regions(graph: Dag, owners: Owners) -> list[list[int]]:
    """Regions of one piece and one owner that can run one after the other, in no particular order."""
    found: list[list[int]] = []
    for part in components(graph, range(len(graph))):
        nodes = sorted(part)
        number = {node: place for place, node in enumerate(nodes)}
        inner = Dag([[number[producer] for producer in graph.predecessors[node]] for node in nodes])
        regions = _of_one_part(inner, [owners[node] for node in nodes])
        found += [[nodes[place] for place in region] for region in regions]
    return found


def _of_one_part(graph: Dag, owners: Owners) -> list[list[int]]:
    """The same for a graph that is of one piece."""
    bound = fewest(graph, owners)
    best: list[list[int]] | None = None
    for start in _beginnings(graph, owners):
        regions = start if len(start) <= bound else merged(graph, start, owners)
        if best is None or len(regions) < len(best):
            best = regions
        if len(best) <= bound:
            return best
    assert best is not None, "there is a beginning"
    return _searched(graph, owners, best) if len(graph) <= _LARGEST_SEARCHED else best


def _beginnings(graph: Dag, owners: Owners) -> Iterator[list[list[int]]]:
    for regions in (phases(graph, owners), phases(graph.reversed(), owners)):
        yield [sorted(part) for region in regions for part in components(graph, region)]
    yield [[node] for node in graph.order if owners[node] is not None]


def _searched(graph: Dag, owners: Owners, known: list[list[int]]) -> list[list[int]]:
    """The fewest regions, by going through all sequences of regions; states are sets of done nodes, as bits.

    A region is grown node by node from what can run. Once a state was reached with so many regions, it is not looked
    at again with as many. `known` is returned where nothing is better.
    """
    everything = (1 << len(graph)) - 1
    needed = [sum(1 << producer for producer in before) for before in graph.predecessors]
    linked = [before | sum(1 << consumer for consumer in graph.successors[n]) for n, before in enumerate(needed)]

    def with_host(done: int) -> int:
        for node in graph.order:
            if owners[node] is None and needed[node] & ~done == 0:
                done |= 1 << node
        return done

    level: dict[int, tuple[list[int], ...]] = {with_host(0): ()}
    seen = set(level)
    for _ in range(len(known) - 1):
        following: dict[int, tuple[list[int], ...]] = {}
        for done, regions in level.items():
            for region in _possible_regions(graph, owners, done, needed, linked):
                state = with_host(done | region)
                if state in seen:
                    continue
                seen.add(state)
                following[state] = (*regions, [node for node in graph.order if region >> node & 1])
                if state == everything:
                    return list(following[state])
        level = following
    return known


def _possible_regions(graph: Dag, owners: Owners, done: int, needed: list[int], linked: list[int]) -> Iterator[int]:
    """Every connected set of nodes of one owner that can run when `done` has."""
    seen: set[int] = set()
    for owner in {owner for owner in owners if owner is not None}:
        free = [node for node in graph.order if owners[node] == owner and not done >> node & 1]
        # Sets that can run, connected or not yet: a node that joins two parts may come last.
        stack = [0]
        while stack:
            region = stack.pop()
            for node in free:
                larger = region | 1 << node
                if larger != region and larger not in seen and needed[node] & ~(done | region) == 0:
                    seen.add(larger)
                    stack.append(larger)
                    if _is_connected(larger, linked):
                        yield larger


def _is_connected(region: int, linked: list[int]) -> bool:
    reached = frontier = region & -region
    while frontier:
        node = frontier.bit_length() - 1
        new = linked[node] & region & ~reached
        reached |= new
        frontier = (frontier & ~(1 << node)) | new
    return reached == region
