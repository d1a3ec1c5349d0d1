"""The base class of operators that sum products with a filter, and exact integer sums by floating-point GEMMs.

Operands are an input, a filter and a bias. Everything that depends on filter and bias alone is prepared once
(`prepare`), so that an interpreter can keep it between runs where they are constants. Geometry is the operators'.

Integer sums are exact: q * w summed in float32 has no rounding as long as no partial sum can reach 2^24, which the
filter at hand decides (largest sum of |w| over the output channels, times the largest |q|). Longer sums are split,
or taken in float64, or in int64. The zero point of the input is not subtracted from its elements but, times
the sum of the weights, from the bias; padding cells hold the zero point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from nir.ir import ElementType, Operation, Quantisation, Trait, Value, attribute, constraint, operand, result
from nir.ir.quantisation import as_float32
from nir.ir.types import FLOATS
from nir.ops.common import Activation, Rounding
from nir.ops.profiles import Profile, ScaleProduct
from nir.ops.requantising import Finish, finish_accumulator, finish_float, finish_requantised

Array = np.ndarray[Any, Any]
Kernel = Callable[[Array], Array]
"""A prepared operation: input to result, stored elements."""

STORED = frozenset({ElementType.I8, ElementType.U8, ElementType.I16, ElementType.U16})
"""Integers that enter sums of products."""

SUMS = frozenset({*FLOATS, *STORED, ElementType.I32})
"""What sums of products may be stored as: i32 is the accumulator itself."""

BIAS_TOLERANCE = 1e-4
"""Relative difference allowed between a stated accumulator scale and input scale x filter scale: text with six
digits (Relay's) makes differences of up to 1e-5."""

BLOCK_BYTES = 1 << 19
"""Bytes of the larger side of a GEMM that are worked on at a time, so that what follows finds them in cache."""


@dataclass(frozen=True)
class Weights:
    """A filter made ready: `values` without zero point in the dtype of the sums; `padding` is the input's stored 0.

    `subtract`: what to take off each input element first. `limit`: largest magnitude of an input element then, or None
    for floats.
    """

    values: Array
    padding: int
    subtract: int
    limit: int | None
    finish: Finish

    def cells(self, input: Array) -> Array:
        """Input elements in the dtype of the sums."""
        cells = input.astype(self.values.dtype, copy=False)
        return cells - cells.dtype.type(self.subtract) if self.subtract else cells


class AccumulatingOperation(Operation):
    """Base of operators that sum products of input and filter.

    Quantised results are rescaled from the exact sum (the numeric profile says how). An `i32` result is the sum itself,
    32 bits that wrap around, of scale input scale x filter scale.
    """

    __slots__ = ()
    traits = frozenset({Trait.ACCUMULATES})

    channel_dimension: ClassVar[int] = 0
    """The filter's dimension that runs over output channels."""
    result_channel_dimension: ClassVar[int] = -1
    """The result's dimension that runs over output channels, unless the layout says otherwise."""
    single_rounding: ClassVar[bool] = False
    """True where TFLite rounds only once when rescaling."""
    whole_windows: ClassVar[bool] = True
    """True where every sum takes in the whole filter, so that the zero point can be taken off the sum."""

    input: Value = operand("activations", FLOATS | STORED, rank=4)
    filter: Value = operand("weights", FLOATS | STORED, rank=4)
    bias: Value | None = operand(
        "one number per output channel; i32 where input is integer", FLOATS | {ElementType.I32}, rank=1, optional=True
    )
    activation: Activation = attribute("applied to the result", default=Activation.NONE)
    rounding: Rounding = attribute("how the rescaled sum is rounded (relay profiles)", default=Rounding.UPWARD)
    output: Value = result("the sums", elements=SUMS)

    @constraint("A1: floats go with floats of the same type, and integers with integers", at="filter")
    def elements_agree(self) -> bool:
        if self.input.element.is_float:
            return self.filter.element is self.output.element is self.input.element
        return self.filter.element.is_integer and self.output.element.is_integer

    @constraint("A2: the bias has one element per output channel", at="bias")
    def bias_fits(self) -> bool:
        channels = self.filter.shape[self.channel_dimension]
        return self.bias is None or None in (channels, self.bias.shape[0]) or self.bias.shape[0] == channels

    @constraint("A3: the bias is i32 for integer input, and of the input's element type for float input", at="bias")
    def bias_element_agrees(self) -> bool:
        if self.bias is None:
            return True
        return self.bias.element is (self.input.element if self.input.element.is_float else ElementType.I32)

    @constraint("Q1: the input has one scale and zero point, the filter one or one per output channel", at="filter")
    def scales_per_channel(self) -> bool:
        along = self.filter.type.quantisation
        return not is_per_channel(self.input) and (along is None or along.axis in (None, self.channel_dimension))

    @constraint("Q2: an integer result other than i32 has one scale, and input and filter are quantised", at="output")
    def result_quantised(self) -> bool:
        if not self.output.element.is_integer or self.output.element is ElementType.I32:
            return True
        quantised = all(v.type.quantisation is not None for v in (self.input, self.filter, self.output))
        return quantised and not is_per_channel(self.output)

    @constraint("Q3: an i32 result is the sum itself: no activation, zero point 0", at="output")
    def sum_plain(self) -> bool:
        if self.output.element is not ElementType.I32:
            return True
        stated = self.output.type.quantisation
        return self.activation is Activation.NONE and (stated is None or not any(stated.zero_points))

    @constraint("Q4: the scale of an i32 result is input scale x filter scale", at="output")
    def sum_scale_agrees(self) -> bool:
        if self.output.element is not ElementType.I32:
            return True
        return self._is_sum_scale(self.output.type.quantisation, self.output_channel_dimension())

    @constraint("Q5: a quantised bias has zero point 0 and the scale input scale x filter scale", at="bias")
    def bias_scale_agrees(self) -> bool:
        if self.bias is None or self.bias.type.quantisation is None:
            return True
        return not any(self.bias.type.quantisation.zero_points) and self._is_sum_scale(self.bias.type.quantisation, 0)

    def output_channel_dimension(self) -> int:
        """The result's dimension that runs over output channels."""
        return self.result_channel_dimension % self.output.type.rank

    def _is_sum_scale(self, stated: Quantisation | None, axis: int) -> bool:
        """True where `stated` scales (along `axis`, if several) are those of the sums, or there are none."""
        input, filter = self.input.type.quantisation, self.filter.type.quantisation
        if stated is None or input is None or filter is None:
            return True
        fits = stated.axis in (None, axis) and (
            len(filter.scales) == 1 or len(stated.scales) in (1, len(filter.scales))
        )
        return fits and self._near(stated, input, filter)

    def _near(self, stated: Quantisation, input: Quantisation, filter: Quantisation) -> bool:
        product = input.scale * np.asarray(filter.scales, np.float64)
        difference = np.abs(np.asarray(stated.scales, np.float64) - product)
        return bool((difference <= BIAS_TOLERANCE * product + as_float32(1e-45)).all())

    # --- semantics ---

    def reference(self, profile: Profile, input: Array, filter: Array, bias: Array | None = None) -> Array:
        return self.prepare(profile, filter, bias)(input)

    def prepare(self, profile: Profile, filter: Array, bias: Array | None = None) -> Kernel:
        """The operation with its filter and bias: whatever depends on them alone is done here, once."""
        if self.input.element.is_float:
            widened = None if bias is None else bias.astype(np.float32)
            weights = Weights(filter.astype(np.float32, copy=False), 0, 0, None, finish_float(widened, self.activation))
        else:
            weights = self._integer_weights(profile, filter, bias)
        return self.kernel(weights)

    def kernel(self, weights: Weights) -> Kernel:
        """The operation's geometry applied to prepared weights."""
        raise NotImplementedError(f"{self.name}: kernel")

    def _integer_weights(self, profile: Profile, filter: Array, bias: Array | None) -> Weights:
        input_point = zero_point(self.input)
        filter_points = self.filter.type.quantisation
        weights = filter.astype(np.int64)
        if filter_points is not None:
            weights -= filter_points.broadcast_zero_points(filter.ndim)
        summed = tuple(d for d in range(filter.ndim) if d != self.channel_dimension)
        low, high = self.input.element.minimum, self.input.element.maximum
        offset = np.zeros(filter.shape[self.channel_dimension], np.int64) if bias is None else bias.astype(np.int64)
        subtract = 0
        if self.whole_windows:
            offset = offset - input_point * weights.sum(axis=summed)
        else:
            subtract, low, high = input_point, low - input_point, high - input_point
        limit = max(-low, high)
        longest = int(np.abs(weights).sum(axis=summed).max(initial=0)) * limit
        bound = longest + int(np.abs(offset).max(initial=0))
        finish = self._integer_finish(profile, offset, bound)
        return Weights(weights.astype(sum_dtype(longest)), input_point, subtract, limit, finish)

    def _integer_finish(self, profile: Profile, offset: Array, bound: int) -> Finish:
        input, filter = self.input.type.quantisation, self.filter.type.quantisation
        if self.output.element is ElementType.I32 or input is None or filter is None:
            return finish_accumulator(offset)
        bias = self.bias.type.quantisation if self.bias is not None else None
        several = filter.is_per_channel or (bias is not None and bias.is_per_channel)
        source = ScaleProduct(input.scale, filter.scales, 1 if several else None, None if bias is None else bias.scales)
        if several and not filter.is_per_channel:
            source = ScaleProduct(input.scale, filter.scales * len(offset), 1, source.stated)
        return finish_requantised(
            profile,
            source,
            self.output.type,
            offset,
            bound,
            rounding=self.rounding,
            activation=self.activation,
            single_rounding=self.single_rounding,
        )


def is_per_channel(value: Value) -> bool:
    """True for a value with a scale per slice of a dimension."""
    return value.type.quantisation is not None and value.type.quantisation.is_per_channel


def zero_point(value: Value) -> int:
    """The zero point of a value with one, or 0."""
    return 0 if value.type.quantisation is None else value.type.quantisation.zero_point


def sum_dtype(longest: int) -> Any:
    """The cheapest dtype in which whole-number sums of magnitudes up to `longest` are exact (int64 wraps around)."""
    return np.float32 if longest < 2**24 else np.float64 if longest < 2**53 else np.int64


class ExactMatrix:
    """A matrix [..., inner, outputs] to multiply rows with, in the cheapest way that keeps integer sums exact.

    Float matrices multiply as they are. One whose integer sums outgrow float32 is split along the inner dimension into
    up to four parts that do not, whose products are added in float64.
    """

    def __init__(self, matrix: Array, limit: int | None) -> None:
        self.outputs = matrix.shape[-1]
        self.parts: list[tuple[slice, Array]] = [(slice(None), np.ascontiguousarray(matrix))]
        cuts = _cuts(np.abs(matrix), limit) if matrix.dtype == np.float64 and limit is not None else None
        if cuts is not None:
            self.parts = [(cut, np.ascontiguousarray(matrix[..., cut, :], np.float32)) for cut in cuts]
        self.dtype = self.parts[0][1].dtype
        self.sum_dtype = self.dtype if len(self.parts) == 1 else np.dtype(np.float64)

    def multiply(self, rows: Array, out: Array) -> None:
        """rows [..., n, inner] of `dtype` times the matrix, into `out` [..., n, outputs] of `sum_dtype`."""
        (first, part), *rest = self.parts
        if not rest:
            np.matmul(rows, part, out=out)
            return
        np.copyto(out, np.matmul(rows[..., first], part))
        for cut, part in rest:
            np.add(out, np.matmul(rows[..., cut], part), out=out)


def _cuts(magnitudes: Array, limit: int) -> list[slice] | None:
    """Up to four stretches of the inner dimension whose sums stay below 2^24; None where more would be needed."""
    inner = magnitudes.shape[-2]
    reach = np.moveaxis(magnitudes, -2, 0).reshape(inner, -1) * limit
    cuts: list[slice] = []
    start = 0
    while start < inner:
        fitting = int((np.cumsum(reach[start:], axis=0) < 2**24).all(axis=1).sum())
        if fitting == 0 or len(cuts) == 4:
            return None
        cuts.append(slice(start, start + fitting))
        start += fitting
    return cuts
