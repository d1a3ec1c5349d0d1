"""Elementwise operators: arithmetic with broadcasting, functions of one operand, activations, comparisons."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from nir.ir import ElementType, Value
from nir.ops.common import Activation
from nir.ops.profiles import activation_bounds
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.handlers_convolution import along_axis

_REAL_BOUNDS = {(0.0, 6.0): Activation.RELU6, (-1.0, 1.0): Activation.RELU1, (0.0, math.inf): Activation.RELU}
"""Bounds of float values, and the activation that sets them."""


def unary(operator: str, call: RelayCall) -> Value:
    """One operator for one, on integers as they are stored."""
    return call.plain(call.emit(operator, call.value(0)))


def real_function(operator: str, call: RelayCall) -> Value:
    """One operator for one, on floats."""
    if not call.is_float(0):
        call.refuse("on integers it has no counterpart in NIR")
    return call.emit(operator, call.value(0))


def binary(operator: str, call: RelayCall) -> Value:
    """One operator for one, both with numpy's broadcasting; on integers as they are stored."""
    return call.plain(call.emit(operator, call.value(0), call.value(1)))


def moving(operator: str, call: RelayCall) -> Value:
    """A choice among stored elements: on integers it holds whatever they stand for, so long as it is the same."""
    return call.raw(call.emit(operator, call.value(0), call.value(1)))


def comparison(operator: str, call: RelayCall) -> Value:
    """Integers are compared as stored; the converter makes sure that both sides stand for the same values."""
    value = call.emit(operator, call.value(0), call.value(1))
    if call.value(0).element.is_integer and value.producer is not None:
        call.graph.raw.append(value.producer)
    return value


def divide(call: RelayCall) -> Value:
    """The quotient; that of integers is cut off in Relay and rounded down in NIR: so magnitudes are divided."""
    if call.is_float(0):
        return call.emit("div", call.value(0), call.value(1))
    left, right = call.value(0), call.value(1)
    magnitude = call.plain(call.emit("div", call.emit("abs", left), call.emit("abs", right)))
    return call.emit("mul", magnitude, call.emit("mul", sign_of(call, left), sign_of(call, right)))


def truncated_mod(call: RelayCall) -> Value:
    """What a division of integers leaves: x - trunc(x / y) * y. Of floats the quotient would be rounded before."""
    if call.is_float(0):
        call.refuse("of floats it has no counterpart in NIR")
    return call.plain(call.emit("sub", call.value(0), call.emit("mul", divide(call), call.value(1))))


def floor_divide(call: RelayCall) -> Value:
    """The quotient rounded down; NIR's division of integers rounds down itself."""
    if call.is_float(0):
        return call.emit("floor", call.emit("div", call.value(0), call.value(1)))
    return binary("div", call)


def floor_mod(call: RelayCall) -> Value:
    """x - floor(x / y) * y."""
    quotient = floor_divide(call)
    return call.emit("sub", call.value(0), call.emit("mul", quotient, call.value(1)))


def floor(call: RelayCall) -> Value:
    """The largest integer not above; of an integer that is itself."""
    return call.emit("floor", call.value(0)) if call.is_float(0) else call.value(0)


def ceil(call: RelayCall) -> Value:
    """-floor(-x)."""
    if not call.is_float(0):
        return call.value(0)
    return call.emit("neg", call.emit("floor", call.emit("neg", call.value(0))))


def sign(call: RelayCall) -> Value:
    """1, 0 or -1."""
    return sign_of(call, call.value(0))


def sign_of(call: RelayCall, x: Value) -> Value:
    """1, 0 or -1: two truths as numbers."""
    zero = call.number(0, x)
    above, below = (call.plain(call.emit(operator, x, zero)) for operator in ("greater", "less"))
    return call.emit("sub", *(call.emit("cast", truth, element=x.element) for truth in (above, below)))


def trunc(call: RelayCall) -> Value:
    """floor above 0, ceil below: by two clamps, so that no choice is needed."""
    if not call.is_float(0):
        return call.value(0)
    x = call.value(0)
    zero = call.number(0, x)
    above = call.emit("floor", call.emit("maximum", x, zero))
    below = call.emit("floor", call.emit("neg", call.emit("minimum", x, zero)))
    return call.emit("sub", above, below)


