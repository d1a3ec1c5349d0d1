"""Normalisations: batch_norm becomes part of the convolution before it or a product and a sum; others are composed."""

from __future__ import annotations

import numpy as np

from nir.ir import Operation, Value
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.handlers_convolution import (
    SUMS_OF_PRODUCTS,
    bias_elements,
    output_axis,
    takes_bias,
)
from nir.passes.relay_to_nir.parameters import integers


def batch_norm(call: RelayCall) -> list[Value]:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta with known statistics; they are also results 1 and 2."""
    rank = call.input_type(0).rank
    axis = call.axis(call.integer("axis"), rank)
    statistics = _known_statistics(call)
    if statistics is None:
        output = _batch_norm_of_parameters(call, axis, rank)
    else:
        factor, offset = statistics
        folded = _folded(call, axis, factor, offset)
        if folded is not None:
            output = folded
        else:
            shape = (-1,) + (1,) * (rank - 1 - axis)
            dtype = call.value(0).element.numpy
            product = call.emit("mul", call.value(0), call.new_constant(factor.astype(dtype).reshape(shape)))
            output = call.emit("add", product, call.new_constant(offset.astype(dtype).reshape(shape)))
    return [output, call.value(3), call.value(4)]


def _known_statistics(call: RelayCall) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor and offset per channel as float64, where all that they depend on is constant."""
    gamma, beta, mean, variance = (call.constant(index) for index in range(1, 5))
    if gamma is None or beta is None or mean is None or variance is None:
        return None
    factor = 1.0 / np.sqrt(variance.astype(np.float64) + call.real("epsilon"))
    if call.flag("scale"):
        factor = factor * gamma
    offset = -mean.astype(np.float64) * factor
    if call.flag("center"):
        offset = offset + beta
    return factor, offset


def _folded(call: RelayCall, axis: int, factor: np.ndarray, offset: np.ndarray) -> Value | None:
    """The sum of products before with factor and offset in its weights and bias; None where that cannot be."""
    op = call.maker(0, *SUMS_OF_PRODUCTS)
    if op is None or output_axis(op) != axis or not call.only_user(op.results[0]):
        return None
    bias = bias_elements(op)
    if bias is None and not takes_bias(op):
        return None
    filter_value = op.operands[1]
    if filter_value is None or filter_value.producer is None or filter_value.producer.name != "const":
        return None
    data = filter_value.producer.attributes["value"]
    channels = 3 if op.name == "depthwise_conv_2d" else 0
    shape = [-1 if d == channels else 1 for d in range(data.array.ndim)]
    weights = (data.array * factor.reshape(shape)).astype(data.array.dtype)
    if bias is not None:
        offset = offset + bias * factor
    folded_filter = call.new_constant(weights, name=data.name)
    folded_bias = call.new_constant(offset.astype(data.array.dtype), name=_bias_name(op, data.name))
    return call.again(op, op.operands[0], folded_filter, folded_bias)


def _bias_name(op: Operation, weight: str | None) -> str | None:
    """The name of the bias that a fold makes: that of the one before, else one made of the weight's."""
    bias = op.operands[2] if len(op.operands) > 2 else None
    if bias is not None and bias.producer is not None:
        return bias.producer.attributes["value"].name
    return f"{weight}_bias" if weight is not None else None


def _batch_norm_of_parameters(call: RelayCall, axis: int, rank: int) -> Value:
    """The same by operations, for parameters that are known only at run time."""
    data = call.value(0)
    variance = call.emit("add", call.value(4), call.number(call.real("epsilon"), data))
    factor = call.emit("div", call.number(1.0, data), call.emit("sqrt", variance))
    if call.flag("scale"):
        factor = call.emit("mul", factor, call.value(1))
    offset = call.emit("mul", call.emit("neg", call.value(3)), factor)
    if call.flag("center"):
        offset = call.emit("add", offset, call.value(2))
    shape = (call.input_shape(1)[0],) + (1,) * (rank - 1 - axis)
    product = call.emit("mul", data, call.reshaped(factor, shape))
    return call.emit("add", product, call.reshaped(offset, shape))


