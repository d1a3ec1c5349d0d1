"""The rules of docs/numerics.md once more, from the page's words, one element at a time, in exact integers and fractions.

Nothing here is shared with the package but types. `RULES` maps the page's names to functions of a `Case`; each returns
the stored integers of the result, flat. numerics_arithmetic.py has what they are made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numerics_arithmetic import F32, Case, Term, away, even, f32, f64, q31, rescaled, scale, twice, up, zero

from nir.ir import TensorType, float32_text


def by_profile(profile: str | None = None) -> Callable[[Case], list[int]]:
    """The rule that a profile has for its terms; None: the case's."""

    def rule(case: Case) -> list[int]:
        chosen = Case(case.op, case.arrays, profile or case.profile)
        return [case.clamp(rescaled(term, chosen, case.target, case.rounding)) for term in case.terms]

    return rule


def float64_once(case: Case) -> list[int]:
    out = scale(case.target)
    products = [f64(t.value * Fraction(t.multiplier("tflite", out))) for t in case.terms]
    return [case.clamp(zero(case.target) + away(product)) for product in products]


def eight_fraction_bits(case: Case) -> list[int]:
    source, target = case.op.operands[0].type, case.target  # type: ignore[union-attr]
    ratio = F32(scale(source)) / F32(scale(target))
    if source.element.bits > 8:
        return by_profile("xnnpack")(case)
    if not 2**-8 <= ratio <= 2**7:
        return by_profile("tflite")(case)
    factor = even(Fraction(float(ratio)) * 256)
    return [case.clamp(zero(target) + up(Fraction(t.value * factor, 256))) for t in case.terms]


# --- real values ---


def quantise(case: Case, how: str, real: Iterable[float]) -> list[int]:
    s, z = Fraction(scale(case.target)), zero(case.target)
    reciprocal = f32(1 / s)
    quotients = {"/": lambda x: f32(x / s), "*": lambda x: f32(x * reciprocal)}
    quotient, whole = quotients[how[0]], {"a": away, "e": even}[how[1]]
    return [case.clamp(z + whole(quotient(Fraction(float(x))))) for x in real]


QUANTISE = {
    "tflite": "/a",
    "xnnpack": "*e",
    "relay": "*a",
    "relay-f32": "*a",
    "relay-f64": "*a",
    "tvm": "/e",
    "qdq": "/e",
}


def dequantised(array: Any, type: TensorType) -> list[Fraction]:
    return [f32(f32(int(q) - zero(type)) * Fraction(scale(type))) for q in array.flat]


def dequantise(case: Case) -> list[float]:
    operand = case.op.operands[0]
    assert operand is not None
    return [float(x) for x in dequantised(case.arrays[0], operand.type)]


def through_real_values(case: Case) -> list[int]:
    real = [
        np.array([float(x) for x in dequantised(a, v.type)], F32).reshape(a.shape)  # type: ignore[union-attr]
        for a, v in zip(case.arrays, case.op.operands, strict=True)
    ]
    with np.errstate(all="ignore"):
        values = np.asarray(case.detail["function"](*real), F32).ravel()
    low, high = case.target.element.minimum, case.target.element.maximum
    finite = [0.0 if not math.isfinite(x) else float(x) for x in values]
    stored = quantise(case, QUANTISE[case.profile], finite)
    return [
        q if math.isfinite(x) else case.clamp(high if x > 0 else low)  # NaN is the smallest
        for q, x in zip(stored, values, strict=True)
    ]


# --- sums and means ---


def pairs(case: Case) -> list[tuple[int, int]]:
    """Stored elements of two broadcast operands without zero points."""
    sides = [
        np.asarray(a, object) - zero(v.type)  # type: ignore[union-attr]
        for a, v in zip(case.arrays, case.op.operands, strict=True)
    ]
    return [(int(x), int(y)) for x, y in np.broadcast(*sides)]


def scales(case: Case) -> tuple[float, float, float]:
    left, right = (v.type for v in case.op.operands)  # type: ignore[union-attr]
    return scale(left), scale(right), scale(case.target)


def sign(case: Case) -> int:
    return -1 if case.op.name == "sub" else 1


def sum_q31(case: Case) -> list[int]:
    sx, sy, so = scales(case)
    k = 20 if case.target.element.bits == 8 else 15
    t = 2 * max(sx, sy)
    results = []
    for x, y in pairs(case):
        left, right = twice(x << k, *q31(sx / t)), twice(y << k, *q31(sy / t))
        total = twice(left + sign(case) * right, *q31(t / (2**k * so)))
        results.append(case.clamp(zero(case.target) + total))
    return results


