"""Bounds on stored integers become the activation of the operation before them, or nothing where they bound nothing."""

from __future__ import annotations

from nir.ir import Operation, TensorType, Value
from nir.ops.common import Activation
from nir.ops.profiles import activation_bounds
from nir.passes.folding.activations import FUSING
from nir.passes.folding.editing import Sweep, maker


def bound_by_activation(sweep: Sweep, op: Operation) -> bool:
    """The rule for maximum and minimum of quantised tensors and known numbers."""
    if op.name not in ("maximum", "minimum") or op.results[0].type.quantisation is None:
        return False
    value, low, high = _bounded(op)
    if value is None or value.type != op.results[0].type:
        return False
    element = value.element
    if low <= element.minimum and high >= element.maximum:
        sweep.alias(op, value)
        return True
    inner = maker(value, "maximum", "minimum")
    if inner is not None and sweep.is_only_user(value):
        source, other_low, other_high = _bounded(inner)
        if source is not None and source.type == value.type:
            value, low, high = source, max(low, other_low), min(high, other_high)
    source_op = maker(value, *FUSING)
    if source_op is None or not sweep.is_only_user(value):
        return False
    within = activation_bounds(value.type, source_op.attributes.get("activation", Activation.NONE))
    activation = _activation(value.type, max(low, within[0]), min(high, within[1]))
    if activation is None:
        return False
    attributes = {**source_op.attributes, "activation": activation}
    made = sweep.emit(source_op.name, *source_op.operands, like=op, type=value.type, **attributes)
    sweep.supersede(op, made)
    return True


def _activation(type: TensorType, low: int, high: int) -> Activation | None:
    """The activation that sets these bounds on stored elements of `type`."""
    candidates = (Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU1)
    return next((name for name in candidates if tuple(activation_bounds(type, name)) == (low, high)), None)


def _bounded(op: Operation) -> tuple[Value | None, int, int]:
    """What is bounded, and the bounds; None where neither operand is a known number."""
    assert op.operands
    for value, other in (op.operands, op.operands[::-1]):
        const = maker(other, "const")
        if const is None or value is None or other is None or other.type.quantisation != value.type.quantisation:
            continue
        array = const.attributes["value"].array
        if array.size == 1:
            number = int(array.item())
            if op.name == "maximum":
                return value, number, value.element.maximum
            return value, value.element.minimum, number
    return None, 0, 0
