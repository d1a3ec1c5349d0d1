"""Softmax and its logarithm: in floats, in TFLite's fixed point, and in the integers of Relay's qnn.softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import Operation, Quantisation
from nir.ops.axes import normal_axis
from nir.ops.families import is_quantised
from nir.ops.fixed_point import quantised_multiplier, round_half_away
from nir.ops.profiles import RelayProfile, TfliteProfile, TvmProfile
from nir.ops.quantised_arithmetic import float32_scale, parameters
from nir.ops.quantised_softmax import in_tflite_range
from nir.ops.softmax import LogSoftmax, Softmax
from nir.passes.nir_to_relax.lowerings.reduction import folded
from nir.passes.nir_to_relax.rounding import divided_by_power, high_product, rescaling, stored
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value, shape_of


def _axis(site: Site) -> tuple[int, ...]:
    return (normal_axis(site.op.axis, len(site.shape)),)


def _below_maximum(site: Site, dtype: str) -> relax.Expr:
    """Distances from the largest element along the axis, times beta where they are floats."""
    largest = folded(site, te.max, _axis(site), site.args[0], lambda x: x.astype(dtype), keep=True)
    program = site.program()
    x, top = program.operand(site.args[0]), program.operand(largest)
    factor = tirx.const(float(np.float32(site.op.beta)), "float32")

    def distance() -> Any:
        below = x.value.astype(dtype) - top.value
        return below * factor if dtype == "float32" and site.op.beta != 1 else below

    return program.emit(distance, "distance")


def _each(site: Site, value: relax.Expr, formula: Callable[[Any], Any], name: str) -> relax.Expr:
    """`formula` of every element of `value`."""
    return site.map(formula, value, name=name)


def _pairs(site: Site, left: relax.Expr, right: relax.Expr, formula: Callable[[Any, Any], Any]) -> relax.Expr:
    """`formula` of the elements of two tensors, the second one broadcast."""
    return site.map(formula, left, right, name="combine")


def _float_softmax(site: Site) -> Value:
    powers = _each(site, _below_maximum(site, "float32"), tirx.exp, "exp")
    total = folded(site, te.sum, _axis(site), powers, lambda x: x, keep=True)
    return _pairs(site, powers, total, lambda x, y: (x / y).astype(site.dtype))


def _log_softmax(site: Site) -> Value:
    distance = _below_maximum(site, "float32")
    total = folded(site, te.sum, _axis(site), distance, tirx.exp, keep=True)
    return _pairs(site, distance, total, lambda x, y: (x - tirx.log(y)).astype(site.dtype))


def _softmax(site: Site) -> Value:
    source, target, profile = site.operand_type(0), site.type, site.profile
    if not is_quantised(source):
        return _float_softmax(site)
    if (
        isinstance(profile, RelayProfile)
        and not isinstance(profile, TvmProfile)
        and site.op.beta == 1
        and source.element.bits == 8
        and 2**-20 <= parameters(source).scale <= 1
    ):
        return _integer_softmax(site)
    if (
        isinstance(profile, TfliteProfile)
        and source.element.bits == 8
        and target.quantisation == Quantisation.per_tensor(1 / 256, target.element.minimum)
        and in_tflite_range(site.shape, source, site.op.axis, site.op.beta)
    ):
        return _fixed_point_softmax(site)
    return site.refuse(
        f"under profile '{profile.name}' with these types it is a sum of float32 exponentials, which another order rounds "
        "otherwise",
        found=f"{source} -> {target}",
    )


# --- TFLite ---

_DIFFERENCE_BITS = 26
_SUM_BITS = 12
_EXPONENTIALS = tuple(round(math.exp(-(2.0**k)) * 2**31) for k in range(-2, 5))
"""exp(-2^k) in units of 2^-31."""


def _fixed_point_softmax(site: Site) -> Value:
    """gemmlowp's 32-bit fixed point, in 64 bits: differences have 5 bits before the point, the sum 12."""
    scaled = min(site.op.beta * float(float32_scale(site.operand_type(0))) * 2**_DIFFERENCE_BITS, 2.0**31 - 1)
    mantissa, shift = (int(part) for part in quantised_multiplier(scaled))
    radius = (31 << _DIFFERENCE_BITS) >> shift
    zero = tirx.const(0, "int64")

    def scale(distance: Any) -> Any:
        near = tirx.max(distance, tirx.const(-radius, "int64"))
        return high_product(near << tirx.const(shift, "int64"), tirx.const(mantissa, "int64"))

    distances = _below_maximum(site, "int64")
    powers = _exponential(site, _each(site, distances, scale, "scale"))
    powers = _pairs(site, powers, distances, lambda x, d: tirx.Select(d < tirx.const(-radius, "int64"), zero, x))
    total = folded(
        site, te.sum, _axis(site), powers, lambda x: divided_by_power(x, tirx.const(_SUM_BITS, "int64")), keep=True
    )
    bits = _each(site, total, _bit_length, "bits")
    program = site.program(shape_of(total))
    x, n = program.operand(total), program.operand(bits)
    above_one = program.emit(
        lambda: (x.value << (tirx.const(32, "int64") - n.value)) - tirx.const(2**31, "int64"), "above_one"
    )
    reciprocal = _reciprocal(site, above_one)
    program = site.program()
    power, inverse, n = program.operand(powers), program.operand(reciprocal), program.operand(bits)
    least = site.type.element.minimum

    def share() -> Any:
        places = n.value + tirx.const(_SUM_BITS + 31 - 8 - 32, "int64")
        return stored(divided_by_power(high_product(inverse.value, power.value), places) + least, site.type)

    return program.emit(share, "share")


