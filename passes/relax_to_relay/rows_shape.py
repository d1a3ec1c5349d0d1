"""Rows for operators that move elements: shapes, order, joining, slicing, padding, repeating."""

from __future__ import annotations

import functools

import numpy as np

from nir.passes.relax_to_relay.site import RelaxCall, RowTable
from nir.relay.ast import Expr


def to_result_shape(call: RelaxCall) -> Expr:
    """Whatever says the shape (an argument, axes), Relax has worked it out."""
    return call.reshape(call.expr(), call.result_shape)


def permute_dims(call: RelaxCall) -> Expr:
    """Dimensions in another order; all reversed where none is stated."""
    x = call.expr()
    rank = call.tensor_type(x).rank
    axes = call.axes(rank, "axes")
    return call.transpose(x, tuple(reversed(range(rank))) if axes is None else axes)


def concat(call: RelaxCall) -> Expr:
    """Tensors joined along a dimension."""
    axis = 0 if call.attrs["axis"] is None else call.axis(call.result.rank)
    return call.relay("concatenate", call.tuple(call.fields()), axis=axis)


def stack(call: RelaxCall) -> Expr:
    """Tensors joined along a new dimension."""
    axis = 0 if call.attrs["axis"] is None else call.axis(call.result.rank)
    return call.relay("stack", call.tuple(call.fields()), axis=axis)


