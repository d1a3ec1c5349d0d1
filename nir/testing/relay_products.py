"""Steps of floating-point programs that sum products, each with bounds of its result.

Two summations of n products in different orders differ by at most 2 n u times the sum of magnitudes, u being half a
unit in the last place (Higham, section 3.1).
"""

from __future__ import annotations

import numpy as np

from nir.testing.relay_draft import HALF_ULP, Array, Draft, Step, Tensor, is_float
from nir.testing.relay_geometry import Window, convolution_window, matrix_product, transposed_window

GREATEST = 1e4
"""Magnitudes above this are not multiplied any further."""


def moderate(tensor: Tensor) -> bool:
    """Whether it holds floats that may be multiplied."""
    return is_float(tensor) and tensor.magnitude <= GREATEST


def random_floats(draft: Draft, *shape: int) -> Array:
    """Numbers between -1 and 1."""
    return draft.seed().uniform(-1, 1, shape).astype(np.float32)


def _sums(x: Tensor, weight: Array, axes: tuple[int, ...], terms: int) -> dict[str, float]:
    amplification = float(np.abs(weight.astype(np.float64)).sum(axis=axes).max())
    magnitude = amplification * x.magnitude
    return {"magnitude": magnitude, "error": amplification * x.error + 2 * (terms + 1) * HALF_ULP * magnitude}


def convolution(draft: Draft) -> None:
    """A convolution, depthwise, in groups or neither, with or without bias."""
    window = convolution_window(draft, moderate)
    if window is not None and draft.fits(window.shape):
        _convolved(draft, window, "nn.conv2d")


def transposed_convolution(draft: Draft) -> None:
    """A transposed convolution, with or without bias: no place gets more products than the filter has elements."""
    window = transposed_window(draft, moderate)
    if window is not None and draft.fits(window.shape):
        _convolved(draft, window, "nn.conv2d_transpose")


def _convolved(draft: Draft, window: Window, operator: str) -> None:
    weight = random_floats(draft, *window.filter_shape)
    constant = draft.weight(np.ascontiguousarray(weight.transpose(window.order)))
    bounds = _sums(window.x, weight, (1, 2, 3), weight[0].size)
    text = f"{operator}({window.x.name}, {constant}, {window.attributes})"
    y = draft.result(window.x, text, window.x, shape=window.shape, **bounds)
    if y is not None and draft.choose(True, False):
        _add_bias(draft, y, window.axis)


def _add_bias(draft: Draft, y: Tensor, axis: int) -> None:
    """A bias; as it may be added to the sum before the sum is rounded, this rounds once more on either side."""
    text = f"nn.bias_add({y.name}, {draft.weight(random_floats(draft, y.shape[axis]))}, axis={axis})"
    magnitude = y.magnitude + 1
    draft.result(y, text, y, magnitude=magnitude, error=y.error + 2 * HALF_ULP * magnitude)


def dense(draft: Draft) -> None:
    """A fully connected layer, as such or as a product of matrices."""
    x = draft.of_rank(2, moderate)
    if x is None:
        return
    weight = random_floats(draft, draft.integer(1, 6), x.shape[1])
    bounds = _sums(x, weight, (1,), weight.shape[1])
    kind = draft.choose("dense", "transposed", "plain")
    constant = draft.weight(np.ascontiguousarray(weight.T) if kind == "plain" else weight)
    text = {
        "dense": f"nn.dense({x.name}, {constant}, units={len(weight)})",
        "transposed": f"nn.matmul({x.name}, {constant}, units={len(weight)}, transpose_b=True)",
        "plain": f"nn.matmul({x.name}, {constant}, units={len(weight)})",
    }[kind]
    y = draft.result(x, text, x, shape=(x.shape[0], len(weight)), **bounds)
    if y is not None and draft.choose(True, False):
        _add_bias(draft, y, 1)


def batch_matmul(draft: Draft) -> None:
    """A product of two stacks of matrices, both of which may be inexact."""
    product = matrix_product(draft, moderate)
    if product is None:
        return
    x, y, terms = product.x, product.y, product.terms
    magnitude = terms * x.magnitude * y.magnitude
    error = terms * (x.magnitude * y.error + y.magnitude * x.error) + 2 * (terms + 1) * HALF_ULP * magnitude
    left, right = product.transposed
    text = f"nn.batch_matmul({x.name}, {y.name}, transpose_a={left}, transpose_b={right})"
    draft.floats(product.shape, text, x, y, magnitude=magnitude, error=error)


def batch_norm(draft: Draft) -> None:
    """A batch normalisation, which implementations fold into factor and offset, and that into a convolution."""
    x = draft.source(lambda tensor: moderate(tensor) and len(tensor.shape) == 4)
    if x is None:
        return
    axis = draft.choose(1, 3)
    gamma, beta, mean = (random_floats(draft, x.shape[axis]) for _ in range(3))
    variance = np.abs(random_floats(draft, x.shape[axis])) + np.float32(0.5)
    names = ", ".join(draft.weight(array) for array in (gamma, beta, mean, variance))
    made = draft.call(f"nn.batch_norm({x.name}, {names}, axis={axis})", x)
    factor = float((np.abs(gamma) / np.sqrt(variance)).max())
    magnitude = factor * (x.magnitude + 1) + 1
    # A convolution before it has all its products scaled: its own error bound covers one more rounding of each.
    error = factor * x.error + 16 * HALF_ULP * magnitude
    draft.tensors.append(Tensor(f"{made}.0", x.shape, "float32", magnitude=magnitude, error=error))


STEPS = (
    Step(convolution, 2, ("nn.conv2d", "nn.bias_add"), 5),
    Step(transposed_convolution, 2, ("nn.conv2d_transpose", "nn.bias_add"), 3),
    Step(dense, 3, ("reshape", "nn.dense", "nn.matmul", "nn.bias_add"), 4),
    Step(batch_matmul, 2, ("reshape", "nn.batch_matmul"), 3),
    Step(batch_norm, 1, ("nn.batch_norm",), 2),
)
