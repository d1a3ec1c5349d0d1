"""Normalisations: by length, by neighbouring channels, by mean and variance of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import Operation, Quantisation
from nir.ops.axes import normal_axis
from nir.ops.common import Layout
from nir.ops.families import is_quantised
from nir.ops.normalisation import InstanceNormalization, L2Normalization, LocalResponseNormalization
from nir.ops.profiles import TfliteProfile, XnnpackProfile
from nir.passes.nir_to_relax.lowerings.reduction import folded
from nir.passes.nir_to_relax.lowerings.unary import literal
from nir.passes.nir_to_relax.rounding import clipped, divided_by_power, high_product, stored
from nir.passes.nir_to_relax.site import Lowering, Site
from nir.passes.relax_building.emitter import Value


def _l2(site: Site) -> Value:
    axis = (normal_axis(site.op.axis, len(site.shape)),)
    source, target = site.operand_type(0), site.type
    if is_quantised(source):
        middle = (target.element.minimum + target.element.maximum + 1) // 2
        unit = target.quantisation == Quantisation.per_tensor(1 / 128, middle)
        if isinstance(site.profile, (TfliteProfile, XnnpackProfile)) and source.element.bits == 8 and unit:
            return _l2_in_integers(site, axis)
        site.refuse(
            f"under profile '{site.profile.name}' with these types it is a sum of float32 squares, which another order "
            "rounds otherwise",
            found=f"{source} -> {target}",
        )
    total = folded(site, te.sum, axis, site.args[0], lambda x: x.astype("float32") * x.astype("float32"), keep=True)
    program = site.program()
    x, squares = program.operand(site.args[0]), program.operand(total)
    return program.emit(
        lambda: (x.value.astype("float32") / clipped(tirx.sqrt(squares.value), float(np.float32(1e-6)), np.inf)).astype(
            site.dtype
        ),
        "normalise",
    )


def _l2_in_integers(site: Site, axis: tuple[int, ...]) -> relax.Expr:
    """LiteRT's: the distances times a fixed-point inverse square root of the sum of their squares."""
    point = site.operand_type(0).quantisation
    zero_point = 0 if point is None else point.zero_point

    def distance(x: Any) -> Any:
        return x.astype("int64") - tirx.const(zero_point, "int64")

    total = folded(site, te.sum, axis, site.args[0], lambda x: distance(x) * distance(x), keep=True)
    mantissa, exponent = _inverse_square_root(site, total)
    unsigned = site.operand_type(0).element.minimum == 0
    middle = (site.type.element.minimum + site.type.element.maximum + 1) // 2

    def formula(x: Any, factor: Any, power: Any) -> Any:
        # The factor 128 comes in before or after the product, which rounds differently.
        shift = power if unsigned else power + _whole(7)
        value = distance(x) << _whole(7) if unsigned else distance(x)
        shifted = _in_32_bits(value << clipped(shift, 0, 30))
        scale = tirx.Select(shift < _whole(-31), _whole(0), factor)
        quotient = divided_by_power(high_product(shifted, scale), clipped(-shift, 0, 31))
        return stored(quotient + _whole(middle), site.type)

    return site.map(formula, site.args[0], mantissa, exponent, name="normalise")


def _whole(number: int) -> Any:
    return tirx.const(number, "int64")


def _in_32_bits(value: Any) -> Any:
    return clipped(value, -(2**31), 2**31 - 1)


def _inverse_square_root(site: Site, values: relax.Expr) -> tuple[relax.Expr, relax.Expr]:
    """1 / sqrt(x) of whole numbers below 2^31 as mantissa * 2^(exponent - 31): TFLite's
    GetInvSqrtQuantizedMultiplierExp, five Newton steps in 32 bits.
    """
    pairs = site.map(_pairs_of_bits, values, name="pairs")
    half = site.map(_halved, values, pairs, name="half")
    root = site.map(lambda _: _whole(1 << 28), values, name="start")
    for _ in range(5):
        cube = site.map(_cubed, root, name="cube")
        root = site.map(_improved, root, cube, half, name="newton")

    def mantissa(x: Any, pairs: Any, root: Any) -> Any:
        # Half the root of two in units of 2^-31; an exponent above 0 goes into the mantissa.
        found = high_product(root, _whole(1518500250)) << clipped(pairs - _whole(11), 0, 31)
        return tirx.Select(x <= _whole(1), _whole(2**31 - 1), found)

    def exponent(x: Any, pairs: Any) -> Any:
        return tirx.Select(x <= _whole(1), _whole(0), -clipped(_whole(11) - pairs, 0, 63))

    scale = site.map(mantissa, values, pairs, root, name="mantissa")
    return scale, site.map(exponent, values, pairs, name="exponent")


