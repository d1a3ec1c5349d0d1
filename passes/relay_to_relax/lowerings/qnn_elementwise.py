"""Quantised operators element by element: sums, products, functions by table; and pooling, softmax, concatenation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, te, tirx, topi

from nir.ops.fixed_point import multiply_rounding_upward, quantised_multiplier, round_half_away
from nir.passes.relax_building.arithmetic import (
    elementwise,
    limits,
    multiplied_upward,
    multiplier_parameters,
    saturated,
)
from nir.passes.relax_building.emitter import Array, Value, constant, dtype_of
from nir.passes.relay_to_relax.emitter import Lowering, Site
from nir.passes.relay_to_relax.lowerings.pooling import pooled
from nir.passes.relay_to_relax.lowerings.rescaling import (
    Parameters,
    distance_from_zero_point,
    requantised,
    requantised_or_widened,
)
from nir.relay.ast import Tuple
from nir.relay.types import numpy_dtype


def _narrowed(site: Site, data: relax.Expr, dtype: str) -> relax.Expr:
    """int32 `data`, saturated to `dtype`."""
    return elementwise(site.emitter, data, [], 0, lambda x: saturated(x, dtype), "saturate")


def _sum(sign: int) -> Lowering:
    """Both sides are brought to the result's parameters; its zero point is then in the sum twice, or not at all."""

    def lower(site: Site) -> Value:
        target = Parameters.read(site, 6, 7)
        sides = [
            requantised_or_widened(
                site, site.args[index], Parameters.read(site, scale, scale + 1), target, site.attrs[axis]
            )
            for index, scale, axis in ((0, 2, "lhs_axis"), (1, 4, "rhs_axis"))
        ]
        operator = relax.op.add if sign > 0 else relax.op.subtract
        total = site.emit(operator(*sides))
        point = -sign * target.zero_point
        dtype = dtype_of(site.args[0])
        return elementwise(
            site.emitter,
            total,
            [(point, "int32")],
            -1,
            lambda x, zero_point: saturated(x + zero_point, dtype),
            "saturate",
        )

    return lower


def _product(site: Site) -> Value:
    left, right = (Parameters.read(site, scale, scale + 1) for scale in (2, 4))
    factors = [
        site.emitter.cast(distance_from_zero_point(site, data, parameters.zero_point), "int32")
        for data, parameters in zip(site.args[:2], (left, right), strict=True)
    ]
    product = site.emit(relax.op.multiply(*factors))
    source = Parameters(left.scale * right.scale, np.asarray(0, np.int32))
    return requantised(site, product, source, Parameters.read(site, 6, 7), dtype_of(site.args[0]))


def _concatenate(site: Site) -> Value:
    """Only tensors whose parameters differ from the result's are requantised."""
    scales, points = (site.resolve(site.call.args[index]) for index in (1, 2))
    if not isinstance(scales, Tuple) or not isinstance(points, Tuple):
        site.fail("the scales and zero points of 'qnn.concatenate' are not known", expected="tuples of constants")
    target = Parameters.read(site, 3, 4)
    parts = []
    for data, scale, point in zip(site.args[0], scales.fields, points.fields, strict=True):
        source = Parameters.of(site, scale, point)
        parts.append(data if source.same(target) else requantised(site, data, source, target, dtype_of(data)))
    return site.emit(relax.op.concat(parts, site.attrs["axis"]))


def _avg_pool2d(site: Site) -> Value:
    """Averages of requantised integers, rounded towards zero."""
    data = site.args[0]
    wide = requantised_or_widened(site, data, Parameters.read(site, 1, 2), Parameters.read(site, 3, 4))
    return _narrowed(site, pooled(site, wide, "avg"), dtype_of(data))


def _leaky_relu(site: Site) -> Value:
    """Requantised; where the input is below its zero point, q' becomes alpha q' + (1 - alpha) zero point."""
    data, alpha = site.args[0], site.attrs["alpha"]
    source, target = Parameters.read(site, 1, 2), Parameters.read(site, 3, 4)
    wide = requantised_or_widened(site, data, source, target)
    rest = multiply_rounding_upward(target.zero_point, *quantised_multiplier(1 - alpha))
    parameters = [(np.asarray(rest), "int32"), *multiplier_parameters(np.asarray(alpha, np.float64))]
    sloped = elementwise(
        site.emitter, wide, parameters, -1, lambda x, offset, *slope: multiplied_upward(x, *slope) + offset, "slope"
    )
    dtype = dtype_of(data)
    point = tirx.const(source.zero_point.item(), "int32")

    def leaky_relu(original: te.Tensor, below: te.Tensor, above: te.Tensor) -> te.Tensor:
        return te.compute(
            original.shape,
            lambda *index: saturated(
                tirx.Select(original(*index).astype("int32") < point, below(*index), above(*index)), dtype
            ),
        )

    return site.te(leaky_relu, data, sloped, wide)


# --- functions of one number, by table ---


def _erf(x: Array) -> Array:
    return np.asarray([math.erf(value) for value in x.ravel()], np.float32).reshape(x.shape)


