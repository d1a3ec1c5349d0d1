"""Error rules of operators that work element by element.

A function that differs by at most its interval's width passes errors on; its own error is u |y| where it is correctly
rounded (+, -, x, /, square root), and k ulps where a library computes it (LIBRARY_ULPS). An ulp of y is at most 2 u |y|.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nir.ops.activation import LeakyRelu
from nir.testing.error_terms import UNIT, Array, Rule, Step, interval

LIBRARY_ULPS: Mapping[str, float] = {
    "exp": 3,
    "log": 4,
    "sin": 4,
    "erf": 8,
    "tanh": 12,
    "logistic": 10,
    "pow": 4,
    "rsqrt": 3,
    "elu": 8,
}
"""Ulps by which a library's function may be off. numpy's own vectorised float32 functions state less than 4 (exp 2.52, log
3.83); tanh and logistic are rational approximations in TVM and XNNPACK; elu subtracts 1 from exp and rsqrt divides.
"""


def _own(step: Step, ulps: float) -> Array:
    return step.local(2 * UNIT * (ulps if step.ulps is None else step.ulps), step.results[0])


def _pair(step: Step) -> tuple[Array, Array, Array, Array]:
    left, right = step.operands[0], step.operands[1]
    assert left is not None
    assert right is not None
    return left, right, step.errors[0], step.errors[1]


def _sum(step: Step) -> list[Array]:
    return [step.errors[0] + step.errors[1] + step.local(UNIT, _sum_magnitude(step))]


def _sum_magnitude(step: Step) -> Array:
    """|y|, and what rounding before a fused activation sees: the sum itself."""
    left, right, _, _ = _pair(step)
    return np.abs(left) + np.abs(right) if "activation" in step.op.attributes else step.results[0]


def _product(step: Step) -> list[Array]:
    left, right, e, f = _pair(step)
    return [np.abs(left) * f + np.abs(right) * e + e * f + step.local(UNIT, left * right)]


def _quotient(step: Step) -> list[Array]:
    left, right, e, f = _pair(step)
    quotient = left / right
    room = np.abs(right) - f
    passed = np.where(room > 0, (e + np.abs(quotient) * f) / room, np.where((e > 0) | (f > 0), np.inf, 0))
    return [passed + step.local(UNIT, quotient)]


def _power(step: Step) -> list[Array]:
    """Corners of the box of operands bound a power of a positive base; y ln x, rounded, is what libraries take exp of."""
    left, right, e, f = _pair(step)
    value = np.power(left, right)
    corners = [np.abs(np.power(left + a * e, right + b * f) - value) for a in (-1, 1) for b in (-1, 1)]
    passed = np.where((e > 0) | (f > 0), np.where(left > e, np.maximum.reduce(corners), np.inf), 0)
    exponent = np.abs(right * np.log(np.abs(left)))
    return [passed + _own(step, LIBRARY_ULPS["pow"]) + step.local(UNIT * np.nan_to_num(exponent), value)]


def _extreme(step: Step) -> list[Array]:
    return [np.maximum(step.errors[0], step.errors[1]) + np.zeros_like(step.results[0])]


def _prelu(step: Step) -> list[Array]:
    left, right, e, f = _pair(step)
    product = np.abs(left) * f + np.abs(right) * e + e * f + step.local(UNIT, left * right)
    return [np.where(left - e >= 0, e + np.zeros_like(product), np.maximum(e, product))]


def _comparison(step: Step) -> list[Array]:
    """Undecided, which is an error of 1, where operands are no further apart than their errors."""
    left, right, e, f = _pair(step)
    return [np.where((e + f > 0) & (np.abs(left - right) <= e + f), 1.0, 0.0)]


def _logic(step: Step) -> list[Array]:
    return [np.maximum.reduce([np.minimum(e, 1) + np.zeros_like(step.results[0]) for e in step.errors])]


def _select(step: Step) -> list[Array]:
    condition, left, right = step.operands
    assert condition is not None
    assert left is not None
    assert right is not None
    unsure, e, f = step.errors
    chosen = np.where(condition > 0, e, f)
    return [np.where(unsure > 0, np.abs(left - right) + e + f, chosen)]


def _identity(step: Step) -> list[Array]:
    return [step.errors[0] + np.zeros_like(step.results[0])]


def _rectified(step: Step) -> list[Array]:
    return _identity(step)


def _monotone(function: Callable[[Array], Array], ulps: float) -> Rule:
    change = interval(function)

    def rule(step: Step) -> list[Array]:
        passed = np.where(step.errors[0] > 0, change(step.x, step.errors[0]), 0)
        return [np.where(np.isnan(passed), np.inf, passed) + _own(step, ulps)]

    return rule


def _lipschitz(constant: float, ulps: float, roundings: int = 0) -> Rule:
    """A function whose slope is bounded; `roundings` more on a scale of its operand."""

    def rule(step: Step) -> list[Array]:
        return [constant * step.errors[0] + _own(step, ulps) + step.local(roundings * UNIT, step.x)]

    return rule


def _floor(step: Step) -> list[Array]:
    x, e = step.x, step.errors[0]
    return [np.where(e > 0, np.floor(x + e) - np.floor(x - e), 0)]


def _elu(step: Step) -> list[Array]:
    slope = max(1.0, abs(step.op.alpha))  # type: ignore[attr-defined]
    own = 2 * UNIT * (LIBRARY_ULPS["elu"] if step.ulps is None else step.ulps)
    # exp(x) - 1 is off by ulps of exp(x), which is at most 1, unless a library has expm1.
    return [slope * step.errors[0] + step.local(own, np.where(step.x < 0, slope, 0) + np.abs(step.results[0]))]


def _leaky(step: Step) -> list[Array]:
    assert isinstance(step.op, LeakyRelu)
    slope = max(1.0, abs(step.op.alpha))
    return [slope * step.errors[0] + step.local(UNIT, np.where(step.x < 0, step.results[0], 0))]


def _cast(step: Step) -> list[Array]:
    """Stored elements, whatever they stand for."""
    before, after = step.op.operands[0], step.op.results[0]
    assert before is not None
    rounded = UNIT * np.abs(step.results[0]) if after.element.is_float and not before.element.is_float else 0
    return [step.errors[0] + rounded]


def _logistic(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(x / 2)))


RULES: Mapping[str, Rule] = {
    "add": _sum,
    "sub": _sum,
    "mul": _product,
    "div": _quotient,
    "pow": _power,
    "maximum": _extreme,
    "minimum": _extreme,
    "prelu": _prelu,
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), _comparison),
    **dict.fromkeys(("logical_and", "logical_or", "logical_not"), _logic),
    "select": _select,
    **dict.fromkeys(("abs", "neg", "relu", "relu1", "relu6", "requantize"), _identity),
    "rank": lambda step: [np.zeros(())],
    "exp": _monotone(np.exp, LIBRARY_ULPS["exp"]),
    "log": _monotone(np.log, LIBRARY_ULPS["log"]),
    "sqrt": _monotone(np.sqrt, 0.5),
    "rsqrt": _monotone(lambda x: 1 / np.sqrt(x), LIBRARY_ULPS["rsqrt"]),
    "tanh": _monotone(np.tanh, LIBRARY_ULPS["tanh"]),
    "logistic": _monotone(_logistic, LIBRARY_ULPS["logistic"]),
    "sin": _lipschitz(1, LIBRARY_ULPS["sin"]),
    "erf": _lipschitz(2 / np.sqrt(np.pi), LIBRARY_ULPS["erf"]),
    "hard_swish": _lipschitz(1.5, 2, 3),
    "floor": _floor,
    "elu": _elu,
    "leaky_relu": _leaky,
    "quantize": _identity,
    "dequantize": lambda step: [step.errors[0] + step.local(2 * UNIT, step.results[0])],
    "cast": _cast,
}
"""The rule of each operator here."""
