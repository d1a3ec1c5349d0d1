"""Elementwise functions of one operand."""

from __future__ import annotations

import math

import numpy as np

from nir.ir import Operation, Quantisation, Trait
from nir.ops.profiles import PROFILES, Array, Profile, QdqProfile, RelayProfile
from nir.ops.quantised_arithmetic import centred, parameters
from nir.ops.unary_function import RealFunction, UnaryFunction


class Abs(UnaryFunction, name="abs", traits={Trait.ELEMENTWISE}, nnapi=38):
    """Absolute value. Of raw integers the smallest one stays as it is.

    func @example(%x: tensor<4xi32>) -> tensor<4xi32> {
      %0 = abs(%x) : tensor<4xi32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.abs(values)

    def quantised(self, profile: Profile, input: Array) -> Array:
        if isinstance(profile, (RelayProfile, QdqProfile)):
            return super().quantised(profile, input)
        # LiteRT rescales the distance from the zero point, in fixed point under either of its profiles.
        distance = np.abs(centred(input, self.input.type))
        scale = Quantisation.per_tensor(parameters(self.input.type).scale)
        return PROFILES["tflite"].rescale(distance, scale, self.output.type)


class Neg(UnaryFunction, name="neg", traits={Trait.ELEMENTWISE}, nnapi=67):
    """Negation. Raw integers wrap around.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = neg(%x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.negative(values)


class Exp(RealFunction, name="exp", traits={Trait.ELEMENTWISE}, nnapi=49):
    """e to the power of x.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = exp(%x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.exp(values)


class Log(RealFunction, name="log", traits={Trait.ELEMENTWISE}, nnapi=60):
    """Natural logarithm; -inf at 0 and NaN below.

    func @example(%x: tensor<4xf16>) -> tensor<4xf16> {
      %0 = log(%x) : tensor<4xf16>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.log(values)


class Sqrt(RealFunction, name="sqrt", traits={Trait.ELEMENTWISE}, nnapi=88):
    """Square root; NaN below 0.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = sqrt(%x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.sqrt(values)


class Rsqrt(RealFunction, name="rsqrt", traits={Trait.ELEMENTWISE}, nnapi=83):
    """1 / square root of x; inf at 0 and NaN below.

    func @example(%x: tensor<4xi8, scale=0.5, zero_point=-128>) -> tensor<4xi8, scale=0.01, zero_point=-128> {
      %0 = rsqrt(%x) : tensor<4xi8, scale=0.01, zero_point=-128>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.reciprocal(np.sqrt(values))


class Sin(RealFunction, name="sin", traits={Trait.ELEMENTWISE}, nnapi=85):
    """Sine of an angle in radians.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = sin(%x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.sin(values)


class Floor(RealFunction, name="floor", traits={Trait.ELEMENTWISE}, nnapi=8):
    """The largest integer not above x.

    func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
      %0 = floor(%x) : tensor<4xf32>
      return %0
    }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        return np.floor(values)


class Erf(RealFunction, name="erf", traits={Trait.ELEMENTWISE}):
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    NNAPI has no such operator, and none of its own compose to it; GELU needs it.

        func @example(%x: tensor<4xf32>) -> tensor<4xf32> {
          %0 = erf(%x) : tensor<4xf32>
          return %0
        }
    """

    __slots__ = ()

    def function(self, values: Array) -> Array:
        results = np.fromiter(map(math.erf, values.ravel().tolist()), np.float64, values.size)
        return results.astype(np.float32).reshape(values.shape)


OPERATORS: tuple[type[Operation], ...] = (Abs, Neg, Exp, Log, Sqrt, Rsqrt, Sin, Floor, Erf)
