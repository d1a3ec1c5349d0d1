"""What a partition did, as data: its regions, and why the other operators stayed outside. Said as JSON or as lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nir.shown import Shown
from nir.targets import Reason


@dataclass(frozen=True)
class RegionReport:
    """One region: operators by name with their number, multiply-accumulates, bytes that cross its boundary when it is
    called once, and bytes of constants that it holds. Unknown dimensions count as one.
    """

    name: str
    target: str
    operators: Mapping[str, int]
    macs: int
    bytes_in: int
    bytes_out: int
    constant_bytes: int

    @property
    def size(self) -> int:
        """Number of operators."""
        return sum(self.operators.values())

    def to_json(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {**vars(self), "operators": dict(self.operators)}


@dataclass(frozen=True)
class Outside:
    """An operator that is in no region: what its result is called, the operator, and at least one reason per target."""

    name: str
    operator: str
    macs: int
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain data."""
        return {**vars(self), "reasons": [vars(reason) for reason in self.reasons]}


@dataclass(frozen=True)
class Report(Shown):
    """The whole: targets in order of preference, regions in the order in which they run, operators outside."""

    targets: tuple[str, ...]
    regions: tuple[RegionReport, ...]
    outside: tuple[Outside, ...]

    @property
    def operators(self) -> int:
        """Operators of the whole model, constants not counted."""
        return self.offloaded_operators + len(self.outside)

    @property
    def offloaded_operators(self) -> int:
        """Operators in regions."""
        return sum(region.size for region in self.regions)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole model."""
        return self.offloaded_macs + sum(each.macs for each in self.outside)

    @property
    def offloaded_macs(self) -> int:
        """Multiply-accumulates in regions."""
        return sum(region.macs for region in self.regions)

    @property
    def offloaded_share(self) -> float:
        """The part of the multiply-accumulates that is in regions, 0 to 1; of the operators, where there are none."""
        done, whole = (self.offloaded_macs, self.macs) if self.macs else (self.offloaded_operators, self.operators)
        return done / whole if whole else 0.0

    def outside_by_reasons(self) -> list[tuple[tuple[str, ...], Counter[str]]]:
        """The operators outside by name with their number, those with the same reasons together, the most first."""
        counts: dict[tuple[str, ...], Counter[str]] = {}
        for each in self.outside:
            counts.setdefault(tuple(str(reason) for reason in each.reasons), Counter())[each.operator] += 1
        return sorted(counts.items(), key=lambda item: -sum(item[1].values()))

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "targets": list(self.targets),
            "operators": self.operators,
            "offloaded_operators": self.offloaded_operators,
            "macs": self.macs,
            "offloaded_macs": self.offloaded_macs,
            "bytes_across": sum(region.bytes_in + region.bytes_out for region in self.regions),
            "regions": [region.to_json() for region in self.regions],
            "outside": [each.to_json() for each in self.outside],
        }
