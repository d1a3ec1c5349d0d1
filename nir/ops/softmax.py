"""Softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.ir import Operation, Quantisation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.axes import normal_axis
from nir.ops.common import Rounding
from nir.ops.families import ArithmeticOperation, is_quantised
from nir.ops.profiles import Array, Profile, RelayProfile, TfliteProfile, TvmProfile
from nir.ops.quantised_arithmetic import parameters
from nir.ops.quantised_softmax import fixed_point_softmax, in_tflite_range, integer_softmax


class Softmax(ArithmeticOperation, name="softmax", nnapi=25):
    """exp(beta * x) along one dimension, divided by its sum.

    Of quantised tensors it is that of the real values; under the tflite profile in the fixed point of its reference
    kernel where the result has scale 1/256; under the relay profiles it is qnn.softmax, an approximation in integers,
    where the operand's scale is at most 1 and beta is 1.

        func @example(%x: tensor<2x3xi8, scale=0.5, zero_point=0>) -> tensor<2x3xi8, scale=0.00390625, zero_point=-128> {
          %0 = softmax(%x) : tensor<2x3xi8, scale=0.00390625, zero_point=-128>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("any shape but a scalar", FLOATS | INTEGERS)
    beta: float = attribute("factor of the exponent", default=1.0)
    axis: int = attribute("the dimension; negative counts from the end", default=-1)
    rounding: Rounding = attribute("how a rescaled value is rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("positive numbers that sum to 1", quantisation=QuantisationRule.UNIT_256_BY_DEFAULT)

    @constraint("Q3: integers are quantised", at="input")
    def integers_quantised(self) -> bool:
        return not self.input.element.is_integer or is_quantised(self.input.type)

    def infer_shapes(self) -> Sequence[Shape]:
        normal_axis(self.axis, len(self.input.shape))
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        types = self.input.type, self.output.type
        if self._as_relay(profile) and input.size:
            return integer_softmax(profile, input, *types, self.axis, self.rounding)
        if self._as_tflite(profile, input):
            return fixed_point_softmax(input, *types, self.axis, self.beta)
        with np.errstate(all="ignore"):
            return self.through_float(profile, self._softmax, input)

    def _as_tflite(self, profile: Profile, input: Array) -> bool:
        """True where TFLite's reference kernel would be used, and its numbers are in range."""
        source, target = self.input.type, self.output.type
        if not isinstance(profile, TfliteProfile) or not is_quantised(source) or source.element.bits != 8:
            return False
        unit = Quantisation.per_tensor(1 / 256, target.element.minimum)
        return target.quantisation == unit and in_tflite_range(input.shape, source, self.axis, self.beta)

    def _as_relay(self, profile: Profile) -> bool:
        """True where Relay's own operator would be used; today's TVM has none."""
        if not isinstance(profile, RelayProfile) or isinstance(profile, TvmProfile) or self.beta != 1:
            return False
        source, target = self.input.type, self.output.type
        quantised = is_quantised(source) and is_quantised(target) and source.element.bits == 8
        return quantised and 2**-20 <= parameters(source).scale <= 1

    def _softmax(self, real: Array) -> Array:
        result = real - _maximum(real, self.axis)
        if self.beta != 1:
            result *= np.float32(self.beta)
        np.exp(result, out=result)
        result /= result.sum(axis=self.axis, keepdims=True)
        return result


class LogSoftmax(ArithmeticOperation, name="log_softmax", nnapi=64):
    """Logarithm of the softmax: beta * x minus the logarithm of the sum of exp(beta * x) along one dimension.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = log_softmax(%x) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape but a scalar", FLOATS)
    beta: float = attribute("factor of the exponent", default=1.0)
    axis: int = attribute("the dimension; negative counts from the end", default=-1)
    output: Value = result("numbers up to 0")

    def infer_shapes(self) -> Sequence[Shape]:
        normal_axis(self.axis, len(self.input.shape))
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        with np.errstate(all="ignore"):
            return self.through_float(profile, self._log_softmax, input)

    def _log_softmax(self, real: Array) -> Array:
        result = real - _maximum(real, self.axis)
        result *= np.float32(self.beta)
        result -= np.log(np.exp(result).sum(axis=self.axis, keepdims=True))
        return result


def _maximum(real: Array, axis: int) -> Array:
    """Largest element along `axis`; an empty dimension is no error."""
    return real.max(axis=axis, keepdims=True, initial=-np.inf)


OPERATORS: tuple[type[Operation], ...] = (Softmax, LogSoftmax)
