"""Constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import ConstantData, Operation, QuantisationRule, Shape, Trait, Value, attribute, constraint, result
from nir.ir.types import ANY


class Const(Operation, name="const", traits={Trait.CONSTANT, Trait.MOVES}):
    """A tensor whose elements are written in the text, or stand by name in the weights file beside it.

    func @example() -> tensor<2x2xf32> {
      %0 = const dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
      return %0
    }
    """

    __slots__ = ()

    value: ConstantData = attribute("the stored elements", subject=True)
    output: Value = result("the elements", elements=ANY, quantisation=QuantisationRule.FREE)

    @constraint("C1: the elements are stored as the declared element type", at="value")
    def element_agrees(self) -> bool:
        return self.value.array.dtype == self.output.type.element.numpy

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.value.array.shape]

    def reference(self, profile: Any, *operands: Any) -> np.ndarray:
        return self.value.array


OPERATORS: tuple[type[Operation], ...] = (Const,)
