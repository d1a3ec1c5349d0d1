"""Operators that change the shape or the dimensions' order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import InferenceError, Operation, QuantisationRule, Shape, Trait, Value, attribute, operand, result
from nir.ops.broadcasting import shape_text
from nir.ops.families import PerTensorOperation


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

    def reference(self, profile: Any, input: np.ndarray) -> np.ndarray:
        return input.reshape(self.shape)


OPERATORS: tuple[type[Operation], ...] = (Reshape,)
