"""Operators that move elements: another shape, order or place. Positions are worked out when a module is converted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tvm import relax, te, tirx

from nir.ir import Operation, TensorType
from nir.ops.axes import normal_axis
from nir.ops.blocks import BatchToSpaceNd, ChannelShuffle, DepthToSpace, SpaceToBatchNd, SpaceToDepth
from nir.ops.common import Layout
from nir.ops.joining import Concatenation, Pack, Split, Tile
from nir.ops.padding import MirrorMode, MirrorPad, Pad, PadV2
from nir.ops.shape import ExpandDims, Reshape, Squeeze, Transpose
from nir.ops.slicing import Reverse, Slice, StridedSlice
from nir.ops.windows import TO_NCHW, TO_NHWC
from nir.passes.nir_to_relax.lowerings.binary import joining
from nir.passes.nir_to_relax.site import Lowering, Site, static_shape
from nir.passes.relax_building.emitter import Value, shape_of
from nir.passes.relax_building.padding import batches_to_cells, cells_to_batches, padded

Place = Callable[..., Sequence[Any]]
"""Indices of the result to those of the operand."""


def moved(site: Site, place: Place, shape: Sequence[int] | None = None, value: relax.Expr | None = None) -> relax.Expr:
    """A tensor of the result's shape (or `shape`) whose elements stand at `place` in the operand (or `value`)."""
    sizes = site.shape if shape is None else tuple(shape)

    def program(x: te.Tensor) -> te.Tensor:
        return te.compute(sizes, lambda *index: x(*place(*index)), name=site.op.name)

    return site.te(program, site.args[0] if value is None else value, name=site.op.name)


# --- shape and order ---


def _reshape(site: Site) -> Value:
    return site.emit(relax.op.reshape(site.args[0], list(site.shape)))


def _transpose(site: Site) -> Value:
    return site.emit(relax.op.permute_dims(site.args[0], list(site.op.order())))


# --- parts ---


def _box(site: Site, begin: Sequence[int], steps: Sequence[int], kept: Sequence[int]) -> relax.Expr:
    """Elements from `begin` on by `steps`; only the dimensions in `kept` stand in the result."""

    def place(*index: Any) -> list[Any]:
        found: list[Any] = list(begin)
        for dimension, i in zip(kept, index, strict=False):
            found[dimension] = begin[dimension] + i * steps[dimension]
        return found

    return moved(site, place)


def _slice(site: Site) -> Value:
    rank = len(site.shape)
    return _box(site, site.op.begin, [1] * rank, range(rank))


def _strided_slice(site: Site) -> Value:
    op = site.op
    sizes = static_shape(site.operand_type(0))
    begin, kept = [], []
    for d, size in enumerate(sizes):
        if op.shrink_mask >> d & 1:
            begin.append(op.begin[d] % size)
            continue
        first = None if op.begin_mask >> d & 1 else op.begin[d]
        last = None if op.end_mask >> d & 1 else op.end[d]
        begin.append(slice(first, last, op.strides[d]).indices(size)[0])
        kept.append(d)
    return _box(site, begin, op.strides, kept)


def _reverse(site: Site) -> Value:
    axis = normal_axis(site.op.axis, len(site.shape))
    begin, steps = [0] * len(site.shape), [1] * len(site.shape)
    begin[axis], steps[axis] = site.shape[axis] - 1, -1
    return _box(site, begin, steps, range(len(site.shape)))


def _split(site: Site) -> Value:
    axis = normal_axis(site.op.axis, len(site.shape))
    if site.op.parts == 1:
        return (site.args[0],)
    found = site.emit(relax.op.split(site.args[0], site.op.parts, axis))
    return tuple(site.emit(relax.TupleGetItem(found, index)) for index in range(site.op.parts))


# --- joining ---


def _concatenation(site: Site) -> Value:
    axis = normal_axis(site.op.axis, len(site.shape))
    parts = []
    for index, value in enumerate(site.args):
        source = site.operand_type(index)
        if source.quantisation == site.type.quantisation:
            parts.append(value)
            continue
        parts.append(_rescaled(site, value, source))
    return parts[0] if len(parts) == 1 else site.emit(relax.op.concat(parts, axis))


def _rescaled(site: Site, value: relax.Expr, source: TensorType) -> relax.Expr:
    program = site.program(static_shape(source))
    x = program.operand(value)
    join = joining(program, site.profile, source, site.type, site.op.rounding)
    return program.emit(lambda: join(x.value), "rescale")


def _pack(site: Site) -> Value:
    axis = normal_axis(site.op.axis, len(site.shape))
    parts = [site.emit(relax.op.expand_dims(value, axis)) for value in site.args]
    return parts[0] if len(parts) == 1 else site.emit(relax.op.concat(parts, axis))


def _tile(site: Site) -> Value:
    sizes = static_shape(site.operand_type(0))
    return moved(site, lambda *index: [tirx.floormod(i, size) for i, size in zip(index, sizes, strict=True)])


