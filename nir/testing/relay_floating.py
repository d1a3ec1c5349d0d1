"""Steps of floating-point programs, element by element, each with its Lipschitz constant and its count of roundings.

A function that is not continuous, or whose slope has no bound, is applied only to numbers that nobody doubts.
"""

from __future__ import annotations

import math

import numpy as np

from nir.testing.relay_draft import HALF_ULP, Draft, Step, Tensor, is_exact
from nir.testing.relay_products import moderate, random_floats

_FUNCTIONS = {
    "tanh": (8.0, 16, 1.0, 1.0),
    "sigmoid": (8.0, 8, 0.25, 1.0),
    "erf": (8.0, 16, 1.13, 1.0),
    "sin": (8.0, 8, 1.0, 1.0),
    "cos": (8.0, 16, 1.0, 1.0),
}
"""Greatest operand, half units in the last place by which a library may be off, slope, and greatest result.

TVM's tanh is a rational approximation; NIR's cos is composed of a sine, a square and a difference.
"""

_GROWING = {"exp": 8, "sinh": 16, "cosh": 16}
"""Functions no steeper and no greater than exp of the magnitude, and the same count."""

_FROM_ONE = {"log": (8, 1.0), "log2": (16, 1.45), "log10": (16, 0.44), "rsqrt": (6, 0.5), "sqrt": (2, 0.5)}
"""Functions of numbers from 1 on: the same count, and the slope at 1, which is the steepest."""

_ROUNDING = ("floor", "ceil", "round", "trunc", "sign")


def rounded(error: float, magnitude: float) -> float:
    """The error after one rounding: equal operands give equal results, others are rounded on either side."""
    return error + 2 * HALF_ULP * magnitude if error else 0.0


def elementwise(draft: Draft) -> None:
    """Two tensors of one shape: each operator rounds once, and correctly."""
    x = draft.source(moderate)
    y = x and draft.source(lambda tensor: moderate(tensor) and tensor.shape == x.shape)
    if x is None or y is None:
        return
    operator = draft.choose("add", "subtract", "multiply")
    if operator == "multiply":
        magnitude = x.magnitude * y.magnitude
        error = x.magnitude * y.error + y.magnitude * x.error
    else:
        magnitude, error = x.magnitude + y.magnitude, x.error + y.error
    draft.result(x, f"{operator}({x.name}, {y.name})", x, y, magnitude=magnitude, error=rounded(error, magnitude))


def scaled(draft: Draft) -> None:
    """A tensor and a number, or a vector that is repeated along all other axes."""
    x = draft.source(moderate)
    if x is None:
        return
    operator, number = draft.choose("add", "subtract", "multiply", "divide"), draft.choose(0.5, 3.0, 0.7, -1.3)
    written = f"{number}f"
    if x.shape and draft.choose(False, True):
        written = draft.weight(np.full(x.shape[-1], number, np.float32))
    factor = {"multiply": abs(number), "divide": 1 / abs(number)}.get(operator, 1.0)
    magnitude = factor * x.magnitude + (abs(number) if operator in ("add", "subtract") else 0)
    error = rounded(factor * x.error, magnitude)
    draft.result(x, f"{operator}({x.name}, {written})", x, magnitude=magnitude, error=error)


def from_one(draft: Draft, x: Tensor) -> tuple[str, float, float]:
    """A tensor whose numbers are at least 1, made of `x` by two operators: name, magnitude and error."""
    size = draft.call(f"abs({x.name})", x)
    magnitude = x.magnitude + 1
    return draft.call(f"add({size}, 1f)"), magnitude, rounded(x.error, magnitude)


def quotient(draft: Draft) -> None:
    """One tensor divided by another, whose numbers are first brought away from 0."""
    x = draft.source(moderate)
    y = x and draft.source(lambda tensor: moderate(tensor) and tensor.shape == x.shape)
    if x is None or y is None or not draft.fits(x.shape):
        return
    below, _, doubt = from_one(draft, y)
    error = rounded(x.error + x.magnitude * doubt, x.magnitude)
    draft.result(x, f"divide({x.name}, {below})", x, error=error)


def activation(draft: Draft) -> None:
    """What takes no error worse: parts of the identity."""
    x = draft.source(moderate)
    if x is not None:
        operator = draft.choose("nn.relu({})", "clip({}, a_min=0f, a_max=6f)", "abs({})", "negative({})")
        draft.result(x, operator.format(x.name), x)


def bounds(draft: Draft) -> None:
    """A clip to bounds that no activation has; magnitudes must know of bounds beyond the tensor's own."""
    x = draft.source(moderate)
    if x is not None:
        low, high = draft.choose((-1.0, 1.0), (-0.5, 2.25), (0.125, 1.0))
        magnitude = max(abs(low), abs(high))
        draft.result(x, f"clip({x.name}, a_min={low}f, a_max={high}f)", x, magnitude=magnitude)


def leaky_relu(draft: Draft) -> None:
    """One product for negative numbers, by one slope or by one for each channel."""
    x = draft.source(moderate)
    if x is None:
        return
    error = rounded(x.error, x.magnitude)
    if len(x.shape) > 1 and draft.choose(False, True):
        axis = draft.integer(1, len(x.shape) - 1)
        slopes = draft.weight(random_floats(draft, x.shape[axis]))
        draft.result(x, f"nn.prelu({x.name}, {slopes}, axis={axis})", x, error=error)
        return
    draft.result(x, f"nn.leaky_relu({x.name}, alpha={draft.choose(0.1, 0.25)}f)", x, error=error)


