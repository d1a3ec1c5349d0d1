"""Arithmetic of two operands with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nir.ir import Operation, Shape, Trait, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.broadcasting import broadcast_shapes
from nir.ops.common import Activation, Rounding
from nir.ops.families import ArithmeticOperation, activate, is_quantised

NUMBERS = FLOATS | INTEGERS


class BinaryArithmetic(ArithmeticOperation):
    """Base of arithmetic on two broadcast operands. Raw integers wrap around, as in two's complement."""

    __slots__ = ()

    function: ClassVar[np.ufunc]
    """What the operator does with real values and with raw integers."""

    left: Value = operand("first operand", NUMBERS)
    right: Value = operand("second operand, of the same element type", NUMBERS)
    activation: Activation = attribute("applied to the result", default=Activation.NONE)
    rounding: Rounding = attribute("how a rescaled value is rounded", default=Rounding.UPWARD)
    output: Value = result("one element per element of the broadcast shape")

    @constraint("C1: both operands have the same element type", at="right")
    def elements_agree(self) -> bool:
        return self.left.element is self.right.element

    def infer_shapes(self) -> Sequence[Shape]:
        return [broadcast_shapes(self.left.shape, self.right.shape)]

    def reference(self, profile: Any, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if is_quantised(self.left.type):
            result = self.quantised(profile, left, right)
        elif left.dtype.kind == "f":
            result = self.through_float(profile, self.function, left, right)
        else:
            result = np.asarray(self.function(left, right))
        return activate(result, self.activation, self.output.type)

    def quantised(self, profile: Any, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The operator on stored integers that stand for real values."""
        return self.through_float(profile, self.function, left, right)


class Add(BinaryArithmetic, name="add", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=0):
    """Sum of two tensors with broadcasting.

    Scales and zero points of operands and result are independent. Raw integers wrap around.

        func @example(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xf32> {
          %0 = add(%x, %y) {activation = relu} : tensor<2x3xf32>
          return %0
        }
    """

    __slots__ = ()
    function = np.add


class Sub(BinaryArithmetic, name="sub", traits={Trait.ELEMENTWISE}, nnapi=36):
    """Difference of two tensors with broadcasting.

    Scales and zero points of operands and result are independent. Raw integers wrap around.

        func @example(%x: tensor<2x3xi32>, %y: tensor<i32>) -> tensor<2x3xi32> {
          %0 = sub(%x, %y) : tensor<2x3xi32>
          return %0
        }
    """

    __slots__ = ()
    function = np.subtract


class Mul(BinaryArithmetic, name="mul", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=18):
    """Product of two tensors with broadcasting.

    Scales and zero points of operands and result are independent. Raw integers wrap around.

        func @example(%x: tensor<2x3xu8, scale=0.5, zero_point=128>, %y: tensor<1x3xu8, scale=0.25, zero_point=0>)
            -> tensor<2x3xu8, scale=1.0, zero_point=64> {
          %0 = mul(%x, %y) : tensor<2x3xu8, scale=1.0, zero_point=64>
          return %0
        }
    """

    __slots__ = ()
    function = np.multiply


OPERATORS: tuple[type[Operation], ...] = (Add, Sub, Mul)
