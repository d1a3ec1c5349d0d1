"""Folding a long graph into columns, so that a network of a hundred layers fits a page.

A graph is cut only where a single tensor crosses, to a single operation: between the blocks of a residual network,
never inside one.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right

from nir.ir import Function, Operation, Trait

_SHORTEST = 14
"""Up to so many operations a graph stays in one column."""


def columns(function: Function) -> dict[Operation, int]:
    """For each operation that is drawn (constants are not) the number of its column, from 0."""
    drawn = [op for op in function.operations if Trait.CONSTANT not in op.traits]
    count = _column_count(len(drawn))
    candidates = _cuts(function, drawn) if count > 1 else []
    chosen: set[int] = set()
    for k in range(1, count):
        ideal = len(drawn) * k / count
        near = [cut for cut in candidates if abs(cut - ideal) <= len(drawn) / (2 * count)]
        if near:
            chosen.add(min(near, key=lambda cut: abs(cut - ideal)))
    ordered = sorted(chosen)
    return {op: bisect_right(ordered, index) for index, op in enumerate(drawn)}


def _column_count(rows: int) -> int:
    """How many columns make the picture about as wide as it is high: a node is about 2.5 times as wide as high."""
    return 1 if rows <= _SHORTEST else max(2, round(math.sqrt(rows / 2)))


def _cuts(function: Function, drawn: list[Operation]) -> list[int]:
    """Places before operation i that one edge crosses; an input stands in the column of its first use."""
    born = {value: index for index, op in enumerate(drawn) for value in op.results}
    crossing = [0] * (len(drawn) + 2)
    uses = [(value, index) for index, op in enumerate(drawn) for value in op.operands if value is not None]
    uses += [(value, len(drawn)) for value in function.results]
    for value, index in uses:
        if value.producer is None:
            born.setdefault(value, index)
        if value in born:
            crossing[born[value] + 1] += 1
            crossing[index + 1] -= 1
    running = list(itertools.accumulate(crossing))
    return [index for index in range(1, len(drawn)) if running[index] == 1]
