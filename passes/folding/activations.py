"""Activations that importers write as bounds or formulas, and activations as part of the operation before them."""

from __future__ import annotations

import math

import numpy as np

from nir.ir import Operation, Value
from nir.ops.common import Activation
from nir.passes.folding.editing import Sweep, maker
from nir.passes.folding.known import known

FUSING = (
    "conv_2d",
    "depthwise_conv_2d",
    "grouped_conv_2d",
    "transpose_conv_2d",
    "fully_connected",
    "add",
    "sub",
    "mul",
    "div",
    "average_pool_2d",
    "max_pool_2d",
)
"""Operators that take an activation."""

_OPERATORS = {"relu": Activation.RELU, "relu1": Activation.RELU1, "relu6": Activation.RELU6}
_BOUNDS = {(0.0, 6.0): "relu6", (-1.0, 1.0): "relu1", (0.0, math.inf): "relu"}


def single_number(value: Value | None) -> float | None:
    """The number in a known tensor of one element."""
    found = known(value)
    return None if found is None or found.array.size != 1 else float(found.real().item())


def name_bounds(sweep: Sweep, op: Operation) -> bool:
    """The rule for maximum and minimum with known bounds that an activation sets."""
    if op.name not in ("maximum", "minimum") or not op.results[0].element.is_float:
        return False
    bounds = _bounds(op)
    if bounds is None:
        return False
    value, low, high = bounds
    inner = maker(value, "maximum", "minimum", "relu")
    if inner is not None and (within := _bounds(inner)) is not None:
        source, other_low, other_high = within
        low, high = max(low, other_low), min(high, other_high)
        if (low, high) in _BOUNDS:
            value = source
    name = _BOUNDS.get((low, high))
    if name is None or value.shape != op.results[0].shape:
        return False
    sweep.supersede(op, sweep.emit(name, value, like=op, type=op.results[0].type))
    return True


def _bounds(op: Operation) -> tuple[Value, float, float] | None:
    """What is bounded, and the bounds."""
    if op.name == "relu" and op.operands[0] is not None:
        return op.operands[0], 0.0, math.inf
    for value, other in (op.operands, op.operands[::-1]):
        bound = single_number(other)
        if bound is not None and value is not None and single_number(value) is None:
            largest = float(np.finfo(value.element.numpy).max)
            if op.name == "maximum":
                return value, bound, math.inf
            return value, -math.inf, math.inf if bound >= largest else bound
    return None


def fuse_activation(sweep: Sweep, op: Operation) -> bool:
    """The rule for an activation behind an operation that takes one and has no other user."""
    activation = _OPERATORS.get(op.name)
    if activation is None:
        return False
    value = op.operands[0]
    reshape = maker(value, "reshape")
    inner = value if reshape is None else reshape.operands[0]
    source = maker(inner, *FUSING)
    if source is None or not sweep.is_only_user(value) or not sweep.is_only_user(inner):
        return False
    if "activation" in source.attributes or (
        source.results[0].element.bits == 32 and source.results[0].element.is_integer
    ):
        return False
    attributes = {**source.attributes, "activation": activation}
    made = sweep.emit(source.name, *source.operands, like=op, type=source.results[0].type, **attributes)
    if reshape is not None:
        made = sweep.emit(
            "reshape", made.results[0], like=op, type=op.results[0].type, shape=reshape.attributes["shape"]
        )
    sweep.supersede(op, made)
    return True


def name_hard_swish(sweep: Sweep, op: Operation) -> bool:
    """The rule for x * relu6(x + 3) / 6, the sixth in any place."""
    if op.name not in ("mul", "div") or not op.results[0].element.is_float or "activation" in op.attributes:
        return False
    value = _hard_swish(op)
    if value is None or value.shape != op.results[0].shape:
        return False
    sweep.supersede(op, sweep.emit("hard_swish", value, like=op, type=op.results[0].type))
    return True


def _hard_swish(op: Operation) -> Value | None:
    """x where `op` is hard_swish of x."""
    product = _sixth(op)
    factors = maker(product, "mul")
    if factors is not None and "activation" not in factors.attributes:
        for x, gate in (factors.operands, factors.operands[::-1]):
            if x is not None and _shifted(gate) is x:
                return x
    if op.name == "mul":
        for x, gate in (op.operands, op.operands[::-1]):
            outer = None if gate is None else gate.producer
            if outer is not None and x is not None and _shifted(_sixth(outer)) is x:
                return x
    return None


def _sixth(op: Operation) -> Value | None:
    """What `op` divides by 6."""
    if op.name == "div":
        return op.operands[0] if single_number(op.operands[1]) == 6 else None
    if op.name == "mul":
        for value, other in (op.operands, op.operands[::-1]):
            factor = single_number(other)
            if factor is not None and abs(factor * 6 - 1) < 1e-6:
                return value
    return None


def _shifted(gate: Value | None) -> Value | None:
    """x where `gate` is relu6(x + 3)."""
    bounded = maker(gate, "relu6")
    total = maker(gate, "add") if bounded is None else maker(bounded.operands[0], "add")
    if total is None or (bounded is None) != (total.attributes.get("activation") is Activation.RELU6):
        return None
    for value, other in (total.operands, total.operands[::-1]):
        if single_number(other) == 3:
            return value
    return None
