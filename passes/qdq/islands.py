"""An operator on floats between dequantize and quantize becomes the operator on stored integers.

What NIR's operators on quantised tensors mean is just that: the operator on the real values, then one rounding, for
which each numeric profile has the integer arithmetic of a program. The verifier says which operators have such a form.
"""

from __future__ import annotations

import numpy as np

from nir.ir import ElementType, Operation, Quantisation, Value
from nir.passes.folding.editing import Sweep
from nir.passes.folding.known import Known, known, put
from nir.passes.folding.sums import SUMS
from nir.passes.qdq.acceptance import is_accepted
from nir.passes.qdq.stored import stored_operand

FOLDABLE = frozenset(
    {
        *SUMS,
        "abs",
        "add",
        "average_pool_2d",
        "batch_matmul",
        "concatenation",
        "elu",
        "erf",
        "exp",
        "hard_swish",
        "l2_normalization",
        "leaky_relu",
        "log",
        "logistic",
        "maximum",
        "mean",
        "minimum",
        "mul",
        "neg",
        "prelu",
        "reduce_sum",
        "resize_bilinear",
        "rsqrt",
        "sin",
        "softmax",
        "sqrt",
        "sub",
        "tanh",
    }
)
"""Operators with a quantised form that rounds once."""

_BIAS_TOLERANCE = 1e-5
"""Relative difference up to which the stated scale of a bias is that of the sum."""


def fold_island(sweep: Sweep, op: Operation) -> bool:
    """The rule for quantize."""
    if op.name != "quantize":
        return False
    value, target = op.operands[0], op.results[0].type
    source = None if value is None else value.producer
    if source is None or target.quantisation is None or target.quantisation.is_per_channel:
        return False
    if source.name == "dequantize":
        return _rescale(sweep, op, source.operands[0])
    if source.name not in FOLDABLE or not sweep.is_only_user(value):
        return False
    operands = _stored_operands(sweep, source, op)
    if operands is None:
        return False
    made = source.__class__(operands, source.attributes, [target], (), op.location)
    if not is_accepted(made):
        return False
    sweep.supersede(op, sweep.add(made))
    return True


def _rescale(sweep: Sweep, op: Operation, source: Value | None) -> bool:
    """Stored integers of one scale as those of another, or the same ones."""
    if source is None or source.type.quantisation is None or source.type.quantisation.is_per_channel:
        return False
    if source.type == op.results[0].type:
        sweep.alias(op, source)
        return True
    sweep.supersede(op, sweep.emit("requantize", source, like=op, type=op.results[0].type))
    return True


def _stored_operands(sweep: Sweep, source: Operation, op: Operation) -> list[Value | None] | None:
    """The operands as stored integers; None where one of them is a float."""
    if source.name in SUMS:
        return _factors_and_bias(sweep, source, op)
    operands: list[Value | None] = []
    for value in source.operands:
        stored = stored_operand(value)
        if stored is None:
            return None
        operands.append(stored)
    return operands


def _factors_and_bias(sweep: Sweep, source: Operation, op: Operation) -> list[Value | None] | None:
    """Input, weights, and the bias in steps of both scales' product."""
    data, weights = stored_operand(source.operands[0]), stored_operand(source.operands[1])
    if data is None or weights is None or data.type.quantisation is None or weights.type.quantisation is None:
        return None
    if len(source.operands) < 3:
        return [data, weights]
    bias = known(source.operands[2])
    if bias is None:
        return None
    steps = np.float32(data.type.quantisation.scale) * np.asarray(weights.type.quantisation.scales, np.float32)
    stored = _stored_bias(bias, steps)
    if stored is None:
        return None
    real = put(sweep, stored, op)
    return [data, weights, stored_operand(real)]


def _stored_bias(bias: Known, steps: np.ndarray) -> Known | None:
    """The bias as 32-bit integers: those it has, if their scale is that of the sum, else the nearest. (Floats arrive
    where a quantiser leaves biases alone; the sum's steps are finer than the result's by a factor of hundreds.)
    """
    channels = bias.array.size
    quantisation = (
        Quantisation.per_tensor(float(steps[0]))
        if steps.size == 1
        else Quantisation.per_channel(np.broadcast_to(steps, (channels,)), 0)
    )
    stated = bias.quantisation
    if stated is not None and not any(stated.zero_points) and bias.array.dtype == np.int32:
        scales = np.asarray(stated.scales, np.float64)
        if (np.abs(scales - steps) <= _BIAS_TOLERANCE * steps).all():
            return Known(bias.array, stated, bias.name, bias.element)
    with np.errstate(all="ignore"):
        whole = np.rint(bias.real() / steps.astype(np.float64))
    if not (np.abs(whole) < 2**31).all():
        return None
    return Known(whole.astype(np.int32), quantisation, bias.name, ElementType.F32)
