"""Folding a long graph into columns, so that a network of a hundred layers fits a page.

A graph is cut only where a single tensor crosses, to a single operation: between the blocks of a residual network,
never inside one.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right

from nir.draw.diagram import INPUT, OUTPUT, View

_SHORTEST = 14
"""Up to so many operations a graph stays in one column."""


def columns(view: View) -> dict[str, int]:
    """For each node the number of its column, from 0. An input stands where it is first used, outputs in the last."""
    drawn = [node.name for node in view.operations]
    count = _column_count(len(drawn))
    candidates = _cuts(view, drawn) if count > 1 else []
    chosen: set[int] = set()
    for k in range(1, count):
        ideal = len(drawn) * k / count
        near = [cut for cut in candidates if abs(cut - ideal) <= len(drawn) / (2 * count)]
        if near:
            chosen.add(min(near, key=lambda cut: abs(cut - ideal)))
    ordered = sorted(chosen)
    placed = {name: bisect_right(ordered, index) for index, name in enumerate(drawn)}
    for edge in view.edges:
        if view.nodes[edge.tail].kind == INPUT:
            placed[edge.tail] = min(placed.get(edge.tail, len(drawn)), placed.get(edge.head, 0))
    for node in view.nodes.values():
        placed.setdefault(node.name, len(ordered) if node.kind == OUTPUT else 0)
    return placed


def _column_count(rows: int) -> int:
    """How many columns make the picture about as wide as it is high: a node is about 2.5 times as wide as high."""
    return 1 if rows <= _SHORTEST else max(2, round(math.sqrt(rows / 2)))


def _cuts(view: View, drawn: list[str]) -> list[int]:
    """Places before operation i that one edge crosses; an input stands at its first use."""
    place = {name: index for index, name in enumerate(drawn)}
    born = dict(place)
    for edge in view.edges:
        if edge.tail not in place:
            born[edge.tail] = min(born.get(edge.tail, len(drawn)), place.get(edge.head, len(drawn)))
    crossing = [0] * (len(drawn) + 2)
    for edge in view.edges:
        crossing[born[edge.tail] + 1] += 1
        crossing[place.get(edge.head, len(drawn)) + 1] -= 1
    running = list(itertools.accumulate(crossing))
    return [index for index in range(1, len(drawn)) if running[index] == 1]
