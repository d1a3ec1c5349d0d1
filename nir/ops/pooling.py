"""2-D pooling. Padding cells take no part: not in a maximum, nor in a sum, nor in the count that divides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import Operation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INTEGERS
from nir.ops.common import Activation, Layout, Padding, PaddingScheme
from nir.ops.profiles import Profile, QdqProfile, activate, activation_bounds
from nir.ops.windows import (
    WindowAxis,
    from_nhwc,
    image_shape,
    image_sizes,
    known_outputs,
    pad_image,
    to_nhwc,
    window_axes,
    window_outputs,
)

Array = np.ndarray[Any, Any]
Axes = tuple[WindowAxis, WindowAxis]

_NO_DILATION = (1, 1)


class Pooling(Operation):
    """Base of 2-D pooling."""

    __slots__ = ()

    input: Value = operand("image", FLOATS | INTEGERS, rank=4)
    window: tuple[int, int] = attribute("height and width of the window", minimum=1)
    strides: tuple[int, int] = attribute("step of the window along height, width", default=(1, 1), minimum=1)
    padding: Padding = attribute(
        "`same`, `valid`, or cells at top, bottom, left, right", default=PaddingScheme.VALID, minimum=0
    )
    layout: Layout = attribute("order of the dimensions of input and result", default=Layout.NHWC)
    activation: Activation = attribute("applied to the result", default=Activation.NONE)
    output: Value = result("one element per window and channel", quantisation=QuantisationRule.SAME)

    @constraint(
        "C1: every window takes in a cell of the image: fewer padding cells on each side than the window has",
        at="padding",
    )
    def windows_meet_image(self) -> bool:
        if not isinstance(self.padding, tuple):
            return True
        top, bottom, left, right = self.padding
        return max(top, bottom) < self.window[0] and max(left, right) < self.window[1]

    @constraint("Q1: quantised with one scale and zero point, or not at all", at="input")
    def quantised_per_tensor(self) -> bool:
        parameters = self.input.type.quantisation
        return parameters is None or not parameters.is_per_channel

    def infer_shapes(self) -> Sequence[Shape]:
        batch, height, width, channels = image_sizes(self.input.shape, self.layout)
        outputs = window_outputs((height, width), self.window, self.strides, _NO_DILATION, self.padding)
        return [image_shape(batch, *outputs, channels, self.layout)]

    def reference(self, profile: Profile, input: Array) -> Array:
        image = to_nhwc(input, self.layout)
        geometry = image.shape[1:3], self.window, self.strides, _NO_DILATION, self.padding
        pooled = self.pool(profile, image, window_axes(*geometry), known_outputs(*geometry))
        return from_nhwc(self._bounded(pooled), self.layout)

    def pool(self, profile: Profile, image: Array, axes: Axes, outputs: tuple[int, int]) -> Array:
        """The result for an NHWC image, before the activation, in the image's dtype."""
        raise NotImplementedError(f"{self.name}: pool")

    def _bounded(self, pooled: Array) -> Array:
        if self.activation is Activation.NONE:
            return pooled
        if pooled.dtype.kind == "f":
            return activate(pooled, self.activation)
        low, high = activation_bounds(self.input.type, self.activation)
        return np.clip(pooled, low, high)

    def macs(self) -> int:
        return self.output.type.size * self.window[0] * self.window[1]


def fold_windows(function: np.ufunc, padded: Array, axes: Axes, outputs: tuple[int, int]) -> Array:
    """`function` (such as addition) over the cells of each window: along the height first, then along the width."""
    for dimension, (axis, count) in enumerate(zip(axes, outputs, strict=True), start=1):
        if count == 1 and axis.size > 1:
            cells = padded[(slice(None),) * dimension + (slice(0, axis.size),)]
            padded = function.reduce(cells, axis=dimension, keepdims=True, dtype=padded.dtype)
            continue
        folded = _shifted(padded, dimension, 0, axis, count)
        for start in range(1, axis.size):
            cells = _shifted(padded, dimension, start, axis, count)
            folded = function(folded, cells) if start == 1 else function(folded, cells, out=folded)
        padded = folded
    return padded


