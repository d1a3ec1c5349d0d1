"""Which nodes of a graph become one region: the entry to the algorithms. Knows no IR.

A region is what one call to an accelerator does. Regions can run one after the other, each as a whole, with the host's
nodes before, between and after them: no region waits for a host's node that waits for the same region, nor do two
regions wait for one another. Among the ways to do that, one with the fewest regions is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nir.passes.partition.connected import connected_regions
from nir.passes.partition.graph import Dag, execution_order
from nir.passes.partition.phases import Owners, phases
from nir.passes.partition.placement import settled


@dataclass(frozen=True)
class Region:
    """Nodes, in topological order, that `owner` runs together."""

    owner: int
    nodes: tuple[int, ...]


def find_regions(graph: Dag, supported: Sequence[bool], *, connected: bool = False) -> list[frozenset[int]]:
    """The fewest regions that hold all supported nodes, in an order in which they can run.

    By default a region may consist of several parts that no edge connects: such parts wait for one another only where
    another region would cost a further call. The number is then the smallest that there is, found in linear time.
    With `connected` every region is of one piece, as those of TVM are: the smallest number in graphs of up to 14 nodes
    and wherever the lower bound is met, and never more than merging into consumers finds.
    """
    owners = [0 if is_supported else None for is_supported in supported]
    return [frozenset(region.nodes) for region in find_owned_regions(graph, owners, connected=connected)]


def find_owned_regions(
    graph: Dag, owners: Owners, *, connected: bool = False, weights: Sequence[int] | None = None
) -> list[Region]:
    """The same for several accelerators: `owners` has the number of each node's, or None for the host.

    All nodes of a region have one owner. With several owners the number is the smallest where the search ends in time,
    which it does in small graphs. Of as many regions those are sought that few bytes cross: `weights` are what each
    node gives.
    """
    if len(owners) != len(graph):
        raise ValueError(f"{len(owners)} owners are given for {len(graph)} nodes")
    if connected:
        regions = connected_regions(graph, owners)
    else:
        regions = settled(graph, owners, phases(graph, owners), weights)
    found = []
    for block in execution_order(graph, regions):
        owner = owners[block[0]]
        if owner is not None:
            found.append(Region(owner, block))
    return found


__all__ = ["Dag", "Region", "execution_order", "find_owned_regions", "find_regions"]
