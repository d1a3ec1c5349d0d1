"""Normalisations: by length, by neighbouring channels, by mean and variance of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.ir import Operation, Quantisation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.axes import normal_axis
from nir.ops.common import Layout
from nir.ops.families import ArithmeticOperation, is_quantised
from nir.ops.fixed_point import multiply_double_rounding
from nir.ops.fixed_point_functions import inverse_square_root
from nir.ops.profiles import Array, Profile, TfliteProfile, XnnpackProfile
from nir.ops.quantised_arithmetic import centred, saturated


class Normalisation(ArithmeticOperation):
    """Base of normalisations: computed in float32, of the operand's shape."""

    __slots__ = ()

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.operands[0].shape if self.operands and self.operands[0] is not None else ()]

    def normalise(self, real: Array) -> Array:
        """The result for float32 values."""
        raise NotImplementedError(self.name)

    def reference(self, profile: Profile, input: Array) -> Array:
        with np.errstate(all="ignore"):
            return self.through_float(profile, self.normalise, input)


class L2Normalization(Normalisation, name="l2_normalization", nnapi=11):
    """x divided by the length of the vectors along one dimension, which counts as 1e-6 at least.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = l2_normalization(%x) : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape but a scalar", FLOATS | INTEGERS)
    axis: int = attribute("the dimension; negative counts from the end", default=-1)
    output: Value = result("vectors of length 1 or 0", quantisation=QuantisationRule.UNIT_128_BY_DEFAULT)

    @constraint("Q3: integers are quantised", at="input")
    def integers_quantised(self) -> bool:
        return not self.input.element.is_integer or is_quantised(self.input.type)

    def infer_shapes(self) -> Sequence[Shape]:
        normal_axis(self.axis, len(self.input.shape))
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        target = self.output.type
        middle = (target.element.minimum + target.element.maximum + 1) // 2 if target.element.is_integer else 0
        if (
            isinstance(profile, (TfliteProfile, XnnpackProfile))
            and self.input.element.bits == 8
            and target.quantisation == Quantisation.per_tensor(1 / 128, middle)
        ):
            return self._in_integers(input)
        return super().reference(profile, input)

    def _in_integers(self, input: Array) -> Array:
        """LiteRT's kernels, which multiply by a fixed-point inverse square root; where the factor 128 comes in decides
        how the product is rounded, and differs between signed and unsigned storage.
        """
        distance = centred(input, self.input.type)
        mantissa, exponent = inverse_square_root(np.square(distance).sum(axis=self.axis, keepdims=True))
        if input.dtype.kind == "u":
            return saturated(multiply_double_rounding(distance << 7, mantissa, exponent), self.output.type)
        return saturated(multiply_double_rounding(distance, mantissa, exponent + 7), self.output.type)

    def normalise(self, real: Array) -> Array:
        length = np.sqrt(np.square(real).sum(axis=self.axis, keepdims=True))
        return real / np.maximum(length, np.float32(1e-6))


class LocalResponseNormalization(Normalisation, name="local_response_normalization", nnapi=13):
    """x / (bias + alpha * s)^beta, where s is the sum of the squares of x and its neighbours along one dimension.

    func @example(%x: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
      %0 = local_response_normalization(%x) {radius = 2, bias = 1.0, alpha = 1e-04, beta = 0.75} : tensor<1x4x4x8xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape but a scalar", FLOATS)
    radius: int = attribute("neighbours on each side", minimum=0)
    bias: float = attribute("added to the sum")
    alpha: float = attribute("factor of the sum; it is not divided by the number of neighbours")
    beta: float = attribute("exponent")
    axis: int = attribute("the dimension; negative counts from the end", default=-1)
    output: Value = result("the normalised tensor")

    def infer_shapes(self) -> Sequence[Shape]:
        normal_axis(self.axis, len(self.input.shape))
        return [self.input.shape]

    def normalise(self, real: Array) -> Array:
        squares = np.moveaxis(np.square(real, dtype=np.float64), self.axis, -1)
        size = squares.shape[-1]
        # Each window is summed by itself: of running sums the differences lose small squares beside a large one.
        sums = squares.copy()
        for offset in range(1, min(self.radius, size - 1) + 1):
            sums[..., offset:] += squares[..., :-offset]
            sums[..., :-offset] += squares[..., offset:]
        sums = np.moveaxis(sums, -1, self.axis).astype(np.float32)
        return real / np.power(np.float32(self.bias) + np.float32(self.alpha) * sums, np.float32(self.beta))


class InstanceNormalization(Normalisation, name="instance_normalization", nnapi=57):
    """(x - mean) * gamma / sqrt(variance + epsilon) + beta, mean and variance taken over each channel of each image.

    func @example(%x: tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32> {
      %0 = instance_normalization(%x) {gamma = 2.0, beta = 0.5} : tensor<1x4x4x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("images", FLOATS, rank=4)
    gamma: float = attribute("factor", default=1.0)
    beta: float = attribute("summand", default=0.0)
    epsilon: float = attribute("added to the variance, so that it is not 0", default=1e-5)
    layout: Layout = attribute("order of the dimensions of operand and result", default=Layout.NHWC)
    output: Value = result("the normalised images")

    def normalise(self, real: Array) -> Array:
        if not real.size:
            return real.copy()
        axes = (1, 2) if self.layout is Layout.NHWC else (2, 3)
        centred = real - real.mean(axis=axes, keepdims=True, dtype=np.float64).astype(np.float32)
        variance = np.square(centred).mean(axis=axes, keepdims=True, dtype=np.float64)
        centred *= (np.float32(self.gamma) / np.sqrt(variance + np.float32(self.epsilon))).astype(np.float32)
        centred += np.float32(self.beta)
        return centred


OPERATORS: tuple[type[Operation], ...] = (L2Normalization, LocalResponseNormalization, InstanceNormalization)