def _shifted(padded: Array, dimension: int, start: int, axis: WindowAxis, count: int) -> Array:
    stop = start + (count - 1) * axis.stride + 1
    return padded[(slice(None),) * dimension + (slice(start, stop, axis.stride),)]


def window_counts(axis: WindowAxis, length: int, outputs: int) -> Array:
    """Cells of the image, without padding, under each window along one axis."""
    starts = np.arange(outputs) * axis.stride - axis.before
    return np.minimum(starts + axis.size, length) - np.maximum(starts, 0)


def cell_counts(image: Array, axes: Axes, outputs: tuple[int, int]) -> Array:
    """Cells of the image under each window, [out height, out width, 1] int64."""
    rows, columns = (window_counts(a, n, o) for a, n, o in zip(axes, image.shape[1:3], outputs, strict=True))
    return (rows[:, np.newaxis] * columns)[..., np.newaxis].astype(np.int64)


class AveragePool2d(Pooling, name="average_pool_2d", nnapi=1):
    """Mean over each window of an image.

    Integers, quantised or not, are summed as stored and divided by the count: halves away from zero, or, under the
    relay and tvm profiles, towards zero, as TVM's integer pooling does. Under `qdq` the mean is that of real values,
    but where `truncate` says that the program pools integers.

        func @example(%x: tensor<1x5x5x2xu8, scale=0.5, zero_point=128>)
            -> tensor<1x3x3x2xu8, scale=0.5, zero_point=128> {
          %0 = average_pool_2d(%x) {window = [3, 3], strides = [2, 2], padding = same}
              : tensor<1x3x3x2xu8, scale=0.5, zero_point=128>
          return %0
        }
    """

    __slots__ = ()

    truncate: bool = attribute("whether integers are averaged as stored, towards zero (profile qdq)", default=False)

    def pool(self, profile: Profile, image: Array, axes: Axes, outputs: tuple[int, int]) -> Array:
        counts = cell_counts(image, axes, outputs)
        if image.dtype.kind == "f":
            sums = fold_windows(np.add, pad_image(image, axes, 0, np.float32), axes, outputs)
            return (sums / counts.astype(np.float32)).astype(image.dtype, copy=False)
        sums = fold_windows(np.add, pad_image(image, axes, 0, np.int64), axes, outputs)
        source = self.input.type.quantisation
        if isinstance(profile, QdqProfile) and source is not None and not self.truncate:
            return profile.average(
                sums - counts * source.zero_point, counts.astype(np.float32), source, self.output.type
            )
        magnitude = np.abs(sums)
        if not profile.truncates_averages:
            magnitude += counts // 2
        return (np.sign(sums) * (magnitude // counts)).astype(image.dtype)


class MaxPool2d(Pooling, name="max_pool_2d", nnapi=17):
    """Maximum over each window of an image.

    func @example(%x: tensor<1x4x4x2xf32>) -> tensor<1x2x2x2xf32> {
      %0 = max_pool_2d(%x) {window = [2, 2], strides = [2, 2]} : tensor<1x2x2x2xf32>
      return %0
    }
    """

    __slots__ = ()

    def pool(self, profile: Profile, image: Array, axes: Axes, outputs: tuple[int, int]) -> Array:
        lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
        return fold_windows(np.maximum, pad_image(image, axes, lowest), axes, outputs)


class L2Pool2d(Pooling, name="l2_pool_2d", nnapi=12):
    """Square root of the mean of squares over each window of an image.

    func @example(%x: tensor<1x4x4x2xf32>) -> tensor<1x3x3x2xf32> {
      %0 = l2_pool_2d(%x) {window = [2, 2]} : tensor<1x3x3x2xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("image", FLOATS, rank=4)

    def pool(self, profile: Profile, image: Array, axes: Axes, outputs: tuple[int, int]) -> Array:
        padded = pad_image(image, axes, 0, np.float32)
        sums = fold_windows(np.add, padded * padded, axes, outputs)
        means = sums / cell_counts(image, axes, outputs).astype(np.float32)
        return np.sqrt(means).astype(image.dtype, copy=False)


OPERATORS: tuple[type[Operation], ...] = (AveragePool2d, L2Pool2d, MaxPool2d)
