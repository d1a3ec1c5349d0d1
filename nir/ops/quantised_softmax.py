"""Softmax in integers: TFLite's reference kernel, and Relay's qnn.softmax."""

from __future__ import annotations

import numpy as np

from nir.ir import Quantisation, TensorType
from nir.ops.common import Rounding
from nir.ops.fixed_point import (
    doubling_high_multiply,
    quantised_multiplier,
    round_half_away,
    rounding_divide_by_power_of_two,
)
from nir.ops.profiles import Array, Profile
from nir.ops.quantised_arithmetic import centred, float32_scale

# --- TFLite ---

_DIFFERENCE_BITS = 26
"""Bits behind the point of a scaled difference; 5 stand before it."""

_SUM_BITS = 12
"""Bits before the point of a sum of exponentials."""

_EXPONENTIALS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(-2^k) in units of 2^-31, k from -2 to 4."""


def fixed_point_softmax(values: Array, source: TensorType, target: TensorType, axis: int, beta: float) -> Array:
    """TFLite's reference kernel for eight-bit tensors whose result has scale 1/256: gemmlowp's 32-bit fixed point.

    Differences from the largest element are one of 256, so their exponentials are taken from a table. Where the sum
    reaches 256 TFLite stops with a failed assertion; here the same formula goes on.
    """
    mantissa, shift = quantised_multiplier(_difference_multiplier(source, beta))
    below = np.arange(256, dtype=np.int64)
    radius = (31 << _DIFFERENCE_BITS) >> int(shift)  # differences beyond it count as minus infinity
    scaled = doubling_high_multiply(-np.minimum(below, radius) << shift, mantissa)
    table = np.where(below <= radius, _exponential(scaled), 0)
    powers = table.take(values.max(axis=axis, keepdims=True).astype(np.int64) - values)
    total = rounding_divide_by_power_of_two(powers, _SUM_BITS).sum(axis=axis, keepdims=True)
    bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)  # the position of the highest bit
    reciprocal = _reciprocal((total << (32 - bits)) - 2**31)
    share = doubling_high_multiply(reciprocal, powers)
    stored = rounding_divide_by_power_of_two(share, bits - 32 + _SUM_BITS + 31 - 8) + target.element.minimum
    return np.clip(stored, target.element.minimum, target.element.maximum).astype(target.element.numpy)


def in_tflite_range(shape: tuple[int, ...], source: TensorType, axis: int, beta: float) -> bool:
    """True where the fixed point of TFLite's kernel has room for `beta` times the scale, and for the sum."""
    return _difference_multiplier(source, beta) > 1 and 0 < shape[axis] < 2**_SUM_BITS


def _difference_multiplier(source: TensorType, beta: float) -> float:
    """From stored integers to differences in units of 2^-26."""
    return min(beta * float(float32_scale(source)) * 2**_DIFFERENCE_BITS, 2.0**31 - 1)


def _exponential(values: Array) -> Array:
    """exp(x) for x <= 0 in units of 2^-26, as units of 2^-31: a polynomial below a quarter, then bit by bit."""
    quarter = 1 << (_DIFFERENCE_BITS - 2)
    part = (values & (quarter - 1)) - quarter
    result = _exponential_of_a_quarter(part << 5)
    remainder = part - values
    for place, factor in enumerate(_EXPONENTIALS):
        there = remainder & (quarter << place)
        result = np.where(there != 0, doubling_high_multiply(result, factor), result)
    return np.where(values == 0, 2**31 - 1, result)


def _exponential_of_a_quarter(values: Array) -> Array:
    """exp(x) for x in [-1/4, 0): four terms around -1/8."""
    offset, third = 1895147668, 715827883
    x = values + (1 << 28)
    square = doubling_high_multiply(x, x)
    cube, fourth = doubling_high_multiply(square, x), doubling_high_multiply(square, square)
    higher = doubling_high_multiply(rounding_divide_by_power_of_two(fourth, 2) + cube, third) + square
    return offset + doubling_high_multiply(x + rounding_divide_by_power_of_two(higher, 1), offset)


def _reciprocal(values: Array) -> Array:
    """1 / (1 + x) for x in [0, 1), all in units of 2^-31: three Newton steps for 2 / (1 + x)."""
    half = (values + 2**31) >> 1
    x = 1515870810 + doubling_high_multiply(half, -1010580540)
    for _ in range(3):
        x = x + (doubling_high_multiply(x, (1 << 29) - doubling_high_multiply(half, x)) << 2)
    return np.minimum(x << 1, 2**31 - 1)


# --- Relay ---

_MOST_HALVINGS = 20
"""An exponential is not halved more often than this."""

_RECIPROCAL_BITS = 30
"""The sum's reciprocal is 2^30 / sum, cut off."""

_RESULT_BITS = 7
"""The shares are in steps of 2^-7 before they are rescaled."""


def integer_softmax(
    profile: Profile, values: Array, source: TensorType, target: TensorType, axis: int, rounding: Rounding
) -> Array:
    """Relay's qnn.softmax, Algorithm 1 of arXiv:2207.01405: shares of exp(value) along `axis`.

    The scale of `source` is 2^-20 to 1: its reciprocal becomes an integer.

    e^x is 2^(x log2 e) with log2 e taken as 1 + 1/2 - 1/16; the whole part of that exponent is a shift, the rest is
    taken as linear. Exponentials are in units of the smallest one, in int32, which may wrap around.
    """
    unit = int(round_half_away(np.float32(1) / float32_scale(source)))
    distance = centred(values, source)
    distance -= distance.max(axis=axis, keepdims=True, initial=-(2**31))
    exponent = distance + (distance >> 1) - (distance >> 4)
    halvings = np.minimum(-exponent // unit, _MOST_HALVINGS)
    rest = exponent + halvings * unit
    powers = _wrapped(((rest >> 1) + unit) << (halvings.max(axis=axis, keepdims=True, initial=0) - halvings))
    total = _wrapped(powers.sum(axis=axis, keepdims=True))
    reciprocal = np.sign(total) * ((1 << _RECIPROCAL_BITS) // np.maximum(np.abs(total), 1))
    shares = _wrapped(reciprocal * powers) >> (_RECIPROCAL_BITS - _RESULT_BITS)
    return profile.rescale(shares, Quantisation.per_tensor(2.0**-_RESULT_BITS), target, rounding=rounding)


def _wrapped(values: Array) -> Array:
    """int64 values as int32 keeps them."""
    return values.astype(np.int32).astype(np.int64)
