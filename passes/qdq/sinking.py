"""A dequantize moves down past operators that move or choose elements: they do the same with stored integers.

Of constants the stored elements are moved now, with scales per channel going along.
"""

from __future__ import annotations

import numpy as np

from nir.ir import Operation, Quantisation, TensorType, Value
from nir.ops.common import Activation
from nir.ops.profiles import get_profile
from nir.passes.folding.editing import Sweep, maker
from nir.passes.folding.known import Known, known, moved_axis, put
from nir.passes.qdq.acceptance import is_accepted
from nir.passes.qdq.stored import CHOOSING, COMPARING, MOVING, ORDERING, stored_attributes, stored_operand

_RESHAPING = ("reshape", "squeeze", "expand_dims")
_JOINING = ("concatenation", "pack")


def sink_dequantize(sweep: Sweep, op: Operation) -> bool:
    """The rule for operators behind a dequantize."""
    if not op.operands:
        return False
    if op.name in _JOINING:
        return _join(sweep, op)
    if op.name in COMPARING:
        return _compare(sweep, op)
    source = stored_operand(op.operands[0])
    if source is None or source.type.quantisation is None:
        return False
    if maker(source, "const") is not None and _move_constant(sweep, op):
        return True
    if source.type.quantisation.is_per_channel:
        return False
    if op.name in ORDERING:
        return _order(sweep, op, source)
    if op.name == "split":
        return _split(sweep, op, source)
    if op.name in MOVING or (op.name in CHOOSING and _keeps_zero(op)):
        return _move(sweep, op, [source, *op.operands[1:]])
    return False


def _keeps_zero(op: Operation) -> bool:
    """True where a fused activation, if any, only cuts off at 0, which is a stored integer."""
    return op.attributes.get("activation", Activation.NONE) in (Activation.NONE, Activation.RELU)


def _move(sweep: Sweep, op: Operation, operands: list[Value | None]) -> bool:
    """`op` on stored integers, and a dequantize behind it."""
    source = operands[0]
    assert source is not None
    attributes = stored_attributes(op, source.type)
    if attributes is None:
        return False
    type = source.type.with_shape(op.results[0].shape)
    made = op.__class__(operands, attributes, [type], (), op.location)
    if not is_accepted(made):
        return False
    sweep.add(made)
    sweep.supersede(op, sweep.emit("dequantize", made.results[0], like=op, type=op.results[0].type))
    return True


def _order(sweep: Sweep, op: Operation, source: Value) -> bool:
    made = op.__class__([source], op.attributes, [op.results[0].type], (), op.location)
    if not is_accepted(made):
        return False
    sweep.supersede(op, sweep.add(made))
    return True


def _compare(sweep: Sweep, op: Operation) -> bool:
    sources = [stored_operand(value) for value in op.operands]
    if any(source is None for source in sources):
        return False
    made = op.__class__(sources, op.attributes, [op.results[0].type], (), op.location)
    if not is_accepted(made):
        return False
    sweep.supersede(op, sweep.add(made))
    return True


def _split(sweep: Sweep, op: Operation, source: Value) -> bool:
    types = [source.type.with_shape(value.shape) for value in op.results]
    made = op.__class__([source], op.attributes, types, (), op.location)
    if not is_accepted(made):
        return False
    sweep.add(made)
    for old, new in zip(op.results, made.results, strict=True):
        single = sweep.emit("dequantize", new, like=op, type=old.type)
        old.producer, old.index = single, 0
        single.results = (old,)
    sweep.release(op.operands)
    return True


def _join(sweep: Sweep, op: Operation) -> bool:
    """Tensors that are joined as they are stored, where all have the same scale and zero point."""
    sources = [stored_operand(value) for value in op.operands]
    first = sources[0]
    if first is None or first.type.quantisation is None or first.type.quantisation.is_per_channel:
        return False
    for source in sources:
        if source is None or source.element is not first.element:
            return False
        if source.type.quantisation != first.type.quantisation:
            return False
    return _move(sweep, op, list(sources))


# --- constants ---


def _move_constant(sweep: Sweep, op: Operation) -> bool:
    """The moved constant."""
    given = known(op.operands[0])
    if given is None or given.quantisation is None or op.name not in MOVING or len(op.operands) != 1:
        return False
    quantisation = _moved(given.quantisation, op)
    if quantisation is None or (op.name in ("pad", "pad_v2") and quantisation.zero_point != 0):
        return False
    if op.name == "pad_v2" and op.attributes["value"] != 0:
        return False
    stored = op.__class__([_plain(op)], op.attributes, [op.results[0].type], (), op.location)
    array = np.asarray(stored.reference(get_profile(), given.array))
    value = put(sweep, Known(array, quantisation, given.name, given.element), op)
    assert value.producer is not None
    sweep.supersede(op, value.producer)
    return True


def _plain(op: Operation) -> Value:
    operand = op.operands[0]
    assert operand is not None
    source = stored_operand(operand)
    assert source is not None
    return Value(TensorType(source.element, operand.shape), None)


def _moved(quantisation: Quantisation, op: Operation) -> Quantisation | None:
    """Scales behind the operator: those per channel along another dimension, or none."""
    axis = quantisation.axis
    if axis is None:
        return quantisation
    operand, result = op.operands[0], op.results[0]
    assert operand is not None
    moved: int | None = None
    if op.name in _RESHAPING:
        moved = moved_axis(operand.shape, axis, result.shape)
    elif op.name == "transpose":
        moved = op.attributes["permutation"].index(axis)
    elif operand.shape[axis] == result.shape[axis] and op.name in ("pad", "pad_v2", "slice"):
        moved = axis
    if moved is None:
        return None
    return Quantisation(quantisation.scales, quantisation.zero_points, moved)
