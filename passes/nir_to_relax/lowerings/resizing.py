"""Resizing of images. Which pixels a pixel is made of, and in what proportion, is worked out when a module is converted."""

from __future__ import annotations

from typing import Any

import numpy as np
from tvm import relax, tirx

from nir.ir import Operation
from nir.ops import resizing
from nir.ops.profiles import TfliteProfile, XnnpackProfile
from nir.ops.resize import ResizeBilinear, ResizeNearestNeighbor
from nir.ops.resizing import Taps
from nir.passes.nir_to_relax.rounding import dequantising, quantising
from nir.passes.nir_to_relax.site import Lowering, Site, dtype_name
from nir.passes.relax_building.emitter import Array, Value, constant, shape_of


def _taken(site: Site, data: relax.Expr, axis: int, indices: Array) -> relax.Expr:
    """Elements along `axis` at positions that are known."""
    if np.array_equal(indices, np.arange(shape_of(data)[axis])):
        return data
    return site.emit(relax.op.take(data, constant(indices.astype(np.int32)), axis))


def _pairs(site: Site) -> list[tuple[int, int, int]]:
    """Axis, size and new size of height and width."""
    source = site.operand_type(0).shape
    return [(axis, int(source[axis] or 0), site.shape[axis]) for axis in site.op.spatial_axes()]


def _nearest(site: Site) -> Value:
    data = site.args[0]
    for axis, size, resized in _pairs(site):
        places = site.op.coordinates(size, resized, 0.0)
        nearest = np.floor(places + np.float32(0.5)) if site.op.align_corners else np.floor(places)
        data = _taken(site, data, axis, np.clip(nearest, 0, size - 1))
    return data


def _bilinear(site: Site) -> Value:
    element = site.type.element
    if element.name == "BOOL":
        site.refuse("a truth value is no number", found=str(site.type))
    narrow = element.is_integer and element.bits < 32
    if not narrow or not isinstance(site.profile, (TfliteProfile, XnnpackProfile)):
        return _through_real(site)
    pairs = _pairs(site)
    if isinstance(site.profile, XnnpackProfile):
        taps = [resizing.eleven_bit_taps(size, site.op.coordinates(size, n, 0.5)) for _, size, n in pairs]
        return _in_integers(site, taps, 11)
    if element.minimum == 0:
        taps = [resizing.float_taps(size, site.op.coordinates(size, n, 0.5)) for _, size, n in pairs]
        return _weighted_floats(site, taps)
    flags = site.op.align_corners, site.op.half_pixel_centers
    taps = [resizing.fixed_taps(size, n, *flags) for _, size, n in pairs]
    return _in_integers(site, taps, 10)


def _spread(weights: Array, axis: int) -> Array:
    return weights.reshape([-1 if d == axis else 1 for d in range(4)])


def _through_real(site: Site) -> relax.Expr:
    """In float32, along the height, then the width."""
    program = site.program(shape_of(site.args[0]))
    x = program.operand(site.args[0])
    real = dequantising(program, site.operand_type(0))
    data = program.emit(lambda: real(x.value), "dequantize")
    for axis, size, resized in _pairs(site):
        places = site.op.coordinates(size, resized, 0.5)
        below = np.floor(places)
        low, high = (np.clip(place, 0, size - 1) for place in (below, below + 1))
        first, second = _taken(site, data, axis, low), _taken(site, data, axis, high)
        weight = constant(_spread(places - below, axis), "float32")
        data = site.map(lambda near, far, part: near + (far - near) * part, first, second, weight, name="interpolate")
    program = site.program()
    x = program.operand(data)
    store = quantising(program, site.profile, site.type)
    return program.emit(lambda: store(x.value), "quantize")


def _in_integers(site: Site, taps: list[Taps], bits: int) -> relax.Expr:
    """Along the width, then the height, with weights of `bits` bits; halves go away from zero, or up where there are 11."""
    data, shift = site.emitter.cast(site.args[0], "int64"), tirx.const(bits, "int64")
    for axis, tap in reversed(list(zip(site.op.spatial_axes(), taps, strict=True))):
        low, high = _taken(site, data, axis, tap.low), _taken(site, data, axis, tap.high)
        weight = constant(_spread(tap.weight, axis), "int64")
        data = site.map(
            lambda near, far, part: (near << shift) + (far - near) * part, low, high, weight, name="interpolate"
        )
    program = site.program()
    total = program.operand(data)

    def rounded() -> Any:
        half = tirx.const(1 << (2 * bits - 1), "int64")
        if bits == 10:
            half = half + (total.value >> tirx.const(63, "int64"))
        return ((total.value + half) >> tirx.const(2 * bits, "int64")).astype(dtype_name(site.type))

    return program.emit(rounded, "round")


def _weighted_floats(site: Site, taps: list[Taps]) -> relax.Expr:
    """TFLite's kernel for unsigned integers: four weighted pixels in float32, plus one half, cut off."""
    (rows, columns), (down, across) = taps, site.op.spatial_axes()
    corners = [
        _taken(site, _taken(site, site.args[0], down, vertical), across, horizontal)
        for vertical in (rows.low, rows.high)
        for horizontal in (columns.low, columns.high)
    ]
    program = site.program()
    top_left, top_right, bottom_left, bottom_right = (program.operand(corner) for corner in corners)
    y = program.parameter(_spread(rows.weight, down), "float32")
    z = program.parameter(_spread(columns.weight, across), "float32")

    def formula() -> Any:
        one = tirx.const(1.0, "float32")
        above, left = one - y.value, one - z.value
        total = top_left.value.astype("float32") * above * left
        total = total + bottom_left.value.astype("float32") * y.value * left
        total = total + top_right.value.astype("float32") * above * z.value
        total = total + bottom_right.value.astype("float32") * y.value * z.value
        return tirx.trunc(total + tirx.const(0.5, "float32")).astype("int64").astype(dtype_name(site.type))

    return program.emit(formula, "interpolate")


LOWERINGS: dict[type[Operation], Lowering] = {ResizeBilinear: _bilinear, ResizeNearestNeighbor: _nearest}