def _bit_length(value: Any) -> Any:
    """Bits of a positive int64 below 2^32, each of which that is reached counts."""
    one, zero = tirx.const(1, "int64"), tirx.const(0, "int64")
    length = zero
    for place in range(33):
        length = length + tirx.Select(value >= tirx.const(1 << place, "int64"), one, zero)
    return length


def _exponential(site: Site, values: relax.Expr) -> relax.Expr:
    """exp(x) for x <= 0 in units of 2^-26, as units of 2^-31: a polynomial below a quarter, then bit by bit."""
    quarter = tirx.const(1 << (_DIFFERENCE_BITS - 2), "int64")
    parts = _each(site, values, lambda x: (x & (quarter - 1)) - quarter, "part")
    result = _exponential_of_a_quarter(site, parts)
    remainders = _pairs(site, parts, values, lambda part, x: part - x)
    for place, factor in enumerate(_EXPONENTIALS):
        program = site.program()
        x, rest = program.operand(result), program.operand(remainders)
        bit = tirx.const(1 << (_DIFFERENCE_BITS - 2 + place), "int64")

        def step(x: Any = x, rest: Any = rest, bit: Any = bit, factor: int = factor) -> Any:
            multiplied = high_product(x.value, tirx.const(factor, "int64"))
            return tirx.Select((rest.value & bit) != tirx.const(0, "int64"), multiplied, x.value)

        result = program.emit(step, "exponential")
    one = tirx.const(2**31 - 1, "int64")
    return _pairs(site, result, values, lambda y, x: tirx.Select(x == tirx.const(0, "int64"), one, y))


