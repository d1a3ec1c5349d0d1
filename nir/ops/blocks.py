"""Operators that move elements between space, depth and batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.ir import Operation, QuantisationRule, Shape, Trait, Value, attribute, operand, result
from nir.ir.types import Dimension
from nir.ops.axes import divide, normal_axis, times
from nir.ops.common import Layout
from nir.ops.families import PerTensorOperation
from nir.ops.profiles import Array, Profile


class BlockOperation(PerTensorOperation):
    """Base of operators on images that are worked on in NHWC order, whatever their layout."""

    __slots__ = ()

    input: Value = operand("images", rank=4)
    layout: Layout = attribute("order of the dimensions of operand and result", default=Layout.NHWC)
    output: Value = result("the rearranged images", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        batch, height, width, channels = self._nhwc(self.input.shape)
        shape = self.block_shape(batch, height, width, channels)
        return [shape if self.layout is Layout.NHWC else tuple(shape[d] for d in (0, 3, 1, 2))]

    def _nhwc(self, shape: Shape) -> Shape:
        return shape if self.layout is Layout.NHWC else tuple(shape[d] for d in (0, 2, 3, 1))

    def reference(self, profile: Profile, input: Array) -> Array:
        if self.layout is Layout.NHWC:
            return np.ascontiguousarray(self.rearrange(input))
        moved = self.rearrange(input.transpose(0, 2, 3, 1))
        return np.ascontiguousarray(moved.transpose(0, 3, 1, 2))

    def block_shape(self, batch: Dimension, height: Dimension, width: Dimension, channels: Dimension) -> Shape:
        """Shape of the result in NHWC order. Raises `InferenceError`."""
        raise NotImplementedError(self.name)

    def rearrange(self, images: Array) -> Array:
        """The result for images in NHWC order."""
        raise NotImplementedError(self.name)


class DepthToSpace(BlockOperation, name="depth_to_space", traits={Trait.MOVES}, nnapi=5):
    """Spreads channels over squares of pixels.

    Channel (dy * block + dx) * C + c of a pixel goes to channel c of pixel (y * block + dy, x * block + dx).

        func @example(%x: tensor<1x2x2x12xf32>) -> tensor<1x4x4x3xf32> {
          %0 = depth_to_space(%x) {block = 2} : tensor<1x4x4x3xf32>
          return %0
        }
    """

    __slots__ = ()

    block: int = attribute("side of the square", minimum=1)

    def block_shape(self, batch: Dimension, height: Dimension, width: Dimension, channels: Dimension) -> Shape:
        depth = divide(channels, self.block**2, "the number of channels,", "block")
        return (batch, times(height, self.block), times(width, self.block), depth)

    def rearrange(self, images: Array) -> Array:
        batch, height, width, channels = images.shape
        side, depth = self.block, channels // self.block**2
        cells = images.reshape(batch, height, width, side, side, depth).transpose(0, 1, 3, 2, 4, 5)
        return cells.reshape(batch, height * side, width * side, depth)


class SpaceToDepth(BlockOperation, name="space_to_depth", traits={Trait.MOVES}, nnapi=26):
    """Gathers squares of pixels into channels: the inverse of depth_to_space.

    func @example(%x: tensor<1x4x4x3xf32>) -> tensor<1x2x2x12xf32> {
      %0 = space_to_depth(%x) {block = 2} : tensor<1x2x2x12xf32>
      return %0
    }
    """

    __slots__ = ()

    block: int = attribute("side of the square", minimum=1)

    def block_shape(self, batch: Dimension, height: Dimension, width: Dimension, channels: Dimension) -> Shape:
        rows = divide(height, self.block, "height", "block")
        columns = divide(width, self.block, "width", "block")
        return (batch, rows, columns, times(channels, self.block**2))

    def rearrange(self, images: Array) -> Array:
        batch, height, width, channels = images.shape
        side, rows, columns = self.block, height // self.block, width // self.block
        cells = images.reshape(batch, rows, side, columns, side, channels).transpose(0, 1, 3, 2, 4, 5)
        return cells.reshape(batch, rows, columns, side * side * channels)


class BatchToSpaceNd(BlockOperation, name="batch_to_space_nd", traits={Trait.MOVES}, nnapi=29):
    """Spreads batches over rectangles of pixels.

    Image (dy * block width + dx) * N + n goes to pixels (y * block height + dy, x * block width + dx) of image n.

        func @example(%x: tensor<4x2x2x1xf32>) -> tensor<1x4x4x1xf32> {
          %0 = batch_to_space_nd(%x) {block = [2, 2]} : tensor<1x4x4x1xf32>
          return %0
        }
    """

    __slots__ = ()

    block: tuple[int, int] = attribute("height and width of the rectangle", minimum=1)

    def block_shape(self, batch: Dimension, height: Dimension, width: Dimension, channels: Dimension) -> Shape:
        down, across = self.block
        images = divide(batch, down * across, "the number of images,", "block")
        return (images, times(height, down), times(width, across), channels)

    def rearrange(self, images: Array) -> Array:
        (down, across), (batch, height, width, channels) = self.block, images.shape
        left = batch // (down * across)
        cells = images.reshape(down, across, left, height, width, channels).transpose(2, 3, 0, 4, 1, 5)
        return cells.reshape(left, height * down, width * across, channels)


class SpaceToBatchNd(BlockOperation, name="space_to_batch_nd", traits={Trait.MOVES}, nnapi=33):
    """Pads images with real 0, then gathers rectangles of pixels into batches: the inverse of batch_to_space_nd.

    func @example(%x: tensor<1x3x4x1xf32>) -> tensor<4x2x2x1xf32> {
      %0 = space_to_batch_nd(%x) {block = [2, 2], padding = [0, 1, 0, 0]} : tensor<4x2x2x1xf32>
      return %0
    }
    """

    __slots__ = ()

    block: tuple[int, int] = attribute("height and width of the rectangle", minimum=1)
    padding: tuple[int, int, int, int] = attribute(
        "cells added at top, bottom, left, right", default=(0, 0, 0, 0), minimum=0
    )

    def block_shape(self, batch: Dimension, height: Dimension, width: Dimension, channels: Dimension) -> Shape:
        (down, across), (top, bottom, left, right) = self.block, self.padding
        rows = divide(None if height is None else height + top + bottom, down, "the padded height,", "block")
        columns = divide(None if width is None else width + left + right, across, "the padded width,", "block")
        return (times(batch, down * across), rows, columns, channels)

    def rearrange(self, images: Array) -> Array:
        (down, across), (top, bottom, left, right) = self.block, self.padding
        parameters = self.input.type.quantisation
        zero = parameters.zero_point if parameters else 0
        padded = np.pad(images, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=zero)
        batch, height, width, channels = padded.shape
        rows, columns = height // down, width // across
        cells = padded.reshape(batch, rows, down, columns, across, channels).transpose(2, 4, 0, 1, 3, 5)
        return cells.reshape(down * across * batch, rows, columns, channels)


class ChannelShuffle(PerTensorOperation, name="channel_shuffle", traits={Trait.MOVES}, nnapi=46):
    """Interleaves groups of channels: element k of group g goes to k * groups + g.

    func @example(%x: tensor<1x2x2x6xf32>) -> tensor<1x2x2x6xf32> {
      %0 = channel_shuffle(%x) {groups = 3} : tensor<1x2x2x6xf32>
      return %0
    }
    """

    __slots__ = ()

    input: Value = operand("any shape")
    groups: int = attribute("number of groups; divides the dimension", minimum=1)
    axis: int = attribute("the dimension of channels; negative counts from the end", default=-1)
    output: Value = result("the interleaved tensor", quantisation=QuantisationRule.SAME)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = self.input.shape
        axis = normal_axis(self.axis, len(shape))
        divide(shape[axis], self.groups, "the number of channels,", "groups")
        return [shape]

    def reference(self, profile: Profile, input: Array) -> Array:
        axis = normal_axis(self.axis, input.ndim)
        before, channels, after = input.shape[:axis], input.shape[axis], input.shape[axis + 1 :]
        grouped = input.reshape(*before, self.groups, channels // self.groups, *after)
        return grouped.swapaxes(axis, axis + 1).reshape(input.shape)


OPERATORS: tuple[type[Operation], ...] = (DepthToSpace, SpaceToDepth, BatchToSpaceNd, SpaceToBatchNd, ChannelShuffle)
