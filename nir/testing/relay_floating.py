"""Steps of floating-point programs, each with its Lipschitz constant and its count of roundings."""

from __future__ import annotations

import math

import numpy as np

from nir.testing.relay_draft import HALF_ULP, Draft, Tensor, image_shape, is_exact, is_float, spatial

_GREATEST = 1e4
"""Magnitudes above this are not multiplied any further."""

_FUNCTIONS = {"tanh": 16, "sigmoid": 8, "exp": 8}
"""Half units in the last place by which two libraries may differ: TVM's tanh is a rational approximation."""


def _source(draft: Draft, rank: int | None = None, magnitude: float = _GREATEST) -> Tensor | None:
    return draft.source(
        lambda tensor: (
            is_float(tensor) and tensor.magnitude <= magnitude and (rank is None or len(tensor.shape) == rank)
        )
    )


def _sums(x: Tensor, weight: np.ndarray, axes: tuple[int, ...], terms: int) -> dict[str, float]:
    """Bounds of sums of products: two summations in different orders differ by 2 n u times the sum of magnitudes."""
    amplification = float(np.abs(weight.astype(np.float64)).sum(axis=axes).max())
    magnitude = amplification * x.magnitude
    return {"magnitude": magnitude, "error": amplification * x.error + 2 * (terms + 1) * HALF_ULP * magnitude}


def _floats(draft: Draft, *shape: int) -> np.ndarray:
    return draft.seed().uniform(-1, 1, shape).astype(np.float32)


