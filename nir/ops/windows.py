"""Geometry of sliding windows: padding, output sizes, and views of images as windows.

Images are NHWC here; operators with `layout = nchw` transpose at their boundary. No arithmetic on elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nir.ir import InferenceError, Shape
from nir.ir.types import Dimension
from nir.ops.common import Layout, Padding, PaddingScheme
from nir.ops.memory import check_allocation

Array = np.ndarray[Any, Any]

TO_NHWC = (0, 2, 3, 1)
TO_NCHW = (0, 3, 1, 2)


@dataclass(frozen=True)
class WindowAxis:
    """How windows run along one axis: cells per window, step, distance of its cells, cells added on both sides."""

    size: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def extent(self) -> int:
        """Cells from the first to the last of a window."""
        return (self.size - 1) * self.dilation + 1

    def outputs(self, length: int) -> int:
        """Windows that fit into `length` cells and the padding; 0 or less where none does."""
        return (length + self.before + self.after - self.extent + self.stride) // self.stride

    def needed(self, outputs: int) -> int:
        """Padded cells that `outputs` windows touch, up to the last."""
        return (outputs - 1) * self.stride + self.extent


def window_axes(
    lengths: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    padding: Padding,
) -> tuple[WindowAxis, WindowAxis]:
    """The windows along height and width of an image.

    `same` pads max(0, (ceil(length / stride) - 1) * stride + extent - length) cells, the odd one at the end.
    """
    vertical, horizontal = (
        _window_axis(index, *numbers, padding)
        for index, numbers in enumerate(zip(lengths, window, strides, dilations, strict=True))
    )
    return vertical, horizontal


def _window_axis(index: int, length: int, size: int, stride: int, dilation: int, padding: Padding) -> WindowAxis:
    before, after = 0, 0
    if isinstance(padding, tuple):
        before, after = padding[2 * index], padding[2 * index + 1]
    elif padding is PaddingScheme.SAME:
        total = same_padding(length, size, stride, dilation)
        before, after = total // 2, total - total // 2
    return WindowAxis(size, stride, dilation, before, after)


def same_padding(length: int, size: int, stride: int, dilation: int = 1) -> int:
    """Cells that `same` adds in all to an axis of `length` cells."""
    outputs = -(-length // stride)
    return max(0, (outputs - 1) * stride + (size - 1) * dilation + 1 - length)


def window_outputs(
    lengths: tuple[Dimension, Dimension],
    window: tuple[Dimension, Dimension],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    padding: Padding,
) -> tuple[Dimension, Dimension]:
    """Output height and width; None for an unknown one. Raises `InferenceError` where no window fits."""
    outputs: list[Dimension] = []
    for index, numbers in enumerate(zip(lengths, window, strides, dilations, strict=True)):
        length, size, stride, dilation = numbers
        if length is None or (size is None and padding is not PaddingScheme.SAME):
            outputs.append(None)
        elif padding is PaddingScheme.SAME:
            outputs.append(-(-length // stride))
        else:
            axis = _window_axis(index, length, size or 0, stride, dilation, padding)
            outputs.append(axis.outputs(length))
            if axis.outputs(length) < 1:
                what, padded = ("height", "width")[index], length + axis.before + axis.after
                raise InferenceError(
                    f"a window of {axis.extent} does not fit into a padded {what} of {padded}", "input"
                )
    return outputs[0], outputs[1]


def known_outputs(
    lengths: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
    padding: Padding,
) -> tuple[int, int]:
    """`window_outputs` of an array: its sizes are known. Raises `InferenceError`."""
    height, width = window_outputs(lengths, window, strides, dilations, padding)
    if height is None or width is None:
        raise TypeError("sizes of arrays are known")
    return height, width


# --- layouts ---


def image_sizes(shape: Shape, layout: Layout) -> tuple[Dimension, Dimension, Dimension, Dimension]:
    """Batch, height, width and channels of a shape in `layout`."""
    if layout is Layout.NCHW:
        return shape[0], shape[2], shape[3], shape[1]
    return shape[0], shape[1], shape[2], shape[3]


def image_shape(batch: Dimension, height: Dimension, width: Dimension, channels: Dimension, layout: Layout) -> Shape:
    """The shape of an image in `layout`."""
    return (batch, channels, height, width) if layout is Layout.NCHW else (batch, height, width, channels)


def to_nhwc(image: Array, layout: Layout) -> Array:
    """The image as NHWC: a view."""
    return image.transpose(TO_NHWC) if layout is Layout.NCHW else image


def from_nhwc(image: Array, layout: Layout) -> Array:
    """The NHWC image in `layout`: a view."""
    return image.transpose(TO_NCHW) if layout is Layout.NCHW else image


# --- elements ---


def pad_image(image: Array, axes: tuple[WindowAxis, WindowAxis], value: Any, dtype: Any = None) -> Array:
    """The NHWC image with `value` around it, as `dtype`; the image itself where nothing is added or converted.

    Raises `MemoryError` where it cannot fit into memory.
    """
    dtype = image.dtype if dtype is None else np.dtype(dtype)
    vertical, horizontal = axes
    if not (vertical.before or vertical.after or horizontal.before or horizontal.after):
        return image.astype(dtype, copy=False)
    batch, height, width, channels = image.shape
    shape = (
        batch,
        height + vertical.before + vertical.after,
        width + horizontal.before + horizontal.after,
        channels,
    )
    check_allocation(shape, dtype)
    padded = np.full(shape, value, dtype)
    padded[:, vertical.before : vertical.before + height, horizontal.before : horizontal.before + width] = image
    return padded


def windows(padded: Array, axes: tuple[WindowAxis, WindowAxis], outputs: tuple[int, int]) -> Array:
    """The windows of a padded NHWC image, [batch, out height, out width, window height, window width, channels]:
    a read-only view.
    """
    vertical, horizontal = axes
    n, h, w, c = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        (padded.shape[0], *outputs, vertical.size, horizontal.size, padded.shape[3]),
        (
            n,
            h * vertical.stride,
            w * horizontal.stride,
            h * vertical.dilation,
            w * horizontal.dilation,
            c,
        ),
        writeable=False,
    )
