"""The numeric profiles as expressions of tensor programs: stored integers to real values, back, and between scales.

Each function takes a program, to which it adds the constants that it needs, and gives a function of one element. What
the rules are, and whose, is said in nir/ops/profiles.py and docs/numerics.md; multipliers and bounds come from there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import tirx

from nir.ir import Quantisation, TensorType
from nir.ops.common import Activation, Rounding
from nir.ops.fixed_point import quantised_multiplier
from nir.ops.profiles import (
    ACTIVATION_RANGES,
    Profile,
    QdqProfile,
    RelayFloatProfile,
    RelayProfile,
    ScaleSource,
    TfliteProfile,
    TvmProfile,
    XnnpackProfile,
    activation_bounds,
)
from nir.ops.scales import graph_scales, parameters_of, real_scales
from nir.passes.nir_to_relax.site import dtype_name
from nir.passes.relax_building.arithmetic import multiplier_parameters, round_half_away
from nir.passes.relax_building.emitter import Array
from nir.passes.relax_building.programs import Program

Element = Callable[[Any], Any]
"""One element to another."""


# --- bounds ---


def clipped(value: Any, low: float, high: float) -> Any:
    """`value` between bounds of its own type; NaN stays. Infinite bounds are left out."""
    for bound, is_low in ((low, True), (high, False)):
        if not math.isfinite(bound):
            continue
        limit = tirx.const(bound, value.ty)
        if "float" in str(value.ty):
            value = tirx.Select(value < limit if is_low else value > limit, limit, value)
        else:  # which names the value once: expressions are trees, and grow with every use
            value = tirx.max(value, limit) if is_low else tirx.min(value, limit)
    return value


def stored(value: Any, target: TensorType, activation: Activation = Activation.NONE) -> Any:
    """A whole number, int64 or of a float type, as a stored integer: cut to the bounds of storage and activation."""
    low, high = activation_bounds(target, activation)
    return clipped(value, low, high).astype(dtype_name(target))


def activated(value: Any, activation: Activation, type: TensorType) -> Any:
    """An element of `type`, real or stored, cut to the bounds of a fused activation."""
    if activation is Activation.NONE:
        return value
    if type.element.is_integer:
        low, high = activation_bounds(type, activation)
        return clipped(value, low, high)
    return clipped(value, *ACTIVATION_RANGES[activation])


# --- real values ---


def dequantising(program: Program, type: TensorType) -> Element:
    """Stored elements of `type` to the float32 that they stand for; float16 and raw integers are converted."""
    if not type.element.is_integer or type.quantisation is None:
        return lambda element: element.astype("float32")
    scales, points = parameters_of(type.quantisation, type.rank)
    wide = "int64" if type.element.bits == 32 else "int32"
    scale, point = program.parameter(scales, "float32"), program.parameter(points, wide)
    return lambda element: (element.astype(wide) - point.value).astype("float32") * scale.value


def quantising(program: Program, profile: Profile, target: TensorType) -> Element:
    """float32 to stored elements of `target`; a NaN becomes the smallest integer. Float types are rounded to storage."""
    if not target.element.is_integer:
        return lambda real: real.astype(dtype_name(target))
    scales, points = parameters_of(target.quantisation, target.rank)
    steps = _steps(program, profile, scales)
    point = program.parameter(points, "float64")
    low, high = target.element.minimum, target.element.maximum

    def quantise(real: Any) -> Any:
        shifted = steps(real).astype("float64") + point.value
        # The comparison in a maximum is false for a NaN, which so becomes its second operand.
        raised = tirx.max(shifted, tirx.const(low, "float64"))
        return whole(tirx.min(raised, tirx.const(high, "float64")), target)

    return quantise


def whole(value: Any, target: TensorType) -> Any:
    """A float that is a storable whole number, as that integer. By way of int64, as machines convert to signed ones."""
    return value.astype("int64").astype(dtype_name(target))


def _steps(program: Program, profile: Profile, scales: Array) -> Element:
    """Real values in steps of `scales`, rounded to whole numbers."""
    rounded = tirx.nearbyint if isinstance(profile, (XnnpackProfile, TvmProfile, QdqProfile)) else round_half_away
    by_reciprocal = isinstance(profile, XnnpackProfile) or (
        isinstance(profile, RelayProfile) and not isinstance(profile, TvmProfile) and scales.size == 1
    )
    if by_reciprocal:
        with np.errstate(all="ignore"):
            factor = program.parameter(np.float32(1) / scales, "float32")
        return lambda real: rounded(real * factor.value)
    divisor = program.parameter(scales, "float32", opaque=True)
    return lambda real: rounded(real / divisor.value)


# --- integers of one scale and another ---


def rescaling(
    program: Program,
    profile: Profile,
    source: ScaleSource,
    target: TensorType,
    *,
    rounding: Rounding = Rounding.UPWARD,
    activation: Activation = Activation.NONE,
    single_rounding: bool = False,
) -> Element:
    """Integers of scale `source` to stored elements of `target`: what `Profile.rescale` does."""
    target_scales, target_points = parameters_of(target.quantisation, target.rank)
    source_points = parameters_of(source, target.rank)[1] if isinstance(source, Quantisation) else np.int64(0)
    if isinstance(profile, RelayFloatProfile):
        points = source_points, target_points
        move = _moving_late(program, profile, source, target_scales, points, target.rank, rounding)
        return lambda value: stored(move(value), target, activation)
    if isinstance(profile, QdqProfile):
        return _through_real(program, profile, source, source_points, target, activation)
    with np.errstate(all="ignore"):
        multiplier = profile.multipliers(source, target_scales, target.rank)
    multiply = _multiplying(program, profile, multiplier, rounding, single_rounding)
    from_point = program.parameter(source_points, "int64")
    to_point = program.parameter(target_points, "int64")
    return lambda value: stored(multiply(value.astype("int64") - from_point.value) + to_point.value, target, activation)


def _through_real(
    program: Program,
    profile: Profile,
    source: ScaleSource,
    source_points: Array,
    target: TensorType,
    activation: Activation,
) -> Element:
    """Integers to the float32 that they stand for, and that stored: the scales stay apart, as their quotient is another."""
    point = program.parameter(source_points, "int64")
    scale = program.parameter(real_scales(source, target.rank, np.float32), "float32", opaque=True)
    store = quantising(program, profile, target)

    def move(value: Any) -> Any:
        return activated(
            store((value.astype("int64") - point.value).astype("float32") * scale.value), activation, target
        )

    return move


def averaging(
    program: Program, profile: Profile, source: Quantisation, target: TensorType
) -> Callable[[Any, Any], Any]:
    """int64 sums without zero points, and counts in float32, to stored means: what `QdqProfile.average` does."""
    scale = program.parameter(np.float32(source.scale), "float32", opaque=True)
    store = quantising(program, profile, target)
    return lambda total, count: store(total.astype("float32") * scale.value / count)


def _multiplying(
    program: Program, profile: Profile, multiplier: Array, rounding: Rounding, single_rounding: bool
) -> Element:
    """int64 times a real number, as the profile rounds it, to int64."""
    if isinstance(profile, XnnpackProfile):
        factor = program.parameter(multiplier, "float32")
        return lambda value: _as_int64(tirx.nearbyint(value.astype("float32") * factor.value))
    if isinstance(profile, TfliteProfile):
        if single_rounding:
            factor = program.parameter(multiplier, "float64")
            return lambda value: _as_int64(round_half_away(value.astype("float64") * factor.value))
        return multiplying_twice(program, *quantised_multiplier(multiplier))
    return multiplying_once(program, multiplier, nearest=rounding is Rounding.TO_NEAREST)


def _as_int64(value: Any) -> Any:
    """A whole number in a float type, cut so that int64 holds the result of absurd scales."""
    limit = tirx.const(2.0**62, "float64")
    return tirx.min(tirx.max(value.astype("float64"), -limit), limit).astype("int64")


def multiplying_twice(program: Program, mantissa: Array, exponent: Array) -> Element:
    """Times mantissa * 2^(exponent - 31), rounded twice: TFLite's MultiplyByQuantizedMultiplier."""
    left = program.parameter(np.clip(exponent, 0, 30), "int64")
    right = program.parameter(np.clip(-exponent, 0, 31), "int64")
    factor = program.parameter(np.where(exponent < -31, 0, mantissa), "int64")

    def multiply(value: Any) -> Any:
        shifted = clipped(value << left.value, -(2**31), 2**31 - 1)
        return divided_by_power(high_product(shifted, factor.value), right.value)

    return multiply


