"""Operators that no recording covers, element by element and over axes: a Relay expression, and numpy's answer.

A case is (parameters, expression, answer); the answer is computed from the inputs in the order of the parameters, and
its element type is that of the result. Inputs are drawn by the test: floats between -2 and 2, small integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Case = tuple[str, str, Callable[..., Any]]

X = "%x: Tensor[(2, 3, 4), float32]"
XY = "%x: Tensor[(3, 4), int32], %y: Tensor[(3, 4), int32]"
XB = "%x: Tensor[(3, 4), bool], %y: Tensor[(3, 4), bool]"


def _log_softmax(x: Any) -> Any:
    shifted = x - x.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def _normalised(x: Any, axes: tuple[int, ...], epsilon: float = 1e-5) -> Any:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def _group_norm(x: Any, gamma: Any, beta: Any) -> Any:
    grouped = _normalised(x.reshape(1, 2, 2, 3, 3), (2, 3, 4)).reshape(x.shape)
    return grouped * gamma.reshape(1, 4, 1, 1) + beta.reshape(1, 4, 1, 1)


def _lrn(x: Any) -> Any:
    squares = np.pad(x * x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    total = squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]
    return x / (2 + 0.3 / 3 * total) ** 0.5


ELEMENTWISE: dict[str, Case] = {
    "asin": (X, "asin(multiply(%x, 0.4f))", lambda x: np.arcsin(x * np.float32(0.4))),
    "acos": (X, "acos(multiply(%x, 0.4f))", lambda x: np.arccos(x * np.float32(0.4))),
    "asinh": (X, "asinh(%x)", np.arcsinh),
    "acosh": (X, "acosh(add(%x, 4f))", lambda x: np.arccosh(x + np.float32(4))),
    "atanh": (X, "atanh(multiply(%x, 0.4f))", lambda x: np.arctanh(x * np.float32(0.4))),
    "isinf": (X, "isinf(log(abs(multiply(%x, 0f))))", np.ones_like),
    "bitwise_not": (XY, "bitwise_not(%x)", lambda x, y: ~x),
    "bitwise_or": (XY, "bitwise_or(%x, %y)", lambda x, y: x | y),
    "left_shift": (XY, "left_shift(%x, abs(%y))", lambda x, y: x << np.abs(y)),
    "logical_or": (XB, "logical_or(%x, %y)", np.logical_or),
    "trunc_divide": (XY, "trunc_divide(%x, add(abs(%y), 1))", lambda x, y: np.trunc(x / (np.abs(y) + 1))),
    "trunc_mod": (XY, "trunc_mod(%x, add(abs(%y), 1))", lambda x, y: np.fmod(x, np.abs(y) + 1)),
    "divide truncates": (XY, "divide(%x, add(abs(%y), 1))", lambda x, y: np.trunc(x / (np.abs(y) + 1))),
    "floor_divide": (XY, "floor_divide(%x, add(abs(%y), 1))", lambda x, y: x // (np.abs(y) + 1)),
    "cast_like": (XY + ", %z: float32", "cast_like(%x, %z)", lambda x, y, z: x),
    "copy": (X, "copy(%x)", lambda x: x),
    "round": (X, "round(multiply(round(multiply(%x, 4f)), 0.5f))", lambda x: _round_away(_round_away(x * 4) / 2)),
    "round of integers": (XY, "round(%x)", lambda x, y: x),
    "reinterpret": (X, 'reinterpret(%x, dtype="int32")', lambda x: x.view(np.int32)),
    "fixed_point_multiply": (
        XY,
        "fixed_point_multiply(%x, multiplier=1610612736, shift=1)",
        lambda x, y: np.floor(x * 1.5 + 0.5),
    ),
    "fast_exp": (X, "fast_exp(%x)", np.exp),
    "fast_tanh": (X, "fast_tanh(%x)", np.tanh),
    "clip of int8": ("%x: Tensor[(9), int8]", "clip(%x, a_min=-300f, a_max=3f)", lambda x: np.minimum(x, 3)),
    "nn.leaky_relu": (X, "nn.leaky_relu(%x, alpha=0.1f)", lambda x: np.where(x > 0, x, x * np.float32(0.1))),
    "nn.log_softmax": (X, "nn.log_softmax(%x)", _log_softmax),
    "nn.fast_softmax": (X, "nn.fast_softmax(%x)", lambda x: np.exp(_log_softmax(x))),
    "nn.layer_norm": (
        X + ", %g: Tensor[(4), float32], %b: Tensor[(4), float32]",
        "nn.layer_norm(%x, %g, %b)",
        lambda x, g, b: _normalised(x, (-1,)) * g + b,
    ),
    "nn.group_norm": (
        "%x: Tensor[(1, 4, 3, 3), float32], %g: Tensor[(4), float32], %b: Tensor[(4), float32]",
        "nn.group_norm(%x, %g, %b, num_groups=2)",
        _group_norm,
    ),
    "nn.lrn": ("%x: Tensor[(1, 4, 3, 3), float32]", "nn.lrn(%x, size=3, alpha=0.3f, beta=0.5f)", _lrn),
    "nn.cross_entropy": (
        "%x: Tensor[(3, 4), float32], %y: Tensor[(3, 4), float32]",
        "nn.cross_entropy(nn.softmax(%x), %y)",
        lambda x, y: -(_log_softmax(x) * y).sum() / 3,
    ),
    "nn.cross_entropy_with_logits": (
        "%x: Tensor[(3, 4), float32], %y: Tensor[(3, 4), float32]",
        "nn.cross_entropy_with_logits(%x, %y)",
        lambda x, y: -(x * y).sum() / 3,
    ),
    "nn.l2_normalize": (
        X,
        "nn.l2_normalize(%x, eps=0.001f, axis=[1, 2])",
        lambda x: x / np.sqrt(np.maximum((x * x).sum((1, 2), keepdims=True), 0.001)),
    ),
}

REDUCTIONS: dict[str, Case] = {
    "any": ("%x: Tensor[(2, 3), bool]", "any(%x, axis=[1], keepdims=True)", lambda x: x.any(1, keepdims=True)),
    "all of all": ("%x: Tensor[(2, 3), bool]", "all(%x)", lambda x: x.all()),
    "prod": (X, "prod(%x, axis=[0, 2])", lambda x: x.prod((0, 2))),
    "mean of integers": (XY, "mean(%x, axis=[1])", lambda x, y: np.trunc(x.sum(1) / 4)),
    "mean of all": (X, "mean(%x)", lambda x: x.mean()),
    "sum of int8": (
        "%x: Tensor[(3, 200), int8]",
        "sum(%x, axis=[1])",
        lambda x: x.sum(1, dtype=np.int8),
    ),
    "cumsum": (XY, "cumsum(%x, axis=1)", lambda x, y: x.cumsum(1)),
    "cumsum exclusive": (X, "cumsum(%x, axis=2, exclusive=True)", lambda x: x.cumsum(2) - x),
    "cumsum of all": (XY, 'cumsum(%x, dtype="int64")', lambda x, y: x.cumsum()),
    "cumprod": (X, "cumprod(%x, axis=0)", lambda x: x.cumprod(0)),
    "argmax keeps axes": (X, "argmax(%x, axis=[1], keepdims=True)", lambda x: x.argmax(1)[:, np.newaxis]),
    "argmin of all": (X, "argmin(%x)", lambda x: x.argmin()),
    "argmax of the last": (
        "%x: Tensor[(2, 3), bool]",
        'argmax(cast(%x, dtype="int32"), axis=[1], select_last_index=True)',
        lambda x: 2 - x[:, ::-1].argmax(1),
    ),
    "variance unbiased": (
        X,
        "variance(%x, mean(%x, axis=[1], keepdims=True), axis=[1], unbiased=True)",
        lambda x: x.var(1, ddof=1),
    ),
    "max excluded": (X, "max(%x, axis=[-1], exclude=True, keepdims=True)", lambda x: x.max((0, 1), keepdims=True)),
    "sort": (X, "sort(%x, axis=1)", lambda x: np.sort(x, 1)),
    "sort downwards": (X, "sort(%x, is_ascend=False)", lambda x: -np.sort(-x, -1)),
    "argsort": (X, 'argsort(%x, axis=1, dtype="int32")', lambda x: np.argsort(x, 1)),
    "topk values": (X, 'topk(%x, k=2, axis=1, ret_type="values")', lambda x: -np.sort(-x, 1)[:, :2]),
    "topk upwards": (X, 'topk(%x, k=0, ret_type="values", is_ascend=True)', lambda x: np.sort(x, -1)),
}


def _round_away(x: Any) -> Any:
    return np.trunc(x + np.copysign(np.float32(0.5), x))
