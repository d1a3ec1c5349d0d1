"""The fewest regions where a region may have unconnected parts: a program for one accelerator and the host is cut into
phases, and all that the accelerator does in a phase is one region.

With one accelerator this is the minimum, in linear time: region k holds the nodes before which k - 1 others have to
have ended, and along some path there are as many changes. With several accelerators the order in which they take turns
matters (a relative of the shortest common supersequence, NP-hard), and is searched for: exactly in small graphs and
wherever the lower bound is met, by list scheduling in what is left.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from nir.passes.partition.graph import Dag, execution_order
from nir.passes.partition.merging import merged

Owners = Sequence["int | None"]
"""For each node the number of the accelerator that runs it, or None for the host."""

_EFFORT = 2_000_000
"""Nodes that the search may look at, over all its steps."""


def phases(graph: Dag, owners: Owners) -> list[list[int]]:
    """Regions in an order in which they can run. All nodes of a region have one owner; the host's are in none."""
    kinds = sorted({owner for owner in owners if owner is not None})
    if len(kinds) <= 1:
        return earliest_phases(graph, owners)
    found = _searched(graph, owners, kinds)
    if found is not None:
        return found
    forwards = _scheduled(graph, owners)
    backwards = _scheduled(graph.reversed(), owners)[::-1]
    pairwise = merged(graph, [[node] for node in graph.order if owners[node] is not None], owners)
    return min(forwards, backwards, _in_order(graph, pairwise), key=len)


def _in_order(graph: Dag, regions: list[list[int]]) -> list[list[int]]:
    """Regions of any order in one in which they can run."""
    first = {region[0]: region for region in map(sorted, regions)}
    return [first[min(block)] for block in execution_order(graph, regions) if min(block) in first]


def earliest_phases(graph: Dag, owners: Owners) -> list[list[int]]:
    """For at most one owner: each node in the first phase in which it can run."""
    phase = [0] * len(graph)
    for node in graph.order:
        reached = 0
        mine = owners[node] is not None
        for producer in graph.predecessors[node]:
            # A region has to have ended before the host takes from it, and the next one begins after that.
            ended = phase[producer] + (mine and owners[producer] is None)
            reached = max(reached, ended)
        phase[node] = max(reached, 1) if mine else reached
    regions: list[list[int]] = [[] for _ in range(max(phase, default=0))]
    for node in graph.order:
        if owners[node] is not None:
            regions[phase[node] - 1].append(node)
    return [region for region in regions if region]


def heights(graph: Dag, owners: Owners) -> list[int]:
    """For each node how many regions there are at least on the way from it to the end, its own included."""
    height = [0] * len(graph)
    for node in reversed(graph.order):
        mine = owners[node]
        for consumer in graph.successors[node]:
            entered = mine is not None and owners[consumer] != mine
            height[node] = max(height[node], height[consumer] + entered)
        if mine is not None:
            height[node] = max(height[node], 1)
    return height


def fewest(graph: Dag, owners: Owners) -> int:
    """A number of regions that no partition can do with less than; with at most one owner it is reached."""
    kinds = {owner for owner in owners if owner is not None}
    longest = max(heights(graph, owners), default=0)
    return max(longest, sum(max(_heights_of(graph, owners, kind)) for kind in kinds))


def _heights_of(graph: Dag, owners: Owners, kind: int) -> list[int]:
    return heights(graph, [owner if owner == kind else None for owner in owners])


def _searched(graph: Dag, owners: Owners, kinds: Sequence[int]) -> list[list[int]] | None:
    """The fewest regions by a best-first search over who takes the next turn; None where it takes too long.

    A turn does all that can be done in it: doing more never costs a region later on. A state is the set of nodes that
    are done, as the bits of a number.
    """
    whole = heights(graph, owners)
    apart = [_heights_of(graph, owners, kind) for kind in kinds]
    needed = [sum(1 << producer for producer in before) for before in graph.predecessors]

    def closed(done: int, kind: int | None) -> int:
        for node in graph.order:
            if owners[node] == kind and not done >> node & 1 and needed[node] & done == needed[node]:
                done |= 1 << node
        return done

    def remaining(done: int) -> int:
        undone = [node for node in graph.order if not done >> node & 1]
        if not undone:
            return 0
        return max(max(whole[node] for node in undone), sum(max(of[node] for node in undone) for of in apart))

    start = closed(0, None)
    came: dict[int, tuple[int, int] | None] = {start: None}
    cost = {start: 0}
    queue = [(remaining(start), 0, start)]
    effort = 0
    while queue:
        _, taken, done = heapq.heappop(queue)
        if done == (1 << len(graph)) - 1:
            return _turns(done, came)
        if -taken > cost[done]:
            continue
        for kind in kinds:
            effort += len(graph) * (1 + len(graph) // 500)  # a long number takes longer to shift
            ended = closed(done, kind)
            if ended == done:
                continue
            state = closed(ended, None)
            if cost.get(state, len(graph) + 1) > 1 - taken:
                cost[state] = 1 - taken
                came[state] = (done, ended)
                heapq.heappush(queue, (1 - taken + remaining(state), taken - 1, state))
        if effort > _EFFORT:
            return None
    raise AssertionError("the whole graph can be reached")


def _turns(done: int, came: dict[int, tuple[int, int] | None]) -> list[list[int]]:
    """The nodes of each turn on the way to `done`."""
    found = []
    step = came[done]
    while step is not None:
        before, ended = step
        turn = ended & ~before
        found.append([node for node in range(turn.bit_length()) if turn >> node & 1])
        step = came[before]
    return found[::-1]


def _scheduled(graph: Dag, owners: Owners) -> list[list[int]]:
    """Turn by turn, the owner of the node that has most before it goes next; each does all that it can."""
    height = heights(graph, owners)
    waiting = [len(before) for before in graph.predecessors]
    ready: dict[int | None, list[int]] = {owner: [] for owner in (None, *owners)}
    for node in graph.order:
        if not waiting[node]:
            ready[owners[node]].append(node)

    def run(kind: int | None) -> list[int]:
        done = ready[kind]
        ready[kind] = []
        for node in done:  # grows on the way
            for consumer in graph.successors[node]:
                waiting[consumer] -= 1
                if not waiting[consumer]:
                    (done if owners[consumer] == kind else ready[owners[consumer]]).append(consumer)
        return done

    regions = []
    run(None)
    while any(ready.values()):
        kind = max(
            (owner for owner, nodes in ready.items() if nodes),
            key=lambda owner: (max(height[node] for node in ready[owner]), len(ready[owner])),
        )
        regions.append(run(kind))
        run(None)
    return regions
