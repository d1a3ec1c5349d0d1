"""Convolutions, dense layers and matrix products on floats, and the bias that is added to them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nir.ir import ElementType, Operation, Value
from nir.ops.common import Activation, Layout
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.filters import Arrangement, depthwise, ordinary
from nir.passes.relay_to_nir.filters import filter_value as arranged_filter
from nir.passes.relay_to_nir.parameters import channel_axis, layout_of, padding_attribute, padding_of, pair

CONVOLUTIONS = ("conv_2d", "depthwise_conv_2d", "grouped_conv_2d", "transpose_conv_2d")
SUMS_OF_PRODUCTS = (*CONVOLUTIONS, "fully_connected")
"""Operators whose third operand is a bias per output channel."""


class Convolution(NamedTuple):
    """What NIR makes of a Relay convolution: the operator, how its filter lies, and its attributes."""

    operator: str
    arrangement: Arrangement
    attributes: dict[str, Any]


def plan_convolution(call: RelayCall) -> Convolution:
    """The NIR operator for a Relay conv2d, float or quantised."""
    layout = layout_of(call, "data_layout")
    if call.attrs.get("out_layout") not in (None, "", call.attrs["data_layout"]):
        call.refuse(f"out_layout {call.attrs['out_layout']} differs from data_layout")
    groups = call.integer("groups")
    channels = call.input_shape(0)[channel_axis(layout)]
    attributes: dict[str, Any] = {"strides": pair(call, "strides"), "layout": layout}
    attributes |= padding_attribute(padding_of(call))
    dilations = pair(call, "dilation")
    if dilations != (1, 1):
        attributes["dilations"] = dilations
    kernel_layout = call.word("kernel_layout")
    if groups == 1:
        return Convolution("conv_2d", ordinary(call, kernel_layout), attributes)
    if groups == channels:
        return Convolution("depthwise_conv_2d", depthwise(call, kernel_layout), attributes)
    attributes["groups"] = groups
    return Convolution("grouped_conv_2d", ordinary(call, kernel_layout), attributes)


def plan_transposed(call: RelayCall) -> Convolution:
    """The NIR operator for a Relay conv2d_transpose, float or quantised.

    Relay's output padding makes the result larger at the bottom and the right: that much less is cut off there.
    """
    layout = layout_of(call, "data_layout")
    if call.integer("groups") != 1:
        call.refuse("transposed convolutions in groups have no counterpart in NIR")
    if pair(call, "dilation") != (1, 1):
        call.refuse("transposed convolutions with dilation have no counterpart in NIR")
    top, bottom, left, right = padding_of(call)
    more_down, more_right = pair(call, "output_padding")
    padding = (top, bottom - more_down, left, right - more_right)
    attributes = {"strides": pair(call, "strides"), "layout": layout, **padding_attribute(padding)}
    return Convolution("transpose_conv_2d", ordinary(call, call.word("kernel_layout")), attributes)


def conv2d(call: RelayCall) -> Value:
    """A convolution, ordinary, depthwise or in groups."""
    plan = plan_convolution(call)
    return summed(call, plan.operator, call.value(0), arranged_filter(call, plan.arrangement), **plan.attributes)


def conv2d_transpose(call: RelayCall) -> Value:
    """A transposed convolution."""
    plan = plan_transposed(call)
    return summed(call, plan.operator, call.value(0), arranged_filter(call, plan.arrangement), **plan.attributes)


def dense(call: RelayCall) -> Value:
    """Relay keeps leading dimensions, NIR's result is [batch, units]; the converter reshapes where they differ."""
    return summed(call, "fully_connected", call.value(0), call.value(1))


def summed(call: RelayCall, operator: str, left: Value, right: Value, **attributes: Any) -> Value:
    """A sum of products: floats in their own type, 8-bit integers, taken as they are, in 32 bits."""
    if left.element.is_float and call.types[0].element is left.element:
        return call.emit(operator, left, right, **attributes)
    if left.element.bits != 8 or right.element.bits != 8 or call.type.dtype != "int32":
        given, made = call.input_type(0).dtype, call.type.dtype
        call.refuse(f"sums in {made} of products of {given} have no counterpart in NIR")
    return call.plain(call.emit(operator, left, right, element="i32", **attributes))


def matmul(call: RelayCall) -> Value:
    """Two matrices, either of them transposed."""
    return summed(
        call,
        "batch_matmul",
        call.value(0),
        call.value(1),
        transpose_left=call.flag("transpose_a"),
        transpose_right=call.flag("transpose_b"),
    )


def batch_matmul(call: RelayCall) -> Value:
    """NIR has no broadcast of the batch: the operand with one matrix is repeated."""
    left, right = call.value(0), call.value(1)
    batch = max(call.input_shape(0)[0], call.input_shape(1)[0])
    left, right = (_repeated(call, value, batch) for value in (left, right))
    return summed(
        call,
        "batch_matmul",
        left,
        right,
        transpose_left=call.flag("transpose_a"),
        transpose_right=call.flag("transpose_b"),
    )


def _repeated(call: RelayCall, value: Value, batch: int) -> Value:
    if value.shape[0] == batch:
        return value
    return call.emit("tile", value, multiples=(batch, 1, 1))


# --- bias ---


def output_axis(op: Operation) -> int:
    """The dimension of output channels in the result of a sum of products."""
    if op.name == "fully_connected":
        return 1
    return channel_axis(op.attributes.get("layout", Layout.NHWC))


def takes_bias(op: Operation) -> bool:
    """True for a sum of products that has no bias and no activation yet."""
    has_bias = len(op.operands) > 2 and op.operands[2] is not None
    return not has_bias and op.attributes.get("activation", Activation.NONE) is Activation.NONE


def bias_add(call: RelayCall) -> Value:
    """Becomes part of the sum of products before it; elsewhere an addition."""
    axis = call.axis(call.integer("axis"), call.type.rank)
    op = call.maker(0, *SUMS_OF_PRODUCTS)
    if op is not None and output_axis(op) == axis and takes_bias(op):
        accumulator = op.results[0].element is ElementType.I32
        if accumulator or call.only_user(op.results[0]):
            return call.again(op, op.operands[0], op.operands[1], call.value(1))
    return call.emit("add", call.value(0), along_axis(call, 1, axis, call.type.rank))


def along_axis(call: RelayCall, index: int, axis: int, rank: int) -> Value:
    """Argument `index`, a vector, shaped so that it broadcasts along `axis` of a tensor of `rank`."""
    array = call.constant(index)
    shape = (-1,) + (1,) * (rank - 1 - axis)
    if array is not None and len(shape) > 1:
        return call.new_constant(array.reshape(shape), name=call.constant_name(index))
    value = call.value(index)
    return call.reshaped(value, (call.input_shape(index)[0], *shape[1:]))


def bias_elements(op: Operation) -> np.ndarray | None:
    """The elements of a sum's bias where that is a constant."""
    bias = op.operands[2] if len(op.operands) > 2 else None
    if bias is None or bias.producer is None or bias.producer.name != "const":
        return None
    return bias.producer.attributes["value"].array


HANDLERS: HandlerTable = {
    "nn.conv2d": conv2d,
    "nn.conv2d_transpose": conv2d_transpose,
    "nn.dense": dense,
    "nn.matmul": matmul,
    "nn.batch_matmul": batch_matmul,
    "nn.bias_add": bias_add,
}