_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "qnn.abs": np.abs,
    "qnn.erf": _erf,
    "qnn.exp": np.exp,
    "qnn.hardswish": lambda x: x * np.clip(x + np.float32(3), 0, 6) / np.float32(6),
    "qnn.log": np.log,
    "qnn.rsqrt": lambda x: 1 / np.sqrt(x),
    "qnn.sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "qnn.sqrt": np.sqrt,
    "qnn.tanh": np.tanh,
}
"""What is tabulated: float32 to float32."""


def lookup_table(
    function: Callable[[Array], Array], source: Parameters, target: Parameters, dtype: str
) -> np.ndarray[Any, Any]:
    """What `function` gives for every integer of `dtype`, least first, in the same element type.

    The integers are dequantised, the function computed in float32, and its results quantised as `qnn.quantize` does.
    Results that are no number (the logarithm of a negative one) become the least integer, infinite ones saturate.
    """
    low, high = limits(dtype)
    stored = np.arange(low, high + 1, dtype=np.int32)
    with np.errstate(all="ignore"):
        real = function((stored - source.zero_point).astype(np.float32) * source.scale).astype(np.float32)
        steps = round_half_away(real * (np.float32(1) / target.scale)) + target.zero_point.astype(np.float32)
    return np.clip(np.nan_to_num(steps, nan=low, posinf=high, neginf=low), low, high).astype(numpy_dtype(dtype))


def _by_table(site: Site) -> Value:
    data = site.args[0]
    dtype = dtype_of(data)
    source, target = Parameters.read(site, 1, 2), Parameters.read(site, 3, 4)
    if limits(dtype)[1] > 2**16:
        site.fail(f"'{site.name}' of {dtype}", expected="int8, uint8, int16 or uint16")
    table = constant(lookup_table(_FUNCTIONS[site.name], source, target, dtype))
    least = tirx.const(limits(dtype)[0], "int32")

    def lookup(x: te.Tensor, entries: te.Tensor) -> te.Tensor:
        return te.compute(x.shape, lambda *index: entries(x(*index).astype("int32") - least))

    return site.te(lookup, data, table)


# --- softmax ---

_MOST_HALVINGS = 20
"""A share is not halved more often than this."""

_TOTAL_BITS = 30
"""The reciprocal of the sum is 2^30 / sum."""

_RESULT_BITS = 7
"""The result has steps of 2^-7 before it is requantised."""


def _softmax(site: Site) -> Value:
    """Softmax in int32 (Algorithm 1 of arXiv:2207.01405): powers of two by shifts, the rest linear.

    2^(x log2(e) scale) is taken for e^(x scale), with log2(e) as 1 + 1/2 - 1/16. 1 / scale is rounded to the integer
    `unit`, so the scale must not be above 1; `unit` steps down halve. Powers are in units of the smallest one.
    """
    source, target = Parameters.read(site, 1, 2), Parameters.read(site, 3, 4)
    unit = int(round_half_away(np.float32(1) / source.scale))
    if unit < 1:
        site.fail("the scale of the data of 'qnn.softmax' is too large", expected="at most 1", found=str(source.scale))
    distance = site.emitter.cast(distance_from_zero_point(site, site.args[0], source.zero_point), "int32")
    axis = site.attrs["axis"]
    below = site.emit(relax.op.subtract(distance, site.emit(relax.op.max(distance, axis, True))))
    steps = elementwise(site.emitter, below, [], -1, lambda x: x + (x >> 1) - (x >> 4), "steps")
    halvings = elementwise(
        site.emitter, steps, [], -1, lambda x: te.min(tirx.truncdiv(-x, unit), _MOST_HALVINGS), "halvings"
    )
    most = site.emit(relax.op.max(halvings, axis, True))

    def power(whole: te.Tensor, halved: te.Tensor, room: te.Tensor) -> te.Tensor:
        rest = topi.right_shift(topi.add(whole, topi.multiply(halved, tirx.const(unit, "int32"))), 1)
        return topi.left_shift(topi.add(rest, tirx.const(unit, "int32")), topi.subtract(room, halved))

    powers = site.te(power, steps, halvings, most)
    total = site.emit(relax.op.sum(powers, axis, True))
    reciprocal = site.emit(relax.op.divide(constant(1 << _TOTAL_BITS, "int32"), total))
    shares = site.emit(relax.op.multiply(reciprocal, powers))
    reduced = elementwise(site.emitter, shares, [], -1, lambda x: x >> (_TOTAL_BITS - _RESULT_BITS), "shift")
    exact = Parameters(np.asarray(2.0**-_RESULT_BITS, np.float32), np.asarray(0, np.int32))
    return requantised(site, reduced, exact, target, dtype_of(site.args[0]))


LOWERINGS: dict[str, Lowering] = {
    **dict.fromkeys(_FUNCTIONS, _by_table),
    "qnn.add": _sum(+1),
    "qnn.avg_pool2d": _avg_pool2d,
    "qnn.concatenate": _concatenate,
    "qnn.leaky_relu": _leaky_relu,
    "qnn.mul": _product,
    "qnn.softmax": _softmax,
    "qnn.subtract": _sum(-1),
}
