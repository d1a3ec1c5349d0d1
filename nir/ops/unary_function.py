"""Base class of functions of one operand. Eight-bit operands go through a table of all 256 results.

The table *is* the operator's meaning on quantised tensors: dequantise, compute in float32, quantise, each as the
profile says. It defines no operator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.ir import QuantisationRule, Shape, Value, constraint, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.families import ArithmeticOperation, is_quantised
from nir.ops.profiles import Array, Profile

_BYTES = np.arange(256, dtype=np.uint8)


class UnaryFunction(ArithmeticOperation):
    """Base of functions that make sense for floats, quantised integers and raw integers, which wrap around."""

    __slots__ = ()

    input: Value = operand("any shape", FLOATS | INTEGERS)
    output: Value = result("one element per operand element", quantisation=QuantisationRule.SAME_BY_DEFAULT)

    def infer_shapes(self) -> Sequence[Shape]:
        return [self.input.shape]

    def function(self, values: Array) -> Array:
        """The function on an array of float32, or of raw integers, as a fresh array."""
        raise NotImplementedError(self.name)

    def reference(self, profile: Profile, input: Array) -> Array:
        values = input if input.ndim else input.reshape(1)  # of a scalar numpy makes numbers, which are no arrays
        with np.errstate(all="ignore"):
            if is_quantised(self.input.type):
                return self.quantised(profile, values).reshape(input.shape)
            if input.dtype.kind == "f":
                return self.through_float(profile, self.function, values).reshape(input.shape)
            return self.function(values).reshape(input.shape)

    def quantised(self, profile: Profile, input: Array) -> Array:
        """The function on stored integers that stand for real values."""
        if input.dtype.itemsize > 1:
            return self.through_float(profile, self.function, input)
        return self.table(profile, _BYTES.view(input.dtype)).take(input.view(np.uint8))

    def table(self, profile: Profile, stored: Array) -> Array:
        """Results for the 256 stored elements there are, in the order of their bits."""
        return self.through_float(profile, self.function, stored)


class RealFunction(UnaryFunction):
    """Base of functions of real values: floats, or quantised integers."""

    __slots__ = ()

    @constraint("Q3: integers are quantised", at="input")
    def integers_quantised(self) -> bool:
        return not self.input.element.is_integer or is_quantised(self.input.type)
