"""Resizing of images."""

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
from nir.ir.types import Dimension
from nir.ops import resizing
from nir.ops.common import Layout
from nir.ops.families import PerTensorOperation
from nir.ops.memory import check_allocation
from nir.ops.profiles import Array, Profile, TfliteProfile, XnnpackProfile


class Resizing(PerTensorOperation):
    """Base of operators that resize images to a size, or by a factor, along height and width."""

    __slots__ = ()

    input: Value = operand("images", rank=4)
    size: tuple[int, int] | None = attribute("height and width of the result", default=None, minimum=1)
    factors: tuple[float, float] | None = attribute(
        "factors of height and width in place of a size; the product is rounded down", default=None
    )
    align_corners: bool = attribute("whether the centres of the corner pixels coincide", default=False)
    half_pixel_centers: bool = attribute("whether a pixel's coordinate is that of its centre", default=False)
    layout: Layout = attribute("order of the dimensions of operand and result", default=Layout.NHWC)
    output: Value = result("the resized images", quantisation=QuantisationRule.SAME)

    @constraint("C1: either a size or factors are given", at="size")
    def size_or_factors(self) -> bool:
        return (self.size is None) != (self.factors is None)

    @constraint("C2: corners are not aligned where pixels are counted by their centres", at="align_corners")
    def one_alignment(self) -> bool:
        return not (self.align_corners and self.half_pixel_centers)

    def spatial_axes(self) -> tuple[int, int]:
        """Dimension numbers of height and width."""
        return (1, 2) if self.layout is Layout.NHWC else (2, 3)

    def infer_shapes(self) -> Sequence[Shape]:
        shape = list(self.input.shape)
        for index, axis in enumerate(self.spatial_axes()):
            shape[axis] = self._resized(shape[axis], index)
        return [tuple(shape)]

    def _resized(self, size: Dimension, index: int) -> Dimension:
        if size == 0:
            raise InferenceError("there is no pixel to take", at="input")
        if self.size is not None:
            return self.size[index]
        if self.factors is None:
            raise InferenceError("neither a size nor factors are given", at="size")
        if size is None:
            return None
        resized = np.float32(size) * np.float32(self.factors[index])
        if not 1 <= resized < 2**31:
            raise InferenceError(f"{size} pixels times {self.factors[index]} is no size of an image", at="factors")
        return int(resized)

    def coordinates(self, size: int, resized: int, centre: float) -> Array:
        """For each pixel of the result its place among the `size` ones of the operand, in float32.

        `centre` is taken off again where pixels are counted by their centres. Raises `MemoryError` for sizes that
        are beyond memory.
        """
        check_allocation([resized], np.float32)  # numpy's ranges near 2^63 are empty
        aligned = self.align_corners and resized > 1
        scale = np.float32(size - 1 if aligned else size) / np.float32(resized - 1 if aligned else resized)
        places = np.arange(resized, dtype=np.float32)
        if self.half_pixel_centers:
            return (places + np.float32(0.5)) * scale - np.float32(centre)
        return places * scale


class ResizeBilinear(Resizing, name="resize_bilinear", nnapi=23):
    """Resizes images, interpolating linearly between the four nearest pixels.

    func @example(%x: tensor<1x4x4x3xf32>) -> tensor<1x8x6x3xf32> {
      %0 = resize_bilinear(%x) {size = [8, 6], half_pixel_centers = true} : tensor<1x8x6x3xf32>
      return %0
    }
    """

    __slots__ = ()

    def reference(self, profile: Profile, input: Array) -> Array:
        sizes = self._result_sizes(input)
        if (
            input.dtype.kind in "iu"
            and input.dtype.itemsize < 4
            and isinstance(profile, (TfliteProfile, XnnpackProfile))
        ):
            return self._stored(profile, input, sizes)
        with np.errstate(all="ignore"):
            real = profile.dequantise(input, self.input.type)
            for axis, resized in zip(self.spatial_axes(), sizes, strict=True):
                real = self._interpolate(real, axis, resized)
            return profile.quantise(real, self.output.type)

    def _stored(self, profile: Profile, input: Array, sizes: list[int]) -> Array:
        """Interpolates stored integers as TFLite's kernels for signed and unsigned ones do, or XNNPACK's."""
        axes = self.spatial_axes()
        pairs = [(input.shape[axis], resized) for axis, resized in zip(axes, sizes, strict=True)]
        if not isinstance(profile, TfliteProfile):
            rows, columns = (resizing.eleven_bit_taps(size, self.coordinates(size, n, 0.5)) for size, n in pairs)
            return resizing.interpolate_eleven_bits(input, rows, columns, axes)
        if input.dtype.kind == "u":
            rows, columns = (resizing.float_taps(size, self.coordinates(size, n, 0.5)) for size, n in pairs)
            return resizing.interpolate_float(input, rows, columns, axes)
        flags = self.align_corners, self.half_pixel_centers
        rows, columns = (resizing.fixed_taps(size, n, *flags) for size, n in pairs)
        return resizing.interpolate_fixed(input, rows, columns, axes)

    def _result_sizes(self, input: Array) -> list[int]:
        """Height and width of the result for an operand of known size."""
        return [self._resized(input.shape[axis], index) or 0 for index, axis in enumerate(self.spatial_axes())]

    def _interpolate(self, real: Array, axis: int, resized: int) -> Array:
        size = real.shape[axis]
        places = self.coordinates(size, resized, 0.5)
        below = np.floor(places)
        weight = (places - below).reshape([-1 if d == axis else 1 for d in range(real.ndim)])
        low = np.clip(below, 0, size - 1).astype(np.intp)
        high = np.clip(below + 1, 0, size - 1).astype(np.intp)
        first, second = real.take(low, axis), real.take(high, axis)
        second -= first
        second *= weight
        first += second
        return first


class ResizeNearestNeighbor(Resizing, name="resize_nearest_neighbor", traits={Trait.MOVES}, nnapi=94):
    """Resizes images, taking the nearest pixel.

    func @example(%x: tensor<1x2x2x3xu8>) -> tensor<1x4x4x3xu8> {
      %0 = resize_nearest_neighbor(%x) {size = [4, 4]} : tensor<1x4x4x3xu8>
      return %0
    }
    """

    __slots__ = ()

    def reference(self, profile: Profile, input: Array) -> Array:
        for index, axis in enumerate(self.spatial_axes()):
            size = input.shape[axis]
            places = self.coordinates(size, self._resized(size, index) or 0, 0.0)
            nearest = np.floor(places + np.float32(0.5)) if self.align_corners else np.floor(places)
            input = input.take(np.clip(nearest, 0, size - 1).astype(np.intp), axis)
        return input


OPERATORS: tuple[type[Operation], ...] = (ResizeBilinear, ResizeNearestNeighbor)
