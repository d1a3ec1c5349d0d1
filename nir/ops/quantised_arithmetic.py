"""Sums, products and slopes of quantised tensors: the integer arithmetic of each numeric profile.

Two eight-bit operands have 65,536 different results. For larger tensors these are worked out once for all pairs
and then looked up, which is exact whatever the profile does.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from nir.ir import ElementType, Quantisation, TensorType
from nir.ops.common import Rounding
from nir.ops.fixed_point import multiply_double_rounding, quantised_multiplier, round_half_away
from nir.ops.profiles import PROFILES, Array, Profile, QdqProfile, RelayProfile, TfliteProfile, XnnpackProfile

Rule = Callable[..., Array]

_BYTES = np.arange(256, dtype=np.uint8)
_TABLE_FROM = 2**13
"""Elements from which a table of all pairs pays."""


def add(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
    sign: int = 1,
) -> Array:
    """left + right, or left - right where `sign` is -1, on broadcast stored elements."""
    return _by_pairs(_sum_rule(profile), profile, left, right, left_type, right_type, target, (rounding, sign))


def multiply(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
) -> Array:
    """left * right on broadcast stored elements."""
    rule = _product_of_reals if isinstance(profile, QdqProfile) else _product
    return _by_pairs(rule, profile, left, right, left_type, right_type, target, (rounding,))


def prelu(
    profile: Profile, left: Array, right: Array, left_type: TensorType, right_type: TensorType, target: TensorType
) -> Array:
    """left from 0 on, left * right below, on broadcast stored elements."""
    if isinstance(profile, XnnpackProfile):
        profile = PROFILES["tflite"]  # XNNPACK has no such kernel, so LiteRT runs its own
    rule = _slope_of_reals if isinstance(profile, QdqProfile) else _slope
    return _by_pairs(rule, profile, left, right, left_type, right_type, target, ())


def _by_pairs(
    rule: Rule,
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    arguments: tuple[Rounding | int, ...],
) -> Array:
    """`rule` of two arrays, by a table where that is quicker."""
    types = left_type.with_shape(()), right_type.with_shape(()), target.with_shape(())
    if left_type.element.bits != 8 or right_type.element.bits != 8 or max(left.size, right.size) < _TABLE_FROM:
        return rule(profile, left, right, *types, *arguments)
    pairs = left.view(np.uint8).astype(np.uint16) << 8 | right.view(np.uint8)
    return _pair_table(rule, profile, *types, arguments).take(pairs)


@functools.lru_cache(maxsize=64)
def _pair_table(
    rule: Rule,
    profile: Profile,
    left: TensorType,
    right: TensorType,
    target: TensorType,
    arguments: tuple[Rounding | int, ...],
) -> Array:
    """Results for all pairs of stored bytes, at 256 * left + right (64 KB)."""
    columns = _BYTES.view(left.element.numpy)[:, np.newaxis]
    return rule(profile, columns, _BYTES.view(right.element.numpy), left, right, target, *arguments).ravel()


def requantise(
    profile: Profile, array: Array, source: TensorType, target: TensorType, rounding: Rounding = Rounding.UPWARD
) -> Array:
    """Stored elements of `source` as those of `target`, for operators that only bring operands to one scale; the
    same array where the parameters are equal or there are none.

    The relay profiles and `qdq` rescale. LiteRT's concatenation multiplies in float32: in unsigned storage by the reciprocal of
    the result's scale, rounding halves away from zero; in signed storage halves go to even.
    """
    if source.quantisation == target.quantisation or target.quantisation is None:
        return array
    if array.dtype.itemsize == 1 and array.size > _BYTES.size:
        return requantise(profile, _BYTES.view(array.dtype), source, target, rounding).take(array.view(np.uint8))
    if isinstance(profile, (RelayProfile, QdqProfile)):
        return profile.rescale(array, parameters(source), target, rounding=rounding)
    if target.element.minimum < 0:
        ratio = float32_scale(source) / float32_scale(target)
        return saturated(np.rint(centred(array, source).astype(np.float32) * ratio), target)
    ratio = float32_scale(source) * (np.float32(1) / float32_scale(target))
    offset = np.float32(-parameters(source).zero_point) * ratio
    return saturated(round_half_away(array.astype(np.float32) * ratio + offset), target)


# --- sums ---


def _sum_rule(profile: Profile) -> Rule:
    if isinstance(profile, XnnpackProfile):
        return _sum_xnnpack
    if isinstance(profile, QdqProfile):
        return _sum_of_reals
    return _sum_tflite if isinstance(profile, TfliteProfile) else _sum_of_rescaled


def _sum_tflite(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
    sign: int,
) -> Array:
    """TFLite's kernel: both sides shifted left by 20 bits (15 where stored in 16) and multiplied by scale / twice
    the larger scale; their sum multiplied by that / output scale. Each product is a double-rounding Q31 one.
    """
    if target.element.bits == 32:
        return _sum_of_rescaled(profile, left, right, left_type, right_type, target, rounding, sign)
    shift = 20 if target.element.bits == 8 else 15
    left_scale, right_scale, scale = _scales(left_type, right_type, target)
    twice = 2 * max(left_scale, right_scale)
    sides = [
        multiply_double_rounding(centred(array, type) << shift, *quantised_multiplier(own / twice))
        for array, type, own in ((left, left_type, left_scale), (right, right_type, right_scale))
    ]
    total = sides[0] + sign * sides[1]
    return saturated(multiply_double_rounding(total, *quantised_multiplier(twice / (scale * 2**shift))), target)


def _sum_xnnpack(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
    sign: int,
) -> Array:
    """XNNPACK's kernel: one fixed-point sum with multipliers of 20 to 21 bits, then a shift rounding halves up.

    It takes ratios of scales in [2^-10, 2^8); for others LiteRT falls back on TFLite's kernel.
    """
    left_scale, right_scale, scale = map(np.float32, _scales(left_type, right_type, target))
    ratios = float(left_scale / scale), float(right_scale / scale)
    if target.element.bits != 8 or not all(2**-10 <= ratio < 2**8 for ratio in ratios):
        return _sum_tflite(profile, left, right, left_type, right_type, target, rounding, sign)
    shift = 20 - (math.frexp(max(ratios))[1] - 1)
    left_factor, right_factor = (round(math.ldexp(ratio, shift)) for ratio in ratios)
    total = centred(left, left_type) * left_factor + centred(right, right_type) * (sign * right_factor)
    return saturated((total + (1 << (shift - 1))) >> shift, target)


def _sum_of_rescaled(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
    sign: int,
) -> Array:
    """Relay's qnn.add and qnn.subtract: each side requantised to the result's parameters in int32, then summed."""
    wide = target.with_element(ElementType.I32)
    zero_point = parameters(target).zero_point
    sides = [
        array.astype(np.int64)
        if type.quantisation == target.quantisation
        else profile.rescale(array, parameters(type), wide, rounding=rounding).astype(np.int64)
        for array, type in ((left, left_type), (right, right_type))
    ]
    steps = (sides[0] - zero_point) + sign * (sides[1] - zero_point)
    return saturated(steps, target)


def _sum_of_reals(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
    sign: int,
) -> Array:
    """The sum in float32, rounded once."""
    real = profile.dequantise(right, right_type)
    with np.errstate(over="ignore", invalid="ignore"):
        return profile.quantise(profile.dequantise(left, left_type) + (real if sign > 0 else -real), target)


# --- products ---


def _product_of_reals(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
) -> Array:
    """The product in float32, rounded once."""
    with np.errstate(over="ignore", invalid="ignore"):
        return profile.quantise(profile.dequantise(left, left_type) * profile.dequantise(right, right_type), target)


def _slope_of_reals(
    profile: Profile, left: Array, right: Array, left_type: TensorType, right_type: TensorType, target: TensorType
) -> Array:
    product = _product_of_reals(profile, left, right, left_type, right_type, target, Rounding.UPWARD)
    kept = profile.rescale(left, parameters(left_type), target)
    return np.where(left >= parameters(left_type).zero_point, kept, product)


def _product(
    profile: Profile,
    left: Array,
    right: Array,
    left_type: TensorType,
    right_type: TensorType,
    target: TensorType,
    rounding: Rounding,
) -> Array:
    """The integer product, rescaled once; TFLite and Relay both take the product of the scales in float32."""
    source = Quantisation.per_tensor(float(float32_scale(left_type) * float32_scale(right_type)))
    product = centred(left, left_type) * centred(right, right_type)
    return profile.rescale(product, source, target, rounding=rounding)


def _slope(
    profile: Profile, left: Array, right: Array, left_type: TensorType, right_type: TensorType, target: TensorType
) -> Array:
    product = _product(profile, left, right, left_type, right_type, target, Rounding.UPWARD)
    kept = profile.rescale(left, parameters(left_type), target)
    return np.where(left >= parameters(left_type).zero_point, kept, product)


# --- parameters ---


def parameters(type: TensorType) -> Quantisation:
    """Quantisation of a quantised type; scale 1 and zero point 0 where an unverified module has none."""
    return type.quantisation or Quantisation.per_tensor(1.0)


def _scales(*types: TensorType) -> tuple[float, ...]:
    return tuple(parameters(type).scale for type in types)


def float32_scale(type: TensorType) -> np.float32:
    """The scale of a quantised type in float32."""
    return np.float32(parameters(type).scale)


def centred(array: Array, type: TensorType) -> Array:
    """Stored elements minus zero point, as int64."""
    return array.astype(np.int64) - parameters(type).zero_point


def saturated(values: Array, target: TensorType) -> Array:
    """Whole numbers in steps of the target's scale as stored elements: zero point added, cut to the range."""
    stored = values.astype(np.float64, copy=False) if values.dtype.kind == "f" else values
    stored = stored + parameters(target).zero_point
    return np.clip(stored, target.element.minimum, target.element.maximum).astype(target.element.numpy)