def high_product(left: Any, right: Any) -> Any:
    """int64 left * right / 2^31, halves upwards, at most 2^31 - 1: SaturatingRoundingDoublingHighMul."""
    return clipped((left * right + (1 << 30)) >> 31, -math.inf, 2**31 - 1)


def divided_by_power(value: Any, exponent: Any) -> Any:
    """int64 value / 2^exponent, halves away from zero: RoundingDivideByPOT."""
    one = tirx.const(1, "int64")
    half = (one << exponent) >> one
    negative = value >> tirx.const(63, "int64")  # -1, or 0
    return (value + half + negative * tirx.min(half, one)) >> exponent


def multiplying_once(program: Program, multiplier: Array, *, nearest: bool = False) -> Element:
    """Times a real number as 31-bit mantissa and shift, rounded once: Relay's FixedPointMultiply.

    Halves go upwards, or away from zero where `nearest`.
    """
    mantissa, left, right = (program.parameter(*part) for part in multiplier_parameters(multiplier))

    def multiply(value: Any) -> Any:
        one = tirx.const(1, "int64")
        total = right.value + tirx.const(31, "int64")
        half = one << (total - one)
        product = (value << left.value) * mantissa.value
        if nearest:
            half = half + (product >> tirx.const(63, "int64"))
        return (product + half) >> total

    return multiply


def _moving_late(
    program: Program,
    profile: RelayFloatProfile,
    source: ScaleSource,
    target_scales: Array,
    points: tuple[Any, Any],
    rank: int,
    rounding: Rounding,
) -> Element:
    """Relay's rescaling in a float type, which adds the zero point before it rounds: to whole numbers in float64.

    `points` are the zero points of source and target, `rank` is the tensors': scales may lie along any dimension.
    """
    dtype = np.dtype(profile.dtype).name
    scales = graph_scales(source, rank)
    equal = scales.size == target_scales.size == 1 and scales.item() == target_scales.item()
    from_point, to_point = (program.parameter(point, dtype) for point in points)
    with np.errstate(all="ignore"):
        factor = program.parameter(profile.multipliers(source, target_scales, rank).astype(profile.dtype), dtype)

    def move(value: Any) -> Any:
        distance = value.astype(dtype) - from_point.value
        moved = (distance if equal else distance * factor.value) + to_point.value
        half = tirx.const(0.5, dtype)
        if rounding is Rounding.UPWARD:
            return tirx.floor(moved + half).astype("float64")
        signed_half = tirx.Select(moved < tirx.const(0.0, dtype), -half, half)
        return tirx.trunc(moved + signed_half).astype("float64")

    return move
