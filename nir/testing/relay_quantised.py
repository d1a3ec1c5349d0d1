"""Steps of quantised programs: qnn operators, and the operators on integers that stand between them."""

from __future__ import annotations

import numpy as np

from nir.testing.relay_draft import (
    LIMITS,
    Array,
    Draft,
    Tensor,
    image_shape,
    is_exact,
    is_quantised,
    spatial,
)

_MODES = ("UPWARD", "TONEAREST")
_WEIGHT_SCALES = (0.01, 0.25, 0.0123)


def _rank(tensor: Tensor, rank: int) -> bool:
    return is_quantised(tensor) and len(tensor.shape) == rank


def _integers(draft: Draft, dtype: str, *shape: int) -> Array:
    low, high = (-127, 128) if dtype == "int8" else (-5000, 5000)
    return draft.seed().integers(low, high, shape).astype(dtype)


def _weight_scale(draft: Draft, channels: int) -> tuple[str, Array]:
    """The scale of a weight, one for all or one per channel: as an argument, and as numbers."""
    scale = np.float32(draft.choose(*_WEIGHT_SCALES))
    if draft.choose(True, False):
        return f"{scale}f", np.asarray(scale)
    scales = (scale * draft.seed().uniform(0.5, 2, channels)).astype(np.float32)
    return draft.weight(scales), scales


def _requantised(draft: Draft, sums: str, x: Tensor, scales: Array, shape: tuple[int, ...], axis: int) -> None:
    """Brings the sums of products with a weight of these scales to 8 bits."""
    stated = np.float32(x.scale) * scales
    written = draft.weight(stated.astype(np.float32)) if stated.ndim else f"{float(stated):.9g}f"
    out = draft.parameters(shape)
    text = (
        f"qnn.requantize({sums}, {written}, 0, {out.parameters}, axis={axis}, "
        f'rounding="{draft.choose(*_MODES)}", compute_dtype="int64", out_dtype="{out.dtype}")'
    )
    draft.result(out, text)


