"""Quantised sums of products: convolutions, dense layers, matrix products, and the requantize that ends them.

Relay computes a 32-bit sum, adds a 32-bit bias, and rescales in a third operator. Here that becomes one operation,
whose bias carries the scale that Relay's requantize states for the sum: it is the product of the other two scales,
but a text of six digits or a converter's arithmetic may have moved its last bits.
"""

from __future__ import annotations

import numpy as np

from nir.ir import ElementType, Operation, Quantisation, Value
from nir.ir.quantisation import float32_text
from nir.ops.common import Rounding
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.filters import Arrangement, filter_value
from nir.passes.relay_to_nir.handlers_convolution import (
    SUMS_OF_PRODUCTS,
    Convolution,
    bias_elements,
    output_axis,
    plan_convolution,
    plan_transposed,
)
from nir.passes.relay_to_nir.parameters import quantisation_of

SCALE_TOLERANCE = 1e-4
"""How far, relatively, the stated scale of a sum may be from the product of its factors' scales."""


def conv2d(call: RelayCall) -> Value:
    """A convolution, ordinary, depthwise or in groups."""
    return _sum_of_products(call, plan_convolution(call))


def conv2d_transpose(call: RelayCall) -> Value:
    """A transposed convolution."""
    return _sum_of_products(call, plan_transposed(call))


def dense(call: RelayCall) -> Value:
    """A product with a weight matrix [units, inputs]."""
    units, inputs = call.input_shape(1)
    return _sum_of_products(call, Convolution("fully_connected", Arrangement((0, 1), (units, inputs), 0), {}))


def _sum_of_products(call: RelayCall, plan: Convolution) -> Value:
    """Arguments: data, weight, zero points of both, scales of both. The result is the 32-bit sum."""
    _thirty_two_bits(call)
    data = call.quantised(0, quantisation_of(call, 4, 2), "the data")
    weights = filter_value(call, plan.arrangement, quantisation_of(call, 5, 3, plan.arrangement.channels_axis))
    return call.emit(plan.operator, data, weights, element="i32", **plan.attributes)


def _thirty_two_bits(call: RelayCall) -> None:
    if call.type.dtype != "int32":
        call.refuse(f"sums in {call.type.dtype} have no counterpart in NIR", "int32 has")


def batch_matmul(call: RelayCall) -> Value:
    """Arguments: both factors, their zero points, their scales."""
    _thirty_two_bits(call)
    left = call.quantised(0, quantisation_of(call, 4, 2), "the left factor")
    right = call.quantised(1, quantisation_of(call, 5, 3), "the right factor")
    transpose_left, transpose_right = call.flag("transpose_a"), call.flag("transpose_b")
    return call.emit(
        "batch_matmul", left, right, element="i32", transpose_left=transpose_left, transpose_right=transpose_right
    )


# --- the requantize behind a sum ---


def sum_behind(call: RelayCall) -> Operation | None:
    """The sum of products whose 32-bit result is argument 0, if it is one."""
    op = call.maker(0, *SUMS_OF_PRODUCTS)
    return op if op is not None and op.results[0].element is ElementType.I32 else None


def requantised_sum(
    call: RelayCall, op: Operation, source: Quantisation, target: Quantisation, rounding: Rounding
) -> Value:
    """The sum once more with a rescaled result. `source` is the scale that the model states for the sum."""
    data, weights = op.operands[0], op.operands[1]
    if data is None or weights is None or data.type.quantisation is None or weights.type.quantisation is None:
        call.refuse("the sum before has no scales")
    if any(source.zero_points):
        call.refuse("a sum of products with a zero point has no counterpart in NIR")
    if source.is_per_channel and source.axis != output_axis(op):
        call.refuse("scales of a sum along another dimension than that of its channels have no counterpart in NIR")
    product = np.float32(data.type.quantisation.scale) * np.asarray(weights.type.quantisation.scales, np.float32)
    stated = np.asarray(source.scales, np.float32)
    _check_scale(call, stated, product, data.type.quantisation, weights.type.quantisation)
    channels = weights.shape[3 if op.name == "depthwise_conv_2d" else 0]
    if call.types[0].element is ElementType.I32:
        call.state(op.results[0], source, "the sum")  # NIR's sums are 32-bit results as they are
        return call.emit("requantize", op.results[0], element="i32", quantisation=target, rounding=rounding)
    exact = bool(np.all(stated == product))
    bias = _bias(call, op, source, int(channels or 0), exact)
    return call.again(op, data, weights, bias, element=call.types[0].element, quantisation=target, rounding=rounding)


def _check_scale(
    call: RelayCall, stated: np.ndarray, product: np.ndarray, data: Quantisation, weights: Quantisation
) -> None:
    """Refuses a sum whose stated scale is not the product of its factors' scales, with the first that is not."""
    stated, product = np.broadcast_arrays(stated, product)
    wrong = np.flatnonzero(np.abs(stated - product) > SCALE_TOLERANCE * product)
    if not wrong.size:
        return
    first = int(wrong[0])
    factor = weights.scales[first if weights.is_per_channel else 0]
    where = f" of channel {first}" if stated.size > 1 else ""
    call.refuse(
        f"the scale stated for the sum{where} is {float32_text(stated[first])}, but those of data and weights, "
        f"{float32_text(data.scale)} and {float32_text(factor)}, make {float32_text(product[first])}"
    )


def _bias(call: RelayCall, op: Operation, source: Quantisation, channels: int, exact: bool) -> Value | None:
    """The bias with the sum's stated scale; zeros that carry it where there is none and the product is another."""
    stated = Quantisation(source.scales, source.zero_points, 0 if source.is_per_channel else None)
    bias = op.operands[2] if len(op.operands) > 2 else None
    elements = bias_elements(op)
    if bias is None:
        return None if exact else call.new_constant(np.zeros(channels, np.int32), stated)
    if elements is None:
        call.state(bias, stated, "the bias")
        return bias
    name = bias.producer.attributes["value"].name if bias.producer is not None else None
    return call.new_constant(elements, stated, name)


HANDLERS: HandlerTable = {
    "qnn.batch_matmul": batch_matmul,
    "qnn.conv2d": conv2d,
    "qnn.conv2d_transpose": conv2d_transpose,
    "qnn.dense": dense,
}
