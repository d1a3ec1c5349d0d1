"""Operators that take parts of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.errors import RunError
from nir.ir import (
    InferenceError,
    Operation,
    QuantisationRule,
    Shape,
    Trait,
    Value,
    attribute,
    constraint,
    operand,
    result,
)
from nir.ir.types import INT32, Dimension
from nir.ops.axes import check_length, normal_axis
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile


class Slice(PerTensorOperation, name="slice", traits={Trait.MOVES}, nnapi=86):
    """A box cut out of a tensor.

    func @example(%x: tensor<4x5xf32>) -> tensor<2x4xf32> {
      %0 = slice(%x) {begin = [1, 1], size = [2, -1]} : tensor<2x4xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    begin: tuple[int, ...] = attribute("first index, one for each dimension", minimum=0)
    size: tuple[int, ...] = attribute("size of the box, one for each dimension; -1 is up to the end", minimum=-1)
    output: Value = result("the box", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        check_length(self.begin, shape, "begin")
        check_length(self.size, shape, "size")
        return [tuple(self._extent(d, whole) for d, whole in enumerate(shape))]

    def _extent(self, d: int, whole: Dimension) -> Dimension:
        begin, size = self.begin[d], self.size[d]
        if whole is None:
            return None if size == -1 else size
        if begin > whole:
            raise InferenceError(f"index {begin} lies outside dimension {d} of size {whole}", at="begin")
        if begin + size > whole:
            raise InferenceError(f"{size} elements from {begin} on leave dimension {d} of size {whole}", at="size")
        return whole - begin if size == -1 else size

    def reference(self, profile: Profile, input: Array) -> Array:
        pairs = zip(self.begin, self.size, strict=True)
        box = tuple(slice(begin, None if size == -1 else begin + size) for begin, size in pairs)
        return input[box] if box else input


class StridedSlice(PerTensorOperation, name="strided_slice", traits={Trait.MOVES}, nnapi=35):
    """A Python slice of each dimension; bounds may be negative or out of range, strides negative.

    Bit k of a mask concerns dimension k. Dimensions shrunk away are dropped; where none is left the result has
    shape [1].

        func @example(%x: tensor<4x5xf32>) -> tensor<2x3xf32> {
          %0 = strided_slice(%x) {begin = [0, -1], end = [3, 1], strides = [2, -1], begin_mask = 1} : tensor<2x3xf32>
          return %0
        }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    begin: tuple[int, ...] = attribute("first index, one for each dimension")
    end: tuple[int, ...] = attribute("index behind the last, one for each dimension")
    strides: tuple[int, ...] = attribute("step, not 0, one for each dimension")
    begin_mask: int = attribute("dimensions that are sliced from their beginning", default=0, minimum=0)
    end_mask: int = attribute("dimensions that are sliced to their end", default=0, minimum=0)
    shrink_mask: int = attribute(
        "dimensions of which only index `begin` is taken, and which are dropped", default=0, minimum=0
    )
    output: Value = result("the slice", quantisation=QuantisationRule.SAME)

    @constraint("C1: no stride is 0", at="strides")
    def strides_not_zero(self) -> bool:
        return 0 not in self.strides

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        for name in ("begin", "end", "strides"):
            check_length(getattr(self, name), shape, name)
        if 0 in self.strides:
            raise InferenceError("a stride is 0", at="strides")
        sizes = [self._extent(d, size) for d, size in enumerate(shape) if not self.shrink_mask >> d & 1]
        for d, size in enumerate(shape):
            if self.shrink_mask >> d & 1 and size is not None and not -size <= self.begin[d] < size:
                raise InferenceError(f"index {self.begin[d]} lies outside dimension {d} of size {size}", at="begin")
        return [tuple(sizes) if sizes or not shape else (1,)]

    def _slice(self, d: int) -> slice:
        if self.shrink_mask >> d & 1:
            # A slice of one element, so that the result stays an array; -1 is followed by the end.
            return slice(self.begin[d], self.begin[d] + 1 or None)
        begin = None if self.begin_mask >> d & 1 else self.begin[d]
        end = None if self.end_mask >> d & 1 else self.end[d]
        return slice(begin, end, self.strides[d])

    def _extent(self, d: int, size: Dimension) -> Dimension:
        return None if size is None else len(range(*self._slice(d).indices(size)))

    def reference(self, profile: Profile, input: Array) -> Array:
        taken = np.asarray(input[tuple(self._slice(d) for d in range(input.ndim))])
        kept = [size for d, size in enumerate(taken.shape) if not self.shrink_mask >> d & 1]
        return np.ascontiguousarray(taken).reshape(kept if kept or not input.ndim else 1)


class Gather(PerTensorOperation, name="gather", traits={Trait.MOVES}, nnapi=51):
    """Slices of a tensor at given indices of one dimension, which the indices' dimensions replace.

    func @example(%x: tensor<4x5xf32>) -> tensor<4x2x1xf32> {
      %indices = const dense<[[4], [0]]> : tensor<2x1xi32>
      %0 = gather(%x, %indices) {axis = 1} : tensor<4x2x1xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    indices: Value = operand("indices in [0, size of the dimension); others are an error when run", INT32)
    axis: int = attribute("the dimension; negative counts from the end", default=0)
    output: Value = result("the slices", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        axis = normal_axis(self.axis, len(shape))
        return [(*shape[:axis], *self.indices.shape, *shape[axis + 1 :])]

    def reference(self, profile: Profile, input: Array, indices: Array) -> Array:
        size = input.shape[normal_axis(self.axis, input.ndim)]
        wrong = indices[(indices < 0) | (indices >= size)]
        if wrong.size:
            raise RunError(f"gather: index {wrong.flat[0]} lies outside dimension {self.axis} of size {size}")
        return np.asarray(np.take(input, indices, axis=self.axis))


class Reverse(PerTensorOperation, name="reverse", traits={Trait.MOVES}, nnapi=105):
    """The elements of one dimension in reverse order.

    func @example(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
      %0 = reverse(%x) {axis = 1} : tensor<2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    axis: int = attribute("the dimension; negative counts from the end")
    output: Value = result("the reversed tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        normal_axis(self.axis, len(self.input.shape))
        return [self.input.shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        return np.flip(input, self.axis)


OPERATORS: tuple[type[Operation], ...] = (Slice, StridedSlice, Gather, Reverse)
