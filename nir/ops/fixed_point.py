"""Integer arithmetic of quantised kernels: multiplying by a real number with integers alone, and rounding rules.

Everything here is exact int64 (or a correctly rounded float) on numpy arrays, written to be read against the
programs it follows. Which rule a profile uses is in profiles.py; fast equivalents are in steps.py, which proves
itself against these functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def round_half_away(values: Array) -> Array:
    """The nearest whole number, halves away from zero (C's `round`), in the float type of `values`; exact."""
    magnitude = np.abs(values)
    whole = np.floor(magnitude)
    # magnitude - whole is exact, which magnitude + 0.5 is not: 0.49999997 + 0.5 is 1.0 in float32.
    return np.copysign(whole + (magnitude - whole >= 0.5), values)


def quantised_multiplier(real: Array | float) -> tuple[Array, Array]:
    """A positive real number as `mantissa * 2^(exponent - 31)` with mantissa in [2^30, 2^31).

    Returns int64 arrays of the shape of `real` (float64). 0 gives (0, 0). Source: QuantizeMultiplier in TFLite and
    GetFixedPointMultiplierShift in Relay, which agree: the mantissa of frexp, rounded to 31 bits.
    """
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    mantissa = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    overflow = mantissa == 2**31
    mantissa = np.where(overflow, mantissa >> 1, mantissa)
    return mantissa, exponent.astype(np.int64) + overflow


def doubling_high_multiply(values: Array, mantissa: Array | int) -> Array:
    """`values * mantissa / 2^31`, halves upwards, saturated to int32: gemmlowp's
    SaturatingRoundingDoublingHighMul. Its sign-dependent nudge with a truncating division is a floor of x + 1/2.
    """
    product = np.asarray(values, np.int64) * np.asarray(mantissa, np.int64)
    return np.minimum((product + (1 << 30)) >> 31, 2**31 - 1)


def rounding_divide_by_power_of_two(values: Array, exponent: Array | int) -> Array:
    """`values / 2^exponent`, halves away from zero: gemmlowp's RoundingDivideByPOT. `exponent` >= 0."""
    values = np.asarray(values, np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (values < 0)
    return (values >> exponent) + ((values & mask) > threshold)


def multiply_double_rounding(values: Array, mantissa: Array | int, exponent: Array | int) -> Array:
    """`values * mantissa * 2^(exponent - 31)` as TFLite's MultiplyByQuantizedMultiplier: rounded twice.

    The left part of the shift comes first (saturated to int32, where TFLite's behaviour is undefined), then the high
    multiplication, then the rounding right shift. An exponent below -31 gives 0, as QuantizeMultiplier has it.
    """
    exponent = np.asarray(exponent, np.int64)
    left = np.clip(exponent, 0, 30)
    right = np.clip(-exponent, 0, 31)
    shifted = np.clip(np.asarray(values, np.int64) << left, -(2**31), 2**31 - 1)
    mantissa = np.where(exponent < -31, 0, mantissa)
    return rounding_divide_by_power_of_two(doubling_high_multiply(shifted, mantissa), right)


def multiply_rounding_upward(values: Array, mantissa: Array | int, exponent: Array | int) -> Array:
    """`values * mantissa * 2^(exponent - 31)`, halves upwards: Relay's fixed_point_multiply (UPWARD)."""
    left, total = _relay_shifts(exponent)
    product = (np.asarray(values, np.int64) << left) * np.asarray(mantissa, np.int64)
    return (product + (np.int64(1) << (total - 1))) >> total


def multiply_rounding_to_nearest(values: Array, mantissa: Array | int, exponent: Array | int) -> Array:
    """`values * mantissa * 2^(exponent - 31)`, halves away from zero: Relay's FixedPointMultiplyToNearest."""
    left, total = _relay_shifts(exponent)
    product = (np.asarray(values, np.int64) << left) * np.asarray(mantissa, np.int64)
    return (product + (np.int64(1) << (total - 1)) - (product < 0)) >> total


def _relay_shifts(exponent: Array | int) -> tuple[Array, Array]:
    """The left shift of the value, and the right shift of its 64-bit product (at most 62, where all is lost)."""
    exponent = np.asarray(exponent, np.int64)
    return np.clip(exponent, 0, 31), np.clip(31 - np.minimum(exponent, 0), 31, 62)
