"""Reductions over dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nir.ir import Operation, Quantisation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import BOOLS, FLOATS, INTEGERS
from nir.ops.axes import normal_axes, without_axes
from nir.ops.common import Rounding
from nir.ops.families import ArithmeticOperation, is_quantised
from nir.ops.fixed_point import multiply_double_rounding, quantised_multiplier
from nir.ops.profiles import Array, Profile, QdqProfile, TfliteProfile
from nir.ops.quantised_arithmetic import parameters

NUMBERS = FLOATS | INTEGERS


class Reduction(ArithmeticOperation):
    """Base of reductions. No axes means that nothing is reduced; what loses all its dimensions has shape [1]."""

    __slots__ = ()

    input: Value = operand("any shape", NUMBERS)
    axes: tuple[int, ...] = attribute("the dimensions to reduce; negative counts from the end")
    keep_dims: bool = attribute("whether reduced dimensions stay, with size 1", default=False)
    output: Value = result("the reduced tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        return [without_axes(shape, normal_axes(self.axes, len(shape)), self.keep_dims)]

    def reference(self, profile: Profile, input: Array) -> Array:
        axes = normal_axes(self.axes, input.ndim)
        with np.errstate(all="ignore"):
            reduced = self.reduce(profile, input, axes)
        shape = without_axes(input.shape, axes, self.keep_dims)
        return reduced.reshape([size or 0 for size in shape])

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        """The stored results, in any shape of the right size."""
        raise NotImplementedError(self.name)


class Mean(Reduction, name="mean", nnapi=31):
    """Arithmetic mean.

    Of quantised tensors the integers are summed exactly and rescaled once; the result may have parameters of its
    own. The mean of raw integers rounds halves away from zero. Under the relay profiles the mean of integers is
    truncated, as C divides, before it is rescaled; under `qdq` that of raw integers is.

        func @example(%x: tensor<1x4x4x3xf32>) -> tensor<1x3xf32> {
          %0 = mean(%x) {axes = [1, 2]} : tensor<1x3xf32>
          return %0
        }
    """

    __slots__ = ()

    rounding: Rounding = attribute("how a rescaled value is rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("the reduced tensor", quantisation=QuantisationRule.SAME_BY_DEFAULT)

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        count = int(np.prod([input.shape[d] for d in axes], dtype=np.int64))
        if input.dtype.kind == "f":
            # One rounding at the end: a float32 sum along leading dimensions would lose more than the storage does.
            return (np.add.reduce(input, axis=axes, dtype=np.float64) / count).astype(input.dtype)
        total = np.add.reduce(input, axis=axes, dtype=np.int64)
        source = self.input.type.quantisation
        if isinstance(profile, QdqProfile) and source is not None:
            return profile.average(total - count * source.zero_point, np.float32(count), source, self.output.type)
        if profile.truncates_averages or source is None:
            average = _divide(total, count, profile.truncates_averages)
            if source is None or source == self.output.type.quantisation:
                return average.astype(input.dtype)
            return profile.rescale(average, source, self.output.type, rounding=self.rounding)
        return self._rescaled_once(profile, total - count * source.zero_point, count, source)

    def _rescaled_once(self, profile: Profile, total: Array, count: int, source: Quantisation) -> Array:
        """Sums of stored integers minus zero point, divided by `count` and brought to the result's scale."""
        target = self.output.type
        if not isinstance(profile, TfliteProfile) or target.quantisation is None:
            # XNNPACK multiplies in float32 and adds the zero point before it rounds.
            scale = np.float32(source.scale) / np.float32(parameters(target).scale) / np.float32(max(count, 1))
            stored = np.rint(total.astype(np.float32) * scale + np.float32(parameters(target).zero_point))
            return np.clip(stored, target.element.minimum, target.element.maximum).astype(target.element.numpy)
        mantissa, exponent = quantised_multiplier(source.scale / target.quantisation.scale)
        # TFLite folds 1 / count into the multiplier, as far as it fits.
        shift = min(max(count, 1).bit_length() - 1, 32, 31 + int(exponent))
        folded = (int(mantissa) << shift) // max(count, 1)
        stored = multiply_double_rounding(total, folded, exponent - shift) + target.quantisation.zero_point
        return np.clip(stored, target.element.minimum, target.element.maximum).astype(target.element.numpy)


