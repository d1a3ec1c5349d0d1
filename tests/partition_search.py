"""The smallest number of regions, found by trying everything; shares no code and no idea with the partitioner."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from nir.passes.partition import Dag


def fewest_by_trying(graph: Dag, owners: Sequence[int | None], connected: bool) -> int:
    """The smallest number of regions of `graph`, by every sequence of sets of nodes that can run together."""
    count = len(graph)
    everything = (1 << count) - 1

    def runs(nodes: int, done: int) -> bool:
        return all(
            (done | nodes) >> p & 1 for node in range(count) if nodes >> node & 1 for p in graph.predecessors[node]
        )

    def with_host(done: int) -> int:
        changed = True
        while changed:
            changed = False
            for node in range(count):
                if owners[node] is None and not done >> node & 1 and runs(1 << node, done):
                    done |= 1 << node
                    changed = True
        return done

    @functools.cache
    def fewest(done: int) -> int:
        if done == everything:
            return 0
        return 1 + min(fewest(with_host(done | region)) for region in possible(done))

    def possible(done: int) -> Iterator[int]:
        for owner in {owner for owner in owners if owner is not None}:
            free = sum(1 << n for n in range(count) if owners[n] == owner and not done >> n & 1)
            region = free
            while region:
                if runs(region, done) and (not connected or in_one_piece(graph, region)):
                    yield region
                region = (region - 1) & free

    return fewest(with_host(0))


def in_one_piece(graph: Dag, region: int) -> bool:
    """Whether edges inside `region` (bits of nodes) join all of it."""
    nodes = [node for node in range(len(graph)) if region >> node & 1]
    reached = {nodes[0]}
    for _ in nodes:
        for node in nodes:
            if node not in reached and reached & {*graph.predecessors[node], *graph.successors[node]}:
                reached.add(node)
    return len(reached) == len(nodes)


def merged_greedily(graph: Dag, owners: Sequence[int | None]) -> list[set[int]]:
    """What TVM's MergeCompilerRegions does: every node, producers first, takes in the regions of its producers unless
    another way leads from there to it.
    """
    region_of = {node: {node} for node in range(len(graph)) if owners[node] is not None}
    for node in graph.order:
        if owners[node] is None:
            continue
        for producer in graph.predecessors[node]:
            other, mine = region_of.get(producer), region_of[node]
            if other is None or other is mine or owners[producer] != owners[node]:
                continue
            if not leads_around(graph, other, mine, region_of):
                mine |= other
                region_of.update(dict.fromkeys(other, mine))
    return list({id(region): region for region in region_of.values()}.values())


def leads_around(graph: Dag, start: set[int], end: set[int], region_of: dict[int, set[int]]) -> bool:
    """Whether something outside of both takes from `start` and gives to `end`; regions run as a whole."""
    frontier = [s for node in start for s in graph.successors[node] if s not in start and s not in end]
    seen: set[int] = set()
    while frontier:
        node = frontier.pop()
        if node in end:
            return True
        if node not in seen:
            whole = region_of.get(node, {node})
            seen |= whole
            frontier += [s for each in whole for s in graph.successors[each] if s not in start and s not in whole]
    return False


def set_partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """Every way to split `items` into sets."""
    if not items:
        yield []
        return
    first, *rest = items
    for parts in set_partitions(rest):
        yield [[first], *parts]
        for place in range(len(parts)):
            yield [*parts[:place], [first, *parts[place]], *parts[place + 1 :]]


def is_acyclic(graph: Dag, regions: Sequence[Sequence[int]]) -> bool:
    """Whether the graph with each region drawn together has no cycle: by taking away what nothing is before."""
    block = {node: node for node in range(len(graph))}
    for place, region in enumerate(regions):
        block.update(dict.fromkeys(region, len(graph) + place))
    edges = {(block[p], block[n]) for n in range(len(graph)) for p in graph.predecessors[n] if block[p] != block[n]}
    left = set(block.values())
    while left:
        free = left - {consumer for _, consumer in edges}
        if not free:
            return False
        left -= free
        edges = {edge for edge in edges if edge[0] in left and edge[1] in left}
    return True


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> Dag:
    """Graphs of up to `most` nodes, sparse or dense, in an order that need not be topological."""
    count = draw(st.integers(1, most))
    density = draw(st.integers(1, 3))
    before = [
        draw(st.sets(st.integers(max(0, node - 5), node - 1), max_size=density)) if node else set()
        for node in range(count)
    ]
    place = draw(st.permutations(range(count))) if draw(st.booleans()) else range(count)
    moved: list[list[int]] = [[] for _ in range(count)]
    for node, producers in enumerate(before):
        moved[place[node]] = [place[producer] for producer in producers]
    return Dag(moved)


@st.composite
def owned_graphs(draw: st.DrawFn, owners: int = 1, most: int = 12) -> tuple[Dag, list[int | None]]:
    """A graph, and for each node its owner or None."""
    graph = draw(graphs(most))
    of_node = st.sampled_from([*range(owners), *range(owners), None])
    return graph, draw(st.lists(of_node, min_size=len(graph), max_size=len(graph)))
