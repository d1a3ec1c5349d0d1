"""When the interpreter and a compiled module agree: integers are equal, and floats within what rounding explains.

A float result is held to units in the last place of its largest magnitude (of sums: of the sum of magnitudes), since
sums in another order are off by that. Operators that are not listed use IEEE's operations alone, in one order: equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from nir.interp import run
from nir.ir import Module, Operation, copy_module, walk
from nir.ops.constant import Const
from nir.ops.pooling import Pooling

Array: TypeAlias = "np.ndarray[Any, Any]"

FUNCTIONS = {
    # numpy's float32 functions are within 4 units, C's within 1; what follows them rounds once or twice more.
    **dict.fromkeys(("exp", "log", "sin", "erf", "tanh"), 5),
    **dict.fromkeys(("logistic", "elu", "pow"), 8),
    "local_response_normalization": 10,
    "instance_normalization": 4,  # sums in float64, rounded to float32 three times
    **dict.fromkeys(("mean", "reduce_sum", "reduce_prod"), 1),  # likewise, once
}
"""Units by which functions may differ."""

SUMS = frozenset(
    {
        *("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d", "fully_connected", "batch_matmul"),
        *("average_pool_2d", "l2_pool_2d", "softmax", "log_softmax", "l2_normalization"),
    }
)
"""Sums of as many terms as there are operand elements at most: each may add half a unit in either program."""

CELLS = frozenset(
    {
        *("rnn", "svdf", "unidirectional_sequence_rnn", "bidirectional_sequence_rnn"),
        *("lstm", "unidirectional_sequence_lstm", "bidirectional_sequence_lstm"),
    }
)
"""Sums, functions of sums, and sums of those, for every step: 16 units each, in units of 1 at least."""


def disagreement(module: Module, inputs: Mapping[str, Array], expected: Sequence[Array], found: Sequence[Array]) -> str:
    """What differs more than it may, in a line; empty where nothing does."""
    for index, (mine, other) in enumerate(zip(expected, found, strict=True)):
        if mine.dtype != other.dtype or mine.shape != other.shape:
            return f"output {index}: {mine.dtype}{mine.shape} and {other.dtype}{other.shape}"
        same = (mine == other) | ((mine != mine) & (other != other))
        if mine.dtype.kind == "f":
            with np.errstate(all="ignore"):
                near = np.abs(mine.astype(np.float64) - other.astype(np.float64)) <= slack(module, inputs, index, mine)
            same |= near
        if not same.all():
            place = tuple(map(int, np.argwhere(~same)[0]))
            return (
                f"output {index}: {(~same).sum()} of {same.size} differ, at {place}: {mine[place]} and {other[place]}"
            )
    return ""


def slack(module: Module, inputs: Mapping[str, Array], index: int, expected: Array) -> float:
    """How far elements of a float result may lie apart."""
    operators = [op for op in walk(module) if not isinstance(op, Const)]
    units = sum(_units(op) for op in operators)
    if units == 0:
        return 0.0
    scale = _largest(expected)
    if any(op.name in SUMS for op in operators):
        scale = max(scale, _largest(list(run(*_magnitudes(module, inputs)).values())[index]))
    if any(op.name in CELLS for op in operators):
        scale = max(scale, 1.0)
    if expected.dtype == np.float16:
        return 2.0**-10 * scale  # either may be rounded to the next one
    return units * 2.0**-23 * scale


def _units(op: Operation) -> float:
    sizes = [value.type.size for value in op.operands if value is not None]
    if op.name in CELLS:
        steps = op.operands[0].shape[0] * op.operands[0].shape[1]  # type: ignore[union-attr, operator]
        return 16.0 * max(sizes) * steps
    if op.name in SUMS:
        return 8.0 + (math.prod(op.window) if isinstance(op, Pooling) else max(sizes))
    return float(FUNCTIONS.get(op.name, 0))


def _largest(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    return float(finite.max(initial=0.0))


def _magnitudes(module: Module, inputs: Mapping[str, Array]) -> tuple[Module, dict[str, Array]]:
    """The module and its inputs with magnitudes in place of floats: its sums are then sums of magnitudes."""
    positive = copy_module(module)
    for op in walk(positive):
        if isinstance(op, Const) and op.value.array.dtype.kind == "f":
            op.attributes["value"] = type(op.value)(np.abs(op.value.array))
    return positive, {name: np.abs(a) if a.dtype.kind == "f" else a for name, a in inputs.items()}
