"""Merging neighbouring regions of a graph, as long as the regions can still run one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nir.passes.partition.graph import Dag, execution_order


class Merging:
    """The graph with each region drawn together to one block, in an order in which the blocks can run.

    Two blocks of which one takes from the other can become one unless something in between takes from the first and
    gives to the second. What lies between them in the order is looked at for that, no more.
    """

    def __init__(self, graph: Dag, regions: Sequence[Collection[int]]) -> None:
        """Takes regions that do not overlap; every other node is a block of its own. Raises `ValueError` for regions
        that wait for one another.
        """
        self.order = list(range(len(execution := execution_order(graph, regions))))
        self.members: list[list[int]] = [list(block) for block in execution]
        self.rank = list(self.order)
        block_of = {node: block for block, nodes in enumerate(self.members) for node in nodes}
        pairs = [(block_of[p], block_of[node]) for node in graph.order for p in graph.predecessors[node]]
        self.before: list[set[int]] = [set() for _ in self.members]
        self.after: list[set[int]] = [set() for _ in self.members]
        for producer, consumer in pairs:
            if producer != consumer:
                self.before[consumer].add(producer)
                self.after[producer].add(consumer)

    def merge(self, first: int, second: int) -> bool:
        """Makes `second`, which takes from `first`, one with it: the block `second`. False where that cannot be."""
        start, end = self.rank[first], self.rank[second]
        behind = self._behind(first, second)
        if behind is None:
            return False
        window = self.order[start + 1 : end]
        # What waits for the first comes after the new block; the rest of the window does not need it.
        kept = [block for block in window if block not in behind]
        moved = [block for block in window if block in behind]
        self.order[start : end + 1] = [*kept, second, *moved, -1]
        for place in range(start, end + 1):
            if self.order[place] >= 0:
                self.rank[self.order[place]] = place
        self._join(first, second)
        return True

    def _behind(self, first: int, second: int) -> set[int] | None:
        """Blocks before `second` that depend on `first`; None where `second` depends on one of them."""
        end = self.rank[second]
        found: set[int] = set()
        stack = [block for block in self.after[first] if block != second and self.rank[block] < end]
        while stack:
            block = stack.pop()
            if block in found:
                continue
            if second in self.after[block]:
                return None
            found.add(block)
            stack.extend(later for later in self.after[block] if self.rank[later] < end)
        return found

    def _join(self, first: int, second: int) -> None:
        self.members[second] += self.members[first]
        self.members[first] = []
        for neighbours, back in ((self.before, self.after), (self.after, self.before)):
            for other in neighbours[first]:
                back[other].discard(first)
                if other != second:
                    back[other].add(second)
                    neighbours[second].add(other)
            neighbours[first] = set()
        self.before[second].discard(first)
        self.before[second].discard(second)
        self.after[second].discard(second)


def merged(
    graph: Dag, regions: Sequence[Collection[int]], owners: Sequence[int | None], rounds: int = 20
) -> list[list[int]]:
    """`regions`, neighbours of one owner merged wherever that can be, until nothing changes (or `rounds` are over).

    Consumers are looked at in topological order, and take in their producers: with single nodes as regions this does
    what TVM's MergeCompilerRegions does. Every node that has an owner has to be in a region.
    """
    blocks = Merging(graph, regions)
    owner = [owners[nodes[0]] for nodes in blocks.members]
    changed = True
    while changed and rounds > 0:
        changed = False
        rounds -= 1
        for block in [block for block in blocks.order if block >= 0 and owner[block] is not None]:
            if not blocks.members[block]:
                continue
            producers = [before for before in blocks.before[block] if owner[before] == owner[block]]
            for producer in sorted(producers, key=blocks.rank.__getitem__, reverse=True):
                changed |= blocks.merge(producer, block)
    return [sorted(nodes) for nodes, mine in zip(blocks.members, owner, strict=True) if nodes and mine is not None]
