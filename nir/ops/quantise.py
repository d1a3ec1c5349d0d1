"""Between real values and stored integers, between scales, and between storage types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import (
    ElementType,
    InferenceError,
    Operation,
    Quantisation,
    QuantisationRule,
    Shape,
    TensorType,
    Trait,
    Value,
    attribute,
    constraint,
    operand,
    result,
)
from nir.ir.types import ANY, FLOATS, INTEGERS
from nir.ops.common import Rounding
from nir.ops.profiles import Profile

Array = np.ndarray[Any, Any]


class Quantize(Operation, name="quantize", traits={Trait.ELEMENTWISE}, nnapi=72):
    """Real values as stored integers: round(x / scale) + zero point, saturated; the numeric profile says how halves are
    rounded.

        func @example(%x: tensor<2x3xf32>) -> tensor<2x3xi8, scale=0.1, zero_point=-3> {
          %0 = quantize(%x) : tensor<2x3xi8, scale=0.1, zero_point=-3>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("real values", FLOATS)
    output: Value = result("stored integers", elements=INTEGERS)

    def infer(
        self, element: ElementType | None = None, quantisation: Quantisation | None = None
    ) -> tuple[TensorType, ...]:
        """As the rules say; from Python the result's element type must be given."""
        if element is None and not self.results:
            raise InferenceError("the element type of the result must be given", "output")
        return super().infer(element, quantisation)

    @constraint("Q1: the result is quantised", at="output")
    def result_quantised(self) -> bool:
        return self.output.type.quantisation is not None

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        return profile.quantise(input, self.output.type)


class Dequantize(Operation, name="dequantize", traits={Trait.ELEMENTWISE}, nnapi=6):
    """Real values of stored integers: (x - zero point) * scale.

    func @example(%x: tensor<2x3xi8, axis=1, scales=[0.5, 0.25, 2.0]>) -> tensor<2x3xf32> {
      %0 = dequantize(%x) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("stored integers", INTEGERS)
    output: Value = result("real values", elements=FLOATS, quantisation=QuantisationRule.NONE)

    def infer(
        self, element: ElementType | None = None, quantisation: Quantisation | None = None
    ) -> tuple[TensorType, ...]:
        """As the rules say; from Python the result is f32 unless asked otherwise."""
        return super().infer(element or (None if self.results else ElementType.F32), quantisation)

    @constraint("Q1: the operand is quantised", at="input")
    def operand_quantised(self) -> bool:
        return self.input.type.quantisation is not None

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        with np.errstate(over="ignore"):
            return profile.dequantise(input, self.input.type).astype(self.output.element.numpy, copy=False)


class Requantize(Operation, name="requantize", traits={Trait.ELEMENTWISE}):
    """Stored integers of one scale and zero point as those of another, with the integer arithmetic of the profile.

    The operand may be an i32 sum of products. NNAPI has no such operator: there it is part of others.

        func @example(%x: tensor<1x2x3xi32, axis=2, scales=[0.01, 0.02, 0.5]>)
            -> tensor<1x2x3xi8, scale=0.25, zero_point=5> {
          %0 = requantize(%x) {rounding = to_nearest} : tensor<1x2x3xi8, scale=0.25, zero_point=5>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("stored integers", INTEGERS)
    rounding: Rounding = attribute("how halves are rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("stored integers of the declared scale", elements=INTEGERS)

    @constraint("Q1: operand and result are quantised", at="output")
    def both_quantised(self) -> bool:
        return self.input.type.quantisation is not None and self.output.type.quantisation is not None

    @constraint("Q2: the result has one scale and zero point", at="output")
    def result_per_tensor(self) -> bool:
        parameters = self.output.type.quantisation
        return parameters is None or not parameters.is_per_channel

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        source = self.input.type.quantisation
        if source is None:
            raise TypeError("the operand is quantised")
        return profile.convert(input, source, self.output.type, self.rounding)


class Cast(Operation, name="cast", traits={Trait.ELEMENTWISE}, nnapi=45):
    """Stored elements as another element type; scales and zero points are not looked at.

    Floats become integers by cutting off the fraction; what the integer type cannot hold saturates, NaN becomes 0. Bool
    becomes 0 or 1, and everything but zero becomes true.

        func @example(%x: tensor<2x3xf32>) -> tensor<2x3xu8> {
          %0 = cast(%x) : tensor<2x3xu8>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("any elements", ANY)
    output: Value = result("the same elements, stored differently", elements=ANY)

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        element = self.output.element
        if input.dtype == element.numpy or not element.is_integer or input.dtype == np.bool_:
            with np.errstate(over="ignore"):
                return input.astype(element.numpy)
        if input.dtype.kind == "f":
            # float64 holds every bound exactly, which float32 does not for 32-bit integers.
            input = np.trunc(np.nan_to_num(input.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
        else:
            input = input.astype(np.int64)
        return np.clip(input, element.minimum, element.maximum).astype(element.numpy)


OPERATORS: tuple[type[Operation], ...] = (Cast, Dequantize, Quantize, Requantize)
