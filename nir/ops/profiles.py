"""Numeric profiles: how real values become integers, each the way of one family of programs.

A profile is what an operator asks whenever a real value must be stored as an integer, or integers of one scale as
integers of another. Operators hold no arithmetic of that kind themselves. Nothing here knows an operator.

    profile = get_profile("tflite")
    stored = profile.quantise(real, type)                  # float32 -> stored elements of `type`
    real = profile.dequantise(stored, type)                # stored elements -> float32
    stored = profile.rescale(values, source, target)       # integers with scale `source` -> stored elements

All work on float `type`s and on integers without quantisation too (those mean themselves: scale 1, zero point 0),
so that an operator defined on real values is three lines: dequantise, compute in float32, quantise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nir.errors import RunError, require_type, suggestion
from nir.ir import Quantisation, TensorType
from nir.ops.common import Activation, Rounding
from nir.ops.fixed_point import (
    multiply_double_rounding,
    multiply_rounding_to_nearest,
    multiply_rounding_upward,
    quantised_multiplier,
    round_half_away,
)
from nir.ops.scales import (
    ACTIVATION_RANGES,
    Array,
    ScaleProduct,
    ScaleSource,
    activate,
    activation_bounds,
    graph_scales,
    parameters_of,
    real_scales,
)

__all__ = [
    "ACTIVATION_RANGES",
    "DEFAULT_PROFILE",
    "PROFILES",
    "Array",
    "Profile",
    "QdqProfile",
    "RelayFloatProfile",
    "RelayProfile",
    "ScaleProduct",
    "ScaleSource",
    "TfliteProfile",
    "TvmProfile",
    "XnnpackProfile",
    "activate",
    "activation_bounds",
    "get_profile",
]


class Profile:
    """Base of the profiles: everything but the rounding rules, which subclasses give.

    `name` is how a user chooses it; `summary` says in one line whose numbers these are. `truncates_averages`: an
    integer average is divided towards zero (C's `/`) where others round halves away from zero.
    """

    name: str = ""
    summary: str = ""
    truncates_averages: bool = False

    def __repr__(self) -> str:
        return f"<profile {self.name}>"

    # --- real values and stored elements ---

    def quantise(self, real: Array, type: TensorType) -> Array:
        """Stored elements of `type` for real values: round(real / scale) + zero point, saturated.

        Float types are rounded to storage, integers without quantisation have scale 1 and zero point 0. A NaN
        becomes the smallest storable integer. Per-channel parameters apply along their axis.
        """
        if not type.element.is_integer:
            with np.errstate(over="ignore"):
                return real.astype(type.element.numpy, copy=False)
        scales, zero_points = parameters_of(type.quantisation, real.ndim)
        with np.errstate(all="ignore"):
            steps = self.steps(real.astype(np.float32, copy=False), scales)
            return _saturate(steps.astype(np.float64) + zero_points, type)

    def steps(self, real: Array, scales: Array) -> Array:
        """Real values in steps of `scales` (float32, broadcastable), as whole numbers in a float type."""
        raise NotImplementedError

    def dequantise(self, stored: Array, type: TensorType) -> Array:
        """Real values of stored elements as float32: (stored - zero point) * scale, the difference in integers.

        Floats are converted; integers without quantisation, and bool, mean themselves.
        """
        if not type.element.is_integer or type.quantisation is None:
            return stored.astype(np.float32, copy=False)
        scales, zero_points = parameters_of(type.quantisation, stored.ndim)
        wide = np.int64 if type.element.bits == 32 else np.int32
        difference = stored.astype(wide) - zero_points.astype(wide)
        return difference.astype(np.float32) * scales

    # --- integers of one scale and another ---

    def rescale(
        self,
        values: Array,
        source: ScaleSource,
        target: TensorType,
        *,
        rounding: Rounding = Rounding.UPWARD,
        activation: Activation = Activation.NONE,
        single_rounding: bool = False,
    ) -> Array:
        """Stored elements of `target` (an integer type) for integers of scale `source`.

        `values` are whole numbers of any dtype (floats that hold whole numbers are fine). Of a `Quantisation` the
        zero point is subtracted first; a `ScaleProduct` is for accumulators, which have none. Scales along an axis
        broadcast against `values`. The result is clamped to the storage range and the activation's bounds.
        `rounding` is heeded by the relay profiles alone, `single_rounding` by `tflite` alone: see there.
        """
        target_scales, target_points = parameters_of(target.quantisation, values.ndim)
        values, multiplier = self._prepare(values, source, target_scales)
        multiply = self.rule(rounding, single_rounding)
        low, high = activation_bounds(target, activation)
        shifted = multiply(values, multiplier) + target_points
        return np.clip(shifted, low, high).astype(target.element.numpy)

    def convert(self, stored: Array, source: Quantisation, target: TensorType, rounding: Rounding) -> Array:
        """Stored elements of scale `source` as those of `target`, where that is all that an operator does."""
        return self.rescale(stored, source, target, rounding=rounding)

    @property
    def fallback(self) -> Profile:
        """The profile of operators that the program leaves to other kernels; mostly this one."""
        return self

    def _prepare(self, values: Array, source: ScaleSource, target_scales: Array) -> tuple[Array, Array]:
        """Values without zero point as int64, and the multipliers, broadcastable against them."""
        integers = values.astype(np.int64)
        if isinstance(source, Quantisation):
            integers = integers - parameters_of(source, values.ndim)[1]
        return integers, self.multipliers(source, target_scales, values.ndim)

    def multipliers(self, source: ScaleSource, target_scales: Array, rank: int) -> Array:
        """source scale / target scale in the precision of this profile, broadcastable to arrays of `rank`."""
        raise NotImplementedError

    def rule(self, rounding: Rounding, single_rounding: bool) -> Callable[[Array, Array], Array]:
        """The function (integers, multipliers) -> whole numbers that `rescale` uses: monotonic in the integers."""
        raise NotImplementedError


class TfliteProfile(Profile):
    """TFLite's reference and builtin kernels, and NNAPI within one step.

    quantise: round half away of real / scale in float32 (AffineQuantize). rescale: multiplier in * filter / out in
    float64, as a 31-bit mantissa and a shift; applied with two roundings (SaturatingRoundingDoublingHighMul halves
    upwards, then a right shift with halves away from zero). `single_rounding` is fully_connected: the float64
    multiplier, rounded once with halves away from zero.
    """

    name = "tflite"
    summary = "TFLite's reference and builtin kernels; NNAPI within one step"

    def steps(self, real: Array, scales: Array) -> Array:
        return round_half_away(real / scales)

    def multipliers(self, source: ScaleSource, target_scales: Array, rank: int) -> Array:
        return real_scales(source, rank, np.float64) / target_scales.astype(np.float64)

    def rule(self, rounding: Rounding, single_rounding: bool) -> Callable[[Array, Array], Array]:
        return _multiply_float64_half_away if single_rounding else _multiply_tflite


class XnnpackProfile(Profile):
    """LiteRT with its default XNNPACK delegate.

    quantise: real * float32(1 / scale), halves to even. rescale: float32(value) * (in * filter / out), all in
    float32, halves to even. convert, between 8-bit types: a multiplier of round(256 * in / out) and 8 fraction bits,
    halves upwards. What the delegate does not take runs in TFLite's builtin kernels.
    """

    name = "xnnpack"
    summary = "LiteRT with its default XNNPACK delegate: float32 multipliers, halves to even"

    def steps(self, real: Array, scales: Array) -> Array:
        return np.rint(real * (np.float32(1) / scales))

    def multipliers(self, source: ScaleSource, target_scales: Array, rank: int) -> Array:
        return real_scales(source, rank, np.float32) / target_scales

    def rule(self, rounding: Rounding, single_rounding: bool) -> Callable[[Array, Array], Array]:
        return _multiply_float32_half_even

    def convert(self, stored: Array, source: Quantisation, target: TensorType, rounding: Rounding) -> Array:
        """XNNPACK's vcvt kernels, which take in / out from 2^-8 to 2^7."""
        parameters = target.quantisation
        if stored.itemsize > 1 or parameters is None or source.is_per_channel:
            return self.rescale(stored, source, target, rounding=rounding)
        ratio = np.float32(source.scale) / np.float32(parameters.scale)
        if not 2.0**-8 <= ratio <= 2.0**7:
            return self.fallback.convert(stored, source, target, rounding)
        steps = (stored.astype(np.int64) - source.zero_point) * int(np.rint(ratio * np.float32(256)))
        low, high = activation_bounds(target)
        return np.clip(((steps + 128) >> 8) + parameters.zero_point, low, high).astype(target.element.numpy)

    @property
    def fallback(self) -> Profile:
        return PROFILES["tflite"]


class RelayProfile(Profile):
    """Relay QNN (TVM 0.6 to 0.19) with compute_dtype int64, the only one before 0.9.

    quantise: real * float32(1 / scale) for one scale, real / scale for scales along an axis; halves away from zero.
    rescale: multiplier float32(in) / float32(out) in float64 as a 31-bit mantissa and a shift, applied in int64 with
    one rounding, UPWARD or TONEAREST. The scale of an accumulator is the one that the graph states (a bias's), else
    float32(in * filter). Averages of integers are truncated.
    """

    name = "relay"
    summary = "Relay QNN on int64 arithmetic, rounding as each operator says"
    truncates_averages = True

    def steps(self, real: Array, scales: Array) -> Array:
        # TVM's simplifier turns the division by a constant into a product; halves differ between the two.
        return round_half_away(real * (np.float32(1) / scales) if scales.size == 1 else real / scales)

    def multipliers(self, source: ScaleSource, target_scales: Array, rank: int) -> Array:
        return graph_scales(source, rank).astype(np.float64) / target_scales.astype(np.float64)

    def rule(self, rounding: Rounding, single_rounding: bool) -> Callable[[Array, Array], Array]:
        return _RELAY_RULES[rounding]


class RelayFloatProfile(RelayProfile):
    """Relay QNN with compute_dtype float32 (the default from TVM 0.9 on x86 with SSE4.1) or float64.

    rescale: float(value) * float(multiplier) + float(zero point), then UPWARD floor(v + 0.5), or TONEAREST
    trunc(v + sign(v) * 0.5) with the sum rounded to the compute type, as plain LLVM code does. The multiplication is
    skipped where both scales are equal. The zero point of the source is subtracted in floating point.
    """

    def __init__(self, dtype: type[np.floating[Any]], name: str, summary: str) -> None:
        self.dtype = dtype
        self.name = name
        self.summary = summary

    def rescale(
        self,
        values: Array,
        source: ScaleSource,
        target: TensorType,
        *,
        rounding: Rounding = Rounding.UPWARD,
        activation: Activation = Activation.NONE,
        single_rounding: bool = False,
    ) -> Array:
        target_scales, target_points = parameters_of(target.quantisation, values.ndim)
        floats = values.astype(self.dtype)
        if isinstance(source, Quantisation):
            floats = floats - parameters_of(source, values.ndim)[1].astype(self.dtype)
        scales = graph_scales(source, values.ndim)
        if not (scales.size == target_scales.size == 1 and scales.item() == target_scales.item()):
            floats = floats * self.multipliers(source, target_scales, values.ndim).astype(self.dtype)
        floats = floats + target_points.astype(self.dtype)
        half = self.dtype(0.5)
        if rounding is Rounding.UPWARD:
            whole = np.floor(floats + half)
        else:
            whole = np.trunc(floats + np.copysign(half, floats))
        low, high = activation_bounds(target, activation)
        return np.clip(whole.astype(np.float64), low, high).astype(target.element.numpy)


class TvmProfile(RelayProfile):
    """Today's TVM (Relax, from 0.24), where round became ties-to-even: quantise rounds halves to even.

    rescale is that of `relay`: int64 arithmetic as Relay modules are lowered to Relax here. For islands see `qdq`.
    """

    name = "tvm"
    summary = "today's TVM (Relax) on integers: as relay, but quantize rounds halves to even"

    def steps(self, real: Array, scales: Array) -> Array:
        return np.rint(real / scales)


class QdqProfile(Profile):
    """Graphs of dequantize, float32 operator, quantize, run as they stand: today's TVM, ONNX Runtime unoptimised.

    Operators compute in float32 on real values; quantize divides and rounds halves to even. Sums of products are exact
    integers, then float32(sum) * (in * filter): programs add float32 products in orders of their own. Raw integers
    are TVM's: their averages are truncated.
    """

    name = "qdq"
    summary = "graphs of quantize and dequantize run in float32: today's TVM, ONNX Runtime without optimisations"
    truncates_averages = True

    def steps(self, real: Array, scales: Array) -> Array:
        return np.rint(real / scales)

    def rescale(
        self,
        values: Array,
        source: ScaleSource,
        target: TensorType,
        *,
        rounding: Rounding = Rounding.UPWARD,
        activation: Activation = Activation.NONE,
        single_rounding: bool = False,
    ) -> Array:
        if isinstance(source, Quantisation):
            values = values.astype(np.int64) - parameters_of(source, values.ndim)[1]
        scales, points = parameters_of(target.quantisation, values.ndim)
        with np.errstate(all="ignore"):
            steps = self.steps(values.astype(np.float32) * real_scales(source, values.ndim, np.float32), scales)
        low, high = activation_bounds(target, activation)
        return np.clip(steps.astype(np.float64) + points, low, high).astype(target.element.numpy)

    def average(self, total: Array, count: Array | np.float32, source: Quantisation, target: TensorType) -> Array:
        """Sums of `count` (float32) integers of scale `source`, without zero points, as the stored mean of real values."""
        return self.quantise(total.astype(np.float32) * np.float32(source.scale) / count, target)


PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        TfliteProfile(),
        XnnpackProfile(),
        RelayProfile(),
        RelayFloatProfile(np.float32, "relay-f32", "Relay QNN where compute_dtype is float32"),
        RelayFloatProfile(np.float64, "relay-f64", "Relay QNN where compute_dtype is float64"),
        TvmProfile(),
        QdqProfile(),
    )
}
"""Every profile by name; the first is the default."""