def sum_twenty_bits(case: Case) -> list[int]:
    sx, sy, so = scales(case)
    rx, ry = (f32(Fraction(s) / Fraction(so)) for s in (sx, sy))
    if case.target.element.bits > 8 or not all(Fraction(1, 2**10) <= r < 2**8 for r in (rx, ry)):
        return sum_q31(case)
    k = 20 - (math.frexp(float(max(rx, ry)))[1] - 1)
    wx, wy = even(rx * Fraction(2) ** k), even(ry * Fraction(2) ** k)
    totals = [Fraction(wx * x + sign(case) * wy * y, 2**k) for x, y in pairs(case)]
    return [case.clamp(zero(case.target) + up(total)) for total in totals]


def side(case: Case, value: int, type: TensorType) -> int:
    """An operand's stored integer, `value` + zero point, rescaled to the result where its parameters differ."""
    if type.quantisation == case.target.quantisation:
        return value + zero(type)
    return rescaled(Term(value, (scale(type),)), case, case.target, case.rounding)


def sum_of_rescaled(case: Case) -> list[int]:
    left, right = (v.type for v in case.op.operands)  # type: ignore[union-attr]
    z = zero(case.target)
    return [case.clamp(side(case, x, left) - z + sign(case) * (side(case, y, right) - z) + z) for x, y in pairs(case)]


def averages(whole: Callable[[Fraction], int]) -> Callable[[Case], list[int]]:
    return lambda case: [case.clamp(whole(Fraction(total, count))) for total, count in case.detail["sums"]]


