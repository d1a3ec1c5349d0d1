"""Base classes that operator families share: rules about quantisation, and the way through float32.

They define no operator. Integer arithmetic of the profiles is in profiles.py and fixed_point.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nir.ir import Operation, TensorType, constraint
from nir.ops.common import Activation


def is_quantised(type: TensorType) -> bool:
    """True for integers that stand for real values; false for floats, booleans and raw integers."""
    return type.quantisation is not None and type.element.is_integer


class PerTensorOperation(Operation):
    """Base of operators whose operands and results have one scale and zero point each, or none."""

    __slots__ = ()

    @constraint("Q1: operands and results are quantised per tensor or not at all")
    def quantised_per_tensor(self) -> bool:
        values = [value for value in (*self.operands, *self.results) if value is not None]
        return all(v.type.quantisation is None or not v.type.quantisation.is_per_channel for v in values)


class ArithmeticOperation(PerTensorOperation):
    """Base of operators that compute with real values: all tensors of one element type are quantised, or none is."""

    __slots__ = ()

    @constraint("Q2: operands and results of the same element type are all quantised or all raw")
    def quantised_together(self) -> bool:
        values = [value for value in (*self.operands, *self.results) if value is not None]
        first = values[0].type
        return all(is_quantised(v.type) == is_quantised(first) for v in values if v.element is first.element)

    def through_float(self, profile: Any, function: Callable[..., np.ndarray], *operands: np.ndarray) -> np.ndarray:
        """`function` on float32 arrays: float16 is widened and rounded once at the end, stored integers go
        through the real values they stand for.
        """
        real = [
            to_float(profile, array, value.type)
            for array, value in zip(operands, self.operands, strict=False)
            if value is not None
        ]
        return from_float(profile, function(*real), self.results[0].type)


def to_float(profile: Any, array: np.ndarray, type: TensorType) -> np.ndarray:
    """Stored elements as float32 real values; float32 itself is handed through without a copy."""
    if is_quantised(type):
        return profile.dequantise(array, type)
    return array.astype(np.float32, copy=False)


def from_float(profile: Any, real: np.ndarray, type: TensorType) -> np.ndarray:
    """Float32 real values as stored elements of `type`."""
    if is_quantised(type):
        return profile.quantise(real, type)
    with np.errstate(over="ignore"):
        return real.astype(type.element.numpy, copy=False)


_REAL_BOUNDS = {
    Activation.RELU: (0.0, None),
    Activation.RELU1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}


def activation_bounds(activation: Activation, type: TensorType) -> tuple[float | int | None, float | int | None]:
    """Smallest and largest stored element that `activation` lets through, None where there is no bound.

    Quantised: zero_point + round(bound / scale), halves away from zero, within the storage range (TFLite's rule).
    """
    if activation is Activation.NONE:
        return None, None
    low, high = _REAL_BOUNDS[activation]
    if not type.element.is_integer:
        return low, high
    return _stored_bound(low, type), _stored_bound(high, type)


def _stored_bound(bound: float | None, type: TensorType) -> int | None:
    if bound is None:
        return None
    if type.quantisation is None:
        return max(int(bound), type.element.minimum)
    steps = np.float32(bound) / np.float32(type.quantisation.scale)
    stored = type.quantisation.zero_point + float(np.copysign(np.floor(np.abs(np.float64(steps)) + 0.5), steps))
    return int(min(max(stored, type.element.minimum), type.element.maximum))


def activate(array: np.ndarray, activation: Activation, type: TensorType) -> np.ndarray:
    """Applies `activation` to stored elements of `type`, in place: the array must be fresh."""
    low, high = activation_bounds(activation, type)
    if low is not None and (low != type.element.minimum if type.element.is_integer else True):
        np.maximum(array, array.dtype.type(low), out=array)
    if high is not None:
        np.minimum(array, array.dtype.type(high), out=array)
    return array
