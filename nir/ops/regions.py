"""Operators that cut regions out of feature maps and bring them to one size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nir.errors import RunError
from nir.ir import Operation, QuantisationRule, Shape, Value, attribute, constraint, operand, result
from nir.ir.types import FLOATS, INT32, QUANTISED_8
from nir.ops.axes import merge_dimension
from nir.ops.boxes import check_corners
from nir.ops.common import Layout
from nir.ops.detection import BOXES, DetectionOperation, check_batch, require_size
from nir.ops.fixed_point import round_half_away
from nir.ops.profiles import Array, Profile
from nir.ops.windows import from_nhwc, image_shape, image_sizes, to_nhwc


class RegionOperation(DetectionOperation):
    """Base of operators that cut regions out of a feature map. A region beyond its image is an error when run."""

    __slots__ = ()

    input: Value = operand("feature map", FLOATS | QUANTISED_8, rank=4)
    regions: Value = operand("x1, y1, x2, y2 in pixels of the image [regions, 4]", BOXES, rank=2)
    batch: Value = operand("the image of each region", INT32, rank=1)
    size: tuple[int, int] = attribute("height and width of the result", minimum=1)
    ratios: tuple[float, float] = attribute("pixels of the image per cell of the feature map, along height, width")
    layout: Layout = attribute("order of the dimensions of input and result", default=Layout.NHWC)

    @constraint("C2: the ratios are positive", at="ratios")
    def ratios_are_positive(self) -> bool:
        return min(self.ratios) > 0

    def infer_shapes(self) -> Sequence[Shape]:
        require_size(self.regions, 4, "regions")
        message = "there is not one batch index for each region"
        count = merge_dimension(self.regions.shape[0], self.batch.shape[0], message, "batch")
        channels = image_sizes(self.input.shape, self.layout)[3]
        return [image_shape(count, *self.size, channels, self.layout)]

    def reference(self, profile: Profile, input: Array, regions: Array, batch: Array) -> Array:
        check_batch(self.name, batch, len(input))
        image = to_nhwc(input, self.layout)
        real = profile.dequantise(regions, self.regions.type)
        check_corners(self.name, real)
        cells = real.reshape(-1, 2, 2)[..., ::-1] * (np.float32(1) / np.array(self.ratios, np.float32))
        wrong = real[~((cells >= 0) & (cells <= np.array(image.shape[1:3]))).all(axis=(1, 2))]
        if len(wrong):
            raise RunError(f"{self.name}: the region {wrong[0].tolist()} reaches beyond its image")
        output = np.empty((len(regions), *self.size, image.shape[3]), self.output_dtype(profile, image))
        for region, (start, end) in enumerate(cells):
            output[region] = self.cut(profile, image[batch[region]], start, end)
        return from_nhwc(self.finished(profile, output), self.layout)

    def output_dtype(self, profile: Profile, image: Array) -> np.dtype[Any]:
        """Of what `cut` gives."""
        raise NotImplementedError(self.name)

    def cut(self, profile: Profile, image: Array, start: Array, end: Array) -> Array:
        """One region of an image [height, width, channels], corners (y, x) in cells of the feature map."""
        raise NotImplementedError(self.name)

    def finished(self, profile: Profile, output: Array) -> Array:
        """All regions, as they are stored."""
        return output


class RoiAlign(RegionOperation, name="roi_align", nnapi=81):
    """The mean of points in each bin of a region, interpolated between the cells of a feature map.

    A region is divided by the ratios, without rounding, and at least one cell high and wide. Each bin has
    `samples` points along height, width, evenly spread; 0 means as many as the bin is cells long, rounded up. Beyond
    the middle of the last cell the edge goes on.

        func @example(%x: tensor<1x8x8x2xf32>) -> tensor<2x2x2x2xf32> {
          %regions = const dense<[[2.0, 2.0, 4.0, 4.0], [0.0, 0.0, 8.0, 8.0]]> : tensor<2x4xf32>
          %batch = const dense<0> : tensor<2xi32>
          %0 = roi_align(%x, %regions, %batch) {size = [2, 2], ratios = [2.0, 2.0], samples = [4, 4]}
              : tensor<2x2x2x2xf32>
          return %0
        }
    """

    __slots__ = ()

    samples: tuple[int, int] = attribute("points per bin along height, width", default=(0, 0), minimum=0)
    output: Value = result("one map per region")

    def output_dtype(self, profile: Profile, image: Array) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def cut(self, profile: Profile, image: Array, start: Array, end: Array) -> Array:
        real = profile.dequantise(image, self.input.type)
        rows, columns = (
            _sampling_weights(real.shape[d], start[d], end[d], self.size[d], self.samples[d]) for d in (0, 1)
        )
        # Bilinear interpolation is one along each axis, and so is the mean over the points of a bin.
        return np.matmul(columns, np.tensordot(rows, real, axes=1))

    def finished(self, profile: Profile, output: Array) -> Array:
        return profile.quantise(output, self.output.type)

    def macs(self) -> int:
        points = [count or 1 for count in self.samples]
        return self.output.type.size * points[0] * points[1] * 4


def _sampling_weights(length: int, start: float, end: float, bins: int, samples: int) -> Array:
    """Weights [bins, length] that take a line of cells to the means of its bins, as float32."""
    step = np.maximum(np.float32(end - start), np.float32(1)) / np.float32(bins)
    count = samples or int(np.ceil(step))
    points = np.arange(bins, dtype=np.float32)[:, np.newaxis] * step + start
    points = points + (np.arange(count, dtype=np.float32) + np.float32(0.5)) * (step / np.float32(count))
    points = np.clip(points, 0, length - 1)
    low = np.floor(points).astype(np.int64)
    fraction = points - low.astype(np.float32)
    weights = np.zeros((bins, length + 1), np.float32)
    rows = np.arange(bins)[:, np.newaxis]
    np.add.at(weights, (rows, low), np.float32(1) - fraction)
    np.add.at(weights, (rows, low + 1), fraction)
    return weights[:, :length] / np.float32(count)


class RoiPooling(RegionOperation, name="roi_pooling", nnapi=82):
    """The maximum in each bin of a region.

    The corners of a region are divided by the ratios and rounded (halves away from zero); both belong to it. A bin
    takes in every cell that it touches; one without cells is 0 (stored: the zero point).

        func @example(%x: tensor<1x8x8x2xf32>) -> tensor<2x2x2x2xf32> {
          %regions = const dense<[[2.0, 2.0, 4.0, 4.0], [0.0, 0.0, 8.0, 8.0]]> : tensor<2x4xf32>
          %batch = const dense<0> : tensor<2xi32>
          %0 = roi_pooling(%x, %regions, %batch) {size = [2, 2], ratios = [2.0, 2.0]} : tensor<2x2x2x2xf32>
          return %0
        }
    """

    __slots__ = ()

    output: Value = result("one map per region", quantisation=QuantisationRule.SAME)

    def output_dtype(self, profile: Profile, image: Array) -> np.dtype[Any]:
        return image.dtype

    def cut(self, profile: Profile, image: Array, start: Array, end: Array) -> Array:
        quantisation = self.input.type.quantisation
        empty = image.dtype.type(quantisation.zero_point if quantisation else 0)
        output = np.full((*self.size, image.shape[2]), empty)
        rows, columns = (_bins(image.shape[d], start[d], end[d], self.size[d]) for d in (0, 1))
        for i, (top, bottom) in enumerate(rows):
            if top >= bottom:
                continue
            line = image[top:bottom].max(axis=0)
            for j, (left, right) in enumerate(columns):
                if left < right:
                    output[i, j] = line[left:right].max(axis=0)
        return output


def _bins(length: int, start: float, end: float, bins: int) -> list[tuple[int, int]]:
    """First cell and cell behind the last one of each bin, within a line of cells."""
    first, last = (round_half_away(np.float32(corner)) for corner in (start, end))
    step = np.maximum(last - first + np.float32(1), np.float32(1)) / np.float32(bins)
    places = np.arange(bins + 1, dtype=np.float32) * step + first
    starts, stops = np.floor(places[:-1]), np.ceil(places[1:])
    return list(zip(*np.clip([starts, stops], 0, length).astype(int).tolist(), strict=True))


OPERATORS: tuple[type[Operation], ...] = (RoiAlign, RoiPooling)
