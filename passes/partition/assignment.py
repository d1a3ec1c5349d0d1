"""Who runs what: from the reasons that each target gives against each operator to regions. Knows no IR.

An operator goes to the first target that has nothing against it. A region that is not worth a call is given up: its
operators then have that as a further reason, and go to the next target or to the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nir.errors import PartitionError
from nir.passes.partition.graph import Dag
from nir.passes.partition.regions import Region, find_owned_regions
from nir.targets import Reason

TOO_SMALL = "region-too-small"
"""The rule that operators break whose region is not worth a call."""


@dataclass(frozen=True)
class Worth:
    """What makes a region worth a call: at least so many operators, and so many multiply-accumulates."""

    operators: int = 1
    macs: int = 0

    def __post_init__(self) -> None:
        if self.operators < 0 or self.macs < 0:
            raise PartitionError("the least operators and multiply-accumulates of a region are not negative")

    def objection(self, operators: int, macs: int) -> str | None:
        """What a region of so many lacks, or None."""
        if operators < self.operators:
            return f"{operators} operators, where {self.operators} are the least"
        if macs < self.macs:
            return f"{macs} multiply-accumulates, where {self.macs} are the least"
        return None


@dataclass(frozen=True)
class Weighed:
    """The graph, and for each node what each target has against it, how many operators it stands for, and how many
    multiply-accumulates. A node of no operators is never a reason for a region.
    """

    graph: Dag
    objections: Sequence[Sequence[tuple[Reason, ...]]]
    operators: Sequence[int]
    macs: Sequence[int]
    bytes: Sequence[int] | None = None
    """Bytes that each node gives."""


@dataclass
class Assignment:
    """Regions in an order in which they can run, and the reasons against every node outside."""

    regions: list[Region] = field(default_factory=list)
    reasons: dict[int, tuple[Reason, ...]] = field(default_factory=dict)


def assign(weighed: Weighed, targets: Sequence[str], worth: Worth | None = None, connected: bool = False) -> Assignment:
    """The fewest regions of all nodes that a target runs; see `find_owned_regions` for `connected`."""
    worth = worth or Worth()
    objections = [[list(reasons) for reasons in of_node] for of_node in weighed.objections]
    while True:
        owners = [next((i for i, reasons in enumerate(of_node) if not reasons), None) for of_node in objections]
        regions = find_owned_regions(weighed.graph, owners, connected=connected, weights=weighed.bytes)
        given_up = _not_worth_a_call(weighed, regions, worth)
        if not given_up:
            outside = {
                node: tuple(reason for reasons in objections[node] for reason in reasons)
                for node, owner in enumerate(owners)
                if owner is None
            }
            return Assignment(regions, outside)
        # What one target gives up may make a region of the next one large enough: the preferred target comes first.
        first = min(region.owner for region, _ in given_up)
        for region, found in given_up:
            if region.owner == first:
                reason = Reason(targets[first], TOO_SMALL, "The region is worth a call", found)
                for node in region.nodes:
                    objections[node][first].append(reason)


def _not_worth_a_call(weighed: Weighed, regions: Sequence[Region], worth: Worth) -> list[tuple[Region, str]]:
    """Regions that are not worth a call, and what they lack."""
    found = []
    for region in regions:
        operators = sum(weighed.operators[node] for node in region.nodes)
        lack = worth.objection(operators, sum(weighed.macs[node] for node in region.nodes))
        if lack is None and not operators:
            lack = "nothing is left to do"
        if lack is not None:
            found.append((region, lack))
    return found
