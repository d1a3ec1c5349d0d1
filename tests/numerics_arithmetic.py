"""What the rules of docs/numerics.md are made of, in exact integers and fractions: roundings, multipliers, terms.

Nothing here is shared with the package but types. The rules themselves are in numerics_rules.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from nir.ir import Operation, TensorType

F32 = np.float32
HALF = Fraction(1, 2)
BOUNDS = {"none": (None, None), "relu": (0, None), "relu1": (-1, 1), "relu6": (0, 6)}


@dataclass
class Term:
    """An exact integer to rescale, and its scale: the factors, or the one that the graph states."""

    value: int
    factors: tuple[float, ...]
    stated: float | None = None
    float32_product: bool = False

    def multiplier(self, profile: str, out: float) -> float:
        """From this term to a result of scale `out`."""
        product = math.prod(self.factors)  # of two float32 numbers: exact in float64
        rounded = float(F32(product))
        if profile == "tflite":
            return float(np.float64(rounded if self.float32_product else product) / np.float64(out))
        if profile == "xnnpack":
            return float(F32(rounded) / F32(out))
        return float(np.float64(rounded if self.stated is None else self.stated) / np.float64(out))

    def same_scale(self, out: float) -> bool:
        return (float(F32(math.prod(self.factors))) if self.stated is None else self.stated) == out


@dataclass
class Case:
    """One operation with its operands; `terms` are the integers that it rescales, where it is of that kind."""

    op: Operation
    arrays: list[Any]
    profile: str
    terms: list[Term] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> TensorType:
        return self.op.results[0].type

    @property
    def rounding(self) -> str:
        rounding = getattr(self.op, "rounding", None)
        return "upward" if rounding is None else rounding.value

    def clamp(self, stored: float | Fraction) -> int:
        """The page's `clamp`, with the bounds of the activation."""
        activation = getattr(self.op, "activation", None)
        low, high = self.target.element.minimum, self.target.element.maximum
        for place, bound in enumerate(BOUNDS["none" if activation is None else activation.value]):
            if bound is not None:
                edge = away(f32(Fraction(bound) / Fraction(scale(self.target)))) + zero(self.target)
                edge = min(max(edge, self.target.element.minimum), self.target.element.maximum)
                low, high = (edge, high) if place == 0 else (low, edge)
        return int(min(max(stored, low), high))


def scale(type: TensorType) -> float:
    return 1.0 if type.quantisation is None else type.quantisation.scale


def zero(type: TensorType) -> int:
    return 0 if type.quantisation is None else type.quantisation.zero_point


# --- notation ---


def up(t: Fraction | int) -> int:
    return math.floor(Fraction(t) + HALF)


def away(t: Fraction | int) -> int:
    return math.floor(abs(Fraction(t)) + HALF) * (1 if t >= 0 else -1)


def even(t: Fraction | int) -> int:
    return round(t)  # of a Fraction Python rounds exactly so


def f32(t: Fraction | int | float) -> Fraction:
    """The nearest float32. Where float64 lies half-way between two, the fraction is rounded by hand instead."""
    t = Fraction(t)
    nearest = t.numerator / t.denominator
    if nearest == 0 or (1e-30 < abs(nearest) < 1e38 and np.float64(nearest).view(np.uint64) & 0x1FFFFFFF != 0x10000000):
        return Fraction(float(F32(nearest)))
    exponent = math.frexp(float(t))[1]
    for e in (exponent, exponent + 1):  # float() may have rounded up to a power of two
        unit = Fraction(2) ** (max(e, -125) - 24)
        if abs(t) < Fraction(2) ** e:
            return even(t / unit) * unit
    raise AssertionError(t)


def f64(t: Fraction) -> Fraction:
    return Fraction(t.numerator / t.denominator)  # Python divides integers with one correct rounding


def q31(m: float) -> tuple[int, int]:
    fraction, exponent = math.frexp(m)
    mantissa = math.floor(Fraction(fraction) * 2**31 + HALF)
    return (mantissa // 2, exponent + 1) if mantissa == 2**31 else (mantissa, exponent)


def int32(value: int) -> int:
    return min(max(value, -(2**31)), 2**31 - 1)


# --- rescaling: (term, case, multiplier) -> whole number before zero point; `Float late` includes it ---


def twice(value: int, mantissa: int, exponent: int) -> int:
    if exponent < -31:
        return 0
    high = int32(up(Fraction(int32(value << max(exponent, 0)) * mantissa, 2**31)))
    return away(Fraction(high, 2 ** max(-exponent, 0)))


def rescaled_steps(term: Term, profile: str, out: float, rounding: str) -> int:
    """A term in steps of `out`, zero point left out, by the profile's rule with one multiplier."""
    if profile == "qdq":
        return even(f32(f32(f32(term.value) * f32(math.prod(map(Fraction, term.factors)))) / Fraction(out)))
    m = term.multiplier(profile, out)
    if profile == "tflite":
        return twice(term.value, *q31(m))
    if profile == "xnnpack":
        return even(f32(f32(term.value) * Fraction(m)))
    mantissa, exponent = q31(m)
    return (up if rounding == "upward" else away)(Fraction(term.value * mantissa) * Fraction(2) ** (exponent - 31))


def late(term: Term, profile: str, out: float, zero_point: int, rounding: str) -> int:
    f = f32 if profile == "relay-f32" else f64
    v = f(Fraction(term.value))
    if not term.same_scale(out):
        v = f(v * f(Fraction(term.multiplier(profile, out))))
    v = f(v + zero_point)
    if rounding == "upward":
        return math.floor(f(v + HALF))
    return math.trunc(f(v + (HALF if v >= 0 else -HALF)))


def rescaled(term: Term, case: Case, target: TensorType, rounding: str) -> int:
    """A term as a stored integer of `target`, not clamped, by the rule of the case's profile."""
    if case.profile in ("relay-f32", "relay-f64"):
        return late(term, case.profile, scale(target), zero(target), rounding)
    return zero(target) + rescaled_steps(term, case.profile, scale(target), rounding)
