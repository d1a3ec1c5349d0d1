"""Bilinear interpolation of stored 8-bit and 16-bit integers, as the kernels of TFLite and XNNPACK do it.

Scale and zero point take no part: a mean of stored integers stands for the mean of their real values. It defines
no operator.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nir.ops.memory import check_allocation
from nir.ops.profiles import Array


class Taps(NamedTuple):
    """For each pixel of the result along one dimension: two pixels of the operand, and the second one's weight."""

    low: Array
    high: Array
    weight: Array

    @property
    def size(self) -> int:
        """Pixels of the result."""
        return int(self.low.size)


def corners(images: Array, rows: Taps, columns: Taps, axes: tuple[int, int]) -> tuple[Array, ...]:
    """In float32 the four neighbours of each pixel of the result: top left, top right, bottom left, bottom right."""
    top: Array = images.take(rows.low, axes[0]).astype(np.float32)
    bottom: Array = images.take(rows.high, axes[0]).astype(np.float32)
    left, right = columns.low, columns.high
    return top.take(left, axes[1]), top.take(right, axes[1]), bottom.take(left, axes[1]), bottom.take(right, axes[1])


def spread(weights: Array, axis: int, rank: int) -> Array:
    """Weights along dimension `axis`, broadcastable against images."""
    return weights.reshape([-1 if d == axis else 1 for d in range(rank)])


def float_taps(size: int, places: Array) -> Taps:
    """TFLite's taps in float32 for the coordinates `places`: the weight counts from the lower tap even where that
    is held at the edge, which then is the upper one too.
    """
    low = np.maximum(np.floor(places), 0).astype(np.int64)
    high = np.minimum(np.ceil(places), size - 1).astype(np.int64)
    low = np.minimum(low, size - 1)
    return Taps(low, np.maximum(high, 0), places - low.astype(np.float32))


def interpolate_float(images: Array, rows: Taps, columns: Taps, axes: tuple[int, int]) -> Array:
    """TFLite's kernel for unsigned integers: four weighted pixels in float32, plus one half, cut off."""
    top_left, top_right, bottom_left, bottom_right = corners(images, rows, columns, axes)
    down, across = spread(rows.weight, axes[0], images.ndim), spread(columns.weight, axes[1], images.ndim)
    one = np.float32(1)
    total = top_left * (one - down) * (one - across)
    total += bottom_left * down * (one - across)
    total += top_right * (one - down) * across
    total += bottom_right * down * across
    total += np.float32(0.5)
    return total.astype(images.dtype)


def fixed_taps(size: int, resized: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """TFLite's taps in 10-bit fixed point. Raises `MemoryError` for a size that is beyond memory."""
    check_allocation([resized], np.int64)
    if align_corners and resized > 1:
        scale = ((size - 1 << 10) + (resized - 1) // 2) // (resized - 1)
    else:
        scale = ((size << 10) + resized // 2) // resized
    places = np.arange(resized, dtype=np.int64) * scale
    if half_pixel_centers:
        places += scale // 2 - (1 << 9)
    low = np.minimum(np.maximum(places, 0) >> 10, size - 1)
    high = np.minimum(np.maximum(places + 1023, 0) >> 10, size - 1)
    return Taps(low, high, places - (low << 10))


def interpolate_fixed(images: Array, rows: Taps, columns: Taps, axes: tuple[int, int]) -> Array:
    """TFLite's kernel for signed integers: weights of 10 bits each way, the sum rounded half away from zero."""
    total = _weighted(_weighted(_widened(images), columns, axes[1], 10), rows, axes[0], 10)
    # One less where the sum is negative, so that halves go away from zero there too.
    total += (1 << 19) - (total < 0).astype(total.dtype)
    total >>= 20
    return total.astype(images.dtype)


def _widened(images: Array) -> Array:
    """In a type that holds sums with weights of 22 bits in all: 32 bits do for 8-bit pixels."""
    return images.astype(np.int32 if images.dtype.itemsize == 1 else np.int64)


def _weighted(images: Array, taps: Taps, axis: int, bits: int) -> Array:
    """Both taps along `axis`, with weights that sum to 2^bits."""
    weight = spread(taps.weight.astype(images.dtype), axis, images.ndim)
    low, high = images.take(taps.low, axis), images.take(taps.high, axis)
    high -= low
    high *= weight
    low <<= bits
    low += high
    return low


def eleven_bit_taps(size: int, places: Array) -> Taps:
    """XNNPACK's taps: coordinates held inside the image, weights of 11 bits."""
    places = np.clip(places, np.float32(0), np.float32(size - 1))
    low = places.astype(np.int64)
    weight = np.rint((places - low.astype(np.float32)) * np.float32(2**11)).astype(np.int64)
    return Taps(low, np.minimum(low + 1, size - 1), weight)


def interpolate_eleven_bits(images: Array, rows: Taps, columns: Taps, axes: tuple[int, int]) -> Array:
    """XNNPACK's kernel: along the width, then the height, 11 bits each, the sum rounded half up."""
    total = _weighted(_weighted(_widened(images), columns, axes[1], 11), rows, axes[0], 11)
    total += 1 << 21
    total >>= 22
    return total.astype(images.dtype)