def mean_folded(case: Case) -> list[int]:
    source = case.op.operands[0].type  # type: ignore[union-attr]
    mantissa, e = q31(scale(source) / scale(case.target))
    results = []
    for total, n in case.detail["sums"]:
        k = min(n.bit_length() - 1, 32, 31 + e)
        steps = twice(total - n * zero(source), 2**k * mantissa // n, e - k)
        results.append(case.clamp(zero(case.target) + steps))
    return results


def mean_float32(case: Case) -> list[int]:
    source = case.op.operands[0].type  # type: ignore[union-attr]
    results = []
    for total, n in case.detail["sums"]:
        m = f32(f32(Fraction(scale(source)) / Fraction(scale(case.target))) / n)
        results.append(case.clamp(even(f32(f32(f32(total - n * zero(source)) * m) + zero(case.target)))))
    return results


def mean_truncated(case: Case) -> list[int]:
    source = case.op.operands[0].type  # type: ignore[union-attr]
    wholes = [math.trunc(Fraction(total, n)) for total, n in case.detail["sums"]]
    return [case.clamp(side(case, whole - zero(source), source)) for whole in wholes]


def mean_of_reals(case: Case) -> list[int]:
    if getattr(case.op, "truncate", False):
        return averages(math.trunc)(case)
    source = case.op.operands[0].type  # type: ignore[union-attr]
    results = []
    for total, n in case.detail["sums"]:
        real = f32(f32(f32(total - n * zero(source)) * Fraction(scale(source))) / n)
        results.append(case.clamp(zero(case.target) + even(f32(real / Fraction(scale(case.target))))))
    return results


# --- operands brought to one scale ---


def joined_element(case: Case, q: int, type: TensorType) -> int:
    if type.quantisation == case.target.quantisation:
        return q
    sx, so = Fraction(scale(type)), Fraction(scale(case.target))
    if type.element.minimum < 0:
        steps = even(f32(f32(q - zero(type)) * f32(sx / so)))
    else:
        r = f32(sx * f32(1 / so))
        steps = away(f32(f32(q * r) + f32(-zero(type) * r)))
    return case.clamp(zero(case.target) + steps)


def joined(element: Callable[[Case, int, TensorType], int]) -> Callable[[Case], list[int]]:
    def rule(case: Case) -> list[int]:
        moved = []
        quantised = [v for v in case.op.operands if v is not None and v.type.quantisation is not None]
        raw = [a for a, v in zip(case.arrays, case.op.operands, strict=True) if v not in quantised]
        arrays = [a for a, v in zip(case.arrays, case.op.operands, strict=True) if v in quantised]
        for array, value in zip(arrays, quantised, strict=True):
            stored = [element(case, int(q), value.type) for q in array.flat]
            moved.append(np.array(stored, np.int64).reshape(array.shape))
        return [int(q) for q in np.asarray(case.detail["function"](*raw, *moved)).flat]

    return rule


def rescaled_element(case: Case, q: int, type: TensorType) -> int:
    return case.clamp(side(case, q - zero(type), type))


# --- slopes ---


def slope_in(profile: str | None) -> Callable[[Case], list[int]]:
    """Slope in Q31, or with the rule of the profile, as (kept, sloped) terms."""

    def rule(case: Case) -> list[int]:
        chosen = Case(case.op, case.arrays, profile or case.profile)
        terms = (kept if kept.value >= 0 else sloped for kept, sloped in case.detail["slopes"])
        return [case.clamp(rescaled(term, chosen, case.target, "upward")) for term in terms]

    return rule


def slope_of_eight_bits(case: Case) -> list[int]:
    source = case.op.operands[0].type  # type: ignore[union-attr]
    r = f32(Fraction(scale(source)) / Fraction(scale(case.target)))
    lower = f32(r * f32(case.op.alpha))  # type: ignore[attr-defined]
    if not (Fraction(1, 256) <= r <= 128 and Fraction(1, 256) <= abs(lower) <= 128):
        return slope_in("tflite")(case)
    steps = [kept.value * even(256 * (r if kept.value >= 0 else lower)) for kept, _ in case.detail["slopes"]]
    return [case.clamp(zero(case.target) + up(Fraction(step, 256))) for step in steps]


def slope_in_fixed_point(case: Case) -> list[int]:
    alpha, z = float(float32_text(case.op.alpha)), zero(case.target)  # type: ignore[attr-defined]

    def p(t: int, c: float) -> int:
        mantissa, e = q31(abs(c))
        return up(Fraction(t * (mantissa if c >= 0 else -mantissa)) * Fraction(2) ** (e - 31))

    results = []
    for kept, _ in case.detail["slopes"]:
        wide = rescaled(kept, case, case.target, case.rounding)
        results.append(case.clamp(wide if kept.value >= 0 else p(wide, alpha) + p(z, 1 - alpha)))
    return results


def swish(case: Case) -> list[int]:
    source = case.op.operands[0].type  # type: ignore[union-attr]

    def sixteen(real: float) -> tuple[int, int]:
        mantissa, e = q31(real)
        return min(up(Fraction(mantissa, 2**16)), 2**15 - 1), e

    def int16(value: int) -> int:
        return min(max(value, -(2**15)), 2**15 - 1)

    def h(a: int, b: int) -> int:
        return min(up(Fraction(a * b, 2**15)), 2**15 - 1)

    fine_scale = float(f32(Fraction(scale(source)) / 128))
    out, kept = sixteen(fine_scale / scale(case.target))
    gate, shift = sixteen(fine_scale / float(F32(3) / F32(32768)))
    results = []
    for q in case.arrays[0].flat:
        x = (int(q) - zero(source)) << 7
        g = h(int16(x << (shift - 1)) if shift > 0 else x, gate)
        g = int16(g << 1) if shift > 0 else away(Fraction(g, 2**-shift))
        product = min(math.trunc(Fraction(((g + 2**15) >> 1) * h(x, out), 2**15)), 2**15 - 1)
        product = int16(product << kept) if kept > 0 else away(Fraction(product, 2**-kept))
        results.append(case.clamp(zero(case.target) + product))
    return results


def stored(case: Case) -> list[int]:
    return [case.clamp(int(q)) for q in np.asarray(case.detail["function"](*case.arrays)).flat]


def compared_exactly(case: Case) -> list[int]:
    left, right = (Fraction(scale(v.type)) for v in case.op.operands)  # type: ignore[union-attr]
    return [int(case.detail["function"](x * left, y * right)) for x, y in pairs(case)]


RULES: dict[str, Callable[[Case], list[Any]]] = {
    "Q31 twice": by_profile("tflite"),
    "Float64 once": float64_once,
    "Float32 even": by_profile("xnnpack"),
    "Q31 once": by_profile("relay"),
    "Float late": by_profile(),
    "Real sum": by_profile("qdq"),
    "Eight fraction bits": eight_fraction_bits,
    "Quantise away": lambda case: quantise(case, "/a", case.arrays[0].flat),
    "Quantise by reciprocal, even": lambda case: quantise(case, "*e", case.arrays[0].flat),
    "Quantise by reciprocal, away": lambda case: quantise(case, "*a", case.arrays[0].flat),
    "Quantise even": lambda case: quantise(case, "/e", case.arrays[0].flat),
    "Dequantise": dequantise,
    "Through real values": through_real_values,
    "Sum in Q31": sum_q31,
    "Sum of twenty bits": sum_twenty_bits,
    "Sum of rescaled": sum_of_rescaled,
    "Average away": averages(away),
    "Average truncated": averages(math.trunc),
    "Mean folded": mean_folded,
    "Mean in float32": mean_float32,
    "Mean of real values": mean_of_reals,
    "Mean truncated": mean_truncated,
    "Joined": joined(joined_element),
    "Rescaled if different": joined(rescaled_element),
    "Slope in Q31": slope_in("tflite"),
    "Slope in the profile": slope_in(None),
    "Slope of eight bits": slope_of_eight_bits,
    "Slope in fixed point": slope_in_fixed_point,
    "Swish in sixteen bits": swish,
    "Stored": stored,
    "Compared exactly": compared_exactly,
}
