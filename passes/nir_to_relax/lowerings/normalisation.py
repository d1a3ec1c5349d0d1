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
from nir.passes.relax_building.emitter import Value, shape_of


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
    program = site.program()
    x, factor, power = (program.operand(value) for value in (site.args[0], mantissa, exponent))

    def whole(number: int) -> Any:
        return tirx.const(number, "int64")

    def formula() -> Any:
        # The factor 128 comes in before or after the product, which rounds differently.
        shift = power.value if unsigned else power.value + whole(7)
        value = distance(x.value) << whole(7) if unsigned else distance(x.value)
        left, right = clipped(shift, 0, 30), clipped(-shift, 0, 31)
        shifted = clipped(value << left, -(2**31), 2**31 - 1)
        scale = tirx.Select(shift < whole(-31), whole(0), factor.value)
        middle = (site.type.element.minimum + site.type.element.maximum + 1) // 2
        return stored(divided_by_power(high_product(shifted, scale), right) + whole(middle), site.type)

    return program.emit(formula, "normalise")


def _inverse_square_root(site: Site, values: relax.Expr) -> tuple[relax.Expr, relax.Expr]:
    """1 / sqrt(x) of whole numbers below 2^31 as mantissa * 2^(exponent - 31): TFLite's
    GetInvSqrtQuantizedMultiplierExp, five Newton steps in 32 bits.
    """
    shape = shape_of(values)

    def whole(number: int) -> Any:
        return tirx.const(number, "int64")

    program = site.program(shape)
    x = program.operand(values)

    def pairs_of_bits() -> Any:
        length = whole(0)
        for place in range(40):
            length = length + tirx.Select(x.value >= whole(1 << place), whole(1), whole(0))
        return tirx.floordiv(whole(31) - length, whole(2)) - whole(1)

    pairs = program.emit(pairs_of_bits, "pairs")
    program = site.program(shape)
    x, p = program.operand(values), program.operand(pairs)

    def halve() -> Any:
        up, down = clipped(p.value, 0, 31), clipped(-p.value, 0, 31)
        scaled = (x.value << (whole(2) * up)) >> (whole(2) * down)
        return divided_by_power(scaled >> whole(1), whole(1))

    half = program.emit(halve, "half")
    program = site.program(shape)
    root = program.emit(lambda: whole(1 << 28), "start")
    for _ in range(5):
        program = site.program(shape)
        r = program.operand(root)
        cube = program.emit(
            lambda r=r: clipped(high_product(high_product(r.value, r.value), r.value) << whole(6), -(2**31), 2**31 - 1),
            "cube",
        )
        program = site.program(shape)
        r, c, h = program.operand(root), program.operand(cube), program.operand(half)
        root = program.emit(
            lambda r=r, c=c, h=h: clipped(
                (high_product(r.value, whole(3 << 27)) - high_product(h.value, c.value)) << whole(3),
                -(2**31),
                2**31 - 1,
            ),
            "newton",
        )
    program = site.program(shape)
    x, p, r = (program.operand(value) for value in (values, pairs, root))

    def mantissa() -> Any:
        # Half the root of two in units of 2^-31; an exponent above 0 goes into the mantissa.
        up = clipped(p.value - whole(11), 0, 31)
        found = high_product(r.value, whole(1518500250)) << up
        return tirx.Select(x.value <= whole(1), whole(2**31 - 1), found)

    scale = program.emit(mantissa, "mantissa")
    program = site.program(shape)
    x, p = program.operand(values), program.operand(pairs)
    power = program.emit(
        lambda: tirx.Select(x.value <= whole(1), whole(0), -clipped(whole(11) - p.value, 0, 63)), "exponent"
    )
    return scale, power


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
