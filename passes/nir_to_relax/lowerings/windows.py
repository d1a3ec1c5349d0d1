"""Pooling, convolution and matrix products. Integer sums are exact: 32 bits wide, or 64 where they are averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, te, tirx

from nir.ir import ElementType, Operation, Quantisation
from nir.ops.common import Layout
from nir.ops.convolution import Conv2d, DepthwiseConv2d, GroupedConv2d, TransposeConv2d
from nir.ops.matmul import BatchMatmul, FullyConnected
from nir.ops.pooling import AveragePool2d, L2Pool2d, MaxPool2d, cell_counts
from nir.ops.profiles import QdqProfile, ScaleProduct
from nir.ops.windows import TO_NCHW, TO_NHWC, WindowAxis, image_sizes, window_axes
from nir.passes.nir_to_relax.lowerings.binary import larger
from nir.passes.nir_to_relax.lowerings.reduction import divided
from nir.passes.nir_to_relax.rounding import activated, averaging, rescaling
from nir.passes.nir_to_relax.site import Lowering, Site, static_shape
from nir.passes.relax_building.emitter import Value, constant, dtype_of, elements_of, shape_of

Axes = tuple[WindowAxis, WindowAxis]


def _to_nhwc(site: Site, image: relax.Expr) -> relax.Expr:
    return image if site.op.layout is Layout.NHWC else site.emit(relax.op.permute_dims(image, list(TO_NHWC)))


def _from_nhwc(site: Site, image: relax.Expr) -> relax.Expr:
    return image if site.op.layout is Layout.NHWC else site.emit(relax.op.permute_dims(image, list(TO_NCHW)))


def _outputs(site: Site) -> tuple[int, int]:
    _, height, width, _ = image_sizes(site.shape, site.op.layout)
    return int(height or 0), int(width or 0)


def _sizes(site: Site) -> tuple[int, int]:
    _, height, width, _ = image_sizes(site.operand_type(0).shape, site.op.layout)
    return int(height or 0), int(width or 0)


# --- pooling ---


def _pooled(site: Site, reducer: Callable[..., Any], element: Callable[[Any], Any], outside: Any) -> relax.Expr:
    """`reducer` over the cells of each window of the NHWC image; padding cells are `outside`."""
    image = _to_nhwc(site, site.args[0])
    batch, height, width, channels = shape_of(image)
    down, across = _axes(site)
    rows, columns = _outputs(site)

    def program(x: te.Tensor) -> te.Tensor:
        i, j = te.reduce_axis((0, down.size), name="i"), te.reduce_axis((0, across.size), name="j")

        def result(n: Any, y: Any, z: Any, c: Any) -> Any:
            row, column = y * down.stride + i - down.before, z * across.stride + j - across.before
            value = element(x(n, row, column, c))
            if down.before or down.after or across.before or across.after:
                inside = tirx.all(row >= 0, row < height, column >= 0, column < width)
                value = tirx.if_then_else(inside, value, outside)
            return reducer(value, axis=[i, j])

        return te.compute((batch, rows, columns, channels), result, name=site.op.name)

    return site.te(program, image, name=site.op.name)


def _axes(site: Site) -> Axes:
    return window_axes(_sizes(site), site.op.window, site.op.strides, (1, 1), site.op.padding)


def _max_pool(site: Site) -> Value:
    element = site.type.element
    wide = "float32" if element.is_float else "int64"
    lowest = tirx.const(-np.inf if element.is_float else element.minimum, wide)
    reducer = te.comm_reducer(
        lambda x, y: larger(x, y, True, is_float=element.is_float), lambda _: lowest, name="largest"
    )
    return _bounded(site, _pooled(site, reducer, lambda x: x.astype(wide), lowest), lambda x: x)


def _bounded(site: Site, pooled: relax.Expr, finish: Callable[..., Any], *parameters: Any) -> relax.Expr:
    """`finish` of what was pooled, then the activation; in the operation's layout and type."""
    program = site.program(shape_of(pooled))
    x = program.operand(pooled)
    terms = [program.parameter(array, dtype, opaque=True) for array, dtype in parameters]

    def formula() -> Any:
        value = finish(x.value, *(term.value for term in terms))
        if not site.type.element.is_float:
            value = value.astype("int64")
        return activated(value, site.op.activation, site.type).astype(site.dtype)

    return _from_nhwc(site, program.emit(formula, "finish"))


def _counts(site: Site) -> Any:
    """Cells of the image under each window, [rows, columns, 1]."""
    batch, _, _, channels = image_sizes(site.operand_type(0).shape, site.op.layout)
    image = np.broadcast_to(np.int8(0), (batch or 0, *_sizes(site), channels or 0))
    return cell_counts(image, _axes(site), _outputs(site))


