"""Base classes that operator families share: rules about quantisation, and the way through float32.

They define no operator. How real values become integers is in profiles.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nir.ir import Operation, TensorType, Value, constraint
from nir.ops.common import Activation
from nir.ops.profiles import ACTIVATION_RANGES, Array, Profile, activation_bounds


def is_quantised(type: TensorType) -> bool:
    """True for integers that stand for real values; false for floats, booleans and raw integers."""
    return type.quantisation is not None and type.element.is_integer


class PerTensorOperation(Operation):
    """Base of operators whose operands and results have one scale and zero point each, or none."""

    __slots__ = ()

    @constraint("Q1: operands and results are quantised per tensor or not at all")
    def quantised_per_tensor(self) -> bool:
        return all(v.type.quantisation is None or not v.type.quantisation.is_per_channel for v in self.tensors())

    def tensors(self) -> list[Value]:
        """Operands that are there, then results."""
        return [value for value in (*self.operands, *self.results) if value is not None]


class ArithmeticOperation(PerTensorOperation):
    """Base of operators that compute with real values: integers are all quantised, or all raw."""

    __slots__ = ()

    @constraint("Q2: operands and results of the same element type are all quantised or all raw")
    def quantised_together(self) -> bool:
        values = self.tensors()
        first = values[0].type
        return all(is_quantised(v.type) == is_quantised(first) for v in values if v.element is first.element)

    def through_float(self, profile: Profile, function: Callable[..., Array], *operands: Array) -> Array:
        """`function` on float32 arrays: float16 is widened and rounded once at the end, stored integers go
        through the real values they stand for. Trailing operands may be missing.
        """
        values = [value for value in self.operands if value is not None]
        real = [profile.dequantise(array, v.type) for array, v in zip(operands, values, strict=False)]
        return np.asarray(profile.quantise(function(*real), self.results[0].type))


def clamp(array: Array, activation: Activation, type: TensorType) -> Array:
    """Applies `activation` to stored elements of `type`, in place: the array must be fresh."""
    if activation is Activation.NONE:
        return array
    low, high = stored_range(activation, type)
    return np.clip(array, array.dtype.type(low), array.dtype.type(high), out=array)


def stored_range(activation: Activation, type: TensorType) -> tuple[float, float]:
    """Smallest and largest stored element of `type` that `activation` lets through."""
    return activation_bounds(type, activation) if type.element.is_integer else ACTIVATION_RANGES[activation]
