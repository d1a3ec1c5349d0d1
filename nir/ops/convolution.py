"""2-D convolutions. How sums become results is in accumulating.py, how windows lie in windows.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.ir import InferenceError, Operation, Shape, Value, attribute, constraint, operand
from nir.ir.types import FLOATS, Dimension
from nir.ops.accumulating import STORED, AccumulatingOperation, Kernel, Weights
from nir.ops.common import Layout, Padding, PaddingScheme
from nir.ops.convolving import convolve, convolve_depthwise, convolve_transposed
from nir.ops.windows import (
    WindowAxis,
    from_nhwc,
    image_shape,
    image_sizes,
    known_outputs,
    same_padding,
    to_nhwc,
    window_axes,
    window_outputs,
)

Array = np.ndarray[Any, Any]


class ImageConvolution(AccumulatingOperation):
    """Base of convolutions of images: rank 4, strides, layout."""

    __slots__ = ()

    input: Value = operand("image", FLOATS | STORED, rank=4)
    strides: tuple[int, int] = attribute("step of the window along height, width", default=(1, 1), minimum=1)
    layout: Layout = attribute("order of the dimensions of input and result", default=Layout.NHWC)

    def output_channel_dimension(self) -> int:
        return 1 if self.layout is Layout.NCHW else 3

    def macs(self) -> int:
        channels = self.filter.shape[self.channel_dimension] or 1
        return self.output.type.size * (self.filter.type.size // max(channels, 1))


class SlidingConvolution(ImageConvolution):
    """Base of convolutions that slide a window over a padded image."""

    __slots__ = ()

    padding: Padding = attribute(
        "`same`, `valid`, or cells at top, bottom, left, right", default=PaddingScheme.VALID, minimum=0
    )
    dilations: tuple[int, int] = attribute(
        "distance of the window's cells along height, width", default=(1, 1), minimum=1
    )

    def infer_shapes(self) -> Sequence[Shape]:
        batch, height, width, _ = image_sizes(self.input.shape, self.layout)
        window = self.filter.shape[1], self.filter.shape[2]
        outputs = window_outputs((height, width), window, self.strides, self.dilations, self.padding)
        return [image_shape(batch, *outputs, self.filter.shape[self.channel_dimension], self.layout)]

    def axes(self, height: int, width: int, filter: Array) -> tuple[tuple[WindowAxis, WindowAxis], tuple[int, int]]:
        """Windows on an image of this size, and how many there are."""
        geometry = (height, width), filter.shape[1:3], self.strides, self.dilations, self.padding
        return window_axes(*geometry), known_outputs(*geometry)


class Conv2d(SlidingConvolution, name="conv_2d", nnapi=3):
    """2-D convolution (cross-correlation): output[n, y, x, o] = sum over i, j, c of
    input[n, y * stride + i * dilation - top, x * stride + j * dilation - left, c] * filter[o, i, j, c] + bias[o].

    Padding cells are real zeros. The filter is OHWI in either layout: output channel, height, width, input channel.

        func @example(%x: tensor<1x8x8x3xu8, scale=0.0078125, zero_point=128>)
            -> tensor<1x4x4x2xu8, scale=0.5, zero_point=0> {
          %w = const dense<[[[[12, -7, 3]]], [[[-90, 4, 127]]]]> : tensor<2x1x1x3xi8, axis=0, scales=[0.25, 0.125]>
          %b = const dense<[100, -20]> : tensor<2xi32>
          %0 = conv_2d(%x, %w, %b) {activation = relu, strides = [2, 2], padding = same}
              : tensor<1x4x4x2xu8, scale=0.5, zero_point=0>
          return %0
        }
    """

    __slots__ = ()

    filter: Value = operand("weights [output channels, height, width, input channels]", FLOATS | STORED, rank=4)

    @constraint("C1: input and filter have the same number of input channels", at="filter")
    def channels_agree(self) -> bool:
        channels = image_sizes(self.input.shape, self.layout)[3]
        return None in (channels, self.filter.shape[3]) or channels == self.filter.shape[3]

    def kernel(self, weights: Weights) -> Kernel:
        filter = weights.values
        matrix = filter.reshape(1, filter.shape[0], -1).transpose(0, 2, 1)
        return _sliding_kernel(self, weights, filter, matrix)


class GroupedConv2d(SlidingConvolution, name="grouped_conv_2d", nnapi=55):
    """2-D convolution whose channels are split evenly into groups, each convolved with its own part of the filter.

    func @example(%x: tensor<1x4x4x4xf32>, %w: tensor<6x3x3x2xf32>, %b: tensor<6xf32>) -> tensor<1x4x4x6xf32> {
      %0 = grouped_conv_2d(%x, %w, %b) {padding = same, groups = 2} : tensor<1x4x4x6xf32>
      return %0
    }
    """

    __slots__ = ()

    filter: Value = operand(
        "weights [output channels, height, width, input channels / groups]", FLOATS | STORED, rank=4
    )
    groups: int = attribute("number of groups", minimum=1)

    @constraint("C1: input channels = the filter's input channels x groups", at="filter")
    def channels_agree(self) -> bool:
        channels = image_sizes(self.input.shape, self.layout)[3]
        return None in (channels, self.filter.shape[3]) or channels == (self.filter.shape[3] or 0) * self.groups

    @constraint("C2: output channels are a multiple of groups", at="groups")
    def groups_divide(self) -> bool:
        return (self.filter.shape[0] or 0) % self.groups == 0

    def kernel(self, weights: Weights) -> Kernel:
        filter = weights.values
        matrix = filter.reshape(self.groups, filter.shape[0] // self.groups, -1).transpose(0, 2, 1)
        return _sliding_kernel(self, weights, filter, matrix)


def _sliding_kernel(op: SlidingConvolution, weights: Weights, filter: Array, matrix: Array) -> Kernel:
    """A convolution as a matrix product: `matrix` is [groups, window cells x input channels, output channels]."""
    product = convolve(weights, matrix, op.output.element.numpy)

    def run(input: Array) -> Array:
        image = to_nhwc(input, op.layout)
        axes, outputs = op.axes(image.shape[1], image.shape[2], filter)
        return from_nhwc(product(image, axes, outputs), op.layout)

    return run


class DepthwiseConv2d(SlidingConvolution, name="depthwise_conv_2d", nnapi=4):
    """2-D convolution of each channel by itself: output channel c * multiplier + q is input channel c convolved with
    filter[0, :, :, c * multiplier + q].

    The multiplier is output channels / input channels. Padding cells are real zeros.

        func @example(%x: tensor<1x4x4x2xf32>, %w: tensor<1x3x3x4xf32>, %b: tensor<4xf32>) -> tensor<1x2x2x4xf32> {
          %0 = depthwise_conv_2d(%x, %w, %b) {activation = relu6, strides = [2, 2], padding = [0, 1, 0, 1]}
              : tensor<1x2x2x4xf32>
          return %0
        }
    """

    __slots__ = ()
    channel_dimension = 3

    filter: Value = operand("weights [1, height, width, output channels]", FLOATS | STORED, rank=4)

    @constraint("C1: the first dimension of the filter is 1", at="filter")
    def filter_single(self) -> bool:
        return self.filter.shape[0] in (1, None)

    @constraint("C2: output channels are a multiple of input channels", at="filter")
    def channels_agree(self) -> bool:
        channels = image_sizes(self.input.shape, self.layout)[3]
        if None in (channels, self.filter.shape[3]):
            return True
        return channels == self.filter.shape[3] or (
            channels != 0 and (self.filter.shape[3] or 0) % (channels or 1) == 0
        )

    def kernel(self, weights: Weights) -> Kernel:
        product = convolve_depthwise(weights, self.output.element.numpy)

        def run(input: Array) -> Array:
            image = to_nhwc(input, self.layout)
            axes, outputs = self.axes(image.shape[1], image.shape[2], weights.values)
            return from_nhwc(product(image, axes, outputs), self.layout)

        return run


class TransposeConv2d(ImageConvolution, name="transpose_conv_2d", nnapi=91):
    """Transposed 2-D convolution: every input element adds its multiple of the filter to the result,
    output[n, y * stride + i - top, x * stride + j - left, o] += input[n, y, x, c] * filter[o, i, j, c]; then the bias.

    With padding in cells the result has (input - 1) * stride + window - before - after rows and columns; negative cells
    after add rows and columns. With `same` or `valid` the size is `output_size`, and `same` places it as the
    convolution of an image of that size would.

        func @example(%x: tensor<1x2x2x1xf32>, %w: tensor<3x3x3x1xf32>) -> tensor<1x4x4x3xf32> {
          %0 = transpose_conv_2d(%x, %w) {strides = [2, 2], padding = same, output_size = [4, 4]} : tensor<1x4x4x3xf32>
          return %0
        }
    """

    __slots__ = ()
    whole_windows = False

    filter: Value = operand("weights [output channels, height, width, input channels]", FLOATS | STORED, rank=4)
    padding: Padding = attribute(
        "`same`, `valid`, or cells cut off at top, bottom, left, right", default=PaddingScheme.VALID
    )
    output_size: tuple[int, int] | None = attribute(
        "height and width of the result, with `same` and `valid`", default=None, minimum=1
    )

    @constraint("C1: input and filter have the same number of input channels", at="filter")
    def channels_agree(self) -> bool:
        channels = image_sizes(self.input.shape, self.layout)[3]
        return None in (channels, self.filter.shape[3]) or channels == self.filter.shape[3]

    @constraint("C2: output_size is given with `same` and only there, or with `valid`", at="output_size")
    def size_given(self) -> bool:
        if isinstance(self.padding, tuple):
            return self.output_size is None
        return self.output_size is not None or self.padding is PaddingScheme.VALID

    @constraint("C3: cells before the image are not negative", at="padding")
    def padding_in_range(self) -> bool:
        return not isinstance(self.padding, tuple) or (self.padding[0] >= 0 and self.padding[2] >= 0)

    def infer_shapes(self) -> Sequence[Shape]:
        batch, height, width, _ = image_sizes(self.input.shape, self.layout)
        sizes: list[Dimension] = []
        for index, (length, window) in enumerate(zip((height, width), self.filter.shape[1:3], strict=True)):
            if self.output_size is not None:
                sizes.append(self.output_size[index])
            elif length is None or window is None:
                sizes.append(None)
            else:
                sizes.append(self._extent(length, window, index))
        return [image_shape(batch, sizes[0], sizes[1], self.filter.shape[0], self.layout)]

    def _extent(self, length: int, window: int, index: int) -> int:
        before, after = self.padding[2 * index : 2 * index + 2] if isinstance(self.padding, tuple) else (0, 0)
        extent = (length - 1) * self.strides[index] + window - before - after
        if extent < 1:
            raise InferenceError(f"the padding leaves {extent} cells of the result", "padding")
        return extent

    def _placement(self, index: int, length: int, window: int) -> tuple[int, int]:
        """Cells cut off before the result, and the result's size."""
        if self.output_size is None:
            before = self.padding[2 * index] if isinstance(self.padding, tuple) else 0
            return before, self._extent(length, window, index)
        size = self.output_size[index]
        same = self.padding is PaddingScheme.SAME
        return (same_padding(size, window, self.strides[index]) // 2 if same else 0), size

    def macs(self) -> int:
        return self.input.type.size * (self.filter.type.size // max(self.filter.shape[3] or 1, 1))

    def kernel(self, weights: Weights) -> Kernel:
        product = convolve_transposed(weights, self.strides, self.output.element.numpy)
        window = weights.values.shape[1:3]

        def run(input: Array) -> Array:
            image = to_nhwc(input, self.layout)
            (top, height), (left, width) = (self._placement(i, image.shape[1 + i], window[i]) for i in (0, 1))
            return from_nhwc(product(image, (top, left), (height, width)), self.layout)

        return run


OPERATORS: tuple[type[Operation], ...] = (Conv2d, DepthwiseConv2d, GroupedConv2d, TransposeConv2d)