def _average_pool(site: Site) -> Value:
    if site.type.element.is_float:
        sums = _pooled(site, te.sum, lambda x: x.astype("float32"), tirx.const(0.0, "float32"))
        return _bounded(site, sums, lambda x, count: x / count, (_counts(site), "float32"))
    sums = _pooled(site, te.sum, lambda x: x.astype("int64"), tirx.const(0, "int64"))
    source = site.operand_type(0).quantisation
    if isinstance(site.profile, QdqProfile) and source is not None and not site.op.truncate:
        return _average_of_reals(site, sums, source)
    truncate = site.profile.truncates_averages
    return _bounded(site, sums, lambda x, count: divided(x, count, truncate=truncate), (_counts(site), "int64"))


def _average_of_reals(site: Site, sums: relax.Expr, source: Quantisation) -> relax.Expr:
    """The mean of real values under `qdq`, stored as the profile says."""
    program = site.program(shape_of(sums))
    x = program.operand(sums)
    counts = _counts(site)
    count = program.parameter(counts, "float32", opaque=True)
    points = program.parameter(counts * source.zero_point, "int64")
    average = averaging(program, site.profile, source, site.type)
    bounded = lambda value: activated(value, site.op.activation, site.type)  # noqa: E731
    return _from_nhwc(site, program.emit(lambda: bounded(average(x.value - points.value, count.value)), "average"))


def _l2_pool(site: Site) -> Value:
    def square(x: Any) -> Any:
        return x.astype("float32") * x.astype("float32")

    sums = _pooled(site, te.sum, square, tirx.const(0.0, "float32"))
    return _bounded(site, sums, lambda x, count: tirx.sqrt(x / count), (_counts(site), "float32"))


# --- sums of products ---


def _centred(site: Site, index: int) -> relax.Expr:
    """An operand without its zero points, in the smallest integers that hold the difference; floats in float32."""
    type, value = site.operand_type(index), site.args[index]
    if type.element.is_float:
        return site.widened(value)
    quantisation = type.quantisation
    wide = "int16" if type.element.bits == 8 else "int32"
    known = site.constant(site.op.operands[index])
    points = np.zeros((), np.int32) if quantisation is None else quantisation.broadcast_zero_points(type.rank)
    if known is not None:
        return constant((known.astype(np.int32) - points).astype(wide))
    program = site.program(static_shape(type))
    x, point = program.operand(value), program.parameter(points, wide)
    return program.emit(lambda: x.value.astype(wide) - point.value, "centre")


def _reordered(site: Site, value: relax.Expr, order: list[int], shape: list[int] | None = None) -> relax.Expr:
    """`value` with its axes in `order`, and then another shape; a constant is rearranged here and now."""
    known = elements_of(value)
    if known is not None:
        known = known.transpose(order)
        return constant(known if shape is None else known.reshape(shape))
    moved = value if order == sorted(order) else site.emit(relax.op.permute_dims(value, order))
    return moved if shape is None else site.emit(relax.op.reshape(moved, shape))


def _same_width(site: Site, left: relax.Expr, right: relax.Expr) -> tuple[relax.Expr, relax.Expr]:
    """Both in one element type: Relax multiplies no matrices of different ones."""
    if dtype_of(left) == dtype_of(right):
        return left, right
    return site.emitter.cast(left, "int32"), site.emitter.cast(right, "int32")


def _sum_dtype(site: Site) -> str:
    return "float32" if site.operand_type(0).element.is_float else "int32"


def _finished(site: Site, sums: relax.Expr, channel_axis: int) -> relax.Expr:
    """Sums (in the shape of the result) with bias and activation, rescaled or as they are."""
    op, target = site.op, site.type
    program = site.program()
    x = program.operand(sums)
    bias = program.operand(_along(site, site.args[2], channel_axis)) if _has_bias(site) else None
    if target.element.is_float:

        def real() -> Any:
            value = x.value if bias is None else x.value + bias.value.astype("float32")
            return activated(value, op.activation, target).astype(site.dtype)

        return program.emit(real, "finish")

    def total() -> Any:
        value = x.value.astype("int64")
        return value if bias is None else value + bias.value.astype("int64")

    source = _scale_of_sums(site, channel_axis)
    if target.element is ElementType.I32 or source is None:
        return program.emit(lambda: total().astype("int32").astype(site.dtype), "finish")
    rescale = rescaling(
        program,
        site.profile,
        source,
        target,
        rounding=op.rounding,
        activation=op.activation,
        single_rounding=op.single_rounding,
    )
    return program.emit(lambda: rescale(total().astype("int32")), "finish")  # sums wrap around at 32 bits


def _has_bias(site: Site) -> bool:
    return len(site.args) > 2 and site.args[2] is not None


def _along(site: Site, vector: relax.Expr, axis: int) -> relax.Expr:
    """A vector, shaped to broadcast along an axis of the result."""
    shape = [-1 if d == axis else 1 for d in range(len(site.shape))]
    known = elements_of(vector)
    if known is not None:
        return constant(known.reshape(shape))
    shape[axis] = shape_of(vector)[0]
    return site.emit(relax.op.reshape(vector, shape))