def rounded(call: RelayCall) -> Value:
    """Halves away from zero: whole part of |x|, and 1 more from a half on, with the sign of x."""
    if not call.is_float(0):
        return call.value(0)
    x = call.value(0)
    magnitude = call.emit("abs", x)
    whole = call.emit("floor", magnitude)
    from_half = call.emit("greater_equal", call.emit("sub", magnitude, whole), call.number(0.5, x))
    result = call.emit("add", whole, call.emit("cast", from_half, element=x.element))
    return call.emit("mul", result, sign(call))


def cosine(call: RelayCall) -> Value:
    """1 - 2 sin(x / 2)^2."""
    x = call.value(0)
    half = call.emit("sin", call.emit("mul", x, call.number(0.5, x)))
    square = call.emit("mul", half, half)
    return call.emit("sub", call.number(1, x), call.emit("mul", square, call.number(2, x)))


def tangent(call: RelayCall) -> Value:
    """sin(x) * (2 sin(x) / sin(2 x)), which is exact to a few roundings where the cosine is small, too; 0 at 0."""
    x = call.value(0)
    sine = call.emit("sin", x)
    two = call.number(2, x)
    secant = call.emit("div", call.emit("mul", sine, two), call.emit("sin", call.emit("mul", x, two)))
    zero = call.emit("equal", x, call.number(0, x))
    return call.emit("select", zero, x, call.emit("mul", sine, secant))


def log_of_base(base: float, call: RelayCall) -> Value:
    """log(x) / log(base)."""
    logarithm = call.emit("log", call.value(0))
    return call.emit("mul", logarithm, call.number(1.0 / math.log(base), logarithm))


def hyperbolic(sign_operator: str, call: RelayCall) -> Value:
    """(exp(x) +- exp(-x)) / 2."""
    x = call.value(0)
    pair = call.emit(sign_operator, call.emit("exp", x), call.emit("exp", call.emit("neg", x)))
    return call.emit("mul", pair, call.number(0.5, x))


def logical_xor(call: RelayCall) -> Value:
    """Truths that differ."""
    return call.emit("not_equal", call.value(0), call.value(1))


def isnan(call: RelayCall) -> Value:
    """What differs from itself."""
    return call.emit("not_equal", call.value(0), call.value(0))


def isinf(call: RelayCall) -> Value:
    """What has the magnitude of infinity."""
    x = call.value(0)
    return call.emit("equal", call.emit("abs", x), call.number(math.inf, x))


def isfinite(call: RelayCall) -> Value:
    """x - x is 0 for finite numbers, NaN for others."""
    x = call.value(0)
    return call.emit("equal", call.emit("sub", x, x), call.number(0, x))


# --- activations ---


def relu(call: RelayCall) -> Value:
    """max(x, 0); of stored integers, which mean what they mean, the same."""
    value = call.value(0)
    if value.element.is_float:
        return _activated(call, value, Activation.RELU)
    return _stored_clip(call, value, 0, value.element.maximum)


def clip(call: RelayCall) -> Value:
    """Bounds are real values for floats, stored integers for integers."""
    value = call.value(0)
    low, high = call.real("a_min"), call.real("a_max")
    if not value.element.is_float:
        return _stored_clip(call, value, low, high)
    if high >= float(np.finfo(value.element.numpy).max):
        high = math.inf
    activation = _REAL_BOUNDS.get((low, high))
    if activation is not None:
        return _activated(call, value, activation)
    if low > -math.inf:
        value = call.emit("maximum", value, call.number(low, value))
    return value if high == math.inf else call.emit("minimum", value, call.number(high, value))


def _activated(call: RelayCall, value: Value, activation: Activation) -> Value:
    """The activation as part of the operation before where that takes one, else by itself."""
    op = call.maker(0, *FUSING)
    if op is not None and call.only_user(value) and "activation" not in op.attributes:
        return call.again(op, activation=activation)
    return call.emit(activation.value, value)


def _stored_clip(call: RelayCall, value: Value, low: float, high: float) -> Value:
    """Bounds on stored integers: nothing where all are inside, an activation where it means the same."""
    element = value.element
    if math.isnan(low) or math.isnan(high):
        call.refuse("a bound is no number")
    lowest, highest = (math.trunc(min(max(bound, element.minimum), element.maximum)) for bound in (low, high))
    if (lowest, highest) == (element.minimum, element.maximum):
        return value
    op = call.maker(0, *FUSING)
    if op is not None and call.only_user(value) and "activation" not in op.attributes and value.type.quantisation:
        for activation in (Activation.RELU, Activation.RELU6, Activation.RELU1):
            if activation_bounds(value.type, activation) == (lowest, highest):
                return call.again(op, activation=activation)
    if lowest > element.minimum:
        value = call.raw(call.emit("maximum", value, call.number(lowest, value)))
    if highest < element.maximum:
        value = call.raw(call.emit("minimum", value, call.number(highest, value)))
    return value


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


