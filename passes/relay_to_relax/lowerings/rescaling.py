"""Requantisation, quantisation and dequantisation as tensor programs; formulas are those of TVM 0.15, on plain `llvm`.

Scales and zero points are known when a model is converted: one per tensor, or one per element along an axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.passes.relax_building.arithmetic import (
    elementwise,
    multiplied_to_nearest,
    multiplied_upward,
    multiplier_parameters,
    round_half_away,
    saturated,
)
from nir.passes.relax_building.emitter import Array, dtype_of
from nir.passes.relay_to_relax.emitter import Site
from nir.relay.ast import Expr


@dataclass(frozen=True)
class Parameters:
    """Scale (float32) and zero point (int32) of a tensor: arrays without axes, or vectors along an axis."""

    scale: Array
    zero_point: Array

    @staticmethod
    def read(site: Site, scale: int, zero_point: int) -> Parameters:
        """From the arguments of a call at these places."""
        return Parameters.of(site, site.call.args[scale], site.call.args[zero_point])

    @staticmethod
    def of(site: Site, scale: Expr, zero_point: Expr) -> Parameters:
        """From two expressions, which have to be constants."""
        return Parameters(
            np.asarray(site.static_value(scale, "a scale"), np.float32),
            np.asarray(site.static_value(zero_point, "a zero point"), np.int32),
        )

    def same(self, other: Parameters) -> bool:
        """Whether both are one number per tensor, and equal."""
        pairs = ((self.scale, other.scale), (self.zero_point, other.zero_point))
        return all(left.ndim == right.ndim == 0 and left == right for left, right in pairs)


_MULTIPLIED = {"UPWARD": multiplied_upward, "TONEAREST": multiplied_to_nearest}


def requantised(
    site: Site,
    data: relax.Expr,
    source: Parameters,
    target: Parameters,
    out_dtype: str,
    axis: int = -1,
    rounding: str = "None",
    compute_dtype: str = "None",
) -> relax.Expr:
    """Integers that mean the same under `target` as `data` means under `source`, saturated to `out_dtype`.

    `rounding` and `compute_dtype` are the attributes of the call; "None" leaves them to the configuration.
    """
    config = site.config
    rounding = config.rounding if rounding in ("None", "") else rounding
    compute_dtype = config.compute_dtype if compute_dtype in ("None", "") else compute_dtype
    equal = source.scale.ndim == target.scale.ndim == 0 and source.scale == target.scale
    ratio = source.scale.astype(np.float64) / target.scale.astype(np.float64)
    points = [(source.zero_point, "int32"), (target.zero_point, "int32")]
    if compute_dtype != "int64":
        formula = _requantise_float(compute_dtype, rounding, out_dtype, equal)
        return elementwise(site.emitter, data, [*points, (ratio, compute_dtype)], axis, formula, "requantize")
    parameters = [] if equal else multiplier_parameters(ratio)
    formula = _requantise_integer(rounding, out_dtype)
    return elementwise(site.emitter, data, [*points, *parameters], axis, formula, "requantize")


def _requantise_integer(rounding: str, out_dtype: str) -> Callable[..., Any]:
    multiplied = _MULTIPLIED[rounding]

    def formula(x: Any, source_point: Any, target_point: Any, *multiplier: Any) -> Any:
        distance = x.astype("int32") - source_point
        scaled = multiplied(distance, *multiplier) if multiplier else distance
        return saturated(scaled + target_point, out_dtype)

    return formula


def _requantise_float(compute_dtype: str, rounding: str, out_dtype: str, equal: bool) -> Callable[..., Any]:
    """The target's zero point is added before rounding, and `x` becomes a float before its own is taken away."""

    def formula(x: Any, source_point: Any, target_point: Any, ratio: Any) -> Any:
        distance = x.astype(compute_dtype) - source_point.astype(compute_dtype)
        scaled = distance if equal else distance * ratio
        moved = scaled + target_point.astype(compute_dtype)
        half, zero = tirx.const(0.5, compute_dtype), tirx.const(0.0, compute_dtype)
        if rounding == "UPWARD":
            rounded = te.floor(moved + half)
        else:
            signed_half = tirx.Select(moved > zero, half, tirx.Select(moved < zero, -half, zero))
            rounded = te.trunc(moved + signed_half)
        return saturated(rounded.astype("int32"), out_dtype)

    return formula


def quantised(site: Site, data: relax.Expr, target: Parameters, out_dtype: str, axis: int) -> relax.Expr:
    """Floats as integers of `out_dtype`: halves go away from zero, and what lies outside saturates.

    A single scale is multiplied by, as its reciprocal in float32 (TVM simplified the division); scales along an axis
    divide.
    """
    single = target.scale.ndim == 0
    factor = np.float32(1) / target.scale if single else target.scale

    def formula(x: Any, scale: Any, zero_point: Any) -> Any:
        steps = x * scale if single else x / scale
        return saturated(round_half_away(steps) + zero_point.astype("float32"), out_dtype)

    parameters = [(np.asarray(factor, np.float32), "float32"), (target.zero_point, "int32")]
    return elementwise(site.emitter, site.emitter.cast(data, "float32"), parameters, axis, formula, "quantize")


def dequantised(site: Site, data: relax.Expr, source: Parameters, axis: int) -> relax.Expr:
    """Integers as the float32 that they mean."""

    def formula(x: Any, scale: Any, zero_point: Any) -> Any:
        return (x.astype("int32") - zero_point).astype("float32") * scale

    return elementwise(
        site.emitter, data, [(source.scale, "float32"), (source.zero_point, "int32")], axis, formula, "dequantize"
    )


def requantised_or_widened(site: Site, data: relax.Expr, source: Parameters, target: Parameters, axis: int = -1) -> Any:
    """`data` under the parameters of `target`, as int32 that does not saturate: what sums are made of."""
    if source.same(target):
        return site.emitter.cast(data, "int32")
    return requantised(site, data, source, target, "int32", axis)


def distance_from_zero_point(site: Site, data: relax.Expr, zero_point: Array, axis: int = 0) -> relax.Expr:
    """`data` - zero point, in the smallest integers that hold it; `data` itself where the zero point is 0."""
    if not zero_point.any():
        return data
    wide = "int16" if dtype_of(data) in ("int8", "uint8") else "int32"

    def formula(x: Any, point: Any) -> Any:
        return x.astype(wide) - point

    return elementwise(site.emitter, data, [(zero_point, wide)], axis, formula, "subtract_zero_point")
