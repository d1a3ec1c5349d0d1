"""Activation functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nir.ir import Operation, QuantisationRule, Shape, Trait, Value, attribute, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.common import Activation, Rounding
from nir.ops.families import ArithmeticOperation, stored_range
from nir.ops.profiles import Array, Profile, QdqProfile, TfliteProfile, XnnpackProfile
from nir.ops.quantised_activation import decimal_of, hard_swish, leaky_relu
from nir.ops.unary_function import RealFunction


class Clamp(ArithmeticOperation):
    """Base of activations that only bound the value: exact on stored elements, which keep their scale."""

    __slots__ = ()

    activation: ClassVar[Activation]

    input: Value = operand("any shape", FLOATS | INTEGERS)
    output: Value = result("the bounded elements", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        low, high = stored_range(self.activation, self.input.type)
        return np.asarray(np.clip(input, input.dtype.type(low), input.dtype.type(high)))


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


class Logistic(RealFunction, name="logistic", traits={Trait.ELEMENTWISE}, nnapi=14):
    """1 / (1 + exp(-x)), the sigmoid.

    func @example(%x: tensor<4xu8, scale=0.125, zero_point=128>) -> tensor<4xu8, scale=0.00390625, zero_point=0> {
      %0 = logistic(%x) : tensor<4xu8, scale=0.00390625, zero_point=0>
      return %0
    }
    """

    __slots__ = ()

    output: Value = result("one element per operand element", quantisation=QuantisationRule.UNIT_256_BY_DEFAULT)

    def function(self, values: Array) -> Array:
        result = np.exp(np.negative(values))
        result += 1
        return np.reciprocal(result, out=result)


class Tanh(RealFunction, name="tanh", traits={Trait.ELEMENTWISE}, nnapi=28):
    """Hyperbolic tangent.

    func @example(%x: tensor<4xi8, scale=0.125, zero_point=0>) -> tensor<4xi8, scale=0.0078125, zero_point=0> {
      %0 = tanh(%x) : tensor<4xi8, scale=0.0078125, zero_point=0>
      return %0
    }
    """

    __slots__ = ()

    output: Value = result("one element per operand element", quantisation=QuantisationRule.UNIT_128_BY_DEFAULT)

    def function(self, values: Array) -> Array:
        return np.tanh(values)


class Elu(RealFunction, name="elu", traits={Trait.ELEMENTWISE}, nnapi=98):
    """x from 0 on, alpha * (exp(x) - 1) below.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = elu(%x) {alpha = 0.5} : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    alpha: float = attribute("minus the limit at -inf", default=1.0)

    def function(self, values: Array) -> Array:
        return np.where(values >= 0, values, np.float32(self.alpha) * np.expm1(values))


class HardSwish(RealFunction, name="hard_swish", traits={Trait.ELEMENTWISE}, nnapi=99):
    """x * clamp(x + 3, 0, 6) / 6.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = hard_swish(%x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        result = values + np.float32(3)
        np.clip(result, np.float32(0), np.float32(6), out=result)
        result *= values
        result /= np.float32(6)
        return result

    def table(self, profile: Profile, stored: Array) -> Array:
        if isinstance(profile, (TfliteProfile, XnnpackProfile)):
            return hard_swish(stored, self.input.type, self.output.type)
        return super().table(profile, stored)


class LeakyRelu(RealFunction, name="leaky_relu", traits={Trait.ELEMENTWISE}):
    """x from 0 on, alpha * x below. NNAPI has it as prelu with a constant alpha.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = leaky_relu(%x) {alpha = 0.1} : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    alpha: float = attribute("slope below 0", default=0.01)
    rounding: Rounding = attribute("how a rescaled value is rounded (relay profiles)", default=Rounding.UPWARD)

    def function(self, values: Array) -> Array:
        sloped = values * np.float32(self.alpha)
        if 0 <= self.alpha <= 1:
            return np.maximum(values, sloped, out=sloped)
        return np.where(values >= 0, values, sloped)

    def table(self, profile: Profile, stored: Array) -> Array:
        if isinstance(profile, QdqProfile):
            return super().table(profile, stored)
        return leaky_relu(profile, stored, self.input.type, self.output.type, decimal_of(self.alpha), self.rounding)


OPERATORS: tuple[type[Operation], ...] = (Relu, Relu1, Relu6, Logistic, Tanh, Elu, HardSwish, LeakyRelu)