def leaky_relu(call: RelayCall) -> Value:
    """x, or alpha * x below 0."""
    return call.emit("leaky_relu", call.value(0), alpha=call.real("alpha"))


def prelu(call: RelayCall) -> Value:
    """x, or a slope per channel times x below 0."""
    rank = call.type.rank
    axis = call.axis(call.integer("axis"), rank)
    return call.emit("prelu", call.value(0), along_axis(call, 1, axis, rank))


# --- copies and choices ---


def same(call: RelayCall) -> Value:
    """The argument."""
    return call.value(0)


def dropout(call: RelayCall) -> list[Value]:
    """Nothing at inference; the mask, which nobody uses, is all ones."""
    value = call.value(0)
    mask = np.broadcast_to(np.ones((), value.element.numpy), call.input_shape(0))  # takes no memory
    return [value, call.graph.constant(mask)]


def where(call: RelayCall) -> Value:
    """A choice by a condition of any type; NIR's operands have equal shapes."""
    condition = call.value(0)
    if condition.element is not ElementType.BOOL:
        condition = call.emit("not_equal", condition, call.number(0, condition))
    shape = call.shape
    operands = [broadcast(call, value, shape) for value in (condition, call.value(1), call.value(2))]
    return call.raw(call.emit("select", *operands))


def broadcast(call: RelayCall, value: Value, shape: tuple[int, ...]) -> Value:
    """`value` repeated to `shape`, by numpy's rules."""
    given = call.static_shape(value)
    padded = (1,) * (len(shape) - len(given)) + given
    value = call.reshaped(value, padded)
    multiples = tuple(wanted if size == 1 else 1 for size, wanted in zip(padded, shape, strict=True))
    return value if all(count == 1 for count in multiples) else call.emit("tile", value, multiples=multiples)


def each(handler: Callable[[str, RelayCall], Value], names: dict[str, str]) -> HandlerTable:
    """Rows for Relay operators that differ only in the NIR operator, which is the handler's first argument."""
    return {relay: functools.partial(handler, nir) for relay, nir in names.items()}


HANDLERS: HandlerTable = {
    **each(unary, {"abs": "abs", "logical_not": "logical_not", "negative": "neg"}),
    **each(
        real_function,
        {
            "erf": "erf",
            "exp": "exp",
            "log": "log",
            "rsqrt": "rsqrt",
            "sigmoid": "logistic",
            "sin": "sin",
            "sqrt": "sqrt",
            "tanh": "tanh",
        },
    ),
    **each(binary, {"add": "add", "multiply": "mul", "power": "pow", "subtract": "sub"}),
    **each(moving, {"maximum": "maximum", "minimum": "minimum"}),
    **each(
        comparison,
        {
            "equal": "equal",
            "greater": "greater",
            "greater_equal": "greater_equal",
            "less": "less",
            "less_equal": "less_equal",
            "logical_and": "logical_and",
            "logical_or": "logical_or",
            "not_equal": "not_equal",
        },
    ),
    "ceil": ceil,
    "clip": clip,
    "copy": same,
    "cos": cosine,
    "cosh": functools.partial(hyperbolic, "add"),
    "divide": divide,
    "floor": floor,
    "floor_divide": floor_divide,
    "floor_mod": floor_mod,
    "isfinite": isfinite,
    "isinf": isinf,
    "isnan": isnan,
    "log10": functools.partial(log_of_base, 10.0),
    "log2": functools.partial(log_of_base, 2.0),
    "logical_xor": logical_xor,
    "mod": truncated_mod,
    "nn.dropout": dropout,
    "nn.leaky_relu": leaky_relu,
    "nn.prelu": prelu,
    "nn.relu": relu,
    "round": rounded,
    "sign": sign,
    "sinh": functools.partial(hyperbolic, "sub"),
    "tan": tangent,
    "trunc": trunc,
    "trunc_divide": divide,
    "trunc_mod": truncated_mod,
    "where": where,
}
