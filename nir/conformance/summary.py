"""Outcomes counted: by operator for people, in full for programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nir.conformance.examination import Outcome, Status
from nir.nnapi.mapping import OPERATORS


@dataclass
class Counts:
    """Numbers of cases by what became of them."""

    passed: int = 0
    failed: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.refused

    def add(self, status: Status) -> None:
        setattr(self, status.value, getattr(self, status.value) + 1)


def count(outcomes: Sequence[Outcome]) -> Counts:
    """All cases, each once."""
    counts = Counts()
    for outcome in outcomes:
        counts.add(outcome.status)
    return counts


def count_by_operator(outcomes: Sequence[Outcome]) -> dict[str, Counts]:
    """Counts by NNAPI's name of the operator, in the order of its codes, unknown names last. A case with several
    operators counts for each of them.
    """
    counts: dict[str, Counts] = {}
    for outcome in outcomes:
        for operator in outcome.operators:
            counts.setdefault(operator, Counts()).add(outcome.status)
    order = {name: place for place, name in enumerate(OPERATORS)}
    return dict(sorted(counts.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def _number(value: float | None) -> float | str | None:
    """A number as JSON has it: what is not finite is a string there, as in files of cases."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity"


def report(outcomes: Sequence[Outcome], profile: str) -> dict[str, Any]:
    """Everything, as it is written to a JSON file."""
    return {
        "profile": profile,
        "cases": vars(count(outcomes)),
        "operators": {name: vars(counts) for name, counts in count_by_operator(outcomes).items()},
        "results": [
            {
                "name": outcome.name,
                "location": outcome.location,
                "operators": list(outcome.operators),
                "status": outcome.status.value,
                "message": outcome.message,
                "largest_difference": _number(outcome.largest),
                "unit": outcome.unit,
            }
            for outcome in outcomes
        ],
    }
