"""Activation functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nir.ir import Operation, QuantisationRule, Shape, Trait, Value, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.common import Activation
from nir.ops.families import ArithmeticOperation, activation_bounds


class Clamp(ArithmeticOperation):
    """Base of activations that only bound the value: exact on stored elements, which keep their scale."""

    __slots__ = ()

    activation: ClassVar[Activation]

    input: Value = operand("any shape", FLOATS | INTEGERS)
    output: Value = result("the bounded elements", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Any, input: np.ndarray) -> np.ndarray:
        low, high = activation_bounds(self.activation, self.input.type)
        if high is None:
            return np.maximum(input, input.dtype.type(low))
        return np.clip(input, input.dtype.type(low), input.dtype.type(high))


class Relu(Clamp, name="relu", traits={Trait.ELEMENTWISE}, nnapi=19):
    """max(0, x).

    func @example(%x: tensor<2x3xu8, scale=0.5, zero_point=128>) -> tensor<2x3xu8, scale=0.5, zero_point=128> {
      %0 = relu(%x) : tensor<2x3xu8, scale=0.5, zero_point=128>
      return %0
    }
    """

    __slots__ = ()
    activation = Activation.RELU


class Relu1(Clamp, name="relu1", traits={Trait.ELEMENTWISE}, nnapi=20):
    """x bounded to -1 and 1.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = relu1(%x) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()
    activation = Activation.RELU1


class Relu6(Clamp, name="relu6", traits={Trait.ELEMENTWISE}, nnapi=21):
    """x bounded to 0 and 6.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = relu6(%x) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()
    activation = Activation.RELU6


OPERATORS: tuple[type[Operation], ...] = (Relu, Relu1, Relu6)
