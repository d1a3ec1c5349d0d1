"""Operators that add elements around a tensor."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import (
    InferenceError,
    Operation,
    QuantisationRule,
    Shape,
    Trait,
    Value,
    attribute,
    constraint,
    operand,
    result,
)
from nir.ops.axes import check_length
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile


class PaddingOperation(PerTensorOperation):
    """Base of operators that pad every dimension at both ends."""

    __slots__ = ()

    input: Value = operand("any shape")
    padding: tuple[tuple[int, int], ...] = attribute(
        "elements added before and after, one pair for each dimension", minimum=0
    )
    output: Value = result("the larger tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        check_length(self.padding, self.input.shape, "padding")
        pairs = zip(self.input.shape, self.padding, strict=True)
        return [tuple(None if size is None else before + size + after for size, (before, after) in pairs)]

    def padded(self, input: Array, **how: Any) -> Array:
        """The padded array, by numpy, which takes no scalars."""
        return np.pad(input, self.padding, **how) if any(map(any, self.padding)) else input


class Pad(PaddingOperation, name="pad", traits={Trait.MOVES}, nnapi=32):
    """Pads with real 0: the zero point where the tensor is quantised, false where it is bool.

    func @example(%x: tensor<2x3xi8, scale=0.5, zero_point=-5>) -> tensor<3x5xi8, scale=0.5, zero_point=-5> {
      %0 = pad(%x) {padding = [[0, 1], [1, 1]]} : tensor<3x5xi8, scale=0.5, zero_point=-5>
      return %0
    }
    """

    __slots__ = ()

    def reference(self, profile: Profile, input: Array) -> Array:
        parameters = self.input.type.quantisation
        return self.padded(input, constant_values=parameters.zero_point if parameters else 0)


class PadV2(PaddingOperation, name="pad_v2", traits={Trait.MOVES}, nnapi=69):
    """Pads with a value: a number for floats, a stored integer (with the operand's scale) for integers.

    func @example(%x: tensor<2x3xf32>) -> tensor<3x5xf32> {
      %0 = pad_v2(%x) {padding = [[0, 1], [1, 1]], value = -1.5} : tensor<3x5xf32>
      return %0
    }
    """

    __slots__ = ()

    value: int | float = attribute("the added elements, as stored")

    @constraint("C1: the value can be stored as an element of the operand", at="value")
    def value_fits(self) -> bool:
        element = self.input.element
        if element.is_float:
            return True
        low, high = (element.minimum, element.maximum) if element.is_integer else (0, 1)
        return isinstance(self.value, int) and low <= self.value <= high

    def reference(self, profile: Profile, input: Array) -> Array:
        with np.errstate(over="ignore"):
            value = np.float32(self.value).astype(input.dtype) if input.dtype.kind == "f" else self.value
        return self.padded(input, constant_values=value)


class MirrorMode(enum.Enum):
    """What a mirrored border repeats: `reflect` leaves out the edge itself, `symmetric` repeats it too."""

    REFLECT = "reflect"
    SYMMETRIC = "symmetric"


class MirrorPad(PaddingOperation, name="mirror_pad", traits={Trait.MOVES}, nnapi=104):
    """Pads with the tensor's own elements in mirror order.

    func @example(%x: tensor<2x3xf32>) -> tensor<3x7xf32> {
      %0 = mirror_pad(%x) {padding = [[0, 1], [2, 2]], mode = reflect} : tensor<3x7xf32>
      return %0
    }
    """

    __slots__ = ()

    mode: MirrorMode = attribute("whether the edge is repeated")

    def infer_shapes(self) -> Sequence[Shape]:
        shapes = super().infer_shapes()
        edge = 1 if self.mode is MirrorMode.REFLECT else 0
        for d, size in enumerate(self.input.shape):
            limit = math.inf if size is None else max(size - edge, 0)
            if max(self.padding[d]) > limit:
                raise InferenceError(f"dimension {d} of size {size} has only {limit} elements to mirror", at="padding")
        return shapes

    def reference(self, profile: Profile, input: Array) -> Array:
        return self.padded(input, mode="reflect" if self.mode is MirrorMode.REFLECT else "symmetric")


OPERATORS: tuple[type[Operation], ...] = (Pad, PadV2, MirrorPad)
