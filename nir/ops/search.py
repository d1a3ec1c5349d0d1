"""Operators that find the places of the largest or smallest elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nir.ir import ElementType, InferenceError, Operation, QuantisationRule, Shape, Value, attribute, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.axes import normal_axis, without_axes
from nir.ops.broadcasting import shape_text
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile


class IndexSearch(PerTensorOperation):
    """Base of argmax and argmin: the first index on ties. What loses its only dimension has shape [1]."""

    __slots__ = ()

    largest: ClassVar[bool]

    input: Value = operand("any shape but a scalar", FLOATS | INTEGERS)
    axis: int = attribute("the dimension to search; negative counts from the end")
    output: Value = result(
        "the index along the dimension", elements=ElementType.I32, quantisation=QuantisationRule.NONE
    )

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        axis = normal_axis(self.axis, len(shape))
        if shape[axis] == 0:
            raise InferenceError(
                f"dimension {axis} of {shape_text(shape)} is empty: there is nothing to find", at="axis"
            )
        return [without_axes(shape, [axis])]

    def reference(self, profile: Profile, input: Array) -> Array:
        search = np.argmax if self.largest else np.argmin
        found = np.asarray(search(input, axis=self.axis), np.int32)
        return found if found.ndim else found.reshape(1)


class Argmax(IndexSearch, name="argmax", nnapi=39):
    """Index of the largest element.

    func @example(%x: tensor<2x3xf32>) -> tensor<2xi32> {
      %0 = argmax(%x) {axis = 1} : tensor<2xi32>
      return %0
    }
    """

    __slots__ = ()
    largest = True


class Argmin(IndexSearch, name="argmin", nnapi=40):
    """Index of the smallest element.

    func @example(%x: tensor<2x3xf32>) -> tensor<2xi32> {
      %0 = argmin(%x) {axis = -1} : tensor<2xi32>
      return %0
    }
    """

    __slots__ = ()
    largest = False


class TopkV2(PerTensorOperation, name="topk_v2", nnapi=90):
    """The k largest elements of the last dimension in descending order, and where they stood.

    Of equal elements the one with the larger index comes first.

        func @example(%x: tensor<2x5xf32>) -> (tensor<2x3xf32>, tensor<2x3xi32>) {
          %0, %1 = topk_v2(%x) {k = 3} : (tensor<2x3xf32>, tensor<2x3xi32>)
          return %0, %1
        }
    """

    __slots__ = ()

    input: Value = operand("any shape but a scalar", FLOATS | INTEGERS)
    k: int = attribute("how many to find", minimum=0)
    values: Value = result("the elements", quantisation=QuantisationRule.SAME)
    indices: Value = result("their indices", elements=ElementType.I32, quantisation=QuantisationRule.NONE)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        axis = normal_axis(-1, len(shape), at="input")
        size = shape[axis]
        if size is not None and self.k > size:
            raise InferenceError(f"the last dimension of {shape_text(shape)} has fewer than {self.k} elements", at="k")
        found = (*shape[:-1], self.k)
        return [found, found]

    def reference(self, profile: Profile, input: Array) -> tuple[Array, Array]:
        # Read backwards, a stable ascending order has equal elements by descending index.
        order = np.argsort(input, axis=-1, kind="stable")[..., ::-1][..., : self.k]
        return np.take_along_axis(input, order, axis=-1), order.astype(np.int32)


OPERATORS: tuple[type[Operation], ...] = (Argmax, Argmin, TopkV2)