def convolution(draft: Draft) -> None:
    """A convolution, depthwise or not, with or without bias, requantised."""
    layout = draft.choose("NHWC", "NCHW")
    size = draft.choose(1, 3)
    x = draft.source(lambda tensor: _rank(tensor, 4) and min(spatial(tensor, layout)[:2]) >= size)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    stride, padding = draft.choose(1, 2), draft.choose(0, size // 2)
    depthwise = channels > 1 and draft.choose(False, True)
    made = channels if depthwise else draft.integer(1, 5)
    shape = (size, size, channels, 1) if depthwise else (size, size, channels, made)
    kernel_layout = "HWOI" if depthwise else "HWIO"
    if layout == "NCHW":
        shape = (made, 1 if depthwise else channels, size, size)
        kernel_layout = "OIHW"
    high, wide = ((side + 2 * padding - size) // stride + 1 for side in (rows, columns))
    out_shape = image_shape(x.shape[0], high, wide, made, layout)
    if not draft.fits(out_shape):
        return
    scale, scales = _weight_scale(draft, made)
    weight = draft.weight(_integers(draft, "int8", *shape))
    axis = 3 if layout == "NHWC" else 1
    sums = draft.call(
        f"qnn.conv2d({x.name}, {weight}, {x.zero_point}, 0, {x.scale}f, {scale}, strides=[{stride}, {stride}], "
        f"padding=[{padding}, {padding}, {padding}, {padding}], groups={made if depthwise else 1}, channels={made}, "
        f'kernel_size=[{size}, {size}], data_layout="{layout}", kernel_layout="{kernel_layout}", out_dtype="int32")',
        x,
    )
    if draft.choose(True, False):
        sums = draft.call(f"nn.bias_add({sums}, {draft.weight(_integers(draft, 'int32', made))}, axis={axis})")
    _requantised(draft, sums, x, scales, out_shape, axis)


def dense(draft: Draft) -> None:
    """A fully connected layer, requantised."""
    x = draft.source(lambda tensor: _rank(tensor, 2))
    if x is None:
        return
    units = draft.integer(1, 6)
    scale, scales = _weight_scale(draft, units)
    weight = draft.weight(_integers(draft, "int8", units, x.shape[1]))
    sums = draft.call(
        f'qnn.dense({x.name}, {weight}, {x.zero_point}, 0, {x.scale}f, {scale}, units={units}, out_dtype="int32")', x
    )
    if draft.choose(True, False):
        sums = draft.call(f"nn.bias_add({sums}, {draft.weight(_integers(draft, 'int32', units))}, axis=1)")
    _requantised(draft, sums, x, scales, (x.shape[0], units), 1)


def clip(draft: Draft) -> None:
    """Bounds on the stored integers, among them those of fused activations."""
    x = draft.source(is_quantised)
    if x is not None:
        least, greatest = LIMITS[x.dtype]
        low, high = sorted((draft.integer(least, greatest), draft.integer(least, greatest)))
        if draft.choose(True, False):
            low, high = x.zero_point, greatest
        draft.result(x, f"clip({x.name}, a_min={low}f, a_max={high}f)", x)


def rescale(draft: Draft) -> None:
    """Other parameters for the same numbers."""
    x = draft.source(is_quantised)
    if x is not None:
        out = draft.parameters(x.shape)
        text = (
            f"qnn.requantize({x.name}, {x.parameters}, {out.parameters}, "
            f'rounding="{draft.choose(*_MODES)}", compute_dtype="int64", out_dtype="{out.dtype}")'
        )
        draft.result(out, text, x)


def arithmetic(draft: Draft) -> None:
    """Two quantised tensors of one shape and type, added, subtracted or multiplied."""
    x = draft.source(is_quantised)
    if x is None:
        return
    y = draft.source(lambda tensor: is_quantised(tensor) and (tensor.shape, tensor.dtype) == (x.shape, x.dtype)) or x
    out = draft.parameters(x.shape, x.dtype)
    operator = draft.choose("add", "subtract", "mul")
    text = f"qnn.{operator}({x.name}, {y.name}, {x.parameters}, {y.parameters}, {out.parameters})"
    draft.result(out, text, x, y)


def join(draft: Draft) -> None:
    """Tensors of different parameters behind each other."""
    x = draft.source(is_quantised)
    if x is None:
        return
    y = draft.source(lambda tensor: is_quantised(tensor) and (tensor.shape, tensor.dtype) == (x.shape, x.dtype)) or x
    axis = draft.integer(1, len(x.shape) - 1)
    out = draft.parameters((*x.shape[:axis], 2 * x.shape[axis], *x.shape[axis + 1 :]), x.dtype)
    scales, points = f"({x.scale}f, {y.scale}f)", f"({x.zero_point}, {y.zero_point})"
    text = f"qnn.concatenate(({x.name}, {y.name}), {scales}, {points}, {out.parameters}, axis={axis})"
    draft.result(out, text, x, y)


def average(draft: Draft) -> None:
    """Averages of windows in int32, as front ends write it."""
    layout = draft.choose("NHWC", "NCHW")
    x = draft.source(lambda tensor: _rank(tensor, 4) and min(spatial(tensor, layout)[:2]) >= 2)
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    wide = draft.call(f'cast({x.name}, dtype="int32")', x)
    pooled = draft.call(f'nn.avg_pool2d({wide}, pool_size=[2, 2], strides=[2, 2], layout="{layout}")')
    shape = image_shape(x.shape[0], rows // 2, columns // 2, channels, layout)
    draft.result(x, f'cast({pooled}, dtype="{x.dtype}")', shape=shape)


def mean(draft: Draft) -> None:
    """The mean of every channel in int32, requantised."""
    x = draft.source(lambda tensor: _rank(tensor, 4))
    if x is None:
        return
    wide = draft.call(f'cast({x.name}, dtype="int32")', x)
    total = draft.call(f"mean({wide}, axis=[1, 2], keepdims=True)")
    out = draft.parameters((x.shape[0], 1, 1, x.shape[3]))
    draft.result(
        out,
        f'qnn.requantize({total}, {x.parameters}, {out.parameters}, compute_dtype="int64", out_dtype="{out.dtype}")',
    )


def lookup(draft: Draft) -> None:
    """A function of every element, by table."""
    x = draft.source(lambda tensor: is_quantised(tensor))
    if x is not None:
        operator = draft.choose("tanh", "sigmoid", "hardswish", "abs")
        out = draft.parameters(x.shape, x.dtype)
        draft.result(out, f"qnn.{operator}({x.name}, {x.parameters}, {out.parameters})", x)


def leaky_relu(draft: Draft) -> None:
    """Negative numbers times a small factor."""
    x = draft.source(is_quantised)
    if x is not None:
        out = draft.parameters(x.shape, x.dtype)
        alpha = draft.choose(0.1, 0.25, 0.01)
        draft.result(out, f"qnn.leaky_relu({x.name}, {x.parameters}, {out.parameters}, alpha={alpha}f)", x)


def quantize(draft: Draft) -> None:
    """Floats to integers; only of floats that nobody doubts, since a rounding may turn on the last bit."""
    x = draft.source(is_exact)
    if x is not None:
        out = draft.parameters(x.shape)
        draft.result(out, f'qnn.quantize({x.name}, {out.parameters}, out_dtype="{out.dtype}")', x)


def dequantize(draft: Draft) -> None:
    """Integers to floats."""
    x = draft.source(is_quantised)
    if x is not None and x.scale is not None:
        made = Tensor("", x.shape, "float32", magnitude=256 * x.scale)
        draft.result(made, f'qnn.dequantize({x.name}, {x.parameters}, out_dtype="float32")', x)


STEPS = {
    convolution: 3,
    dense: 3,
    clip: 1,
    rescale: 1,
    arithmetic: 1,
    join: 1,
    average: 3,
    mean: 3,
    lookup: 1,
    leaky_relu: 1,
    dequantize: 1,
}
"""Every step, and how many operators it adds at most."""
CROSSING = {quantize: 1}
"""What needs a float tensor; it has an effect only in programs with floats."""