def function(draft: Draft) -> None:
    """Transcendental functions with bounded slope."""
    name = draft.choose(*_FUNCTIONS, *_GROWING)
    greatest, count, slope, most = _FUNCTIONS.get(name, (8.0, _GROWING.get(name, 0), 0.0, 0.0))
    x = draft.source(lambda tensor: moderate(tensor) and tensor.magnitude <= greatest)
    if x is None:
        return
    if name in _GROWING:
        slope = most = math.exp(x.magnitude)
    draft.result(x, f"{name}({x.name})", x, magnitude=most, error=slope * x.error + 2 * count * HALF_ULP * most)


def tangent(draft: Draft) -> None:
    """A tangent between -1 and 1, where its slope is at most 3.43; NIR's has two sines, a quotient and a product."""
    x = draft.source(moderate)
    if x is not None and draft.fits(x.shape):
        bounded = draft.call(f"clip({x.name}, a_min=-1f, a_max=1f)", x)
        error = 3.43 * x.error + 2 * 24 * HALF_ULP * 1.56
        draft.result(x, f"tan({bounded})", magnitude=1.56, error=error)


def function_from_one(draft: Draft) -> None:
    """Functions whose slope has no bound at 0, of numbers from 1 on."""
    x = draft.source(moderate)
    if x is None or not draft.fits(x.shape):
        return
    name = draft.choose(*_FROM_ONE)
    count, slope = _FROM_ONE[name]
    operand, magnitude, error = from_one(draft, x)
    most = {"rsqrt": 1.0, "sqrt": math.sqrt(magnitude)}.get(name, 1.45 * math.log(magnitude))
    error = slope * error + 2 * count * HALF_ULP * most
    draft.result(x, f"{name}({operand})", magnitude=most, error=error)


def power(draft: Draft) -> None:
    """Numbers from 1 on to a constant power."""
    x = draft.source(lambda tensor: moderate(tensor) and tensor.magnitude <= 16)
    if x is None or not draft.fits(x.shape):
        return
    exponent = draft.choose(2.0, 0.5, 1.7, -1.0)
    operand, base, error = from_one(draft, x)
    magnitude = max(base**exponent, 1.0)
    slope = abs(exponent) * max(base ** (exponent - 1), 1.0)
    error = slope * error + 2 * 16 * HALF_ULP * magnitude
    draft.result(x, f"power({operand}, {exponent}f)", magnitude=magnitude, error=error)


def whole(draft: Draft) -> None:
    """Rounding to whole numbers."""
    x = draft.source(is_exact)
    if x is not None:
        draft.result(x, f"{draft.choose(*_ROUNDING)}({x.name})", x, magnitude=x.magnitude + 1)


def root(draft: Draft) -> None:
    """A square root, correctly rounded; its slope has no bound at 0, so only of numbers that nobody doubts."""
    x = draft.source(is_exact)
    if x is not None and draft.fits(x.shape):
        size = draft.call(f"abs({x.name})", x)
        draft.result(x, f"sqrt({size})", magnitude=math.sqrt(x.magnitude) + 1)


def floor_division(draft: Draft) -> None:
    """The whole quotient, or what it leaves, of numbers that nobody doubts."""
    x = draft.source(lambda tensor: is_exact(tensor) and moderate(tensor))
    if x is not None:
        operator, number = draft.choose("floor_divide", "floor_mod"), draft.choose(0.5, 3.0, 2.0)
        magnitude = x.magnitude / number + 1 if operator == "floor_divide" else number + 1
        draft.result(x, f"{operator}({x.name}, {number}f)", x, magnitude=magnitude)


def half(draft: Draft) -> None:
    """To float16 and back: one rounding, the same for all, of numbers that nobody doubts."""
    x = draft.source(lambda tensor: is_exact(tensor) and moderate(tensor))
    if x is not None and draft.fits(x.shape):
        narrow = draft.call(f'cast({x.name}, dtype="float16")', x)
        draft.result(x, f'cast({narrow}, dtype="float32")', magnitude=2 * x.magnitude)


STEPS = (
    Step(elementwise, 1, ("add", "subtract", "multiply"), 2),
    Step(scaled, 1, ("add", "subtract", "multiply", "divide")),
    Step(quotient, 3, ("abs", "add", "divide"), 1),
    Step(activation, 1, ("nn.relu", "clip", "abs", "negative"), 2),
    Step(bounds, 1, ("clip",)),
    Step(leaky_relu, 1, ("nn.leaky_relu", "nn.prelu"), 2),
    Step(function, 1, (*_FUNCTIONS, *_GROWING), 7),
    Step(tangent, 2, ("clip", "tan")),
    Step(function_from_one, 3, ("abs", "add", *_FROM_ONE), 4),
    Step(power, 3, ("abs", "add", "power")),
    Step(whole, 1, _ROUNDING, 4),
    Step(root, 2, ("abs", "sqrt")),
    Step(floor_division, 1, ("floor_divide", "floor_mod"), 2),
    Step(half, 2, ("cast",)),
)
