"""Comparing two runs: the first value that differs, where, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nir.interp.inputs import Inputs, random_inputs
from nir.interp.interpreter import Interpreter
from nir.interp.plan import find_function, notes_of, span_of
from nir.interp.trace import Event
from nir.ir import Module, Operation, Value
from nir.ops.profiles import DEFAULT_PROFILE, Profile, get_profile
from nir.shown import Shown
from nir.source import printable

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Tolerance:
    """How far two elements may be apart and still count as equal. All zero: the same number.

    `steps` is for integers and bool, in stored units; for floats `ulps` (units in the last place), or `absolute` +
    `relative` * |right element|, whichever allows more. Two NaNs are equal.
    """

    steps: int = 0
    ulps: int = 0
    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True)
class ArrayDifference:
    """How two arrays of one shape differ. `largest` counts steps (integers) or ulps (floats), of all elements."""

    differing: int
    total: int
    largest: int
    largest_absolute: float
    unit: str
    index: tuple[int, ...]
    left: Any
    right: Any

    def __str__(self) -> str:
        place = ", ".join(map(str, self.index))
        amount = f"1 {self.unit[:-1]}" if self.largest == 1 else f"{self.largest} {self.unit}"
        real = f" ({self.largest_absolute:g})" if self.unit == "ulps" else ""
        return (
            f"{self.differing} of {self.total} elements, by up to {amount}{real};"
            f" at [{place}]: {self.left} and {self.right}"
        )


def compare_arrays(left: Array, right: Array, tolerance: Tolerance | None = None) -> ArrayDifference | None:
    """The difference of two arrays, or None where every element is within the tolerance.

    The index is that of the element that is furthest apart among those beyond the tolerance. Raises `ValueError`
    where dtypes or shapes differ.
    """
    tolerance = tolerance or Tolerance()
    if left.dtype != right.dtype or left.shape != right.shape:
        raise ValueError(f"{left.dtype}{list(left.shape)} cannot be compared with {right.dtype}{list(right.shape)}")
    distance = element_distances(left, right)
    with np.errstate(all="ignore"):
        absolute = np.abs(left.astype(np.float64) - right.astype(np.float64))
        if left.dtype.kind == "f":
            allowed = tolerance.absolute + tolerance.relative * np.abs(right.astype(np.float64))
            beyond = (distance > tolerance.ulps) & ~(absolute <= allowed) & ~(distance == 0)
        else:
            beyond = distance > tolerance.steps
    if not beyond.any():
        return None
    worst = np.unravel_index(int(np.argmax(np.where(beyond, distance, -1))), distance.shape)
    index = tuple(int(i) for i in worst)
    unit = "ulps" if left.dtype.kind == "f" else "steps"
    return ArrayDifference(
        int(beyond.sum()),
        left.size,
        int(distance.max()),
        float(np.nanmax(np.where(np.isnan(absolute), 0, absolute))),
        unit,
        index,
        left[index].item(),
        right[index].item(),
    )


def element_distances(left: Array, right: Array) -> Array:
    """Elementwise distance, int64: integers in steps, floats in ulps (steps between neighbouring floats).

    NaNs are at distance 0 of each other, and at 2^62 of all else.
    """
    if left.dtype.kind != "f":
        return np.abs(left.astype(np.int64) - right.astype(np.int64))
    distance = np.abs(_ordered(left) - _ordered(right))
    nans = np.isnan(left), np.isnan(right)
    return np.where(nans[0] & nans[1], 0, np.where(nans[0] | nans[1], 2**62, distance))


def _ordered(floats: Array) -> Array:
    """Floats as int64 such that neighbours differ by one, and -0.0 equals 0.0."""
    bits = np.ascontiguousarray(floats).view(np.int32 if floats.dtype == np.float32 else np.int16).astype(np.int64)
    lowest = -(2**31) if floats.dtype == np.float32 else -(2**15)
    return np.where(bits < 0, lowest - bits, bits).reshape(floats.shape)


@dataclass(frozen=True)
class ValueDifference:
    """A value that the two runs disagree on. `operands`: name of each operand, and whether that one agreed."""

    path: tuple[str, ...]
    value: Value
    operation: Operation | None
    difference: ArrayDifference | None
    operands: tuple[tuple[str, bool], ...]
    mismatch: str | None = None

    def describe(self) -> str:
        """Several lines: the value, its operator and place, how much it differs, and its operands."""
        operator = "parameter" if self.operation is None else self.operation.name
        lines = [printable(f"%{self.value.name} = {operator} in @{' > @'.join(self.path)}: {self.value.type}")]
        lines.append(f"  differs in {self.difference}" if self.difference is not None else f"  {self.mismatch}")
        if self.operands:
            listed = ", ".join(f"%{name} ({'equal' if equal else 'differs'})" for name, equal in self.operands)
            lines.append(printable(f"  operands: {listed}"))
        if self.operation is not None:
            span = span_of(self.operation)
            if span is not None:
                lines += [f"  at {span.location()}", *("  " + line for line in span.excerpt().split("\n"))]
            lines += [f"  {note}" for note in notes_of(self.operation)]
        return "\n".join(lines)


@dataclass
class Comparison(Shown):
    """What two runs agreed and disagreed on, in the order of the left run."""

    titles: tuple[str, str]
    compared: int = 0
    unmatched: list[str] = field(default_factory=list)
    differences: list[ValueDifference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """True where no compared value, and no output, differs."""
        return not self.differences

    @property
    def first(self) -> ValueDifference | None:
        """The first value that differs."""
        return self.differences[0] if self.differences else None

    def report(self) -> str:
        """The comparison in words."""
        left, right = self.titles
        lines = [f"{left} against {right}: {self.compared} values compared"]
        if self.unmatched:
            shown = printable(", ".join(f"%{name}" for name in self.unmatched[:5]))
            lines.append(
                f"{len(self.unmatched)} values have no counterpart: {shown}{', ...'[: 5 * (len(self.unmatched) > 5)]}"
            )
        if self.first is None:
            return "\n".join([*lines, "no value differs"])
        return "\n".join([*lines, f"{len(self.differences)} differ; the first is", self.first.describe()])

    __str__ = report


def compare(
    left: Module,
    right: Module | None = None,
    inputs: Inputs | None = None,
    *,
    profile: str | Profile = DEFAULT_PROFILE,
    right_profile: str | Profile | None = None,
    function: str | None = None,
    tolerance: Tolerance | None = None,
    seed: int = 0,
) -> Comparison:
    """Runs two modules, or one module under two profiles, on the same inputs, and compares value by value.

    Values are matched by the names of functions and values, and the outputs by their place as well. Without
    `inputs` they are drawn from `seed`. Keeps all values of the left run in memory. Raises `RunError`.
    """
    right = left if right is None else right
    profiles = get_profile(profile), get_profile(profile if right_profile is None else right_profile)
    entry = find_function(left, function)
    if inputs is None:
        inputs = random_inputs(entry, seed)
    log = _Log()
    left_outputs = Interpreter(left, profiles[0]).run(inputs, entry.name, trace=log.store)
    other = find_function(right, function)
    if right is not left and not isinstance(inputs, Sequence):
        inputs = [inputs[str(parameter.name)] for parameter in entry.parameters]
    titles = ("left", "right") if right is not left else (profiles[0].name, profiles[1].name)
    comparison = Comparison(titles)
    matcher = _Matcher(log, tolerance or Tolerance())
    right_outputs = Interpreter(right, profiles[1]).run(inputs, other.name, trace=matcher)
    matcher.conclude(comparison)
    if right is not left:
        _compare_outputs(comparison, entry.results, list(left_outputs.values()), list(right_outputs.values()), matcher)
    return comparison


Key = tuple[tuple[str, ...], str, int]


class _Log:
    """Events of a run by path, name and how often the value came before."""

    def __init__(self) -> None:
        self.events: dict[Key, Event] = {}
        self._seen: dict[tuple[tuple[str, ...], str], int] = {}

    def key(self, event: Event) -> Key:
        place = event.path, str(event.value.name)
        count = self._seen.get(place, 0)
        self._seen[place] = count + 1
        return (*place, count)

    def store(self, event: Event) -> None:
        self.events[self.key(event)] = event


class _Matcher:
    """Compares the events of the right run with those of the left as they come."""

    def __init__(self, log: _Log, tolerance: Tolerance) -> None:
        self.log = log
        self.tolerance = tolerance
        self._keys = _Log()
        self._found: dict[Key, ArrayDifference | str | None] = {}

    def __call__(self, event: Event) -> None:
        key = self._keys.key(event)
        other = self.log.events.get(key)
        if other is not None:
            self._found[key] = self.difference(other.array, event.array)

    def difference(self, left: Array, right: Array) -> ArrayDifference | str | None:
        if left.dtype != right.dtype or left.shape != right.shape:
            return f"is {left.dtype}{list(left.shape)} on the left, {right.dtype}{list(right.shape)} on the right"
        return compare_arrays(left, right, self.tolerance)

    def conclude(self, comparison: Comparison) -> None:
        """Fills in what was found, in the order of the left run."""
        differing = {(key[0], key[1]) for key, found in self._found.items() if found is not None}
        for key, event in self.log.events.items():
            if key not in self._found:
                comparison.unmatched.append(key[1])
                continue
            comparison.compared += 1
            found = self._found[key]
            if found is not None:
                comparison.differences.append(_value_difference(event, found, differing))


def _value_difference(
    event: Event, found: ArrayDifference | str, differing: set[tuple[tuple[str, ...], str]]
) -> ValueDifference:
    operands = event.operation.operands if event.operation is not None else ()
    listed = tuple((str(v.name), (event.path, str(v.name)) not in differing) for v in operands if v is not None)
    array, text = (None, found) if isinstance(found, str) else (found, None)
    return ValueDifference(event.path, event.value, event.operation, array, listed, text)


def _compare_outputs(
    comparison: Comparison, values: Sequence[Value], left: list[Array], right: list[Array], matcher: _Matcher
) -> None:
    """Outputs by place: two modules may name them differently."""
    if len(left) != len(right):
        text = f"the left has {len(left)} outputs, the right {len(right)}"
        comparison.differences.append(ValueDifference(("outputs",), values[0], None, None, (), text))
        return
    reported = {difference.value for difference in comparison.differences}
    for value, a, b in zip(values, left, right, strict=True):
        found = None if value in reported else matcher.difference(a, b)
        if found is not None:
            event = Event((), value, value.producer, a, 0.0)
            comparison.differences.append(_value_difference(event, found, set()))
