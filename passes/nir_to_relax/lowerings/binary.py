"""Arithmetic of two operands with broadcasting."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, tirx

from nir.ir import ElementType, Operation, Quantisation, TensorType
from nir.ops.common import Activation, Rounding
from nir.ops.elementwise import Add, Div, Maximum, Minimum, Mul, Pow, Prelu, Sub
from nir.ops.families import is_quantised
from nir.ops.fixed_point import quantised_multiplier
from nir.ops.profiles import PROFILES, Profile, QdqProfile, RelayProfile, XnnpackProfile
from nir.ops.quantised_arithmetic import float32_scale, parameters
from nir.passes.nir_to_relax.rounding import (
    Element,
    activated,
    clipped,
    dequantising,
    multiplying_twice,
    quantising,
    rescaling,
    stored,
)
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.arithmetic import round_half_away
from nir.passes.relax_building.emitter import Value
from nir.passes.relax_building.programs import Program, Term

Function = Callable[[Any, Any], Any]


def _operands(site: Site) -> tuple[Program, Term, Term]:
    program = site.program()
    return program, program.operand(site.args[0]), program.operand(site.args[1])


def _activation(site: Site) -> Activation:
    return getattr(site.op, "activation", Activation.NONE)


def _through_real(site: Site, function: Function) -> relax.Expr:
    """Dequantised, `function` in float32, stored by the profile's rule; the activation bounds what is stored."""
    program, left, right = _operands(site)
    reals = [dequantising(program, site.operand_type(index)) for index in (0, 1)]
    store = quantising(program, site.profile, site.type)
    return program.emit(
        lambda: activated(store(function(reals[0](left.value), reals[1](right.value))), _activation(site), site.type),
        site.op.name,
    )


def _wrapping(site: Site, function: Function) -> relax.Expr:
    """`function` of raw integers in 64 bits, of which the lowest are kept."""
    program, left, right = _operands(site)

    def formula() -> Any:
        kept = function(left.value.astype("int64"), right.value.astype("int64")).astype(site.dtype)
        if _activation(site) is Activation.NONE:
            return kept
        return activated(kept.astype("int64"), _activation(site), site.type).astype(site.dtype)

    return program.emit(formula, site.op.name)


def _arithmetic(function: Function, quantised: Callable[[Site], relax.Expr] | None = None) -> Lowering:
    """Floats and raw integers by `function`, quantised integers by `quantised`, or through real values."""

    def lower(site: Site) -> Value:
        type = site.operand_type(0)
        if is_quantised(type):
            by_reals = quantised is None or isinstance(site.profile, QdqProfile)
            return _through_real(site, function) if by_reals or quantised is None else quantised(site)
        return _through_real(site, function) if type.element.is_float else _wrapping(site, function)

    return lower


# --- sums ---


def centring(program: Program, term: Term, type: TensorType) -> Callable[[], Any]:
    """Stored element minus zero point, as int64."""
    point = program.parameter(parameters(type).zero_point, "int64")
    return lambda: term.value.astype("int64") - point.value


def _sum(sign: int) -> Callable[[Site], relax.Expr]:
    def lower(site: Site) -> relax.Expr:
        types = site.operand_type(0), site.operand_type(1), site.type
        ratios = [float(float32_scale(type) / float32_scale(site.type)) for type in types[:2]]
        if isinstance(site.profile, RelayProfile) or site.type.element.bits == 32:
            return _sum_of_rescaled(site, sign)
        in_range = site.type.element.bits == 8 and all(2**-10 <= ratio < 2**8 for ratio in ratios)
        if isinstance(site.profile, XnnpackProfile) and in_range:
            return _sum_of_twenty_bits(site, sign, ratios)
        return _sum_in_q31(site, sign)

    return lower


def _sum_in_q31(site: Site, sign: int) -> relax.Expr:
    """TFLite's: both sides in units of twice the larger scale / 2^20 (2^15 where stored in 16 bits)."""
    program, left, right = _operands(site)
    shift = 20 if site.type.element.bits == 8 else 15
    scales = [parameters(site.operand_type(index)).scale for index in (0, 1)]
    twice = 2 * max(scales)
    centred = [centring(program, term, site.operand_type(i)) for i, term in enumerate((left, right))]
    sides = [multiplying_twice(program, *quantised_multiplier(scale / twice)) for scale in scales]
    join = multiplying_twice(program, *quantised_multiplier(twice / (parameters(site.type).scale * 2**shift)))
    point = parameters(site.type).zero_point

    def formula() -> Any:
        first, second = (side(element() << shift) for side, element in zip(sides, centred, strict=True))
        total = first + second if sign > 0 else first - second
        return stored(_cut(join(total) + point, site), site.type, site.op.activation)

    return program.emit(formula, site.op.name)


def _cut(value: Any, site: Site) -> Any:
    """Saturated to storage, before an activation bounds what is stored."""
    return clipped(value, site.type.element.minimum, site.type.element.maximum)


def _sum_of_twenty_bits(site: Site, sign: int, ratios: list[float]) -> relax.Expr:
    """XNNPACK's: multipliers of 20 to 21 bits, then a shift that rounds halves up."""
    program, left, right = _operands(site)
    shift = 20 - (math.frexp(max(ratios))[1] - 1)
    factors = [round(math.ldexp(ratio, shift)) for ratio in ratios]
    centred = [centring(program, term, site.operand_type(i)) for i, term in enumerate((left, right))]
    point = parameters(site.type).zero_point

    def formula() -> Any:
        total = centred[0]() * factors[0] + centred[1]() * (sign * factors[1])
        return stored(_cut(((total + (1 << (shift - 1))) >> shift) + point, site), site.type, site.op.activation)

    return program.emit(formula, site.op.name)


