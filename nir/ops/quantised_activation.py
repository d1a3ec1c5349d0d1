"""Activations that quantised kernels do not take from a table: the integer arithmetic of each numeric profile."""

from __future__ import annotations

import numpy as np

from nir.ir import ElementType, Quantisation, TensorType, float32_text
from nir.ops.common import Rounding
from nir.ops.fixed_point import multiply_rounding_upward, quantised_multiplier, rounding_divide_by_power_of_two
from nir.ops.profiles import PROFILES, Array, Profile, TfliteProfile, XnnpackProfile
from nir.ops.quantised_arithmetic import centred, float32_scale, parameters, saturated


def leaky_relu(
    profile: Profile, values: Array, source: TensorType, target: TensorType, alpha: float, rounding: Rounding
) -> Array:
    """values from 0 on, alpha * values below, on stored elements.

    TFLite rescales each side of 0 with its own multiplier. XNNPACK does with multipliers of 8 fractional bits, where
    they are in its range. Relay rescales once, and multiplies what is below 0, as a stored integer, by alpha in fixed
    point; its zero point by 1 - alpha. Relay's alpha is a float64, in which 0.1 is on the other side of a tenth than in
    float32: `decimal_of` gives it.
    """
    negative = values < parameters(source).zero_point
    if isinstance(profile, XnnpackProfile):
        scale = float32_scale(source) / float32_scale(target)
        factors = float(scale), float(scale * np.float32(alpha))
        if 2**-8 <= factors[0] <= 2**7 and 2**-8 <= abs(factors[1]) <= 2**7:
            upper, lower = (int(np.rint(256 * factor)) for factor in factors)
            steps = centred(values, source) * np.where(negative, lower, upper)
            return saturated((steps + 128) >> 8, target)
        profile = PROFILES["tflite"]  # LiteRT's own kernel runs instead
    if isinstance(profile, TfliteProfile):
        slope = Quantisation.per_tensor(float(float32_scale(source) * np.float32(alpha)), parameters(source).zero_point)
        kept = profile.rescale(values, parameters(source), target)
        return np.where(negative, profile.rescale(values, slope, target), kept)
    wide_type = target.with_element(ElementType.I32)
    wide = profile.rescale(values, parameters(source), wide_type, rounding=rounding).astype(np.int64)
    zero_point = parameters(target).zero_point
    sloped = multiply_rounding_upward(wide, *_fixed_point(alpha))
    sloped += multiply_rounding_upward(np.asarray(zero_point), *_fixed_point(1 - alpha))
    return saturated(np.where(negative, sloped, wide) - zero_point, target)


def decimal_of(alpha: float) -> float:
    """The float64 nearest to the decimal that the text has for a float32."""
    return float(float32_text(alpha))


def _fixed_point(factor: float) -> tuple[Array, Array]:
    mantissa, exponent = quantised_multiplier(abs(factor))
    return (mantissa if factor >= 0 else -mantissa), exponent


def hard_swish(values: Array, source: TensorType, target: TensorType) -> Array:
    """x * clamp(x + 3, 0, 6) / 6 on stored eight-bit elements, as TFLite's kernel has it in 16-bit fixed point.

    x times 128 is scaled twice: to the result's scale, and to one in which -3 and 3 are the ends of the 16-bit
    range, so that saturation does the clamping.
    """
    fine = centred(values, source) << 7
    fine_scale = float(np.float32(1 / 128) * float32_scale(source))
    mantissa, exponent = _sixteen_bits(fine_scale / float(float32_scale(target)))
    scaled = _high_multiply(fine, mantissa, rounded=True)
    gate_mantissa, gate_exponent = _sixteen_bits(fine_scale / float(np.float32(3) / np.float32(32768)))
    gate = _saturating_shift(fine, gate_exponent - 1) if gate_exponent > 0 else fine
    gate = _high_multiply(gate, gate_mantissa, rounded=True)
    if gate_exponent > 0:
        gate = _saturating_shift(gate, 1)
    else:
        gate = rounding_divide_by_power_of_two(gate, min(-gate_exponent, 31))
    product = _high_multiply((gate + (1 << 15)) >> 1, scaled, rounded=False)
    if exponent > 0:
        return saturated(_saturating_shift(product, exponent), target)
    return saturated(rounding_divide_by_power_of_two(product, min(-exponent, 31)), target)


def _sixteen_bits(real: float) -> tuple[int, int]:
    """A positive number as `mantissa * 2^(exponent - 15)` with a mantissa below 2^15."""
    mantissa, exponent = quantised_multiplier(real)
    return min((int(mantissa) + (1 << 15)) >> 16, 2**15 - 1), int(exponent)


def _high_multiply(left: Array, right: Array | int, *, rounded: bool) -> Array:
    """left * right / 2^15, cut towards zero, after adding one half away from zero where `rounded`; saturated."""
    product = np.asarray(left, np.int64) * right
    magnitude = (np.abs(product) + (1 << 14 if rounded else 0)) >> 15
    # gemmlowp's nudge for negative numbers is one less, so that halves go upwards.
    if rounded:
        magnitude = np.where(product < 0, (np.abs(product) + (1 << 14) - 1) >> 15, magnitude)
    return np.minimum(np.where(product < 0, -magnitude, magnitude), 2**15 - 1)


def _saturating_shift(values: Array, shift: int) -> Array:
    return np.clip(values << min(shift, 31), -(2**15), 2**15 - 1)
