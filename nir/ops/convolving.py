"""Convolutions as matrix products and sums over taps, on NHWC images, block by block.

Work goes in blocks of output rows that fit into cache: windows are gathered, multiplied, and finished (bias, activation,
rescaling) before they leave it. Knows arrays and windows, not operators.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nir.ops.accumulating import BLOCK_BYTES, ExactMatrix, Weights
from nir.ops.memory import check_allocation
from nir.ops.windows import WindowAxis, pad_image, windows

Array = np.ndarray[Any, Any]
Axes = tuple[WindowAxis, WindowAxis]
Product = Callable[[Array, Axes, tuple[int, int]], Array]
"""(image NHWC, windows, output height and width) -> result NHWC."""


def convolve(weights: Weights, matrix: Array, dtype: Any) -> Product:
    """Windows times `matrix` [groups, window cells x channels of a group, outputs of a group]; result of `dtype`."""
    product = ExactMatrix(matrix, weights.limit)
    groups, inner, outputs = matrix.shape

    def run(image: Array, axes: Axes, sizes: tuple[int, int]) -> Array:
        result = np.empty((image.shape[0], *sizes, groups * outputs), dtype)
        if _is_pointwise(axes):
            rows = image.reshape(-1, image.shape[3])
            _multiply_blocks(rows, rows.shape[0], result.reshape(-1, groups * outputs))
            return result
        padded = pad_image(image, axes, weights.padding, product.dtype)
        view = windows(padded, axes, sizes)
        for n in range(view.shape[0]):
            _multiply_blocks(view[n], sizes[0], result[n])
        return result

    def _multiply_blocks(cells: Array, length: int, result: Array) -> None:
        """Takes `cells` (windows, or rows of a matrix) and fills `result`, some of the first dimension at a time."""
        rows_each = math.prod(result.shape[1:-1])
        step = _block_length(rows_each * max(groups * inner, groups * outputs) * product.sum_dtype.itemsize)
        in_place = weights.limit is None and result.dtype == product.sum_dtype
        raw = np.empty((0 if in_place else min(step, length) * rows_each, groups * outputs), product.sum_dtype)
        for start in range(0, length, step):
            block = result[start : start + step].reshape(-1, groups * outputs)
            sums = block if in_place else raw[: block.shape[0]]
            _multiply(cells[start : start + step], sums)
            weights.finish(sums, block)

    def _multiply(cells: Array, sums: Array) -> None:
        if groups == 1:
            product.multiply(cells.astype(product.dtype, copy=False).reshape(-1, inner), sums[np.newaxis])
            return
        split = cells.reshape(*cells.shape[:-1], groups, cells.shape[-1] // groups)
        rows = np.moveaxis(split, -2, 0).reshape(groups, -1, inner).astype(product.dtype, copy=False)
        parts = np.empty((groups, rows.shape[1], outputs), product.sum_dtype)
        product.multiply(rows, parts)
        sums.reshape(-1, groups, outputs)[...] = parts.transpose(1, 0, 2)

    return run


def _is_pointwise(axes: Axes) -> bool:
    return all((a.size, a.stride, a.before, a.after) == (1, 1, 0, 0) for a in axes)


def _block_length(nbytes: int) -> int:
    """How many pieces of `nbytes` make a block."""
    return max(1, BLOCK_BYTES // max(nbytes, 1))


def convolve_depthwise(weights: Weights, dtype: Any) -> Product:
    """Each channel with its own window [1, height, width, outputs], as a sum over the window's taps."""
    filter = weights.values[0]
    outputs = filter.shape[2]

    def run(image: Array, axes: Axes, sizes: tuple[int, int]) -> Array:
        result = np.empty((image.shape[0], *sizes, outputs), dtype)
        padded = pad_image(image, axes, weights.padding, filter.dtype)
        if padded.shape[3] != outputs:
            padded = np.repeat(padded, outputs // max(padded.shape[3], 1), axis=3)
        tiles = _tiles(sizes[1], outputs)
        phases = [_Phase(padded, axes, filter, columns, tiles) for columns in _columns_by_phase(axes[1])]
        step = min(_block_length(sizes[1] * outputs * filter.dtype.itemsize), sizes[0])
        in_place = weights.limit is None and result.dtype == filter.dtype
        spare = np.empty((2, step, sizes[1] // tiles, tiles * outputs), filter.dtype)
        for n in range(image.shape[0]):
            for start in range(0, sizes[0], step):
                block = result[n, start : start + step]
                sums = block.reshape(-1, *spare.shape[2:]) if in_place else spare[0, : len(block)]
                for phase in phases:
                    phase.add(n, start, sums, spare[1, : len(block)], first=phase is phases[0])
                block = block.reshape(-1, outputs)
                weights.finish(block if in_place else sums.reshape(-1, outputs), block)
        return result

    return run


def _tiles(width: int, channels: int) -> int:
    """Output columns to take as one run of numbers: numpy's inner loops then go over columns and channels at once,
    and are long enough to be quick, short enough for the nearest cache.
    """
    return max(t for t in range(1, width + 1) if width % t == 0 and (t == 1 or t * channels <= 8192))


def _columns_by_phase(horizontal: WindowAxis) -> list[list[int]]:
    """The window's columns, grouped by their place modulo the stride: neighbouring windows have the columns of a group
    side by side, once the image is taken apart accordingly.
    """
    groups: dict[int, list[int]] = {}
    for column in range(horizontal.size):
        groups.setdefault(column * horizontal.dilation % horizontal.stride, []).append(column)
    return list(groups.values())


class _Phase:
    """Some columns of the window with the image columns under them, and the filter repeated for several windows."""

    def __init__(self, padded: Array, axes: Axes, filter: Array, columns: list[int], tiles: int) -> None:
        vertical, horizontal = axes
        first = columns[0] * horizontal.dilation
        # With stride 1 this is the padded image from its first column on, otherwise a copy of every stride-th column.
        self.cells = np.ascontiguousarray(padded[:, :, first :: horizontal.stride])
        self.scaled = np.tile(filter[:, columns], (1, 1, tiles))
        step = (columns[1] - columns[0]) * horizontal.dilation // horizontal.stride if len(columns) > 1 else 0
        # Worked out, for numpy says anything about the stride of a dimension of size 1.
        item = self.cells.itemsize
        column = self.cells.shape[3] * item
        row = self.cells.shape[2] * column
        self.row_stride = row * vertical.stride
        self.strides = (self.row_stride, column * tiles, row * vertical.dilation, column * step, item)

    def add(self, n: int, start: int, sums: Array, term: Array, first: bool) -> None:
        """Sums filter x cells for output rows from `start` on: into `sums` if `first`, else added to them."""
        shape = (*sums.shape[:2], *self.scaled.shape[:2], sums.shape[2])
        base = self.cells[n].reshape(-1)[start * self.row_stride // self.cells.itemsize :]
        cells = np.lib.stride_tricks.as_strided(base, shape, self.strides, writeable=False)
        np.einsum("hwijn,ijn->hwn", cells, self.scaled, out=sums if first else term)
        if not first:
            np.add(sums, term, out=sums)


def convolve_transposed(
    weights: Weights, strides: tuple[int, int], dtype: Any
) -> Callable[[Array, tuple[int, int], tuple[int, int]], Array]:
    """(image, cells cut off at top and left, output height and width) -> result: every pixel times the whole filter
    [outputs, height, width, inputs], added where it falls.
    """
    outputs, height, width, inner = weights.values.shape
    matrix = weights.values.transpose(3, 1, 2, 0).reshape(inner, height * width * outputs)
    product = ExactMatrix(matrix, None)

    def run(image: Array, origin: tuple[int, int], sizes: tuple[int, int]) -> Array:
        batch, rows, columns, _ = image.shape
        spread = np.empty((batch * rows * columns, height * width * outputs), product.sum_dtype)
        product.multiply(weights.cells(image).reshape(-1, inner), spread)
        spread = spread.reshape(batch, rows, columns, height, width, outputs)
        shape = (
            batch,
            max((rows - 1) * strides[0] + height, origin[0] + sizes[0]),
            max((columns - 1) * strides[1] + width, origin[1] + sizes[1]),
            outputs,
        )
        check_allocation(shape, product.sum_dtype)
        full = np.zeros(shape, product.sum_dtype)
        for i in range(height):
            for j in range(width):
                target = full[:, i : i + (rows - 1) * strides[0] + 1 : strides[0]]
                target[:, :, j : j + (columns - 1) * strides[1] + 1 : strides[1]] += spread[:, :, :, i, j]
        cut = full[:, origin[0] : origin[0] + sizes[0], origin[1] : origin[1] + sizes[1]]
        result = np.empty(cut.shape, dtype)
        weights.finish(np.ascontiguousarray(cut).reshape(-1, outputs), result.reshape(-1, outputs))
        return result

    return run