def _sum_of_rescaled(site: Site, sign: int) -> relax.Expr:
    """Relay's: each side rescaled to the result's parameters in 32 bits, unless it has them."""
    program, left, right = _operands(site)
    wide = site.type.with_element(ElementType.I32)
    sides: list[Element] = [
        (lambda value: value)
        if type.quantisation == site.type.quantisation
        else rescaling(program, site.profile, parameters(type), wide, rounding=site.op.rounding)
        for type in (site.operand_type(0), site.operand_type(1))
    ]
    point = parameters(site.type).zero_point

    def formula() -> Any:
        first, second = (side(t.value).astype("int64") - point for side, t in zip(sides, (left, right), strict=True))
        total = first + second if sign > 0 else first - second
        return stored(_cut(total + point, site), site.type, site.op.activation)

    return program.emit(formula, site.op.name)


# --- products ---


def _product_rule(program: Program, profile: Profile, site: Site, rounding: Rounding) -> Element:
    """The product of distances from zero points, rescaled; the product of the scales is taken in float32."""
    scale = float32_scale(site.operand_type(0)) * float32_scale(site.operand_type(1))
    return rescaling(program, profile, Quantisation.per_tensor(float(scale)), site.type, rounding=rounding)


def _product(site: Site) -> relax.Expr:
    program, left, right = _operands(site)
    centred = [centring(program, term, site.operand_type(i)) for i, term in enumerate((left, right))]
    rescale = _product_rule(program, site.profile, site, site.op.rounding)
    return program.emit(lambda: activated(rescale(centred[0]() * centred[1]()), site.op.activation, site.type), "mul")


def _slope(site: Site) -> relax.Expr:
    if isinstance(site.profile, QdqProfile):
        return _through_real(site, lambda x, y: tirx.Select(x < tirx.const(0, "float32"), x * y, x))
    profile = PROFILES["tflite"] if isinstance(site.profile, XnnpackProfile) else site.profile
    program, left, right = _operands(site)
    centred = [centring(program, term, site.operand_type(i)) for i, term in enumerate((left, right))]
    multiply = _product_rule(program, profile, site, Rounding.UPWARD)
    keep = rescaling(program, profile, parameters(site.operand_type(0)), site.type)

    def formula() -> Any:
        below = centred[0]() < tirx.const(0, "int64")
        return tirx.Select(below, multiply(centred[0]() * centred[1]()), keep(left.value))

    return program.emit(formula, "prelu")


# --- extremes, and operands brought to one scale ---


def joining(program: Program, profile: Profile, source: TensorType, target: TensorType, rounding: Rounding) -> Element:
    """Stored elements of `source` as those of `target`, where an operator only brings its operands to one scale."""
    if source.quantisation == target.quantisation or target.quantisation is None:
        return lambda value: value
    if isinstance(profile, (RelayProfile, QdqProfile)):
        return rescaling(program, profile, parameters(source), target, rounding=rounding)
    from_point, to_point = parameters(source).zero_point, parameters(target).zero_point

    def finish(steps: Any) -> Any:
        return stored(steps.astype("float64") + tirx.const(float(to_point), "float64"), target)

    if target.element.minimum < 0:
        ratio = program.parameter(float32_scale(source) / float32_scale(target), "float32")
        return lambda value: finish(
            tirx.nearbyint((value.astype("int64") - from_point).astype("float32") * ratio.value)
        )
    factor = float32_scale(source) * (np.float32(1) / float32_scale(target))
    ratio = program.parameter(factor, "float32")
    offset = program.parameter(np.float32(-from_point) * factor, "float32")
    return lambda value: finish(round_half_away(value.astype("float32") * ratio.value + offset.value))


def _extreme(largest: bool) -> Lowering:
    def lower(site: Site) -> Value:
        program, left, right = _operands(site)
        sides = [
            joining(program, site.profile, site.operand_type(i), site.type, Rounding.UPWARD)
            if is_quantised(site.type)
            else (lambda value: value)
            for i in (0, 1)
        ]

        def formula() -> Any:
            x, y = sides[0](left.value), sides[1](right.value)
            if site.type.element.is_float:
                x, y = x.astype("float32"), y.astype("float32")
            return larger(x, y, largest, is_float=site.type.element.is_float).astype(site.dtype)

        return program.emit(formula, site.op.name)

    return lower


def larger(x: Any, y: Any, largest: bool, *, is_float: bool) -> Any:
    """The larger of two elements, or the smaller; NaN wins."""
    takes_first = x > y if largest else x < y
    if is_float:
        takes_first = tirx.any(takes_first, x != x)
    return tirx.Select(takes_first, x, y)


def _quotient(site: Site) -> Value:
    """Of raw integers rounded down, 0 where the divisor is."""

    def divide(x: Any, y: Any) -> Any:
        zero, one = tirx.const(0, "int64"), tirx.const(1, "int64")
        return tirx.Select(y == zero, zero, tirx.floordiv(x, tirx.Select(y == zero, one, y)))

    type = site.operand_type(0)
    if type.element.is_integer and not is_quantised(type):
        return _wrapping(site, divide)
    return _through_real(site, lambda x, y: x / y)


LOWERINGS: dict[type[Operation], Lowering] = {
    Add: _arithmetic(lambda x, y: x + y, _sum(+1)),
    Div: _quotient,
    Maximum: _extreme(True),
    Minimum: _extreme(False),
    Mul: _arithmetic(lambda x, y: x * y, _product),
    Pow: _arithmetic(tirx.pow),
    Prelu: _arithmetic(lambda x, y: tirx.Select(x >= tirx.const(0, x.ty), x, x * y), _slope),
    Sub: _arithmetic(lambda x, y: x - y, _sum(-1)),
}
