"""Operators that join tensors, split them, and repeat them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
from nir.ops.axes import check_length, divide, merge_shapes, normal_axis, times
from nir.ops.common import Rounding
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile
from nir.ops.quantised_arithmetic import requantise


class JoiningOperation(PerTensorOperation):
    """Base of operators that join any number of tensors."""

    __slots__ = ()

    inputs: tuple[Value, ...] = operand("one or more tensors of one element type", variadic=True)

    @constraint("C1: there is at least one operand", at="inputs")
    def has_operands(self) -> bool:
        return bool(self.inputs)

    @constraint("C2: all operands have the same element type", at="inputs")
    def elements_agree(self) -> bool:
        return len({value.element for value in self.inputs}) <= 1

    def input_shapes(self) -> list[Shape]:
        """Shapes of the operands. Raises `InferenceError` where there are none."""
        if not self.inputs:
            raise InferenceError("there is nothing to join", at="inputs")
        return [value.shape for value in self.inputs]


class Concatenation(JoiningOperation, name="concatenation", traits={Trait.MOVES}, nnapi=2):
    """Joins tensors along an existing dimension.

    Quantised operands may have scales and zero points of their own; each is rescaled to those of the result.

        func @example(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>) -> tensor<2x4xf32> {
          %0 = concatenation(%x, %y) {axis = 1} : tensor<2x4xf32>
          return %0
        }
    """

    __slots__ = ()

    axis: int = attribute("the dimension to join along; negative counts from the end")
    rounding: Rounding = attribute("how a rescaled value is rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("the joined tensor", quantisation=QuantisationRule.SAME_BY_DEFAULT)

    @constraint("Q2: operands and result are all quantised or all raw", at="inputs")
    def quantised_together(self) -> bool:
        values = (*self.inputs, self.output)
        return len({value.type.quantisation is None for value in values}) == 1

    def infer_shapes(self) -> Sequence[Shape]:
        shapes = self.input_shapes()
        axis = normal_axis(self.axis, len(shapes[0]))
        joined = merge_shapes(shapes, "inputs", except_axis=axis)
        sizes = [shape[axis] for shape in shapes]
        joined[axis] = None if None in sizes else sum(size or 0 for size in sizes)
        return [tuple(joined)]

    def reference(self, profile: Profile, *inputs: Array) -> Array:
        target = self.output.type
        pairs = zip(inputs, self.inputs, strict=True)
        arrays = [requantise(profile, array, value.type, target, self.rounding) for array, value in pairs]
        return np.concatenate(arrays, axis=self.axis)


class Pack(JoiningOperation, name="pack", traits={Trait.MOVES}, nnapi=103):
    """Stacks tensors of equal shape along a new dimension.

    func @example(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x2x3xf32> {
      %0 = pack(%x, %y) {axis = 1} : tensor<2x2x3xf32>
      return %0
    }
    """

    __slots__ = ()

    axis: int = attribute("place of the new dimension in the result; negative counts from the end", default=0)
    output: Value = result("the stacked tensors", quantisation=QuantisationRule.SAME)

    @constraint("Q2: all operands have the same quantisation", at="inputs")
    def quantised_alike(self) -> bool:
        return len({value.type.quantisation for value in self.inputs}) <= 1

    def infer_shapes(self) -> Sequence[Shape]:
        merged = merge_shapes(self.input_shapes(), "inputs")
        merged.insert(normal_axis(self.axis, len(merged) + 1), len(self.inputs))
        return [tuple(merged)]

    def reference(self, profile: Profile, *inputs: Array) -> Array:
        return np.stack(inputs, axis=self.axis)


class Split(PerTensorOperation, name="split", traits={Trait.MOVES}, nnapi=87):
    """Cuts a tensor into equal parts along one dimension.

    func @example(%x: tensor<2x6xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
      %0, %1 = split(%x) {axis = 1, parts = 2} : (tensor<2x3xf32>, tensor<2x3xf32>)
      return %0, %1
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    axis: int = attribute("the dimension to cut; negative counts from the end")
    parts: int = attribute("number of parts; divides the dimension", minimum=1)
    outputs: tuple[Value, ...] = result("the parts in order", quantisation=QuantisationRule.SAME, variadic=True)

    @constraint("C1: there is one result for each part", at="parts")
    def results_agree(self) -> bool:
        return len(self.results) == self.parts

    def infer_shapes(self) -> Sequence[Shape]:
        if self.parts > MAXIMUM_PARTS:
            raise InferenceError(f"more than {MAXIMUM_PARTS} parts", at="parts")
        shape = list(self.input.shape)
        axis = normal_axis(self.axis, len(shape))
        shape[axis] = divide(shape[axis], self.parts, f"dimension {axis}, of size", "parts")
        return [tuple(shape)] * self.parts

    def reference(self, profile: Profile, input: Array) -> tuple[Array, ...]:
        return tuple(np.split(input, self.parts, axis=self.axis))


MAXIMUM_PARTS = 1_000_000
"""Bound on the results of one split, so that a mistyped number does not eat the memory."""


class Tile(PerTensorOperation, name="tile", traits={Trait.MOVES}, nnapi=89):
    """Repeats a tensor along each dimension.

    func @example(%x: tensor<2x3xf32>) -> tensor<4x3xf32> {
      %0 = tile(%x) {multiples = [2, 1]} : tensor<4x3xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    multiples: tuple[int, ...] = attribute("repetitions, one number for each dimension", minimum=0)
    output: Value = result("the repeated tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        check_length(self.multiples, self.input.shape, "multiples")
        pairs = zip(self.input.shape, self.multiples, strict=True)
        return [tuple(times(size, multiple) for size, multiple in pairs)]

    def reference(self, profile: Profile, input: Array) -> Array:
        return np.tile(input, self.multiples)


OPERATORS: tuple[type[Operation], ...] = (Concatenation, Pack, Split, Tile)
