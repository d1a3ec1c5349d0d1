"""Error rules of operators that sum, average, normalise and move elements."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nir.ir import Operation, Trait
from nir.ops.profiles import get_profile
from nir.testing.error_rules_elementwise import LIBRARY_ULPS
from nir.testing.error_terms import UNIT, Array, Rule, Step, as_float, gamma, reduced
from nir.testing.operator_hints import CONTENTS

_PROFILE = get_profile("tflite")
_INFLATION = 1 + 1e-5
"""Bounds of sums are computed by the operator itself, in float32."""


def _applied(op: Operation, *operands: Array | None) -> Array:
    """A linear operator on magnitudes."""
    arrays = [None if array is None else np.asarray(array, np.float32) for array in operands]
    return np.asarray(op.reference(_PROFILE, *arrays), np.float64) * _INFLATION


# --- products ---


def _products(step: Step) -> list[Array]:
    """|x| * e(w) + e(x) * |w| + e(x) * e(w) + e(b), and gamma(n + 1) of the sum of magnitudes."""
    plain = as_float(step.op)
    plain.attributes.pop("activation", None)
    x, w, *bias = (None if operand is None else np.abs(operand) for operand in step.operands)
    assert x is not None
    assert w is not None
    e, f = step.errors[:2]
    passed = np.zeros_like(step.results[0])
    if e.any():
        passed = passed + _applied(plain, e, w + f)
    if f.any():
        passed = passed + _applied(plain, x, f)
    if len(step.errors) > 2 and step.errors[2].any():
        dimension = step.op.output_channel_dimension()  # type: ignore[attr-defined]
        passed = passed + step.errors[2].reshape([-1 if d == dimension else 1 for d in range(passed.ndim)])
    if not step.is_float:
        return [passed]
    return [passed + gamma(_terms(step, w) + 1) * _applied(plain, x, w, *bias)]


def _terms(step: Step, w: Array) -> int:
    """Products in one sum."""
    if step.op.name == "batch_matmul":
        return w.shape[-1 if step.op.transpose_right else -2]  # type: ignore[attr-defined]
    channels = w.shape[step.op.channel_dimension]  # type: ignore[attr-defined]
    return math.ceil(w.size / max(channels, 1))


# --- reductions ---


def _axes(step: Step) -> tuple[tuple[int, ...], bool, int]:
    """Axes, whether they are kept, and elements that become one."""
    rank = step.x.ndim
    axes = tuple(sorted({axis % rank for axis in step.op.axes})) if rank else ()  # type: ignore[attr-defined]
    return axes, step.op.keep_dims, math.prod(step.x.shape[axis] for axis in axes)  # type: ignore[attr-defined]


def _reduce_sum(step: Step) -> list[Array]:
    axes, keep, count = _axes(step)
    y = step.results[0]
    own = step.local(gamma(count), reduced(np.sum, np.abs(step.x), axes, keep, y))
    return [reduced(np.sum, step.errors[0], axes, keep, y) + own]


def _mean(step: Step) -> list[Array]:
    axes, keep, count = _axes(step)
    own = step.local(gamma(count + 2), reduced(np.mean, np.abs(step.x), axes, keep, step.results[0]))
    return [reduced(np.mean, step.errors[0], axes, keep, step.results[0]) + own]


def _reduce_product(step: Step) -> list[Array]:
    axes, keep, count = _axes(step)
    magnitude = np.abs(step.x)
    y = step.results[0]
    exact = reduced(np.prod, magnitude, axes, keep, y)
    return [reduced(np.prod, magnitude + step.errors[0], axes, keep, y) - exact + step.local(gamma(count), exact)]


def _reduce_extreme(step: Step) -> list[Array]:
    axes, keep, _ = _axes(step)
    return [reduced(np.max, step.errors[0], axes, keep, step.results[0])]


def _search(step: Step) -> list[Array]:
    """Anything, where the two best are no further apart than their errors."""
    axis = step.op.axis  # type: ignore[attr-defined]
    x, e = np.moveaxis(step.x, axis, -1), np.moveaxis(step.errors[0], axis, -1).max(axis=-1)
    ordered = np.sort(x if step.op.name == "argmax" else -x, axis=-1)
    gap = ordered[..., -1] - ordered[..., -2] if x.shape[-1] > 1 else np.full(e.shape, np.inf)
    return [np.where((e > 0) & (gap <= 2 * e), np.inf, 0).reshape(step.results[0].shape)]


def _top(step: Step) -> list[Array]:
    e = np.broadcast_to(step.errors[0].max(axis=-1, keepdims=True), step.results[0].shape)
    return [e, np.where(e > 0, np.inf, 0)]


# --- windows ---


def _average(step: Step) -> list[Array]:
    plain = as_float(step.op)
    plain.attributes.pop("activation", None)
    height, width = step.op.window  # type: ignore[attr-defined]
    return [_applied(plain, step.errors[0]) + step.local(gamma(height * width + 2), _applied(plain, np.abs(step.x)))]


def _largest(step: Step) -> list[Array]:
    plain = as_float(step.op)
    plain.attributes.pop("activation", None)
    return [_applied(plain, step.errors[0])]


def _root_mean_square(step: Step) -> list[Array]:
    """A norm: by the triangle inequality it differs by at most the norm of the errors."""
    plain = as_float(step.op)
    plain.attributes.pop("activation", None)
    height, width = step.op.window  # type: ignore[attr-defined]
    return [_applied(plain, step.errors[0]) + step.local(gamma(height * width + 4), _applied(plain, np.abs(step.x)))]


def _bilinear(step: Step) -> list[Array]:
    """Weights are off by a few roundings of a coordinate, which is at most the size of the image."""
    plain = as_float(step.op)
    size = max(step.x.shape[1:], default=1)
    own = step.local((6 * size + 8) * UNIT, np.full_like(step.results[0], np.abs(step.x).max(initial=0)))
    return [_applied(plain, step.errors[0]) + own]


# --- normalisation ---


def _softmax(step: Step) -> list[Array]:
    """Relative: exponents off by d change every result by a factor within exp(-2 d) and exp(2 d)."""
    axis, beta = step.op.axis, abs(step.op.beta)  # type: ignore[attr-defined]
    y = step.results[0]
    spread = beta * (step.x.max(axis=axis, keepdims=True, initial=-np.inf) - step.x)
    exponent = beta * step.errors[0].max(axis=axis, keepdims=True, initial=0)
    if step.is_float:
        exponent = exponent + 2 * UNIT * spread.max(axis=axis, keepdims=True, initial=0)
    ulps = LIBRARY_ULPS["exp"] if step.ulps is None else step.ulps
    own = step.local(gamma(y.shape[axis]) + (4 * ulps + 2) * UNIT, y)
    return [np.abs(y) * np.expm1(np.minimum(2 * exponent, 700)) + own]


def _log_softmax(step: Step) -> list[Array]:
    axis, beta = step.op.axis, abs(step.op.beta)  # type: ignore[attr-defined]
    spread = beta * (step.x.max(axis=axis, keepdims=True) - step.x)
    own = gamma(step.x.shape[axis]) + (2 * LIBRARY_ULPS["exp"] + 2 * LIBRARY_ULPS["log"]) * UNIT * (
        1 + math.log(max(step.x.shape[axis], 1))
    )
    passed = 2 * beta * step.errors[0].max(axis=axis, keepdims=True)
    rounded = 3 * UNIT * (spread.max(axis=axis, keepdims=True) + spread) + UNIT * np.abs(step.results[0])
    return [passed + np.zeros_like(step.x) + (own + rounded if step.is_float else 0)]


def _unit_length(step: Step) -> list[Array]:
    """x / |x|: numerator and norm are off by e and |e|."""
    axis = step.op.axis  # type: ignore[attr-defined]
    y = step.results[0]
    length = np.sqrt(np.square(step.x).sum(axis=axis, keepdims=True))
    off = np.sqrt(np.square(step.errors[0]).sum(axis=axis, keepdims=True))
    room = np.maximum(length, 1e-6) - off
    passed = np.where(room > 0, (step.errors[0] + np.abs(y) * off) / np.where(room > 0, room, 1), np.inf)
    return [np.where(off > 0, passed, 0) + step.local(gamma(y.shape[axis] + 5), y)]


def _response(step: Step) -> list[Array]:
    """x / d^beta with d = bias + alpha s: relative errors of x, and of d times beta."""
    op, x, e = step.op, step.x, step.errors[0]
    axis, radius = op.axis, op.radius  # type: ignore[attr-defined]
    bias, alpha, beta = op.bias, op.alpha, op.beta  # type: ignore[attr-defined]
    squares, off = _neighbours(np.square(x), axis, radius), _neighbours(2 * np.abs(x) * e + e * e, axis, radius)
    count = min(2 * radius + 1, x.shape[axis])
    denominator = bias + alpha * squares
    magnitude = abs(bias) + abs(alpha) * squares
    change = abs(alpha) * off + step.local(gamma(count + 3), magnitude)
    room = np.abs(denominator) - change
    relative = np.where(room > 0, change / np.where(room > 0, room, 1), np.inf)
    factor = np.power(np.abs(denominator), -beta)
    exponent = np.abs(beta * np.log(np.abs(denominator)))
    passed = np.abs(x) * factor * np.expm1(np.minimum(abs(beta) * np.log1p(relative), 700))
    own = step.local((2 * LIBRARY_ULPS["pow"] + 3 + exponent) * UNIT, x * factor)
    return [passed + e * factor * (1 + relative) ** abs(beta) + own]


def _neighbours(array: Array, axis: int, radius: int) -> Array:
    """Sums of each element and its neighbours along a dimension."""
    moved = np.moveaxis(array, axis, -1)
    size = moved.shape[-1]
    total = sum(
        np.pad(moved, [(0, 0)] * (moved.ndim - 1) + [(max(-d, 0), max(d, 0))])[..., max(d, 0) : max(d, 0) + size]
        for d in range(-min(radius, size), min(radius, size) + 1)
    )
    return np.moveaxis(np.asarray(total), -1, axis)


def _instance(step: Step) -> list[Array]:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta. The deviation is a norm, so it differs by at most the norm of
    what its terms differ by.
    """
    op, x, e = step.op, step.x, step.errors[0]
    axes = (1, 2) if op.layout.value == "nhwc" else (2, 3)  # type: ignore[attr-defined]
    count = math.prod(x.shape[axis] for axis in axes)

    def mean(array: Array) -> Array:
        return np.asarray(array.mean(axis=axes, keepdims=True))

    centred = x - mean(x)
    deviation = np.sqrt(mean(np.square(centred)) + op.epsilon)  # type: ignore[attr-defined]
    off = e + mean(e) + gamma(count + 2) * mean(np.abs(x)) + UNIT * np.abs(centred)
    spread = np.sqrt(mean(np.square(off))) + gamma(count + 6) * deviation
    room = deviation - spread
    quotient = np.abs(centred) / deviation
    passed = np.where(room > 0, (off + quotient * spread) / np.where(room > 0, room, 1), np.inf)
    scale = abs(op.gamma)  # type: ignore[attr-defined]
    own = 4 * UNIT * (scale * quotient + np.abs(step.results[0]))
    return [scale * passed + own]


