"""Rows for operators on single elements: arithmetic, functions, comparisons, activations."""

from __future__ import annotations

import math

from nir.passes.relax_to_relay.site import RelaxCall, Row, RowTable
from nir.relay.ast import Expr


def same(relay_name: str) -> Row:
    """A row for an operator that Relay has with the same arguments and no attributes."""
    return lambda call: call.relay(relay_name, *(call.expr(index) for index in range(len(call.args))))


def clip(call: RelaxCall) -> Expr:
    """Bounds are arguments in Relax and attributes in Relay."""
    low, high = call.number(1, "the lower bound"), call.number(2, "the upper bound")
    return call.relay("clip", call.expr(), a_min=float(low), a_max=float(high))


def astype(call: RelaxCall) -> Expr:
    """A cast, whose type stands in the result's."""
    return call.cast(call.expr(), call.result.dtype)


def rounded(call: RelaxCall) -> Expr:
    """Halves to the even neighbour, where Relay's round moves them away from zero."""
    x = call.expr()
    if not call.is_float(x):
        return x
    whole = call.relay("floor", x)
    rest = call.subtract(x, whole)
    half = call.like(0.5, x)
    pairs = call.relay("floor", call.multiply(whole, half))
    odd = call.subtract(whole, call.multiply(pairs, call.like(2, x)))
    above = call.cast(call.relay("greater", rest, half), call.dtype(x))
    between = call.cast(call.relay("equal", rest, half), call.dtype(x))
    return call.add(whole, call.add(above, call.multiply(between, odd)))


def square(call: RelaxCall) -> Expr:
    """x * x."""
    x = call.expr()
    return call.multiply(x, x)


def tangent(call: RelaxCall) -> Expr:
    """sin(x) / cos(x)."""
    x = call.expr()
    return call.divide(call.relay("sin", x), call.relay("cos", x))


def fused_multiply_add(call: RelaxCall) -> Expr:
    """x * y + z."""
    return call.add(call.multiply(call.expr(0), call.expr(1)), call.expr(2))


def log_add_exp(call: RelaxCall) -> Expr:
    """log(exp(x) + exp(y)) = max + log(1 + exp(-|x - y|))."""
    x, y = call.expr(0), call.expr(1)
    distance = call.relay("abs", call.subtract(x, y))
    rest = call.relay("log", call.add(call.relay("exp", call.relay("negative", distance)), call.like(1, x)))
    return call.add(call.relay("maximum", x, y), rest)


def bitwise(relay_name: str) -> Row:
    """Bits of truths are truths; those of integers are left to whoever knows them."""

    def row(call: RelaxCall) -> Expr:
        if call.result.dtype != "bool":
            call.refuse("NIR has no operators on the bits of integers")
        return call.relay(relay_name, *(call.expr(index) for index in range(len(call.args))))

    return row


# --- activations ---


def leaky_relu(call: RelaxCall) -> Expr:
    """x, or alpha * x below 0."""
    return call.relay("nn.leaky_relu", call.expr(), alpha=float(call.attrs["alpha"]))


def prelu(call: RelaxCall) -> Expr:
    """Slopes along one dimension; a single slope for all is a vector of as many."""
    x, slopes = call.expr(0), call.expr(1)
    axis = call.axis(len(call.shape(x)))
    (count,) = call.shape(slopes) or (1,)
    channels = call.shape(x)[axis]
    if count == 1 and channels != 1:
        slopes = call.relay("broadcast_to", call.reshape(slopes, (1,)), shape=(channels,))
    return call.relay("nn.prelu", x, slopes, axis=axis)


def gelu(call: RelaxCall) -> Expr:
    """x / 2 * (1 + erf(x / sqrt(2)))."""
    x = call.expr()
    error = call.relay("erf", call.multiply(x, call.like(math.sqrt(0.5), x)))
    return call.multiply(call.multiply(x, call.like(0.5, x)), call.add(error, call.like(1, x)))


def gelu_tanh(call: RelaxCall) -> Expr:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))."""
    x = call.expr()
    cube = call.multiply(call.multiply(x, x), x)
    inside = call.multiply(
        call.add(x, call.multiply(cube, call.like(0.044715, x))), call.like(math.sqrt(2 / math.pi), x)
    )
    return call.multiply(call.multiply(x, call.like(0.5, x)), call.add(call.relay("tanh", inside), call.like(1, x)))


def silu(call: RelaxCall) -> Expr:
    """x * sigmoid(x)."""
    x = call.expr()
    return call.multiply(x, call.relay("sigmoid", x))


def selu(call: RelaxCall) -> Expr:
    """scale * (max(x, 0) + min(alpha * (exp(x) - 1), 0)) with the constants of the paper that named it."""
    x = call.expr()
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    below = call.subtract(call.relay("exp", call.relay("minimum", x, call.like(0, x))), call.like(1, x))
    return call.add(
        call.multiply(call.relay("nn.relu", x), call.like(scale, x)), call.multiply(below, call.like(scale * alpha, x))
    )


def softplus(call: RelaxCall) -> Expr:
    """log(1 + exp(beta x)) / beta, as max(x, 0) + log(1 + exp(-|beta x|)) / beta, which does not overflow."""
    x, beta = call.expr(), float(call.attrs["beta"])
    magnitude = call.relay("abs", call.multiply(x, call.like(beta, x)))
    rest = call.relay("log", call.add(call.relay("exp", call.relay("negative", magnitude)), call.like(1, x)))
    return call.add(call.relay("nn.relu", x), call.multiply(rest, call.like(1 / beta, x)))


def softmax(relay_name: str) -> Row:
    """A row for softmax or its logarithm."""
    return lambda call: call.relay(relay_name, call.expr(), axis=call.axis(call.tensor_type(call.expr()).rank))


ROWS: RowTable = {
    **{
        name: same(name)
        for name in (
            "abs",
            "add",
            "ceil",
            "cos",
            "cosh",
            "divide",
            "equal",
            "erf",
            "exp",
            "floor",
            "floor_divide",
            "floor_mod",
            "greater",
            "greater_equal",
            "isfinite",
            "isinf",
            "isnan",
            "less",
            "less_equal",
            "log",
            "logical_and",
            "logical_not",
            "logical_or",
            "logical_xor",
            "maximum",
            "minimum",
            "mod",
            "multiply",
            "negative",
            "not_equal",
            "power",
            "rsqrt",
            "sigmoid",
            "sign",
            "sin",
            "sinh",
            "sqrt",
            "subtract",
            "tanh",
            "trunc",
            "where",
            "nn.relu",
        )
    },
    "astype": astype,
    "bitwise_and": bitwise("logical_and"),
    "bitwise_not": bitwise("logical_not"),
    "bitwise_or": bitwise("logical_or"),
    "bitwise_xor": bitwise("logical_xor"),
    "clip": clip,
    "ewise_fma": fused_multiply_add,
    "log_add_exp": log_add_exp,
    "nn.gelu": gelu,
    "nn.gelu_tanh": gelu_tanh,
    "nn.leakyrelu": leaky_relu,
    "nn.log_softmax": softmax("nn.log_softmax"),
    "nn.prelu": prelu,
    "nn.selu": selu,
    "nn.silu": silu,
    "nn.softmax": softmax("nn.softmax"),
    "nn.softplus": softplus,
    "round": rounded,
    "square": square,
    "tan": tangent,
}