def instance_norm(call: RelayCall) -> Value:
    """Mean and variance of each image and channel, over all other dimensions."""
    rank = call.type.rank
    axis = call.axis(call.integer("axis"), rank)
    return _normalised(call, tuple(d for d in range(1, rank) if d != axis), axis)


def layer_norm(call: RelayCall) -> Value:
    """Mean and variance along one dimension."""
    axis = call.axis(call.integer("axis"), call.type.rank)
    return _normalised(call, (axis,), axis)


def _normalised(call: RelayCall, axes: tuple[int, ...], channel: int) -> Value:
    return _scaled(call, _centred(call, call.value(0), axes), channel)


def _centred(call: RelayCall, data: Value, axes: tuple[int, ...]) -> Value:
    """(x - mean) / sqrt(variance + epsilon), both taken over `axes`."""
    centred = call.emit("sub", data, call.emit("mean", data, axes=axes, keep_dims=True))
    variance = call.emit("mean", call.emit("mul", centred, centred), axes=axes, keep_dims=True)
    deviation = call.emit("sqrt", call.emit("add", variance, call.number(call.real("epsilon"), data)))
    return call.emit("div", centred, deviation)


def _scaled(call: RelayCall, data: Value, channel: int) -> Value:
    """Times argument 1 plus argument 2, vectors along `channel`, as far as the attributes ask for it."""
    shape = (call.input_shape(1)[0],) + (1,) * (call.type.rank - 1 - channel)
    if call.flag("scale"):
        data = call.emit("mul", data, call.reshaped(call.value(1), shape))
    if call.flag("center"):
        data = call.emit("add", data, call.reshaped(call.value(2), shape))
    return data


def l2_normalize(call: RelayCall) -> Value:
    """x / sqrt(max(sum of squares, eps)); NIR's own operator has a fixed bound, so this is composed."""
    data = call.value(0)
    axes = tuple(call.axis(axis, call.type.rank) for axis in integers(call, "axis"))
    squares = call.emit("reduce_sum", call.emit("mul", data, data), axes=axes, keep_dims=True)
    bounded = call.emit("maximum", squares, call.number(call.real("eps"), data))
    return call.emit("div", data, call.emit("sqrt", bounded))


def softmax(call: RelayCall) -> Value:
    """Softmax along one dimension."""
    return call.emit("softmax", call.value(0), axis=call.axis(call.integer("axis"), call.type.rank))


def log_softmax(call: RelayCall) -> Value:
    """Logarithm of the softmax along one dimension."""
    return call.emit("log_softmax", call.value(0), axis=call.axis(call.integer("axis"), call.type.rank))


def lrn(call: RelayCall) -> Value:
    """x / (bias + alpha / size * sum of squares of `size` neighbours)^beta; NIR does not divide by the size."""
    size = call.integer("size")
    if size % 2 == 0:
        call.refuse(f"a window of {size} has no middle")
    return call.emit(
        "local_response_normalization",
        call.value(0),
        radius=size // 2,
        bias=call.real("bias"),
        alpha=call.real("alpha") / size,
        beta=call.real("beta"),
        axis=call.axis(call.integer("axis"), call.type.rank),
    )


def group_norm(call: RelayCall) -> Value:
    """Mean and variance of groups of channels: the groups become a dimension."""
    shape, groups = call.shape, call.integer("num_groups")
    axis = call.axis(call.integer("axis"), len(shape))
    if groups < 1 or shape[axis] % groups or axis == 0:
        call.refuse(f"{shape[axis]} channels do not make {groups} groups")
    split = (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])
    grouped = call.reshaped(call.value(0), split)
    normalised = _centred(call, grouped, tuple(d for d in range(1, len(split)) if d != axis))
    return _scaled(call, call.reshaped(normalised, shape), axis)


HANDLERS: HandlerTable = {
    "nn.batch_norm": batch_norm,
    "nn.group_norm": group_norm,
    "nn.instance_norm": instance_norm,
    "nn.layer_norm": layer_norm,
    "nn.l2_normalize": l2_normalize,
    "nn.softmax": softmax,
    "nn.log_softmax": log_softmax,
    "nn.lrn": lrn,
}
