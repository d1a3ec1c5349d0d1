"""Operators that change the shape or the dimensions' order."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nir.ir import InferenceError, Operation, QuantisationRule, Shape, Trait, Value, attribute, operand, result
from nir.ops.axes import normal_axes, normal_axis, without_axes
from nir.ops.broadcasting import shape_text
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile


class Reshape(PerTensorOperation, name="reshape", traits={Trait.MOVES}, nnapi=22):
    """The same elements in row-major order under another shape.

    func @example(%x: tensor<2x6xf32>) -> tensor<3x4xf32> {
      %0 = reshape(%x) {shape = [3, -1]} : tensor<3x4xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    shape: tuple[int, ...] = attribute("the new dimensions; one of them may be -1, to be worked out", minimum=-1)
    output: Value = result("the reshaped tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        unknown = self.shape.count(-1)
        if unknown > 1:
            raise InferenceError("only one dimension of the new shape may be -1", at="shape")
        if not self.input.type.is_static:
            return [tuple(None if size == -1 else size for size in self.shape)]
        known = math.prod(size for size in self.shape if size != -1)
        size = self.input.type.size
        fits = size == known if not unknown else known and size % known == 0
        if not fits:
            text = f"{shape_text(self.input.shape)} has {size} elements, which do not fill {list(self.shape)}"
            raise InferenceError(text, at="shape")
        return [tuple(size // known if wanted == -1 else wanted for wanted in self.shape)]

    def reference(self, profile: Profile, input: Array) -> Array:
        return input.reshape(self.shape)


class Transpose(PerTensorOperation, name="transpose", traits={Trait.MOVES}, nnapi=37):
    """Dimensions in another order.

    func @example(%x: tensor<1x2x3x4xf32>) -> tensor<1x4x2x3xf32> {
      %0 = transpose(%x) {permutation = [0, 3, 1, 2]} : tensor<1x4x2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    permutation: tuple[int, ...] | None = attribute(
        "dimension i of the result is dimension permutation[i] of the operand; reversed order unless given",
        default=None,
    )
    output: Value = result("the transposed tensor", quantisation=QuantisationRule.SAME)

    def order(self) -> tuple[int, ...]:
        """The permutation, written out. Raises `InferenceError` where it is none."""
        rank = len(self.input.shape)
        if self.permutation is None:
            return tuple(reversed(range(rank)))
        if sorted(self.permutation) != list(range(rank)):
            text = f"{list(self.permutation)} is not a permutation of the {rank} dimensions of the operand"
            raise InferenceError(text, at="permutation")
        return self.permutation

    def infer_shapes(self) -> Sequence[Shape]:
        return [tuple(self.input.shape[d] for d in self.order())]

    def reference(self, profile: Profile, input: Array) -> Array:
        return input.transpose(self.order()).copy(order="C")


class Squeeze(PerTensorOperation, name="squeeze", traits={Trait.MOVES}, nnapi=34):
    """Drops dimensions of size 1. Where none would be left the result has shape [1].

    func @example(%x: tensor<1x3x1xf32>) -> tensor<3x1xf32> {
      %0 = squeeze(%x) {axes = [0]} : tensor<3x1xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    axes: tuple[int, ...] | None = attribute("the dimensions to drop; all of size 1 unless given", default=None)
    output: Value = result("the smaller tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        if self.axes is None:
            if None in shape:
                raise InferenceError(
                    f"which dimensions of {shape_text(shape)} have size 1 is not known: list them", at="axes"
                )
            return [without_axes(shape, [d for d, size in enumerate(shape) if size == 1])]
        axes = normal_axes(self.axes, len(shape))
        for axis in axes:
            if shape[axis] not in (1, None):
                raise InferenceError(f"dimension {axis} of {shape_text(shape)} is not of size 1", at="axes")
        return [without_axes(shape, axes)]

    def reference(self, profile: Profile, input: Array) -> Array:
        axes = None if self.axes is None else normal_axes(self.axes, input.ndim)
        squeezed = input.squeeze(axes)
        return squeezed if squeezed.ndim or not input.ndim else squeezed.reshape(1)


class ExpandDims(PerTensorOperation, name="expand_dims", traits={Trait.MOVES}, nnapi=50):
    """Inserts a dimension of size 1.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x3x1xf32> {
      %0 = expand_dims(%x) {axis = -1} : tensor<2x3x1xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    axis: int = attribute("place of the new dimension in the result; negative counts from the end")
    output: Value = result("the larger tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        axis = normal_axis(self.axis, len(shape) + 1)
        return [(*shape[:axis], 1, *shape[axis:])]

    def reference(self, profile: Profile, input: Array) -> Array:
        return np.expand_dims(input, self.axis)


OPERATORS: tuple[type[Operation], ...] = (Reshape, Transpose, Squeeze, ExpandDims)