def _divide(total: Array, count: int, truncate: bool) -> Array:
    """total / count, towards zero or with halves away from zero; 0 where there is nothing to count."""
    magnitude = np.abs(total)
    whole = (magnitude if truncate else magnitude + count // 2) // max(count, 1)
    return np.where(total < 0, -whole, whole)


class ReduceSum(Reduction, name="reduce_sum", nnapi=80):
    """Sum. Raw integers wrap around; quantised sums are rescaled to the result's parameters.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x1xf32> {
      %0 = reduce_sum(%x) {axes = [-1], keep_dims = true} : tensor<2x1xf32>
      return %0
    }
    """

    __slots__ = ()

    rounding: Rounding = attribute("how a rescaled value is rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("the reduced tensor", quantisation=QuantisationRule.SAME_BY_DEFAULT)

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        if input.dtype.kind == "f":
            return np.add.reduce(input, axis=axes, dtype=np.float64).astype(input.dtype)
        source = self.input.type.quantisation
        if source is None:
            return np.add.reduce(input, axis=axes, dtype=input.dtype)
        total = np.add.reduce(input.astype(np.int64) - source.zero_point, axis=axes)
        scale = Quantisation.per_tensor(source.scale)
        return profile.rescale(np.asarray(total), scale, self.output.type, rounding=self.rounding)


class ReduceProd(Reduction, name="reduce_prod", nnapi=79):
    """Product. Raw integers wrap around; a factor 0 gives 0 even next to inf.

    func @example(%x: tensor<2x3xf32>) -> tensor<2xf32> {
      %0 = reduce_prod(%x) {axes = [1]} : tensor<2xf32>
      return %0
    }
    """

    __slots__ = ()

    @constraint("Q3: integers are raw", at="input")
    def integers_raw(self) -> bool:
        return not is_quantised(self.input.type)

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        if input.dtype.kind != "f":
            return np.multiply.reduce(input, axis=axes, dtype=input.dtype)
        product = np.multiply.reduce(input, axis=axes, dtype=np.float64).astype(input.dtype)
        return np.where(np.any(input == 0, axis=axes), product.dtype.type(0), product)


class Extreme(Reduction):
    """Base of reduce_max and reduce_min, exact on stored elements."""

    __slots__ = ()

    largest: ClassVar[bool]

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        function = np.maximum if self.largest else np.minimum
        if input.dtype.kind == "f":
            return function.reduce(input, axis=axes, initial=-np.inf if self.largest else np.inf)
        limits = np.iinfo(input.dtype)
        return function.reduce(input, axis=axes, initial=limits.min if self.largest else limits.max)


class ReduceMax(Extreme, name="reduce_max", nnapi=77):
    """The largest element; of none the smallest storable value.

    func @example(%x: tensor<2x3xu8, scale=0.5, zero_point=3>) -> tensor<2xu8, scale=0.5, zero_point=3> {
      %0 = reduce_max(%x) {axes = [1]} : tensor<2xu8, scale=0.5, zero_point=3>
      return %0
    }
    """

    __slots__ = ()
    largest = True


class ReduceMin(Extreme, name="reduce_min", nnapi=78):
    """The smallest element; of none the largest storable value.

    func @example(%x: tensor<2x3xf32>) -> tensor<2xf32> {
      %0 = reduce_min(%x) {axes = [1]} : tensor<2xf32>
      return %0
    }
    """

    __slots__ = ()
    largest = False


class ReduceAll(Reduction, name="reduce_all", nnapi=75):
    """True where all elements are true.

    func @example(%x: tensor<2x3xbool>) -> tensor<2xbool> {
      %0 = reduce_all(%x) {axes = [1]} : tensor<2xbool>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape", BOOLS)

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        return np.logical_and.reduce(input, axis=axes)


class ReduceAny(Reduction, name="reduce_any", nnapi=76):
    """True where any element is true.

    func @example(%x: tensor<2x3xbool>) -> tensor<2xbool> {
      %0 = reduce_any(%x) {axes = [1]} : tensor<2xbool>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape", BOOLS)

    def reduce(self, profile: Profile, input: Array, axes: tuple[int, ...]) -> Array:
        return np.logical_or.reduce(input, axis=axes)


OPERATORS: tuple[type[Operation], ...] = (Mean, ReduceSum, ReduceProd, ReduceMax, ReduceMin, ReduceAll, ReduceAny)
