"""Arithmetic of two operands with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from nir.ir import Operation, QuantisationRule, Shape, Trait, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops import quantised_arithmetic
from nir.ops.broadcasting import broadcast_shapes
from nir.ops.common import Activation, Rounding
from nir.ops.families import ArithmeticOperation, clamp, is_quantised
from nir.ops.profiles import Array, Profile
from nir.ops.quantised_arithmetic import requantise

NUMBERS = FLOATS | INTEGERS


class BinaryOperation(ArithmeticOperation):
    """Base of operators on two broadcast operands of one element type. Raw integers wrap around."""

    __slots__ = ()

    function: ClassVar[Callable[..., Array]]
    """What the operator does with real values and with raw integers."""

    left: Value = operand("first operand", NUMBERS)
    right: Value = operand("second operand, of the same element type", NUMBERS)
    output: Value = result("one element per element of the broadcast shape")

    @constraint("C1: both operands have the same element type", at="right")
    def elements_agree(self) -> bool:
        return self.left.element is self.right.element

    def infer_shapes(self) -> Sequence[Shape]:
        return [broadcast_shapes(self.left.shape, self.right.shape)]

    def reference(self, profile: Profile, left: Array, right: Array) -> Array:
        with np.errstate(all="ignore"):
            # Of scalars numpy makes numbers, which are no arrays.
            if is_quantised(self.left.type):
                return np.asarray(self.quantised(profile, left, right))
            if left.dtype.kind == "f":
                return self.through_float(profile, self.function, left, right)
            return np.asarray(self.function(left, right))

    def quantised(self, profile: Profile, left: Array, right: Array) -> Array:
        """The operator on stored integers that stand for real values."""
        return self.through_float(profile, self.function, left, right)


class BinaryArithmetic(BinaryOperation):
    """Base of the four arithmetic operators, which can end in a fused activation."""

    __slots__ = ()

    activation: Activation = attribute("applied to the result", default=Activation.NONE)
    rounding: Rounding = attribute("how a rescaled value is rounded (relay profiles)", default=Rounding.UPWARD)

    def reference(self, profile: Profile, left: Array, right: Array) -> Array:
        return clamp(super().reference(profile, left, right), self.activation, self.output.type)


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

    def quantised(self, profile: Profile, left: Array, right: Array) -> Array:
        types = self.left.type, self.right.type, self.output.type
        return quantised_arithmetic.add(profile, left, right, *types, self.rounding)


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

    def quantised(self, profile: Profile, left: Array, right: Array) -> Array:
        types = self.left.type, self.right.type, self.output.type
        return quantised_arithmetic.add(profile, left, right, *types, self.rounding, sign=-1)


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

    def quantised(self, profile: Profile, left: Array, right: Array) -> Array:
        types = self.left.type, self.right.type, self.output.type
        return quantised_arithmetic.multiply(profile, left, right, *types, self.rounding)


class Div(BinaryArithmetic, name="div", traits={Trait.ELEMENTWISE}, nnapi=30):
    """Quotient of two tensors with broadcasting.

    Raw integers are divided rounding down, and x / 0 is 0; the smallest integer divided by -1 stays as it is.

        func @example(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xf32> {
          %0 = div(%x, %y) : tensor<2x3xf32>
          return %0
        }
    """

    __slots__ = ()

    @staticmethod
    def function(left: Array, right: Array) -> Array:
        return np.divide(left, right) if left.dtype.kind == "f" else np.floor_divide(left, right)


class Pow(BinaryOperation, name="pow", traits={Trait.ELEMENTWISE}, nnapi=70):
    """The first operand to the power of the second, with broadcasting.

    func @example(%x: tensor<2x3xf32>, %y: tensor<1xf32>) -> tensor<2x3xf32> {
      %0 = pow(%x, %y) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()
    function = np.power

    left: Value = operand("base", FLOATS)
    right: Value = operand("exponent, of the same element type", FLOATS)


class Extremum(BinaryOperation):
    """Base of maximum and minimum: quantised operands are brought to the result's scale first, if they differ."""

    __slots__ = ()

    output: Value = result(
        "one element per element of the broadcast shape", quantisation=QuantisationRule.SAME_BY_DEFAULT
    )

    def quantised(self, profile: Profile, left: Array, right: Array) -> Array:
        target = self.output.type
        left = requantise(profile, left, self.left.type, target)
        return np.asarray(self.function(left, requantise(profile, right, self.right.type, target)))


class Maximum(Extremum, name="maximum", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=65):
    """The larger of two tensors' elements, with broadcasting. NaN wins.

    func @example(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xf32> {
      %0 = maximum(%x, %y) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()
    function = np.maximum


class Minimum(Extremum, name="minimum", traits={Trait.ELEMENTWISE, Trait.COMMUTATIVE}, nnapi=66):
    """The smaller of two tensors' elements, with broadcasting. NaN wins.

    func @example(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> tensor<2x3xf32> {
      %0 = minimum(%x, %y) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()
    function = np.minimum


class Prelu(BinaryOperation, name="prelu", traits={Trait.ELEMENTWISE}, nnapi=71):
    """x from 0 on, alpha * x below, with broadcasting.

    func @example(%x: tensor<2x4x4x3xf32>, %alpha: tensor<1x1x3xf32>) -> tensor<2x4x4x3xf32> {
      %0 = prelu(%x, %alpha) : tensor<2x4x4x3xf32>
      return %0
    }
    """

    __slots__ = ()

    left: Value = operand("any shape", FLOATS | INTEGERS)
    right: Value = operand("the slope below 0, of the same element type", FLOATS | INTEGERS)
    output: Value = result(
        "one element per element of the broadcast shape", quantisation=QuantisationRule.SAME_BY_DEFAULT
    )

    @staticmethod
    def function(left: Array, right: Array) -> Array:
        return np.where(left >= 0, left, left * right)

    def quantised(self, profile: Profile, left: Array, right: Array) -> Array:
        types = self.left.type, self.right.type, self.output.type
        return quantised_arithmetic.prelu(profile, left, right, *types)


OPERATORS: tuple[type[Operation], ...] = (Add, Sub, Mul, Div, Pow, Maximum, Minimum, Prelu)