def _scale_of_sums(site: Site, channel_axis: int) -> ScaleProduct | None:
    input, filter = site.operand_type(0).quantisation, site.operand_type(1).quantisation
    if input is None or filter is None:
        return None
    bias = site.operand_type(2).quantisation if _has_bias(site) else None
    stated = None if bias is None else bias.scales
    several = len(filter.scales) > 1 or (stated is not None and len(stated) > 1)
    return ScaleProduct(input.scale, filter.scales, channel_axis if several else None, stated)


def _convolution(site: Site) -> Value:
    """Conv2d, depthwise and grouped: one Relax operator with groups; padding cells are 0 once zero points are off."""
    op = site.op
    channels = int(image_sizes(site.operand_type(0).shape, op.layout)[3] or 0)
    filter = _centred(site, 1)
    groups = getattr(op, "groups", 1)
    if isinstance(op, DepthwiseConv2d):
        filter, groups = _reordered(site, filter, [3, 1, 2, 0]), channels
    _, height, width, _ = shape_of(filter)
    down, across = window_axes(_sizes(site), (height, width), op.strides, op.dilations, op.padding)
    kernel = _reordered(site, filter, [1, 2, 3, 0])
    sums = relax.op.nn.conv2d(
        _to_nhwc(site, _centred(site, 0)),
        kernel,
        strides=list(op.strides),
        padding=[down.before, across.before, down.after, across.after],
        dilation=list(op.dilations),
        groups=groups,
        data_layout="NHWC",
        kernel_layout="HWIO",
        out_dtype=_sum_dtype(site),
    )
    return _finished(site, _from_nhwc(site, site.emit(sums)), op.output_channel_dimension())


def _transposed_convolution(site: Site) -> Value:
    """Every result gathers the input elements whose windows reach it."""
    op = site.op
    image, filter = _to_nhwc(site, _centred(site, 0)), _centred(site, 1)
    batch, height, width, inputs = shape_of(image)
    outputs, rows, columns, _ = shape_of(filter)
    (top, _), (left, _) = op._placement(0, height, rows), op._placement(1, width, columns)
    wide = _sum_dtype(site)

    def program(x: te.Tensor, w: te.Tensor) -> te.Tensor:
        i, j, c = (
            te.reduce_axis((0, size), name=name) for name, size in zip("ijc", (rows, columns, inputs), strict=True)
        )

        def result(n: Any, y: Any, z: Any, o: Any) -> Any:
            down, across = y + top - i, z + left - j
            row, column = tirx.floordiv(down, op.strides[0]), tirx.floordiv(across, op.strides[1])
            there = tirx.all(
                tirx.floormod(down, op.strides[0]) == 0,
                tirx.floormod(across, op.strides[1]) == 0,
                row >= 0,
                row < height,
                column >= 0,
                column < width,
            )
            product = x(n, row, column, c).astype(wide) * w(o, i, j, c).astype(wide)
            return te.sum(tirx.if_then_else(there, product, tirx.const(0, wide)), axis=[i, j, c])

        return te.compute((batch, *_outputs(site), outputs), result, name="transpose_conv_2d")

    sums = site.te(program, image, filter, name="transpose_conv_2d")
    return _finished(site, _from_nhwc(site, sums), op.output_channel_dimension())


def _fully_connected(site: Site) -> Value:
    inputs = shape_of(site.args[1])[1]
    rows = site.emit(relax.op.reshape(_centred(site, 0), [site.shape[0], inputs]))
    left, right = _same_width(site, rows, _reordered(site, _centred(site, 1), [1, 0]))
    return _finished(site, site.emit(relax.op.matmul(left, right, out_dtype=_sum_dtype(site))), 1)


def _batch_matmul(site: Site) -> Value:
    rank = len(site.shape)
    exchanged = [*range(rank - 2), rank - 1, rank - 2]
    sides = []
    for index, transposed in ((0, site.op.transpose_left), (1, site.op.transpose_right)):
        side = site.args[index] if site.operand_type(0).element is ElementType.I32 else _centred(site, index)
        sides.append(_reordered(site, side, exchanged) if transposed else side)
    left, right = _same_width(site, *sides)
    sums = site.emit(relax.op.matmul(left, right, out_dtype=_sum_dtype(site)))
    types = site.operand_type(0).quantisation, site.operand_type(1).quantisation
    if site.type.element.is_float or site.type.element is ElementType.I32 or None in types:
        return site.emitter.cast(sums, site.dtype)
    program = site.program()
    x = program.operand(sums)
    source = ScaleProduct(types[0].scale, types[1].scales)  # type: ignore[union-attr]
    rescale = rescaling(program, site.profile.fallback, source, site.type, rounding=site.op.rounding)
    return program.emit(lambda: rescale(x.value), "finish")


LOWERINGS: dict[type[Operation], Lowering] = {
    AveragePool2d: _average_pool,
    BatchMatmul: _batch_matmul,
    Conv2d: _convolution,
    DepthwiseConv2d: _convolution,
    FullyConnected: _fully_connected,
    GroupedConv2d: _convolution,
    L2Pool2d: _l2_pool,
    MaxPool2d: _max_pool,
    TransposeConv2d: _transposed_convolution,
}
