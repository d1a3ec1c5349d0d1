"""Quantised operators of Relay other than sums of products: conversions, arithmetic, functions, joining, pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.ir import ElementType, Operation, Quantisation, TensorType, Value
from nir.ops.profiles import get_profile
from nir.ops.quantised_activation import decimal_of
from nir.ops.quantised_activation import leaky_relu as quantised_leaky_relu
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.handlers_elementwise import each
from nir.passes.relay_to_nir.handlers_pooling import average_pool, widened_operand
from nir.passes.relay_to_nir.handlers_qnn_products import requantised_sum, sum_behind
from nir.passes.relay_to_nir.parameters import quantisation_from, quantisation_of

_TABULATED = ("abs", "elu", "erf", "exp", "hard_swish", "log", "logistic", "rsqrt", "sin", "sqrt", "tanh")
"""Functions that mean, on quantised tensors: dequantise, compute in float32, quantise."""


def quantize(call: RelayCall) -> Value:
    """To stored integers. A function between a dequantize and this becomes one operation on integers, which is
    defined to be these three steps (a leaky_relu is not: it has integer arithmetic of its own).
    """
    axis = call.axis(call.integer("axis"), max(call.type.rank, 1))
    target = quantisation_of(call, 1, 2, axis)
    element = call.types[0].element
    op = call.maker(0, *_TABULATED)
    source = _dequantised(op) if op is not None and call.only_user(op.results[0]) else None
    if op is not None and source is not None and source.element is element and not target.is_per_channel:
        return call.again(op, source, element=element, quantisation=target)
    return call.emit("quantize", call.value(0), element=element, quantisation=target)


def _dequantised(op: Operation) -> Value | None:
    """The stored integers that went through a dequantize into `op`, if they have one scale."""
    operand = op.operands[0]
    if operand is None or operand.producer is None or operand.producer.name != "dequantize":
        return None
    source = operand.producer.operands[0]
    if source is None or source.type.quantisation is None or source.type.quantisation.is_per_channel:
        return None
    return source


def dequantize(call: RelayCall) -> Value:
    """To real values."""
    axis = call.axis(call.integer("axis"), max(call.type.rank, 1))
    value = call.quantised(0, quantisation_of(call, 1, 2, axis), "the operand")
    return call.emit("dequantize", value, element=call.types[0].element)


def requantize(call: RelayCall) -> Value:
    """Part of the sum of products before it, of the mean before it, or an operation of its own."""
    axis = call.axis(call.integer("axis"), max(call.type.rank, 1))
    source, target = quantisation_of(call, 1, 2, axis), quantisation_of(call, 3, 4)
    op = sum_behind(call)
    if op is not None:
        return requantised_sum(call, op, source, target, call.rounding())
    element = call.types[0].element
    narrow = None if call.entries[0].constant is not None else widened_operand(call.value(0))
    if narrow is None:
        value = call.quantised(0, source, "the operand")
    elif narrow.producer is not None and narrow.producer.name == "mean" and narrow.element is element:
        mean = narrow.producer
        assert mean.operands[0] is not None
        call.state(mean.operands[0], source, "the operand")
        return call.again(mean, element=element, quantisation=target, rounding=call.rounding())
    else:
        value = narrow
        call.state(value, source, "the operand")
    if source == target and value.element is element:
        return value
    return call.emit("requantize", value, element=element, quantisation=target, rounding=call.rounding())


def arithmetic(operator: str, call: RelayCall) -> Value:
    """Arguments: both operands, scale and zero point of the left, of the right, of the result."""
    left = call.quantised(0, quantisation_of(call, 2, 3), "the left operand")
    right = call.quantised(1, quantisation_of(call, 4, 5), "the right operand")
    return call.emit(operator, left, right, quantisation=quantisation_of(call, 6, 7), rounding=call.rounding())


def function(operator: str, call: RelayCall) -> Value:
    """Arguments: the operand, its scale and zero point, those of the result."""
    value = call.quantised(0, quantisation_of(call, 1, 2), "the operand")
    return call.emit(operator, value, quantisation=quantisation_of(call, 3, 4))


def leaky_relu(call: RelayCall) -> Value:
    """Like `function`, with a slope."""
    value = call.quantised(0, quantisation_of(call, 1, 2), "the operand")
    source, target = quantisation_of(call, 1, 2), quantisation_of(call, 3, 4)
    slope = _single_slope(call, value.element, source, target)
    return call.emit("leaky_relu", value, alpha=slope, quantisation=target, rounding=call.rounding())


def _single_slope(call: RelayCall, element: ElementType, source: Quantisation, target: Quantisation) -> float:
    """A float32 that gives every stored integer the result of Relay's alpha, which is a float64.

    NIR takes the decimal of a float32, so a decimal of few digits is alpha itself. One that was a float32 before Relay
    widened it is not: five steps times 0.1 are nearly half a step, on the one side or the other.
    """
    exact = call.real("alpha")
    nearest = np.float32(exact)
    stored = np.arange(element.minimum, element.maximum + 1, dtype=np.int64)
    shape = (len(stored),)
    types = TensorType(element, shape, source), TensorType(element, shape, target)

    def table(alpha: float) -> np.ndarray[Any, Any]:
        return quantised_leaky_relu(get_profile("relay"), stored, *types, alpha, call.rounding())

    candidates = (nearest, np.nextafter(nearest, np.float32(-1)), np.nextafter(nearest, np.float32(1)))
    expected = table(exact)
    slope = next(
        (float(candidate) for candidate in candidates if np.array_equal(table(decimal_of(float(candidate))), expected)),
        None,
    )
    return slope if slope is not None else call.refuse("no float32 gives the same integers as alpha, a float64")


def softmax(call: RelayCall) -> Value:
    """Like `function`, along one dimension."""
    value = call.quantised(0, quantisation_of(call, 1, 2), "the operand")
    axis = call.axis(call.integer("axis"), call.type.rank)
    return call.emit("softmax", value, axis=axis, quantisation=quantisation_of(call, 3, 4), rounding=call.rounding())


def avg_pool2d(call: RelayCall) -> Value:
    """Averages of stored integers. Where the result has other parameters, Relay rescales to 32 bits before it
    averages, and saturates after.
    """
    source, target = quantisation_of(call, 1, 2), quantisation_of(call, 3, 4)
    value = call.quantised(0, source, "the operand")
    if source == target:
        result = average_pool(call, value)
        call.state(result, target, "the result")
        return result
    wide = call.emit("requantize", value, element="i32", quantisation=target, rounding=call.rounding())
    average = average_pool(call, wide)
    call.state(average, target, "the average")
    return call.emit("requantize", average, element=value.element, quantisation=target, rounding=call.rounding())


def concatenate(call: RelayCall) -> Value:
    """Arguments: tuples of tensors, scales and zero points, then those of the result."""
    scales, points = _numbers(call, 1), _numbers(call, 2)
    values = []
    for leaf, scale, point in zip(call.entries[0].leaves(), scales, points, strict=True):
        stated = quantisation_from(call, scale.astype(np.float32), point, None)
        values.append(_stated(call, leaf.constant, call.graph.value_of(leaf), stated))
    axis = call.axis(call.integer("axis"), call.type.rank)
    return call.emit(
        "concatenation", *values, axis=axis, quantisation=quantisation_of(call, 3, 4), rounding=call.rounding()
    )


def _stated(call: RelayCall, constant: object, value: Value, quantisation: Quantisation) -> Value:
    if constant is None or value.type.quantisation is None:
        call.state(value, quantisation, "an operand")
    return value


def _numbers(call: RelayCall, index: int) -> list[np.ndarray]:
    """The constants in the tuple that argument `index` is."""
    found = [leaf.constant for leaf in call.entries[index].leaves()]
    if any(constant is None for constant in found):
        call.refuse("scales and zero points must be constants")
    return [constant.data for constant in found if constant is not None]


HANDLERS: HandlerTable = {
    **each(arithmetic, {"qnn.add": "add", "qnn.mul": "mul", "qnn.subtract": "sub"}),
    **each(
        function,
        {
            "qnn.abs": "abs",
            "qnn.erf": "erf",
            "qnn.exp": "exp",
            "qnn.hardswish": "hard_swish",
            "qnn.log": "log",
            "qnn.rsqrt": "rsqrt",
            "qnn.sigmoid": "logistic",
            "qnn.sqrt": "sqrt",
            "qnn.tanh": "tanh",
        },
    ),
    "qnn.avg_pool2d": avg_pool2d,
    "qnn.concatenate": concatenate,
    "qnn.dequantize": dequantize,
    "qnn.leaky_relu": leaky_relu,
    "qnn.quantize": quantize,
    "qnn.requantize": requantize,
    "qnn.softmax": softmax,
}