DEFAULT_PROFILE = "tflite"


def get_profile(profile: str | Profile = DEFAULT_PROFILE) -> Profile:
    """The profile of that name (a profile is handed back). Raises `RunError` for an unknown name."""
    if isinstance(profile, Profile):
        return profile
    require_type(profile, str, "a numeric profile or the name of one")
    found = PROFILES.get(profile)
    if found is None:
        raise RunError(
            f"there is no numeric profile '{profile}'",
            expected="one of " + ", ".join(PROFILES),
            hint=suggestion(profile, PROFILES),
        )
    return found


# --- rounding rules ---


def _multiply_tflite(values: Array, multiplier: Array) -> Array:
    return multiply_double_rounding(values, *quantised_multiplier(multiplier))


def _multiply_float64_half_away(values: Array, multiplier: Array) -> Array:
    # The range is cut so that int64 holds the result of absurd scales; storage cuts far below it.
    with np.errstate(over="ignore"):
        return np.clip(round_half_away(values.astype(np.float64) * multiplier), -(2.0**62), 2.0**62).astype(np.int64)


def _multiply_float32_half_even(values: Array, multiplier: Array) -> Array:
    with np.errstate(over="ignore"):
        product = np.rint(values.astype(np.float32) * multiplier)
    return np.clip(product.astype(np.float64), -(2.0**62), 2.0**62).astype(np.int64)


def _multiply_upward(values: Array, multiplier: Array) -> Array:
    return multiply_rounding_upward(values, *quantised_multiplier(multiplier))


def _multiply_to_nearest(values: Array, multiplier: Array) -> Array:
    return multiply_rounding_to_nearest(values, *quantised_multiplier(multiplier))


_RELAY_RULES = {Rounding.UPWARD: _multiply_upward, Rounding.TO_NEAREST: _multiply_to_nearest}


def _saturate(values: Array, type: TensorType) -> Array:
    """Whole numbers in float64 as integers of `type`; NaN becomes the smallest."""
    low, high = type.element.minimum, type.element.maximum
    return np.fmin(np.fmax(values, low), high).astype(type.element.numpy)
