"""Operators that look rows up: by index, by key, and by locality-sensitive hashing."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import numpy as np

from nir.errors import RunError
from nir.ir import (
    ElementType,
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
from nir.ir.types import FLOATS, INT32, QUANTISED_8
from nir.ops.axes import merge_dimension
from nir.ops.families import PerTensorOperation
from nir.ops.farmhash import fingerprint64
from nir.ops.profiles import Array, Profile

NUMBERS = FLOATS | INT32 | QUANTISED_8


class EmbeddingLookup(PerTensorOperation, name="embedding_lookup", traits={Trait.MOVES}, nnapi=7):
    """Slices of a tensor at given indices of its first dimension. An index out of range is an error when run.

    func @example(%values: tensor<3x2xf32>) -> tensor<4x2xf32> {
      %rows = const dense<[2, 0, 1, 2]> : tensor<4xi32>
      %0 = embedding_lookup(%rows, %values) : tensor<4x2xf32>
      return %0
    }
    """

    __slots__ = ()

    lookups: Value = operand("indices in [0, rows)", INT32, rank=1)
    values: Value = operand("the rows: two dimensions or more", NUMBERS)
    output: Value = result("one row per index", like="values", quantisation=QuantisationRule.SAME)

    @constraint("C1: the values have two dimensions or more", at="values")
    def values_have_rows(self) -> bool:
        return self.values.type.rank >= 2

    def infer_shapes(self) -> Sequence[Shape]:
        return [(*self.lookups.shape, *self.values.shape[1:])]

    def reference(self, profile: Profile, lookups: Array, values: Array) -> Array:
        wrong = lookups[(lookups < 0) | (lookups >= len(values))]
        if wrong.size:
            raise RunError(f"embedding_lookup: index {wrong[0]} lies outside of the {len(values)} rows")
        return values[lookups]


class HashtableLookup(PerTensorOperation, name="hashtable_lookup", nnapi=10):
    """Slices of a tensor at given keys; a key that is not there gives stored zeros and a hit of 0.

    Keys are in ascending order.

        func @example(%values: tensor<3x2xf32>) -> (tensor<4x2xf32>, tensor<4xu8, scale=1.0, zero_point=0>) {
          %wanted = const dense<[1234, -292, -11, 0]> : tensor<4xi32>
          %keys = const dense<[-11, 0, 1234]> : tensor<3xi32>
          %0, %1 = hashtable_lookup(%wanted, %keys, %values)
              : (tensor<4x2xf32>, tensor<4xu8, scale=1.0, zero_point=0>)
          return %0, %1
        }
    """

    __slots__ = ()

    lookups: Value = operand("the keys to find", INT32, rank=1)
    keys: Value = operand("the keys there are, ascending", INT32, rank=1)
    values: Value = operand("one slice per key", NUMBERS)
    output: Value = result("one slice per key to find", like="values", quantisation=QuantisationRule.SAME)
    hits: Value = result("1 where the key is there, else 0", elements=ElementType.U8, quantisation=QuantisationRule.ONE)

    def infer_shapes(self) -> Sequence[Shape]:
        if not self.values.shape:
            raise InferenceError("the values are a scalar, not a slice for each key", at="values")
        message = "there is not one slice for each key"
        merge_dimension(self.keys.shape[0], self.values.shape[0], message, at="values")
        return [(*self.lookups.shape, *self.values.shape[1:]), self.lookups.shape]

    def reference(self, profile: Profile, lookups: Array, keys: Array, values: Array) -> tuple[Array, Array]:
        if (keys[1:] < keys[:-1]).any():
            raise RunError("hashtable_lookup: the keys are not in ascending order")
        output = np.zeros((len(lookups), *values.shape[1:]), values.dtype)
        places = np.searchsorted(keys, lookups)
        hits = np.zeros(len(lookups), bool)
        inside = places < len(keys)
        hits[inside] = keys[places[inside]] == lookups[inside]
        output[hits] = values[places[hits]]
        return output, hits.astype(np.uint8)


class Projection(enum.Enum):
    """How the bits of an LSH projection are given: NNAPI's types 1, 2 and 3."""

    SPARSE_WITHOUT_OFFSET = "sparse_without_offset"
    DENSE = "dense"
    SPARSE = "sparse"