# --- moves ---


def moves(step: Step) -> list[Array]:
    """What an operator that moves elements does to them, it does to their errors; padding has none."""
    op = step.op
    plain = as_float(op, **({"value": 0.0} if "value" in op.attributes else {}))
    fields, last = op.operand_fields, len(op.operand_fields) - 1
    operands: list[Array] = []
    for index, (array, error) in enumerate(zip(step.stored, step.errors, strict=True)):
        name = fields[min(index, last)].name
        assert array is not None
        operands.append(array if (op.name, name) in CONTENTS else error.astype(np.float32))
    outcome = plain.reference(_PROFILE, *operands)
    arrays = outcome if isinstance(outcome, tuple) else (outcome,)
    return [np.asarray(array, np.float64) * _INFLATION for array in arrays]


def _found(step: Step) -> list[Array]:
    """Slices of a table, and whether there was one."""
    return [moves(step)[0], np.zeros_like(step.results[1])]


def _filled(step: Step) -> list[Array]:
    return [np.full_like(step.results[0], step.errors[1].max(initial=0))]


RULES: Mapping[str, Rule] = {
    "hashtable_lookup": _found,
    "fill": _filled,
    **dict.fromkeys(
        (
            "conv_2d",
            "depthwise_conv_2d",
            "grouped_conv_2d",
            "transpose_conv_2d",
            "fully_connected",
            "batch_matmul",
        ),
        _products,
    ),
    "reduce_sum": _reduce_sum,
    "mean": _mean,
    "reduce_prod": _reduce_product,
    "reduce_max": _reduce_extreme,
    "reduce_min": _reduce_extreme,
    "reduce_all": _reduce_extreme,
    "reduce_any": _reduce_extreme,
    "argmax": _search,
    "argmin": _search,
    "topk_v2": _top,
    "average_pool_2d": _average,
    "max_pool_2d": _largest,
    "l2_pool_2d": _root_mean_square,
    "resize_bilinear": _bilinear,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "l2_normalization": _unit_length,
    "local_response_normalization": _response,
    "instance_normalization": _instance,
}
"""The rule of each operator here."""


def moving(op: Operation) -> bool:
    """Whether an operation only moves elements."""
    return Trait.MOVES in op.traits