def convolution(draft: Draft) -> None:
    """A convolution, depthwise or not, with or without bias."""
    layout = draft.choose("NHWC", "NCHW")
    size = draft.choose(1, 3)
    x = draft.source(
        lambda tensor: (
            is_float(tensor)
            and len(tensor.shape) == 4
            and tensor.magnitude <= _GREATEST
            and min(spatial(tensor, layout)[:2]) >= size
        )
    )
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    stride, padding = draft.choose(1, 2), draft.choose(0, size // 2)
    depthwise = channels > 1 and draft.choose(False, True)
    made = channels if depthwise else draft.integer(1, 5)
    weight = _floats(draft, made, 1 if depthwise else channels, size, size)
    order = (0, 1, 2, 3) if layout == "NCHW" else ((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    kernel_layout = "OIHW" if layout == "NCHW" else ("HWOI" if depthwise else "HWIO")
    constant = draft.weight(np.ascontiguousarray(weight.transpose(order)))
    high, wide = ((side + 2 * padding - size) // stride + 1 for side in (rows, columns))
    text = (
        f"nn.conv2d({x.name}, {constant}, strides=[{stride}, {stride}], "
        f"padding=[{padding}, {padding}, {padding}, {padding}], groups={made if depthwise else 1}, channels={made}, "
        f'kernel_size=[{size}, {size}], data_layout="{layout}", kernel_layout="{kernel_layout}")'
    )
    bounds = _sums(x, weight, (1, 2, 3), weight[0].size)
    shape = image_shape(x.shape[0], high, wide, made, layout)
    y = draft.result(x, text, x, shape=shape, **bounds)
    if y is not None and draft.choose(True, False):
        _add_bias(draft, y, 3 if layout == "NHWC" else 1)


def _add_bias(draft: Draft, y: Tensor, axis: int) -> None:
    """A bias; as it may be added to the sum before the sum is rounded, this rounds once more on either side."""
    text = f"nn.bias_add({y.name}, {draft.weight(_floats(draft, y.shape[axis]))}, axis={axis})"
    magnitude = y.magnitude + 1
    draft.result(y, text, y, magnitude=magnitude, error=y.error + 2 * HALF_ULP * magnitude)


def dense(draft: Draft) -> None:
    """A fully connected layer."""
    x = _source(draft, rank=2)
    if x is None:
        return
    weight = _floats(draft, draft.integer(1, 6), x.shape[1])
    bounds = _sums(x, weight, (1,), weight.shape[1])
    text = f"nn.dense({x.name}, {draft.weight(weight)}, units={len(weight)})"
    y = draft.result(x, text, x, shape=(x.shape[0], len(weight)), **bounds)
    if y is not None and draft.choose(True, False):
        _add_bias(draft, y, 1)


def batch_norm(draft: Draft) -> None:
    """A batch normalisation, which implementations fold into factor and offset, and that into a convolution."""
    x = _source(draft, rank=4)
    if x is None:
        return
    axis = draft.choose(1, 3)
    gamma, beta, mean = (_floats(draft, x.shape[axis]) for _ in range(3))
    variance = np.abs(_floats(draft, x.shape[axis])) + np.float32(0.5)
    names = ", ".join(draft.weight(array) for array in (gamma, beta, mean, variance))
    made = draft.call(f"nn.batch_norm({x.name}, {names}, axis={axis})", x)
    factor = float((np.abs(gamma) / np.sqrt(variance)).max())
    magnitude = factor * (x.magnitude + 1) + 1
    # A convolution before it has all its products scaled: its own error bound covers one more rounding of each.
    error = factor * x.error + 16 * HALF_ULP * magnitude
    draft.tensors.append(Tensor(f"{made}.0", x.shape, "float32", magnitude=magnitude, error=error))


def elementwise(draft: Draft) -> None:
    """Two tensors of one shape: each operator rounds once, and correctly."""
    x = _source(draft)
    y = x and draft.source(lambda t: is_float(t) and t.shape == x.shape and t.magnitude <= _GREATEST)
    if x is None or y is None:
        return
    operator = draft.choose("add", "subtract", "multiply")
    if operator == "multiply":
        magnitude = x.magnitude * y.magnitude
        error = x.magnitude * y.error + y.magnitude * x.error
    else:
        magnitude, error = x.magnitude + y.magnitude, x.error + y.error
    draft.result(x, f"{operator}({x.name}, {y.name})", x, y, magnitude=magnitude, error=_rounded(error, magnitude))


def _rounded(error: float, magnitude: float) -> float:
    """The error after one rounding: equal operands give equal results, others are rounded on either side."""
    return error + 2 * HALF_ULP * magnitude if error else 0.0


def scaled(draft: Draft) -> None:
    """A tensor and a number."""
    x = _source(draft)
    if x is None:
        return
    operator, number = draft.choose("add", "subtract", "multiply", "divide"), draft.choose(0.5, 3.0, 0.7, -1.3)
    factor = {"multiply": abs(number), "divide": 1 / abs(number)}.get(operator, 1.0)
    magnitude = factor * x.magnitude + (abs(number) if operator in ("add", "subtract") else 0)
    error = _rounded(factor * x.error, magnitude)
    draft.result(x, f"{operator}({x.name}, {number}f)", x, magnitude=magnitude, error=error)


def activation(draft: Draft) -> None:
    """What takes no error worse: parts of the identity."""
    x = _source(draft)
    if x is not None:
        operator = draft.choose("nn.relu({})", "clip({}, a_min=0f, a_max=6f)", "abs({})", "negative({})")
        draft.result(x, operator.format(x.name), x)


def leaky_relu(draft: Draft) -> None:
    """One product for negative numbers."""
    x = _source(draft)
    if x is not None:
        text = f"nn.leaky_relu({x.name}, alpha={draft.choose(0.1, 0.25)}f)"
        draft.result(x, text, x, error=_rounded(x.error, x.magnitude))


def function(draft: Draft) -> None:
    """Transcendental functions."""
    x = _source(draft, magnitude=8)
    if x is None:
        return
    operator = draft.choose(*_FUNCTIONS)
    magnitude = math.exp(x.magnitude) if operator == "exp" else 1.0
    steepest = magnitude if operator == "exp" else 1.0
    error = steepest * x.error + 2 * _FUNCTIONS[operator] * HALF_ULP * magnitude
    draft.result(x, f"{operator}({x.name})", x, magnitude=magnitude, error=error)


def root(draft: Draft) -> None:
    """A square root, correctly rounded; its slope has no bound at 0, so only of numbers that nobody doubts."""
    x = draft.source(is_exact)
    if x is not None and draft.operators:
        size = draft.call(f"abs({x.name})", x)
        draft.result(x, f"sqrt({size})", magnitude=math.sqrt(x.magnitude) + 1)


def softmax(draft: Draft) -> None:
    """Softmax over one axis: its Jacobian's greatest row sum is 1/2."""
    x = _source(draft, magnitude=50)
    if x is not None:
        axis = draft.choose(-1, len(x.shape) - 1)
        error = 0.5 * x.error + 2 * (x.shape[-1] + 20) * HALF_ULP
        draft.result(x, f"nn.softmax({x.name}, axis={axis})", x, magnitude=1.0, error=error)


def average(draft: Draft) -> None:
    """Averages of windows or of the whole image."""
    layout = draft.choose("NHWC", "NCHW")
    x = draft.source(
        lambda tensor: is_float(tensor) and len(tensor.shape) == 4 and min(spatial(tensor, layout)[:2]) >= 2
    )
    if x is None:
        return
    rows, columns, channels = spatial(x, layout)
    if draft.choose(True, False):
        text, sides, terms = "nn.avg_pool2d({}, pool_size=[2, 2], strides=[2, 2], ", (rows // 2, columns // 2), 4
    else:
        text, sides, terms = "nn.global_avg_pool2d({}, ", (1, 1), rows * columns
    error = x.error + 2 * (terms + 1) * HALF_ULP * x.magnitude
    shape = image_shape(x.shape[0], *sides, channels, layout)
    draft.result(x, f'{text.format(x.name)}layout="{layout}")', x, shape=shape, error=error)


def reduction(draft: Draft) -> None:
    """Sum or mean along an axis."""
    x = _source(draft)
    if x is None or len(x.shape) < 2:
        return
    axis = draft.integer(1, len(x.shape) - 1)
    terms, operator = x.shape[axis], draft.choose("mean", "sum")
    factor = terms if operator == "sum" else 1
    magnitude = factor * x.magnitude
    error = factor * x.error + 2 * (terms + 1) * HALF_ULP * magnitude
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    text = f"{operator}({x.name}, axis=[{axis}], keepdims=True)"
    draft.result(x, text, x, shape=shape, magnitude=magnitude, error=error)


def choice(draft: Draft) -> None:
    """One of two tensors, by comparing numbers that nobody doubts."""
    x = draft.source(is_exact)
    y = x and draft.source(lambda tensor: is_exact(tensor) and tensor.shape == x.shape)
    if x is None or y is None:
        return
    chosen = draft.call(f"{draft.choose('greater', 'less', 'equal')}({x.name}, {y.name})", x, y)
    magnitude = max(x.magnitude, y.magnitude)
    draft.result(x, f"where({chosen}, {x.name}, {y.name})", x, y, magnitude=magnitude)


STEPS = {
    convolution: 2,
    dense: 2,
    batch_norm: 1,
    elementwise: 1,
    scaled: 1,
    activation: 1,
    leaky_relu: 1,
    function: 1,
    root: 2,
    softmax: 1,
    average: 1,
    reduction: 1,
    choice: 2,
}
"""Every step, and how many operators it adds at most."""
