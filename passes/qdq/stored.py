"""What float tensors are in stored integers, and operators that mean the same on both."""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.ir import Operation, TensorType, Value
from nir.passes.folding.editing import maker

MOVING = frozenset(
    {
        "batch_to_space_nd",
        "channel_shuffle",
        "depth_to_space",
        "expand_dims",
        "gather",
        "mirror_pad",
        "pad",
        "pad_v2",
        "reshape",
        "resize_nearest_neighbor",
        "reverse",
        "slice",
        "space_to_batch_nd",
        "space_to_depth",
        "squeeze",
        "strided_slice",
        "tile",
        "transpose",
    }
)
"""Operators that move the elements of their first operand; what they add stands for 0, or for the attribute `value`."""

CHOOSING = frozenset({"max_pool_2d", "reduce_max", "reduce_min", "relu"})
"""Operators whose result is one of the operand's elements or 0, and that keep their order."""

ORDERING = frozenset({"argmax", "argmin"})
"""Operators whose result depends on the order of the operand's elements alone."""


COMPARING = frozenset({"equal", "greater", "greater_equal", "less", "less_equal", "not_equal"})
"""Comparisons, which NIR makes between the real values of stored integers."""


def stored_operand(value: Value | None) -> Value | None:
    """The stored integers behind a dequantize; None where `value` is no result of one."""
    dequantize = maker(value, "dequantize")
    return None if dequantize is None else dequantize.operands[0]


def stored_attributes(op: Operation, type: TensorType) -> dict[str, Any] | None:
    """The attributes of `op` on stored elements of `type`; None where a padding value cannot be stored exactly enough
    for every rounding.
    """
    if op.name != "pad_v2":
        return dict(op.attributes)
    stored = stored_number(float(op.attributes["value"]), type)
    return None if stored is None else {**op.attributes, "value": stored}


def stored_number(real: float, type: TensorType) -> int | None:
    """A real number as stored integer of `type`; None where it lies half way between two, which profiles differ in."""
    quantisation = type.quantisation
    if quantisation is None or quantisation.is_per_channel or np.isnan(real):
        return None
    if np.isinf(real):
        return type.element.maximum if real > 0 else type.element.minimum
    steps = np.float64(real) / np.float64(quantisation.scale)
    if abs(steps - np.floor(steps) - 0.5) < 1e-4:
        return None
    whole = float(np.rint(steps)) + quantisation.zero_point
    return int(min(max(whole, type.element.minimum), type.element.maximum))
