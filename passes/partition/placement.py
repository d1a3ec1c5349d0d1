"""Which of the regions a part runs in that could run in several: that where the fewest bytes cross boundaries.

The number of regions stays. A part is what edges join within a region; nothing in it waits for another part of the same
region, so that a part whose results are needed late may as well run late, together with what takes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from nir.passes.partition.graph import Dag, components
from nir.passes.partition.phases import Owners


def settled(
    graph: Dag, owners: Owners, regions: Sequence[Sequence[int]], weights: Sequence[int] | None = None
) -> list[list[int]]:
    """`regions`, given in an order in which they run, with parts moved to later ones of the same owner.

    `weights[node]` are the bytes that the node gives, 1 each where they are not known. Regions that are left without
    nodes are left out, so that there may be fewer than before.
    """
    placement = _Placement(graph, owners, regions, weights or [1] * len(graph))
    for index in reversed(range(len(regions))):
        for part in components(graph, regions[index]):
            placement.settle(part, index)
    moved: list[list[int]] = [[] for _ in regions]
    for node in graph.order:
        if placement.region[node] is not None:
            moved[placement.region[node]].append(node)  # type: ignore[index]
    return [region for region in moved if region]


class _Placement:
    """The region of each node while parts are moved, from the last region to the first."""

    def __init__(self, graph: Dag, owners: Owners, regions: Sequence[Sequence[int]], weights: Sequence[int]) -> None:
        self.graph = graph
        self.weights = weights
        self.owner_of = [owners[region[0]] for region in regions]
        self.region: list[int | None] = [None] * len(graph)
        for index, region in enumerate(regions):
            for node in region:
                self.region[node] = index
        self._latest: list[int | None] = [None] * len(graph)

    def settle(self, part: frozenset[int], index: int) -> None:
        """Moves a part of region `index` to where it costs least; it stays where that is as good."""
        latest = min((self._limit(node, part) for node in part), default=index)
        consumers = (consumer for node in part for consumer in self.graph.successors[node])
        later = {self.region[consumer] for consumer in consumers} - {None, index}
        owner = self.owner_of[index]
        candidates = [place for place in later if place is not None and index < place <= latest]
        best, cost = index, self._cost(part, index)
        for place in sorted(candidates):
            if self.owner_of[place] == owner and self._cost(part, place) < cost:
                best, cost = place, self._cost(part, place)
        for node in part:
            self.region[node] = best

    def _limit(self, node: int, part: frozenset[int]) -> int:
        """The last region in which a node may run."""
        limit = len(self.owner_of) - 1
        for consumer in self.graph.successors[node]:
            if consumer in part:
                continue
            place = self.region[consumer]
            limit = min(limit, self._before(consumer) - 1 if place is None else place)
        return limit

    def _before(self, node: int) -> int:
        """The first region that waits for a node of the host; what it depends on has been settled already."""
        stack = [node]
        while stack:
            at = stack[-1]
            pending = [c for c in self.graph.successors[at] if self.region[c] is None and self._latest[c] is None]
            if pending:
                stack += pending
                continue
            stack.pop()
            found = len(self.owner_of)
            for consumer in self.graph.successors[at]:
                place = self.region[consumer]
                known = self._latest[consumer] if place is None else place
                assert known is not None, "what comes later is known first"
                found = min(found, known)
            self._latest[at] = found
        result = self._latest[node]
        assert result is not None, "it was worked out above"
        return result

    def _cost(self, part: frozenset[int], place: int) -> int:
        """Bytes that cross where the part runs in region `place`: results that leave, and what enters for it alone."""
        total = 0
        taken: set[int] = set()
        for node in part:
            others = (consumer for consumer in self.graph.successors[node] if consumer not in part)
            if any(self.region[consumer] != place for consumer in others):
                total += self.weights[node]
            taken.update(producer for producer in self.graph.predecessors[node] if producer not in part)
        for producer in taken:
            sharers = (consumer for consumer in self.graph.successors[producer] if consumer not in part)
            enters = self.region[producer] != place
            if enters and not any(self.region[consumer] == place for consumer in sharers):
                total += self.weights[producer]
        return total
