"""Where two arrays are further apart than allowed, and what to tell a person about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from nir.interp.comparison import element_distances
from nir.interp.plan import notes_of, span_of
from nir.interp.trace import Event
from nir.ir import Operation, Value
from nir.source import printable
from nir.text import print_operation

Array: TypeAlias = "np.ndarray[Any, Any]"

_SHOWN = 6
"""Elements of an operand that are shown where none is at the index that differs."""


@dataclass(frozen=True)
class ElementDifference:
    """The element that is furthest beyond its bound. `steps` counts stored steps, or ulps of floats."""

    differing: int
    total: int
    index: tuple[int, ...]
    left: Any
    right: Any
    steps: int
    allowed: float
    is_float: bool

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        unit = "ulp" if self.is_float else "step"
        apart = f"{self.steps:,} {unit}{'s' * (self.steps != 1)} apart"
        bound = f"{self.allowed:.3g}" if self.is_float else f"{self.allowed:g} steps"
        return (
            f"{self.differing} of {self.total} elements differ by more than they may; the worst is [{place}]: "
            f"{self.left} and {self.right}, {apart}, where {bound if self.allowed else 'nothing'} is allowed"
        )


def differ(left: Array, right: Array, allowed: Array, *, bits: bool) -> ElementDifference | None:
    """The worst element beyond `allowed`: stored steps for integers, an absolute difference for floats.

    NaNs are equal to each other; with `bits` a 0 is not equal to a -0.
    """
    distance = element_distances(left, right)
    with np.errstate(all="ignore"):
        if left.dtype.kind == "f":
            apart = np.abs(left.astype(np.float64) - right.astype(np.float64))
            beyond = (distance > 0) & ~((apart <= allowed) | np.isinf(allowed))
            if bits:
                beyond |= (distance == 0) & (np.signbit(left) != np.signbit(right)) & ~np.isnan(left)
        else:
            apart = distance.astype(np.float64)
            beyond = apart > allowed
        if not beyond.any():
            return None
        excess = np.where(beyond, np.nan_to_num(apart - np.minimum(allowed, 1e300), nan=np.inf), -1)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), excess.shape))
    bound = float(np.broadcast_to(allowed, left.shape)[index])
    return ElementDifference(
        int(beyond.sum()),
        left.size,
        index,
        left[index].item(),
        right[index].item(),
        int(distance[index]),
        bound,
        left.dtype.kind == "f",
    )


def describe(
    event: Event | None,
    other: Event | None,
    difference: ElementDifference,
    left: Mapping[Any, Event],
    right: Mapping[Any, Event],
    differing: Mapping[Any, object],
    output: int | None = None,
) -> str:
    """What differs, the operation that made it, and its operands."""
    title = "the first value that differs" if output is None else f"output {output} differs"
    if event is None:
        return f"{title}\n  {difference}"
    op, path = event.operation, " > @".join(event.path)
    lines = [f"{title}: %{event.value.name} in @{path}"]
    lines.append("  " + (_one_line(op) if op is not None else f"a parameter: {event.value.type}"))
    if other is not None and other.operation is not None and op is not None:
        mine, theirs = _one_line(op), _one_line(other.operation)
        lines += [f"  on the right: {theirs}"] if mine != theirs else []
    lines.append(f"  {difference}")
    if op is not None:
        for value in dict.fromkeys(value for value in op.operands if value is not None):
            lines.append("  " + _operand(event, value, difference.index, left, right, differing))
        span = span_of(op)
        if span is not None:
            lines += [f"  at {span.location()}", *("  " + line for line in span.excerpt().split("\n"))]
        lines += [f"  {note}" for note in notes_of(op)]
    return printable_lines(lines)


def printable_lines(lines: list[str]) -> str:
    """The lines without control characters."""
    return "\n".join(printable(line) for text in lines for line in text.split("\n"))


def _one_line(op: Operation) -> str:
    return " ".join(print_operation(op).split())


def _operand(
    event: Event,
    value: Value,
    index: tuple[int, ...],
    left: Mapping[Any, Event],
    right: Mapping[Any, Event],
    differing: Mapping[Any, object],
) -> str:
    """An operand: whether it agrees, and its element where there is one at this index, else its first ones."""
    keys = [key for key in left if key[0] == event.path and key[1] == str(value.name)] or [
        key for key in right if key[0] == event.path and key[1] == str(value.name)
    ]
    name = f"%{value.name}: {value.type}"
    if not keys:
        return name
    key = keys[-1]
    arrays = [side[key].array for side in (left, right) if key in side]
    state = "" if len(arrays) < 2 else "differs, " if key in differing else "agrees, "
    return f"{name}, {state}{_elements(arrays[0], event.array.shape, index)}"


def _elements(array: Array, shape: tuple[int, ...], index: tuple[int, ...]) -> str:
    try:
        fits = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits = False
    if fits:
        place = tuple(
            i if size > 1 else 0 for i, size in zip(index[len(index) - array.ndim :], array.shape, strict=True)
        )
        return f"[{', '.join(map(str, place))}] is {array[place].item()}"
    shown = ", ".join(str(item) for item in array.reshape(-1)[:_SHOWN].tolist())
    return f"elements {shown}{', ...' if array.size > _SHOWN else ''}"
