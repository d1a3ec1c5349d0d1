"""Matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import ElementType, InferenceError, Operation, Shape, Trait, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INT32
from nir.ops.accumulating import (
    BIAS_TOLERANCE,
    STORED,
    SUMS,
    AccumulatingOperation,
    ExactMatrix,
    Kernel,
    Weights,
    is_per_channel,
    sum_dtype,
    zero_point,
)
from nir.ops.common import Activation, Rounding
from nir.ops.profiles import Profile, ScaleProduct
from nir.ops.requantising import Finish, finish_accumulator, finish_requantised

Array = np.ndarray[Any, Any]


class FullyConnected(AccumulatingOperation, name="fully_connected", nnapi=9):
    """Product with a weight matrix: output[b, u] = sum over i of input[b, i] * filter[u, i] + bias[u].

    The input is flattened to rows as long as the filter's. TFLite rounds only once when it rescales here.

        func @example(%x: tensor<2x3xi8, scale=0.5, zero_point=-1>) -> tensor<2x2xi8, scale=1.0, zero_point=3> {
          %w = const dense<[[1, -2, 3], [-4, 5, 127]]> : tensor<2x3xi8, scale=0.25, zero_point=0>
          %0 = fully_connected(%x, %w) : tensor<2x2xi8, scale=1.0, zero_point=3>
          return %0
        }
    """

    __slots__ = ()
    single_rounding = True

    input: Value = operand("activations, any rank from 1", FLOATS | STORED)
    filter: Value = operand("weights [units, inputs]", FLOATS | STORED, rank=2)

    @constraint("C1: the input is not a scalar", at="input")
    def input_has_rank(self) -> bool:
        return self.input.type.rank >= 1

    def infer_shapes(self) -> Sequence[Shape]:
        units, inputs = self.filter.shape
        shape = self.input.shape
        if inputs is None or None in shape:
            known_rows = shape[0] if len(shape) == 2 and (inputs is None or shape[1] in (None, inputs)) else None
            return [(known_rows, units)]
        size = math.prod(d for d in shape if d is not None)
        if inputs == 0:
            return [(shape[0] if len(shape) == 2 else 0, units)]
        if size % inputs:
            raise InferenceError(f"{size} input elements do not make rows of {inputs}", "input")
        return [(size // inputs, units)]

    def macs(self) -> int:
        return self.output.type.size * (self.filter.shape[1] or 1)

    def kernel(self, weights: Weights) -> Kernel:
        product = ExactMatrix(weights.values.T, weights.limit)
        units, inputs = weights.values.shape

        def run(input: Array) -> Array:
            batch = input.size // inputs if inputs else input.shape[0]
            if batch * inputs != input.size:
                raise InferenceError(f"{input.size} input elements do not make rows of {inputs}", "input")
            sums = np.empty((batch, units), product.sum_dtype)
            product.multiply(input.astype(product.dtype, copy=False).reshape(batch, inputs), sums)
            output = np.empty(sums.shape, self.output.element.numpy)
            weights.finish(sums, output)
            return output

        return run


class BatchMatmul(Operation, name="batch_matmul", traits={Trait.ACCUMULATES}, nnapi=102):
    """Matrix product of the last two dimensions, for every index of those before.

    `transpose_left` and `transpose_right` exchange the last two dimensions of an operand first. Products of i32 wrap
    around.

        func @example(%x: tensor<2x3x4xf32>, %y: tensor<2x5x4xf32>) -> tensor<2x3x5xf32> {
          %0 = batch_matmul(%x, %y) {transpose_right = true} : tensor<2x3x5xf32>
          return %0
        }
    """

    __slots__ = ()

    left: Value = operand("[..., rows, inner]", FLOATS | STORED | INT32, rank=(2, 3, 4))
    right: Value = operand("[..., inner, columns]", FLOATS | STORED | INT32, rank=(2, 3, 4))
    transpose_left: bool = attribute("exchange the last two dimensions of the left operand", default=False)
    transpose_right: bool = attribute("exchange the last two dimensions of the right operand", default=False)
    rounding: Rounding = attribute("how the rescaled sum is rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("[..., rows, columns]", elements=SUMS)

    @constraint("C1: both operands have the same rank", at="right")
    def ranks_agree(self) -> bool:
        return self.left.type.rank == self.right.type.rank

    @constraint("C2: floats go with floats of the same type, and integers with integers", at="right")
    def elements_agree(self) -> bool:
        if self.left.element.is_float or self.left.element is ElementType.I32:
            return self.right.element is self.output.element is self.left.element
        return self.right.element in STORED and self.output.element.is_integer

    @constraint("Q1: operands and result have one scale each, or none", at="right")
    def quantised_per_tensor(self) -> bool:
        return not any(is_per_channel(value) for value in (self.left, self.right, self.output))

    @constraint("Q2: an integer result other than i32 is quantised, and so are both operands", at="output")
    def result_quantised(self) -> bool:
        if not self.output.element.is_integer or self.output.element is ElementType.I32:
            return True
        return all(v.type.quantisation is not None for v in (self.left, self.right, self.output))

    @constraint("Q3: the scale of an i32 result is the product of the operands' scales, its zero point 0", at="output")
    def sum_scale_agrees(self) -> bool:
        stated = self.output.type.quantisation
        scales = [v.type.quantisation.scale for v in (self.left, self.right) if v.type.quantisation is not None]
        if self.output.element is not ElementType.I32 or stated is None or len(scales) < 2:
            return True
        product = scales[0] * scales[1]
        return stated.zero_point == 0 and abs(stated.scale - product) <= BIAS_TOLERANCE * product

    def infer_shapes(self) -> Sequence[Shape]:
        left, right = self.left.shape, self.right.shape
        if len(left) != len(right):
            raise InferenceError("both operands need the same rank", "right")
        rows, inner = (left[-1], left[-2]) if self.transpose_left else (left[-2], left[-1])
        depth, columns = (right[-1], right[-2]) if self.transpose_right else (right[-2], right[-1])
        if inner != depth and None not in (inner, depth):
            raise InferenceError(f"the left operand sums over {inner} elements, the right over {depth}", "right")
        batch = []
        for a, b in zip(left[:-2], right[:-2], strict=True):
            if a != b and None not in (a, b):
                raise InferenceError(f"batch dimensions differ: {a} and {b}", "right")
            batch.append(b if a is None else a)
        return [(*batch, rows, columns)]

    def macs(self) -> int:
        return self.output.type.size * (self.left.shape[-2 if self.transpose_left else -1] or 1)

    def reference(self, profile: Profile, left: Array, right: Array) -> Array:
        left = np.swapaxes(left, -1, -2) if self.transpose_left else left
        right = np.swapaxes(right, -1, -2) if self.transpose_right else right
        if left.dtype.kind == "f":
            product = np.matmul(left.astype(np.float32, copy=False), right.astype(np.float32, copy=False))
            with np.errstate(over="ignore"):
                return product.astype(left.dtype, copy=False)
        return self._integer(profile, left, right)

    def _integer(self, profile: Profile, left: Array, right: Array) -> Array:
        """Sums without zero points, exact, then rescaled or kept."""
        shifted = [a.astype(np.int64) - zero_point(v) for a, v in ((left, self.left), (right, self.right))]
        limits = [int(np.abs(a).max(initial=0)) for a in shifted]
        longest = limits[0] * limits[1] * max(left.shape[-1], 1)
        dtype = sum_dtype(longest)
        sums = np.matmul(shifted[0].astype(dtype), shifted[1].astype(dtype))
        output = np.empty(sums.shape, self.output.element.numpy)
        width = sums.shape[-1]
        self._finish(profile, longest, width)(sums.reshape(-1, width), output.reshape(-1, width))
        return output

    def _finish(self, profile: Profile, longest: int, width: int) -> Finish:
        offset = np.zeros(width, np.int64)
        left, right = self.left.type.quantisation, self.right.type.quantisation
        if self.output.element is ElementType.I32 or left is None or right is None:
            return finish_accumulator(offset)
        source = ScaleProduct(left.scale, right.scales)
        return finish_requantised(
            profile.fallback,
            source,
            self.output.type,
            offset,
            longest,
            rounding=self.rounding,
            activation=Activation.NONE,
        )


OPERATORS: tuple[type[Operation], ...] = (BatchMatmul, FullyConnected)
