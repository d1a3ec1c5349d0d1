"""The steps by which each numeric profile stores one number as an integer, for showing to people.

A step is a label and a number. The arithmetic is the profiles' (nir/ops/profiles.py); here it is taken apart for one
element. The last step is always the result. Knows profiles, not operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nir.ir import Quantisation, TensorType
from nir.ops.common import Activation, Rounding
from nir.ops.fixed_point import doubling_high_multiply, multiply_double_rounding, quantised_multiplier
from nir.ops.profiles import (
    Profile,
    QdqProfile,
    RelayFloatProfile,
    ScaleSource,
    TfliteProfile,
    TvmProfile,
    XnnpackProfile,
    activation_bounds,
)
from nir.ops.scales import graph_scales, real_scales


class Step(NamedTuple):
    """One intermediate number, or a word about it."""

    label: str
    value: int | float | str


def parameters_at(type: TensorType, index: Sequence[int]) -> tuple[float, int]:
    """Scale and zero point of one element; 1 and 0 where there are none."""
    parameters = type.quantisation
    if parameters is None:
        return 1.0, 0
    place = 0 if parameters.axis is None or len(parameters.scales) == 1 else index[parameters.axis]
    points = parameters.zero_points
    return parameters.scales[place], points[place if len(points) > 1 else 0]


def element_type(type: TensorType, index: Sequence[int]) -> TensorType:
    """The type of one element: a scalar with one scale and zero point."""
    scalar = TensorType(type.element, ())
    return (
        scalar
        if type.quantisation is None
        else scalar.with_quantisation(Quantisation.per_tensor(*parameters_at(type, index)))
    )


def store(whole: int | float, target: TensorType, activation: Activation = Activation.NONE) -> list[Step]:
    """Zero point, bounds, result, for a whole number in steps of the target's scale. NaN becomes the smallest."""
    zero_point = parameters_at(target, ())[1]
    low, high = activation_bounds(target, activation)
    result = low if whole != whole else int(min(max(whole + zero_point, low), high))
    return [Step("zero point", zero_point), Step("clamped to", f"[{low}, {high}]"), Step("result", result)]


def quantise_steps(
    profile: Profile, real: float, target: TensorType, activation: Activation = Activation.NONE
) -> list[Step]:
    """A real number stored by the profile's rule for `quantize`."""
    scale = np.float32(parameters_at(target, ())[0])
    with np.errstate(all="ignore"):
        divides = isinstance(profile, (TfliteProfile, TvmProfile, QdqProfile))
        quotient = np.float32(real) / scale if divides else np.float32(real) * (np.float32(1) / scale)
        whole = float(profile.steps(np.float32(real).reshape(()), scale.reshape(())))
    return [
        Step("scale", float(scale)),
        Step("before rounding", float(quotient)),
        Step("rounded", _whole(whole)),
        *store(whole, target, activation),
    ]


def rescale_steps(
    profile: Profile,
    value: int,
    source: ScaleSource,
    target: TensorType,
    rounding: Rounding,
    activation: Activation = Activation.NONE,
    single_rounding: bool = False,
) -> list[Step]:
    """An integer without zero point, of scale `source` (one entry), stored as `target` (one scale)."""
    if isinstance(profile, QdqProfile):
        real = np.float32(value) * np.float32(real_scales(source, 0, np.float32))
        return [Step("real value", float(real)), *quantise_steps(profile, float(real), target, activation)]
    scale = np.asarray(parameters_at(target, ())[0], np.float32)
    multiplier = profile.multipliers(source, scale, 0)
    if isinstance(profile, RelayFloatProfile):
        return _float_steps(profile, value, source, target, rounding, activation)
    steps = [Step("multiplier", float(multiplier))]
    if isinstance(profile, XnnpackProfile):
        steps.append(Step("before rounding", float(np.float32(value) * np.float32(multiplier))))
    elif isinstance(profile, TfliteProfile) and single_rounding:
        steps.append(Step("before rounding", float(np.float64(value) * np.float64(multiplier))))
    else:
        mantissa, exponent = (int(part) for part in quantised_multiplier(multiplier))
        steps += fixed_point_steps(value, mantissa, exponent, twice=isinstance(profile, TfliteProfile))
    whole = int(profile.rule(rounding, single_rounding)(np.asarray(value, np.int64), np.asarray(multiplier)))
    return [*steps, Step("rounded", whole), *store(whole, target, activation)]


def fixed_point_steps(value: int, mantissa: int, exponent: int, *, twice: bool) -> list[Step]:
    """value * mantissa * 2^(exponent - 31) up to the last rounding; `twice` shows the first of two."""
    steps = [Step("mantissa", mantissa), Step("exponent", exponent)]
    if not twice:
        return [*steps, Step("before rounding", float(np.ldexp(float(value * mantissa), exponent - 31)))]
    shifted = min(max(value << min(max(exponent, 0), 30), -(2**31)), 2**31 - 1)
    high = int(doubling_high_multiply(np.asarray(shifted), mantissa))
    right = max(-exponent, 0)
    return [*steps, Step("rounded once", high), Step("before rounding", float(np.ldexp(float(high), -right)))]


def double_rounding_steps(
    value: int, mantissa: int, exponent: int, target: TensorType, activation: Activation
) -> list[Step]:
    """`value` times a given fixed-point multiplier, rounded twice and stored."""
    whole = int(multiply_double_rounding(np.asarray(value), mantissa, exponent))
    steps = fixed_point_steps(value, mantissa, exponent, twice=True)
    return [*steps, Step("rounded", whole), *store(whole, target, activation)]


def _float_steps(
    profile: RelayFloatProfile,
    value: int,
    source: ScaleSource,
    target: TensorType,
    rounding: Rounding,
    activation: Activation,
) -> list[Step]:
    """Relay's float requantisation: the zero point is added before the one rounding."""
    kind = profile.dtype
    scale, zero_point = parameters_at(target, ())
    multiplier = kind(profile.multipliers(source, np.asarray(scale, np.float32), 0))
    same = graph_scales(source, 0).item() == np.float32(scale)
    product = kind(value) if same else kind(value) * multiplier
    shifted = product + kind(zero_point)
    half = kind(0.5)
    whole = np.floor(shifted + half) if rounding is Rounding.UPWARD else np.trunc(shifted + np.copysign(half, shifted))
    low, high = activation_bounds(target, activation)
    return [
        Step("multiplier", 1.0 if same else float(multiplier)),
        Step("zero point", zero_point),
        Step("before rounding", float(shifted)),
        Step("rounded", _whole(float(whole))),
        Step("clamped to", f"[{low}, {high}]"),
        Step("result", int(min(max(float(whole), low), high))),
    ]


def _whole(value: float) -> int | float:
    return int(value) if np.isfinite(value) else value
