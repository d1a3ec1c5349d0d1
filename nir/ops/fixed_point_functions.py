"""Logistic function, hyperbolic tangent and inverse square root, with integers alone.

The quantised LSTM cells are defined by these functions, error included (a few steps of 2^-15). They follow gemmlowp's
fixedpoint.h, where a number with `integer_bits` bits before the point is an int16 in units of 2^(integer_bits - 15).
Arrays here are int64, which hold the same integers; all results are in units of 2^-15.
"""

from __future__ import annotations

import numpy as np

from nir.ops.fixed_point import Array, doubling_high_multiply, rounding_divide_by_power_of_two

_ONE = 2**15 - 1
"""1 as nearly as it can be stored with no bit before the point."""

_EXPONENTIALS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""exp(-2^k) in units of 2^-31, by k."""


def logistic(values: Array, integer_bits: int) -> Array:
    """1 / (1 + exp(-x)) of int16 values."""
    magnitude = np.abs(values.astype(np.int64))
    positive = _reciprocal(_exponential(-magnitude, integer_bits))
    positive = _rescale(positive, 1)
    return np.where(values > 0, positive, np.where(values < 0, _ONE - positive, 2**14))


def tanh(values: Array, integer_bits: int) -> Array:
    """tanh(x) of int16 values: (1 - e) / (1 + e) with e = exp(-2|x|), which is read with one more integer bit."""
    magnitude = np.abs(values.astype(np.int64))
    shifted = _reciprocal(_exponential(-magnitude, integer_bits + 1)) - 2**13
    positive = _rescale(shifted, 2)
    return np.where(values > 0, positive, np.where(values < 0, -positive, 0))


def _constant(value: int) -> int:
    """A 32-bit fixed-point constant in 16 bits."""
    return min((value + 2**15) >> 16, 2**15 - 1)


def _times(left: Array, right: Array | int) -> Array:
    """The product of two numbers, whose integer bits add up: halves upwards, saturated."""
    product: Array = left * right
    return np.minimum((product + 2**14) >> 15, 2**15 - 1)


def _rescale(values: Array, bits: int) -> Array:
    """Multiplied by 2^bits, saturated; rounded where `bits` is negative."""
    if bits < 0:
        return rounding_divide_by_power_of_two(values, -bits)
    return np.clip(values << bits, -(2**15), 2**15 - 1)


def _exponential(values: Array, integer_bits: int) -> Array:
    """exp(x) for x <= 0: the part below a quarter by a polynomial, the rest bit by bit from a table."""
    fraction_bits = 15 - integer_bits
    if fraction_bits < 2:
        raise ValueError(f"{integer_bits} integer bits leave no quarters")
    quarter = 1 << (fraction_bits - 2)
    below = (values & (quarter - 1)) - quarter
    result = _exponential_of_a_quarter(_rescale(below, integer_bits))
    remainder = below - values
    for exponent, factor in _EXPONENTIALS:
        if integer_bits > exponent:
            there = remainder & (1 << (fraction_bits + exponent))
            result = np.where(there != 0, _times(result, _constant(factor)), result)
    if integer_bits > 5:
        result = np.where(values < -(1 << (fraction_bits + 5)), 0, result)
    return np.where(values == 0, _ONE, result)


def _exponential_of_a_quarter(values: Array) -> Array:
    """exp(x) for x in [-1/4, 0), no integer bits: four terms around -1/8."""
    offset, third = _constant(1895147668), _constant(715827883)
    x = values + 2**12
    square = _times(x, x)
    cube, fourth = _times(square, x), _times(square, square)
    higher = _rescale(_times(_rescale(fourth, -2) + cube, third) + square, -1)
    return np.minimum(offset + _times(x + higher, offset), 2**15 - 1)


def _reciprocal(values: Array) -> Array:
    """2 / (1 + x) for x in [0, 1], in units of 2^-13: three Newton steps for 1 / d, d = (1 + x) / 2."""
    denominator: Array = (values + _ONE + 1) >> 1  # gemmlowp's half sum rounds halves away from zero; both are positive
    x = _constant(1515870810) + _times(denominator, _constant(-1010580540))
    for _ in range(3):
        x = x + _rescale(_times(x, 2**13 - _times(denominator, x)), 2)
    return x


def inverse_square_root(values: Array) -> tuple[Array, Array]:
    """1 / sqrt(x) of whole numbers as `mantissa * 2^(exponent - 31)`, the exponent 0 or less.

    Follows TFLite's GetInvSqrtQuantizedMultiplierExp: five Newton steps in 32 bits. The mantissa is not normalised;
    how a product is rounded depends on that.
    """
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    pairs = (31 - bits) // 2 - 1
    scaled = np.where(pairs >= 0, values << (2 * np.maximum(pairs, 0)), values >> (2 * np.maximum(-pairs, 0)))
    half = rounding_divide_by_power_of_two(scaled >> 1, 1)
    one_and_a_half = np.int64(3 << 27)  # three bits before the point, as x has
    x = np.full(scaled.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = _in_32_bits(doubling_high_multiply(doubling_high_multiply(x, x), x) << 6)
        x = _in_32_bits((doubling_high_multiply(x, one_and_a_half) - doubling_high_multiply(half, cube)) << 3)
    x = doubling_high_multiply(x, _HALF_ROOT_OF_TWO)
    shift = 11 - pairs
    mantissa = np.where(values <= 1, 2**31 - 1, x << np.maximum(-shift, 0))
    return mantissa, np.where(values <= 1, 0, -np.maximum(shift, 0))


_HALF_ROOT_OF_TWO = 1518500250
"""sqrt(2) / 2 in units of 2^-31."""


def _in_32_bits(values: Array) -> Array:
    return np.clip(values, -(2**31), 2**31 - 1)