def _exponential_of_a_quarter(site: Site, values: relax.Expr) -> relax.Expr:
    """exp(x) for x in [-1/4, 0), in units of 2^-26 and 2^-31: four terms around -1/8."""
    offset, third = (tirx.const(number, "int64") for number in (1895147668, 715827883))
    one, two = tirx.const(1, "int64"), tirx.const(2, "int64")
    x = _each(site, values, lambda v: (v << tirx.const(5, "int64")) + tirx.const(1 << 28, "int64"), "around")
    square = _each(site, x, lambda v: high_product(v, v), "square")
    cube = _pairs(site, square, x, high_product)
    fourth = _each(site, square, lambda v: high_product(v, v), "fourth")
    higher = _pairs(site, fourth, cube, lambda f, c: high_product(divided_by_power(f, two) + c, third))
    higher = _pairs(site, higher, square, lambda h, s: divided_by_power(h + s, one))
    return _pairs(site, x, higher, lambda v, h: offset + high_product(v + h, offset))


def _reciprocal(site: Site, values: relax.Expr) -> relax.Expr:
    """1 / (1 + x) for x in [0, 1), all in units of 2^-31: three Newton steps for 2 / (1 + x)."""

    def whole(number: int) -> Any:
        return tirx.const(number, "int64")

    half = _each(site, values, lambda x: (x + whole(2**31)) >> whole(1), "half")
    found = _each(site, half, lambda h: whole(1515870810) + high_product(h, whole(-1010580540)), "start")
    for _ in range(3):
        program = site.program(shape_of(values))
        x, h = program.operand(found), program.operand(half)

        def step(x: Any = x, h: Any = h) -> Any:
            error = whole(1 << 29) - high_product(h.value, x.value)
            return x.value + (high_product(x.value, error) << whole(2))

        found = program.emit(step, "newton")
    return _each(site, found, lambda x: tirx.min(x << whole(1), whole(2**31 - 1)), "double")


# --- Relay ---

_MOST_HALVINGS = 20
_RECIPROCAL_BITS = 30
_RESULT_BITS = 7


def _integer_softmax(site: Site) -> Value:
    """Algorithm 1 of arXiv:2207.01405: powers of two by shifts, the rest linear, in int32 that wraps around."""
    unit = int(round_half_away(np.float32(1) / float32_scale(site.operand_type(0))))

    def whole(number: int) -> Any:
        return tirx.const(number, "int64")

    def wrapped(value: Any) -> Any:
        return value.astype("int32").astype("int64")

    distances = _below_maximum(site, "int64")
    exponents = _each(site, distances, lambda d: d + (d >> whole(1)) - (d >> whole(4)), "exponent")
    halvings = _each(
        site, exponents, lambda e: tirx.min(tirx.truncdiv(-e, whole(unit)), whole(_MOST_HALVINGS)), "halvings"
    )
    most = folded(site, te.max, _axis(site), halvings, lambda x: x, keep=True)
    program = site.program()
    e, k, top = program.operand(exponents), program.operand(halvings), program.operand(most)
    powers = program.emit(
        lambda: wrapped((((e.value + k.value * whole(unit)) >> whole(1)) + whole(unit)) << (top.value - k.value)),
        "powers",
    )
    total = folded(site, te.sum, _axis(site), powers, lambda x: x, keep=True)
    reciprocal = _each(site, total, lambda t: _truncated_reciprocal(wrapped(t)), "reciprocal")
    program = site.program()
    p, r = program.operand(powers), program.operand(reciprocal)
    rescale = rescaling(
        program, site.profile, Quantisation.per_tensor(2.0**-_RESULT_BITS), site.type, rounding=site.op.rounding
    )
    return program.emit(lambda: rescale(wrapped(r.value * p.value) >> whole(_RECIPROCAL_BITS - _RESULT_BITS)), "share")


def _truncated_reciprocal(total: Any) -> Any:
    """2^30 / total, cut towards 0; 0 where the total is."""
    zero, one = tirx.const(0, "int64"), tirx.const(1, "int64")
    found = tirx.truncdiv(tirx.const(1 << _RECIPROCAL_BITS, "int64"), tirx.Select(total == zero, one, total))
    return tirx.Select(total == zero, zero, found)


LOWERINGS: dict[type[Operation], Lowering] = {LogSoftmax: _log_softmax, Softmax: _softmax}