# --- padding ---


def _zero(site: Site) -> int:
    """Real 0 as it is stored."""
    quantisation = site.operand_type(0).quantisation
    return quantisation.zero_point if quantisation is not None else 0


def _pad(site: Site) -> Value:
    return _filled_border(site, _zero(site))


def _pad_v2(site: Site) -> Value:
    return _filled_border(site, site.op.value)


def _filled_border(site: Site, value: float) -> relax.Expr:
    sizes, before = static_shape(site.operand_type(0)), [pair[0] for pair in site.op.padding]
    padded_axes = [d for d, pair in enumerate(site.op.padding) if any(pair)]
    if not padded_axes:
        return site.args[0]

    def program(x: te.Tensor) -> te.Tensor:
        def element(*index: Any) -> Any:
            place = [i - start for i, start in zip(index, before, strict=True)]
            inside = [tirx.all(place[d] >= 0, place[d] < sizes[d]) for d in padded_axes]
            return tirx.if_then_else(tirx.all(*inside), x(*place), tirx.const(value, site.dtype))

        return te.compute(site.shape, element, name=site.op.name)

    return site.te(program, site.args[0], name=site.op.name)


def _mirror_pad(site: Site) -> Value:
    """No border is longer than what it mirrors, so that one reflection on either side is enough."""
    sizes, edge = static_shape(site.operand_type(0)), 0 if site.op.mode is MirrorMode.REFLECT else 1

    def place(*index: Any) -> list[Any]:
        found = []
        for i, size, (before, after) in zip(index, sizes, site.op.padding, strict=True):
            at = i - before
            if before:
                at = tirx.Select(at < 0, -at - edge, at)
            if after:
                last = 2 * (size - 1) + edge
                at = tirx.Select(i - before >= size, last - (i - before), at)
            found.append(at)
        return found

    return moved(site, place)


# --- blocks of pixels ---


def _on_nhwc(rearrange: Callable[[Site, relax.Expr], relax.Expr]) -> Lowering:
    def lower(site: Site) -> Value:
        if site.op.layout is Layout.NHWC:
            return rearrange(site, site.args[0])
        image = site.emit(relax.op.permute_dims(site.args[0], list(TO_NHWC)))
        return site.emit(relax.op.permute_dims(rearrange(site, image), list(TO_NCHW)))

    return lower


def _regrouped(site: Site, image: relax.Expr, apart: list[int], order: list[int], result: list[int]) -> relax.Expr:
    cells = site.emit(relax.op.reshape(image, apart))
    return site.emit(relax.op.reshape(site.emit(relax.op.permute_dims(cells, order)), result))


def _depth_to_space(site: Site, image: relax.Expr) -> relax.Expr:
    (n, h, w, c), side = shape_of(image), site.op.block
    depth = c // side**2
    return _regrouped(site, image, [n, h, w, side, side, depth], [0, 1, 3, 2, 4, 5], [n, h * side, w * side, depth])


def _space_to_depth(site: Site, image: relax.Expr) -> relax.Expr:
    (n, h, w, c), side = shape_of(image), site.op.block
    rows, columns = h // side, w // side
    return _regrouped(
        site, image, [n, rows, side, columns, side, c], [0, 1, 3, 2, 4, 5], [n, rows, columns, side * side * c]
    )


def _batch_to_space(site: Site, image: relax.Expr) -> relax.Expr:
    return batches_to_cells(site.emitter, image, site.op.block)


def _space_to_batch(site: Site, image: relax.Expr) -> relax.Expr:
    top, bottom, left, right = site.op.padding
    widths = [(0, 0), (top, bottom), (left, right), (0, 0)]
    return cells_to_batches(site.emitter, padded(site.emitter, image, widths, _zero(site)), site.op.block)


def _channel_shuffle(site: Site) -> Value:
    axis, groups = normal_axis(site.op.axis, len(site.shape)), site.op.groups
    each = site.shape[axis] // groups

    def place(*index: Any) -> list[Any]:
        channel = index[axis]
        found = list(index)
        found[axis] = tirx.floormod(channel, groups) * each + tirx.floordiv(channel, groups)
        return found

    return moved(site, place)


LOWERINGS: dict[type[Operation], Lowering] = {
    BatchToSpaceNd: _on_nhwc(_batch_to_space),
    ChannelShuffle: _channel_shuffle,
    Concatenation: _concatenation,
    DepthToSpace: _on_nhwc(_depth_to_space),
    ExpandDims: _reshape,
    MirrorPad: _mirror_pad,
    Pack: _pack,
    Pad: _pad,
    PadV2: _pad_v2,
    Reshape: _reshape,
    Reverse: _reverse,
    Slice: _slice,
    SpaceToBatchNd: _on_nhwc(_space_to_batch),
    SpaceToDepth: _on_nhwc(_space_to_depth),
    Split: _split,
    Squeeze: _reshape,
    StridedSlice: _strided_slice,
    Tile: _tile,
    Transpose: _transpose,
}
