"""Steps of quantised programs that sum products of stored integers, and rescale the sum."""

from __future__ import annotations

import numpy as np

from nir.testing.relay_draft import LIMITS, Array, Draft, Step, Tensor, is_quantised
from nir.testing.relay_geometry import Window, convolution_window, matrix_product, transposed_window

MODES = ("UPWARD", "TONEAREST")
_WEIGHT_SCALES = (0.01, 0.25, 0.0123)


class _Weight:
    """A drawn weight: its integers, and zero point and scale (one, or one for each channel) as arguments."""

    def __init__(self, draft: Draft, shape: tuple[int, ...], per_channel: bool = True) -> None:
        scale = np.float32(draft.choose(*_WEIGHT_SCALES))
        self.scales: Array = np.asarray(scale)
        self.scale = f"{scale}f"
        dtype, self.zero_point = draft.choose(("int8", 0), ("int8", 5), ("uint8", 131))
        if self.zero_point == 0 and per_channel and draft.choose(False, True):
            self.scales = (scale * draft.seed().uniform(0.5, 2, shape[0])).astype(np.float32)
            self.scale = draft.weight(self.scales)
        low, high = LIMITS[dtype]
        self.integers: Array = draft.seed().integers(low + (dtype == "int8"), high + 1, shape).astype(dtype)


def convolution(draft: Draft) -> None:
    """A convolution, depthwise, in groups or neither, with or without bias."""
    window = convolution_window(draft, is_quantised)
    if window is not None and draft.fits(window.shape):
        _convolved(draft, window, "qnn.conv2d")


def transposed_convolution(draft: Draft) -> None:
    """A transposed convolution."""
    window = transposed_window(draft, is_quantised)
    if window is not None and draft.fits(window.shape):
        _convolved(draft, window, "qnn.conv2d_transpose")


def _convolved(draft: Draft, window: Window, operator: str) -> None:
    x, weight = window.x, _Weight(draft, window.filter_shape)
    constant = draft.weight(np.ascontiguousarray(weight.integers.transpose(window.order)))
    sums = draft.call(
        f"{operator}({x.name}, {constant}, {x.zero_point}, {weight.zero_point}, {x.scale}f, {weight.scale}, "
        f'{window.attributes}, out_dtype="int32")',
        x,
    )
    _finished(draft, sums, x, weight.scales, window.shape, window.axis)


def dense(draft: Draft) -> None:
    """A fully connected layer."""
    x = draft.of_rank(2, is_quantised)
    if x is None:
        return
    units = draft.integer(1, 6)
    weight = _Weight(draft, (units, x.shape[1]))
    sums = draft.call(
        f"qnn.dense({x.name}, {draft.weight(weight.integers)}, {x.zero_point}, {weight.zero_point}, {x.scale}f, "
        f'{weight.scale}, units={units}, out_dtype="int32")',
        x,
    )
    _finished(draft, sums, x, weight.scales, (x.shape[0], units), 1)


def _finished(draft: Draft, sums: str, x: Tensor, scales: Array, shape: tuple[int, ...], axis: int) -> None:
    """Adds a bias or none, and brings the sums to 8 bits, at once or over 32 bits and a clip, or to floats."""
    if draft.choose(True, False):
        bias = draft.weight(draft.seed().integers(-5000, 5000, shape[axis]).astype(np.int32))
        sums = draft.call(f"nn.bias_add({sums}, {bias}, axis={axis})")
    stated = (np.float32(x.scale) * scales).astype(np.float32)
    written = draft.weight(stated) if stated.ndim else f"{float(stated):.9g}f"
    requantised(draft, sums, written, shape, axis)


def requantised(draft: Draft, sums: str, scale: str, shape: tuple[int, ...], axis: int) -> None:
    """Brings 32-bit sums of this scale to 8 bits, at once or by way of 32 bits and a clip, as importers write it."""
    out = draft.parameters(shape)
    source = f"qnn.requantize({sums}, {scale}, 0, {out.parameters}, axis={axis}, "
    options = f'rounding="{draft.choose(*MODES)}", compute_dtype="int64"'
    if draft.integer(0, 3) < 3:
        draft.result(out, f'{source}{options}, out_dtype="{out.dtype}")')
        return
    low, high = LIMITS[out.dtype]
    wide = draft.call(f'{source}{options}, out_dtype="int32")')
    bounded = draft.call(f"clip({wide}, a_min={max(low, out.zero_point)}f, a_max={high}f)")
    draft.result(out, f'cast({bounded}, dtype="{out.dtype}")')


def batch_matmul(draft: Draft) -> None:
    """A product of two stacks of matrices."""
    product = matrix_product(draft, is_quantised)
    if product is None or not draft.fits(product.shape):
        return
    x, y = product.x, product.y
    left, right = product.transposed
    sums = draft.call(
        f"qnn.batch_matmul({x.name}, {y.name}, {x.zero_point}, {y.zero_point}, {x.scale}f, {y.scale}f, "
        f'transpose_a={left}, transpose_b={right}, out_dtype="int32")',
        x,
        y,
    )
    scale = np.float32(x.scale) * np.float32(y.scale)
    requantised(draft, sums, f"{float(scale):.9g}f", product.shape, 1)


_ENDING = ("nn.bias_add", "qnn.requantize", "clip", "cast")

STEPS = (
    Step(convolution, 5, ("qnn.conv2d", *_ENDING), 5),
    Step(transposed_convolution, 5, ("qnn.conv2d_transpose", *_ENDING), 3),
    Step(dense, 6, ("reshape", "qnn.dense", *_ENDING), 3),
    Step(batch_matmul, 5, ("reshape", "qnn.batch_matmul", "qnn.requantize", "clip", "cast"), 3),
)