def _pairs_of_bits(value: Any) -> Any:
    """How many pairs of bits stand free before the highest bit but one or two."""
    length = _whole(0)
    for place in range(40):
        length = length + tirx.Select(value >= _whole(1 << place), _whole(1), _whole(0))
    return tirx.floordiv(_whole(31) - length, _whole(2)) - _whole(1)


def _halved(value: Any, pairs: Any) -> Any:
    """Half of the number, moved by pairs of bits to have three bits before the point."""
    scaled = (value << (_whole(2) * clipped(pairs, 0, 31))) >> (_whole(2) * clipped(-pairs, 0, 31))
    return divided_by_power(scaled >> _whole(1), _whole(1))


def _cubed(root: Any) -> Any:
    return _in_32_bits(high_product(high_product(root, root), root) << _whole(6))


def _improved(root: Any, cube: Any, half: Any) -> Any:
    """A Newton step, 3/2 root - half root^3."""
    return _in_32_bits((high_product(root, _whole(3 << 27)) - high_product(half, cube)) << _whole(3))


def _local_response(site: Site) -> Value:
    """Sums of squares of neighbours in float64, rounded once."""
    op, axis = site.op, normal_axis(site.op.axis, len(site.shape))
    size, radius = site.shape[axis], min(op.radius, site.shape[axis])

    def sums(x: te.Tensor) -> te.Tensor:
        offset = te.reduce_axis((-radius, radius + 1), name="offset")

        def total(*index: Any) -> Any:
            place = list(index)
            place[axis] = index[axis] + offset
            inside = tirx.all(place[axis] >= 0, place[axis] < size)
            value = x(*place).astype("float64")
            return te.sum(tirx.if_then_else(inside, value * value, tirx.const(0.0, "float64")), axis=offset)

        return te.compute(site.shape, total, name="neighbours")

    program = site.program()
    x, total = program.operand(site.args[0]), program.operand(site.te(sums, site.args[0], name="neighbours"))
    beta = program.parameter(np.float32(op.beta), "float32", opaque=True)  # TVM warns of literal exponents

    def formula() -> Any:
        base = literal(op.bias) + literal(op.alpha) * total.value.astype("float32")
        return (x.value.astype("float32") / tirx.pow(base, beta.value)).astype(site.dtype)

    return program.emit(formula, "normalise")


def _instance(site: Site) -> Value:
    """Means in float64, distances from them in float32."""
    op = site.op
    axes = (1, 2) if op.layout is Layout.NHWC else (2, 3)
    count = site.shape[axes[0]] * site.shape[axes[1]]
    total = folded(site, te.sum, axes, site.args[0], lambda x: x.astype("float32").astype("float64"), keep=True)
    program = site.program()
    x, mean = program.operand(site.args[0]), program.operand(total)
    divisor = program.parameter(count, "float64", opaque=True)
    centred = program.emit(lambda: x.value.astype("float32") - (mean.value / divisor.value).astype("float32"), "centre")
    squares = folded(site, te.sum, axes, centred, lambda x: (x * x).astype("float64"), keep=True)
    program = site.program()
    x, variance = program.operand(centred), program.operand(squares)
    divisor = program.parameter(count, "float64", opaque=True)

    def formula() -> Any:
        spread = variance.value / divisor.value + literal(op.epsilon).astype("float64")
        factor = (literal(op.gamma).astype("float64") / tirx.sqrt(spread)).astype("float32")
        return (x.value * factor + literal(op.beta)).astype(site.dtype)

    return program.emit(formula, "normalise")


LOWERINGS: dict[type[Operation], Lowering] = {
    InstanceNormalization: _instance,
    L2Normalization: _l2,
    LocalResponseNormalization: _local_response,
}
