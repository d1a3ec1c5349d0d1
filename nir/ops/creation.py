"""Operators whose result is not computed from elements of an operand: filled, drawn, or the rank of a tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.errors import RunError
from nir.ir import ElementType, Operation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INT32
from nir.ops.profiles import Array, Profile

MAXIMUM_ELEMENTS = 2**31
"""Bound on elements of a tensor whose shape is found when run, so that nonsense does not eat the memory."""


class Fill(Operation, name="fill", nnapi=100):
    """A tensor of a shape that is found when run, with one value in all its elements.

    Where the shape is known, the declared result type says so; it is checked when run.

        func @example() -> tensor<2x3xf32> {
          %shape = const dense<[2, 3]> : tensor<2xi32>
          %value = const dense<1.5> : tensor<f32>
          %0 = fill(%shape, %value) : tensor<2x3xf32>
          return %0
        }
    """

    __slots__ = ()

    shape: Value = operand("the size of each dimension", INT32, rank=1)
    value: Value = operand("a scalar", FLOATS | INT32, rank=0)
    output: Value = result("the filled tensor", like="value", quantisation=QuantisationRule.SAME)

    @constraint("C1: the number of dimensions is known", at="shape")
    def rank_is_known(self) -> bool:
        return self.shape.shape[0] is not None

    def infer_shapes(self) -> Sequence[Shape]:
        return [(None,) * (self.shape.shape[0] or 0)]

    def reference(self, profile: Profile, shape: Array, value: Array) -> Array:
        sizes = shape.tolist()
        if min(sizes, default=0) < 0 or np.prod(shape, dtype=np.float64) > MAXIMUM_ELEMENTS:
            raise RunError(
                f"cannot fill the shape {sizes}", expected=f"sizes >= 0, {MAXIMUM_ELEMENTS} elements at most"
            )
        return np.full(sizes, value)


class Rank(Operation, name="rank", nnapi=101):
    """The number of dimensions of a tensor, as a scalar.

    func @example(%x: tensor<2x3x4xf32>) -> tensor<i32> {
      %0 = rank(%x) : tensor<i32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    output: Value = result("the number", elements=ElementType.I32, quantisation=QuantisationRule.NONE)

    def infer_shapes(self) -> Sequence[Shape]:
        return [()]

    def reference(self, profile: Profile, input: Array) -> Array:
        return np.asarray(input.ndim, np.int32)


class RandomMultinomial(Operation, name="random_multinomial", nnapi=74):
    """Draws classes at random: class c with probability softmax(logits)[c], independently.

    The same seed gives the same numbers on every machine: uniform numbers of Philox 4x64 (numpy's `Philox`, with the
    seed as entropy of its `SeedSequence`), taken row by row, look up the cumulative probabilities. NNAPI leaves the
    generator open.

        func @example(%logits: tensor<2x5xf32>) -> tensor<2x16xi32> {
          %0 = random_multinomial(%logits) {samples = 16, seed = [37, 42]} : tensor<2x16xi32>
          return %0
        }
    """

    __slots__ = ()

    logits: Value = operand("unnormalised log probabilities: batch, classes", FLOATS, rank=2)
    samples: int = attribute("how many classes to draw in each row", minimum=1)
    seed: tuple[int, int] = attribute("of the generator: two 32-bit integers")
    output: Value = result(
        "the classes drawn: batch, samples", elements=ElementType.I32, quantisation=QuantisationRule.NONE
    )

    @constraint("C1: the seed is given: [0, 0] asks NNAPI for another one in every run", at="seed")
    def seed_is_given(self) -> bool:
        return self.seed != (0, 0)

    @constraint("C2: the seed is two 32-bit integers", at="seed")
    def seed_fits(self) -> bool:
        return all(-(2**31) <= number < 2**31 for number in self.seed)

    @constraint("C3: there is a class to draw", at="logits")
    def has_classes(self) -> bool:
        return self.logits.shape[1] != 0

    def infer_shapes(self) -> Sequence[Shape]:
        return [(self.logits.shape[0], self.samples)]

    def reference(self, profile: Profile, logits: Array) -> Array:
        entropy = [number % 2**32 for number in self.seed]
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
        real = logits.astype(np.float64)
        weights = np.exp(real - real.max(axis=1, keepdims=True, initial=-np.inf))
        total = np.cumsum(weights, axis=1)
        drawn = generator.random((len(logits), self.samples)) * total[:, -1:]
        output = np.empty(drawn.shape, np.int32)
        for row, (cumulative, numbers) in enumerate(zip(total, drawn, strict=True)):
            # Rounding can bring a number up to the total, which no class exceeds.
            output[row] = np.minimum(np.searchsorted(cumulative, numbers, side="right"), len(cumulative) - 1)
        return output


OPERATORS: tuple[type[Operation], ...] = (Fill, RandomMultinomial, Rank)
