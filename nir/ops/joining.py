"""Operators that join tensors and split them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import InferenceError, Operation, Shape, Trait, Value, attribute, constraint, operand, result
from nir.ir.types import Dimension
from nir.ops.broadcasting import shape_text
from nir.ops.families import ArithmeticOperation, from_float, is_quantised, to_float


def normal_axis(axis: int, rank: int, at: str = "axis") -> int:
    """`axis` counted from the front. Raises `InferenceError` where it is not in [-rank, rank)."""
    if not -rank <= axis < rank:
        raise InferenceError(f"axis {axis} is not a dimension of a tensor of rank {rank}", at=at)
    return axis % rank


def merge_dimension(left: Dimension, right: Dimension, message: str, at: str) -> Dimension:
    """The size that two dimensions share, known where one of them is. Raises `InferenceError` where they differ."""
    if left is None or right is None or left == right:
        return right if left is None else left
    raise InferenceError(message, at=at)


class Concatenation(ArithmeticOperation, name="concatenation", traits={Trait.MOVES}, nnapi=2):
    """Joins tensors along an existing dimension.

    Quantised operands may have scales and zero points of their own; each is rescaled to those of the result.

        func @example(%x: tensor<2x3xf32>, %y: tensor<2x1xf32>) -> tensor<2x4xf32> {
          %0 = concatenation(%x, %y) {axis = 1} : tensor<2x4xf32>
          return %0
        }
    """

    __slots__ = ()

    inputs: tuple[Value, ...] = operand("tensors that differ at most in dimension `axis`", variadic=True)
    axis: int = attribute("the dimension to join along; negative counts from the end")
    output: Value = result("the joined tensor")

    @constraint("C1: there is at least one operand", at="inputs")
    def has_operands(self) -> bool:
        return bool(self.inputs)

    @constraint("C2: all operands have the same element type", at="inputs")
    def elements_agree(self) -> bool:
        return len({value.element for value in self.inputs}) <= 1

    def infer_shapes(self) -> Sequence[Shape]:
        if not self.inputs:
            raise InferenceError("there is nothing to join", at="inputs")
        shapes = [value.shape for value in self.inputs]
        axis = normal_axis(self.axis, len(shapes[0]))
        joined = list(shapes[0])
        for shape in shapes[1:]:
            message = f"{shape_text(shapes[0])} and {shape_text(shape)} differ in more than dimension {axis}"
            if len(shape) != len(joined):
                raise InferenceError(message, at="inputs")
            for d, size in enumerate(shape):
                if d != axis:
                    joined[d] = merge_dimension(joined[d], size, message, "inputs")
        sizes = [shape[axis] for shape in shapes]
        joined[axis] = None if None in sizes else sum(size or 0 for size in sizes)
        return [tuple(joined)]

    def reference(self, profile: Any, *inputs: np.ndarray) -> np.ndarray:
        target = self.output.type
        if is_quantised(target):
            inputs = tuple(
                array
                if value.type.quantisation == target.quantisation
                else from_float(profile, to_float(profile, array, value.type), target)
                for array, value in zip(inputs, self.inputs, strict=True)
            )
        return np.concatenate(inputs, axis=self.axis)


OPERATORS: tuple[type[Operation], ...] = (Concatenation,)