class LshProjection(Operation, name="lsh_projection", nnapi=15):
    """Projects a tensor to bits by locality-sensitive hashing.

    A bit is 1 where the weighted sum, over the slices of the first dimension, of the FarmHash64 fingerprints (as
    signed integers) of the seed followed by the stored bytes of the slice is positive. `sparse` makes one number of
    each hash function's bits and adds i * 2^bits for function i, so that the numbers of different functions differ;
    `sparse_without_offset` does not add it; `dense` gives each bit by itself.

        func @example(%x: tensor<3x2xi32>, %weights: tensor<3xf32>) -> tensor<8xi32> {
          %seeds = const dense<[[0.123, 0.456], [-0.321, -0.654], [1.234, 5.678], [-4.321, -8.765]]> : tensor<4x2xf32>
          %0 = lsh_projection(%seeds, %x, %weights) {projection = dense} : tensor<8xi32>
          return %0
        }
    """

    __slots__ = ()

    seeds: Value = operand("a seed per hash function and bit", FLOATS, rank=2)
    input: Value = operand("what is hashed, slice by slice of the first dimension")
    weights: Value | None = operand("a factor per slice; 1 where left out", FLOATS, rank=1, optional=True)
    projection: Projection = attribute("how the bits are given", default=Projection.SPARSE)
    output: Value = result(
        "an integer per hash function, or per bit where dense",
        elements=ElementType.I32,
        quantisation=QuantisationRule.NONE,
    )

    @constraint("C1: a sparse projection has no weights, and a dense one has", at="weights")
    def weights_agree(self) -> bool:
        return (self.weights is not None) == (self.projection is Projection.DENSE)

    @constraint("C2: a hash function has from 1 to 32 bits, so that its number can be stored", at="seeds")
    def bits_fit(self) -> bool:
        bits = self.seeds.shape[1]
        return bits is None or self.projection is Projection.DENSE or 1 <= bits <= 32

    def infer_shapes(self) -> Sequence[Shape]:
        functions, bits = self.seeds.shape
        if not self.input.shape:
            raise InferenceError("a scalar has no slices", at="input")
        if self.weights is not None:
            message = "there is not one weight for each slice"
            merge_dimension(self.input.shape[0], self.weights.shape[0], message, at="weights")
        if self.projection is not Projection.DENSE:
            return [(functions,)]
        return [(None if functions is None or bits is None else functions * bits,)]

    def reference(self, profile: Profile, seeds: Array, input: Array, weights: Array | None = None) -> Array:
        functions, bits = seeds.shape
        size = math.prod(input.shape[1:])
        slices = np.ascontiguousarray(input).reshape(len(input), size).view(np.uint8)
        factors = np.ones(len(slices)) if weights is None else weights.astype(np.float64)
        set_bits = np.empty(seeds.size, np.int64)
        for i, seed in enumerate(seeds.astype(np.float32).ravel()):
            prefix = np.broadcast_to(np.frombuffer(seed.tobytes(), np.uint8), (len(slices), 4))
            values = fingerprint64(np.concatenate([prefix, slices], axis=1)).view(np.int64)
            set_bits[i] = values.astype(np.float64) @ factors > 0
        if self.projection is Projection.DENSE:
            return set_bits.astype(np.int32)
        numbers = set_bits.reshape(functions, bits) @ (1 << np.arange(bits)[::-1])
        if self.projection is Projection.SPARSE:
            numbers = numbers + (np.arange(functions) << bits)
        return numbers.astype(np.int32)

    def macs(self) -> int:
        return self.seeds.type.size * (self.input.shape[0] or 1 if self.input.shape else 1)


OPERATORS: tuple[type[Operation], ...] = (EmbeddingLookup, HashtableLookup, LshProjection)
