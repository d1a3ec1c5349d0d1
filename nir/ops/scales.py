"""Scales and zero points as arrays, scales of sums of products, and the bounds of fused activations.

What all numeric profiles share; how each of them rounds is in profiles.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.ir import Quantisation, TensorType
from nir.ops.common import Activation
from nir.ops.fixed_point import round_half_away

Array = np.ndarray[Any, Any]

ACTIVATION_RANGES: dict[Activation, tuple[float, float]] = {
    Activation.NONE: (-math.inf, math.inf),
    Activation.RELU: (0.0, math.inf),
    Activation.RELU1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}
"""Bounds of each fused activation, in real values (NNAPI's FuseCode)."""


def activate(values: Array, activation: Activation) -> Array:
    """Clamps real values to the bounds of a fused activation; NaN stays."""
    low, high = ACTIVATION_RANGES[activation]
    return values if activation is Activation.NONE else np.clip(values, values.dtype.type(low), values.dtype.type(high))


def activation_bounds(type: TensorType, activation: Activation = Activation.NONE) -> tuple[int, int]:
    """Smallest and largest stored integer of `type` that a fused activation lets through.

    zero point + round(bound / scale), halves away from zero in float32, intersected with the storage range
    (TFLite's CalculateActivationRangeQuantized, NNAPI's rule). Without quantisation scale is 1, zero point 0.
    """
    low, high = type.element.minimum, type.element.maximum
    parameters = type.quantisation
    scale = np.float32(1.0 if parameters is None else parameters.scale)
    zero_point = 0 if parameters is None else parameters.zero_point
    for index, bound in enumerate(ACTIVATION_RANGES[activation]):
        if math.isfinite(bound):
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                steps = float(round_half_away(np.float32(bound) / scale))
            stored = zero_point + int(min(max(steps, -(2.0**33)), 2.0**33)) if steps == steps else zero_point
            stored = min(max(stored, type.element.minimum), type.element.maximum)
            low, high = (stored, high) if index == 0 else (low, stored)
    return low, high


@dataclass(frozen=True)
class ScaleProduct:
    """The scale of sums of products, kept as its factors since profiles multiply them in different precisions.

    The real value of an accumulator is `left * right[c]` times it, c running along `axis` (None: one entry, for all).
    `stated` are the scales that the graph itself gives the accumulator (those of a quantised bias), or None.
    """

    left: float
    right: tuple[float, ...]
    axis: int | None = None
    stated: tuple[float, ...] | None = None


ScaleSource = Quantisation | ScaleProduct


def parameters_of(parameters: Quantisation | None, rank: int) -> tuple[Array, Array]:
    """Scales (float32) and zero points (int64), broadcastable against an array of `rank` dimensions."""
    if parameters is None:
        return np.float32(1).reshape(()), np.zeros((), np.int64)
    return parameters.broadcast_scales(rank), parameters.broadcast_zero_points(rank).astype(np.int64)


def _along(values: tuple[float, ...], axis: int | None, rank: int, dtype: Any) -> Array:
    array = np.asarray(values, dtype)
    return array.reshape(()) if axis is None else array.reshape([-1 if d == axis else 1 for d in range(rank)])


def real_scales(source: ScaleSource, rank: int, dtype: Any) -> Array:
    """The source's scales with a product taken in `dtype`."""
    if isinstance(source, Quantisation):
        return source.broadcast_scales(rank).astype(dtype)
    return dtype(source.left) * _along(source.right, source.axis, rank, dtype)


def graph_scales(source: ScaleSource, rank: int) -> Array:
    """The source's scales as float32: those that the graph states, where it does."""
    if isinstance(source, ScaleProduct) and source.stated is not None:
        return _along(source.stated, source.axis if len(source.stated) > 1 else None, rank, np.float32)
    return real_scales(source, rank, np.float32)