def split(call: RelaxCall) -> Expr:
    """Parts of equal size by their number, or of any by where they begin."""
    x = call.expr()
    axis = call.axis(call.tensor_type(x).rank)
    sections = call.attrs["indices_or_sections"]
    if isinstance(sections, int) and call.shape(x)[axis] % sections:
        size = -(-call.shape(x)[axis] // sections)
        sections = tuple(size * i for i in range(1, sections))
    return call.relay("split", x, indices_or_sections=sections, axis=axis)


def strided_slice(call: RelaxCall) -> Expr:
    """Bounds are arguments in Relax: axes, begin, end, strides."""
    x = call.expr()
    rank = call.tensor_type(x).rank
    axes = [axis % rank for axis in call.integers(1, "the dimensions of a slice")]
    begin, end = call.integers(2, "where a slice begins"), call.integers(3, "where a slice ends")
    strides = call.integers(4, "the steps of a slice") if len(call.args) > 4 else (1,) * len(axes)
    return sliced(call, x, dict(zip(axes, zip(begin, end, strides, strict=True), strict=True)))


def dynamic_strided_slice(call: RelaxCall) -> Expr:
    """The same with bounds of all dimensions in tensors, which must be known."""
    begin, end, strides = (call.integers(index, "the bounds of a slice") for index in (1, 2, 3))
    return sliced(call, call.expr(), dict(enumerate(zip(begin, end, strides, strict=True))))


def sliced(call: RelaxCall, x: Expr, bounds: dict[int, tuple[int, int, int]]) -> Expr:
    """`x[begin:end:step]` of every dimension in `bounds`, all dimensions stated to Relay with bounds in range."""
    found = []
    for axis, size in enumerate(call.shape(x)):
        begin, end, step = bounds.get(axis, (0, size, 1))
        start, stop, step = slice(begin, end, step).indices(size)
        if step < 0 and end < -size:
            stop = -1
        found.append((start, stop if stop >= 0 else -size - 1, step))
    if all((start, stop, step) == (0, size, 1) for (start, stop, step), size in zip(found, call.shape(x), strict=True)):
        return x
    begins, ends, steps = (tuple(part) for part in zip(*found, strict=True))
    return call.relay("strided_slice", x, begin=begins, end=ends, strides=steps)


def pad(call: RelaxCall) -> Expr:
    """Widths before and after, in one list in Relax."""
    x, widths = call.expr(), call.attrs["pad_width"]
    pairs = tuple((int(before), int(after)) for before, after in zip(widths[::2], widths[1::2], strict=True))
    value = call.like(call.attrs["pad_value"], x)
    return call.relay("nn.pad", x, value, pad_width=pairs, pad_mode=call.attrs["pad_mode"])


def tile(call: RelaxCall) -> Expr:
    """Repetitions of the whole tensor."""
    return call.relay("tile", call.expr(), reps=call.attrs["repeats"])


def repeat(call: RelaxCall) -> Expr:
    """Each element several times; of all elements in a row where no axis is stated."""
    x = call.expr()
    if call.attrs["axis"] is None:
        size = 1
        for extent in call.shape(x):
            size *= extent
        return call.relay("repeat", call.reshape(x, (size,)), repeats=call.attrs["repeats"], axis=0)
    return call.relay("repeat", x, repeats=call.attrs["repeats"], axis=call.axis(call.tensor_type(x).rank))


def flip(call: RelaxCall) -> Expr:
    """One dimension in reverse order."""
    return call.relay("reverse", call.expr(), axis=call.axis(call.tensor_type(call.expr()).rank))


def broadcast_to(call: RelaxCall) -> Expr:
    """The operand repeated to the shape of the result."""
    x = call.expr()
    if call.tensor_type(x).shape == call.result.shape:
        return x
    return call.relay("broadcast_to", x, shape=call.result_shape)


def pixel_shuffle(call: RelaxCall) -> Expr:
    """Channels to pixels, the channel above the block's position."""
    x = call.expr()
    if call.tensor_type(x).rank != 4:
        call.refuse("only images of four dimensions have a counterpart")
    return call.relay("nn.depth_to_space", x, block_size=call.attrs["upscale_factor"], layout="NCHW", mode="CRD")


def space_to_batch(call: RelaxCall) -> Expr:
    """Blocks of pixels to batches; block, cells before and after, and what they hold are arguments of a function."""
    block, before, after = (call.integers(index, "the blocks") for index in (1, 2, 3))
    value = float(call.number(4, "the padding value"))
    paddings = tuple(zip(before, after, strict=True))
    return call.relay("nn.space_to_batch_nd", call.expr(), block_shape=block, paddings=paddings, pad_value=value)


def batch_to_space(call: RelaxCall) -> Expr:
    """Batches to blocks of pixels, cut off at the borders."""
    block, before, after = (call.integers(index, "the blocks") for index in (1, 2, 3))
    crops = tuple(zip(before, after, strict=True))
    return call.relay("nn.batch_to_space_nd", call.expr(), block_shape=block, crops=crops)


def meshgrid(call: RelaxCall) -> Expr:
    """Vectors repeated along the dimensions of the others."""
    fields = call.fields()
    sizes = [extent for field in fields for extent in (call.shape(field) or (1,))]
    order = list(range(len(sizes)))
    if call.attrs["indexing"] == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    grids = []
    for index, field in enumerate(fields):
        shape = [sizes[index] if d == index else 1 for d in order]
        wide = call.relay("broadcast_to", call.reshape(field, shape), shape=tuple(sizes[d] for d in order))
        grids.append(wide)
    return call.tuple(grids)


def unchanged(call: RelaxCall) -> Expr:
    """An operator that concerns devices or optimisation, not numbers."""
    return call.expr()


def triangle(upper: bool, call: RelaxCall) -> Expr:
    """The elements on one side of a diagonal; the others are zeros."""
    x = call.expr()
    rows, columns = call.shape(x)[-2:]
    k = int(call.number(1, "the diagonal"))
    distance = np.arange(columns) - np.arange(rows)[:, np.newaxis]
    mask = np.broadcast_to(distance >= k if upper else distance <= k, call.shape(x))
    return call.relay("where", call.constant(mask), x, call.constant(np.zeros(call.shape(x)), call.dtype(x)))


ROWS: RowTable = {
    "broadcast_to": broadcast_to,
    "builtin.stop_lift_params": unchanged,
    "call_dps_packed.topi.nn.batch_to_space_nd": batch_to_space,
    "call_dps_packed.topi.nn.space_to_batch_nd": space_to_batch,
    "concat": concat,
    "dynamic_strided_slice": dynamic_strided_slice,
    "expand_dims": to_result_shape,
    "flatten": to_result_shape,
    "flip": flip,
    "hint_on_device": unchanged,
    "meshgrid": meshgrid,
    "nn.batch_flatten": to_result_shape,
    "nn.pad": pad,
    "nn.pixel_shuffle": pixel_shuffle,
    "permute_dims": permute_dims,
    "repeat": repeat,
    "reshape": to_result_shape,
    "split": split,
    "squeeze": to_result_shape,
    "stack": stack,
    "strided_slice": strided_slice,
    "tile": tile,
    "to_vdevice": unchanged,
    "tril": functools.partial(triangle, False),
    "triu": functools.partial(triangle, True),
    "wrap_param": unchanged,
}
