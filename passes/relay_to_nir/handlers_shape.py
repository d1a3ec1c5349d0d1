"""Shapes, order of dimensions, joining, slicing, padding, gathering: operators that move elements.

What they move may be stored integers whose scale is stated elsewhere; quantisation propagation finds it.
"""

from __future__ import annotations

import itertools
import re

import numpy as np

from nir.ir import Value
from nir.ops.common import Layout
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.handlers_elementwise import broadcast, each
from nir.passes.relay_to_nir.parameters import integers, layout_of, pairs


def reshape(call: RelayCall) -> Value:
    """Whatever the codes (0, -1 to -4, or a second operand) say, type inference has worked out the result."""
    return call.reshaped(call.value(0), call.shape)


def squeeze(call: RelayCall) -> Value:
    """Without dimensions of size 1: all of them, or those named."""
    value = call.value(0)
    if call.attrs["axis"] is None:
        return call.reshaped(value, call.shape)
    axes = tuple(call.axis(axis, len(value.shape)) for axis in integers(call, "axis"))
    return call.emit("squeeze", value, axes=axes) if axes else value


def expand_dims(call: RelayCall) -> Value:
    """One new dimension by its operator, any other number as a reshape."""
    if call.integer("num_newaxis") != 1:
        return call.reshaped(call.value(0), call.shape)
    return call.emit("expand_dims", call.value(0), axis=call.axis(call.integer("axis"), call.type.rank))


def transpose(call: RelayCall) -> Value:
    """Dimensions in another order, or all reversed."""
    value = call.value(0)
    rank = len(value.shape)
    if call.attrs["axes"] is None:
        return call.transposed(value, tuple(reversed(range(rank))))
    return call.transposed(value, [call.axis(axis, rank) for axis in integers(call, "axes")])


def layout_transform(call: RelayCall) -> Value:
    """Between layouts of the same letters; `NCHW4c` has blocks of 4 channels as its last dimension."""
    source, target = _axes(call, "src_layout"), _axes(call, "dst_layout")
    if len(source) != len(call.input_shape(0)):
        call.refuse(f"src_layout {call.attrs['src_layout']} is not for rank {len(call.input_shape(0))}")
    letters = [letter for letter, _ in source if letter.isupper()]
    if sorted(letters) != sorted(letter for letter, _ in target if letter.isupper()):
        call.refuse(f"from layout {call.attrs['src_layout']} to {call.attrs['dst_layout']} has no counterpart in NIR")
    sizes = dict(zip((letter for letter, _ in source), call.input_shape(0), strict=True))
    whole = [sizes[letter] * sizes.get(letter.lower(), 1) for letter in letters]
    value = call.reshaped(call.transposed(call.value(0), _blocks_inside(source, letters)), whole)
    factors = {letter: factor for letter, factor in target if letter.islower()}
    split = []
    for letter, size in zip(letters, whole, strict=True):
        block = factors.get(letter.lower())
        split += [size] if block is None else [size // block, block]
    inside = _blocks_inside(target, letters)
    return call.transposed(call.reshaped(value, split), [inside.index(d) for d in range(len(inside))])


def _axes(call: RelayCall, attribute: str) -> list[tuple[str, int]]:
    """The letters of a layout, lower-case ones with the size of their blocks."""
    return [(letter, int(size or 1)) for size, letter in re.findall(r"(\d*)([A-Za-z])", str(call.attrs[attribute]))]


def _blocks_inside(axes: list[tuple[str, int]], letters: list[str]) -> list[int]:
    """Places of the dimensions of a layout, in the order of `letters`, each followed by its blocks."""
    place = {letter: d for d, (letter, _) in enumerate(axes)}
    return [place[key] for letter in letters for key in (letter, letter.lower()) if key in place]


def concatenate(call: RelayCall) -> Value:
    """Tensors joined along a dimension."""
    axis = call.axis(call.integer("axis"), call.type.rank)
    values = call.values(0)
    return values[0] if len(values) == 1 else call.raw(call.emit("concatenation", *values, axis=axis))


def stack(call: RelayCall) -> Value:
    """Tensors joined along a new dimension."""
    axis = call.axis(call.integer("axis"), call.type.rank)
    return call.raw(call.emit("pack", *call.values(0), axis=axis))


def split(call: RelayCall) -> list[Value]:
    """Equal parts by one operator, unequal ones as slices."""
    shape = call.input_shape(0)
    axis = call.axis(call.integer("axis"), len(shape))
    sections = call.attrs["indices_or_sections"]
    if isinstance(sections, int) and not isinstance(sections, bool):
        return list(call.operation("split", call.value(0), axis=axis, parts=sections).results)
    edges = [0, *(min(max(edge, 0), shape[axis]) for edge in integers(call, "indices_or_sections")), shape[axis]]
    made = []
    for start, end in itertools.pairwise(edges):
        begin, size = [0] * len(shape), list(shape)
        begin[axis], size[axis] = start, max(end - start, 0)
        made.append(call.emit("slice", call.value(0), begin=tuple(begin), size=tuple(size)))
    return made


def strided_slice(call: RelayCall) -> Value:
    """begin, end and strides of all dimensions, or of `axes`, worked out by Python's rules of slicing."""
    shape = call.input_shape(0)
    slices = _slices(call, shape)
    if all(step == 1 for _, _, step in slices):
        begin = tuple(start for start, _, _ in slices)
        size = tuple(max(stop - start, 0) for start, stop, _ in slices)
        return call.value(0) if size == shape else call.emit("slice", call.value(0), begin=begin, size=size)
    end_mask = sum(1 << d for d, (_, stop, _) in enumerate(slices) if stop < 0)
    return call.emit(
        "strided_slice",
        call.value(0),
        begin=tuple(start for start, _, _ in slices),
        end=tuple(max(stop, 0) for _, stop, _ in slices),
        strides=tuple(step for _, _, step in slices),
        end_mask=end_mask,
    )


def slice_like(call: RelayCall) -> Value:
    """The first elements of each dimension, as many as the result has."""
    value = call.value(0)
    return (
        value if value.shape == call.shape else call.emit("slice", value, begin=(0,) * call.type.rank, size=call.shape)
    )


def _slices(call: RelayCall, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """(start, stop, step) of every dimension; a stop of -1 is before the first element."""
    if call.attrs["begin"] is None or call.attrs["end"] is None:
        call.refuse("a slice whose bounds are known only at run time has no counterpart in NIR")
    begins, ends = integers(call, "begin"), integers(call, "end")
    strides = integers(call, "strides") if call.attrs["strides"] is not None else (1,)
    axes = integers(call, "axes") if call.attrs.get("axes") is not None else tuple(range(len(begins)))
    by_size = call.attrs.get("slice_mode", "end") == "size"
    found = [(0, size, 1) for size in shape]
    if len(begins) < len(axes) or 0 in strides or (by_size and len(ends) < len(axes)):
        call.refuse("a slice needs a begin, an end and a step other than 0 for each of its dimensions")
    for i, given in enumerate(axes):
        axis = call.axis(given, len(shape))
        size, begin = shape[axis], begins[i]
        step = 1 if by_size else strides[i] if i < len(strides) else strides[0] if len(strides) == 1 else 1
        end = ends[i] if i < len(ends) else size
        if by_size:
            begin = begin + size if begin < 0 else begin
            end = size if ends[i] < 0 else begin + ends[i]
        found[axis] = slice(begin, end, step).indices(size)
    return found


def pad(call: RelayCall) -> Value:
    """Constant borders keep a stored integer as it is; mirrored ones have an operator of their own."""
    widths = pairs(call, "pad_width")
    if call.attrs["pad_mode"] == "reflect":
        return call.emit("mirror_pad", call.value(0), padding=widths, mode="reflect")
    if call.attrs["pad_mode"] == "edge":
        return _edge_padded(call, widths)
    if call.attrs["pad_mode"] != "constant":
        call.refuse(f"pad_mode {call.attrs['pad_mode']} has no counterpart in NIR")
    data = call.value(0)
    if not any(before or after for before, after in widths):
        return data
    if len(call.entries) > 1:
        number = call.known(1, "the padding value").item()
    else:
        number = call.attrs["pad_value"]
    if data.element.is_float and number == 0:
        return call.emit("pad", data, padding=widths)
    return call.emit("pad_v2", data, padding=widths, value=float(number) if data.element.is_float else int(number))


def _edge_padded(call: RelayCall, widths: tuple[tuple[int, int], ...]) -> Value:
    """Every dimension gathers its first and last elements again."""
    value = call.value(0)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            size = call.static_shape(value)[axis]
            chosen = np.clip(np.arange(-before, size + after), 0, size - 1).astype(np.int32)
            value = call.emit("gather", value, call.new_constant(chosen), axis=axis)
    return value


def mirror_pad(call: RelayCall) -> Value:
    """A border that mirrors the tensor."""
    return call.emit("mirror_pad", call.value(0), padding=pairs(call, "pad_width"), mode=call.word("mode").lower())


def tile(call: RelayCall) -> Value:
    """Relay adds dimensions in front of the data, or ones in front of the repetitions."""
    repetitions = integers(call, "reps")
    shape = call.input_shape(0)
    rank = max(len(shape), len(repetitions))
    value = call.reshaped(call.value(0), (1,) * (rank - len(shape)) + shape)
    return call.emit("tile", value, multiples=(1,) * (rank - len(repetitions)) + repetitions)


def repeat(call: RelayCall) -> Value:
    """Each element several times in a row: a new dimension behind the axis, repeated, then joined with it."""
    shape = call.input_shape(0)
    axis = call.axis(call.integer("axis"), len(shape))
    times = call.integer("repeats")
    value = call.reshaped(call.value(0), (*shape[: axis + 1], 1, *shape[axis + 1 :]))
    multiples = [1] * (len(shape) + 1)
    multiples[axis + 1] = times
    return call.reshaped(call.emit("tile", value, multiples=tuple(multiples)), call.shape)


def reverse(call: RelayCall) -> Value:
    """One dimension in reverse order."""
    return call.emit("reverse", call.value(0), axis=call.axis(call.integer("axis"), call.type.rank))


def broadcast_to(call: RelayCall) -> Value:
    """The operand repeated to the shape of the result."""
    return broadcast(call, call.value(0), call.shape)


def blocks(operator: str, call: RelayCall) -> Value:
    """depth_to_space and space_to_depth with the block's position above the channel."""
    mode = call.attrs.get("mode", "DCR")
    if mode == "CRD" and operator == "depth_to_space":
        return _channel_above_block(call)
    if mode not in ("DCR", ""):
        call.refuse(f"mode {mode} has no counterpart in NIR")
    return call.emit(operator, call.value(0), block=call.integer("block_size"), layout=layout_of(call))


def _channel_above_block(call: RelayCall) -> Value:
    """depth_to_space with the channel above the block's position, by a transpose."""
    layout, block = layout_of(call), call.integer("block_size")
    batch, *sizes = call.input_shape(0)
    if layout is Layout.NCHW:
        depth, rows, columns = sizes
        split, order = (batch, depth // block**2, block, block, rows, columns), (0, 1, 4, 2, 5, 3)
    else:
        rows, columns, depth = sizes
        split, order = (batch, rows, columns, depth // block**2, block, block), (0, 1, 4, 2, 5, 3)
    return call.reshaped(call.transposed(call.reshaped(call.value(0), split), order), call.shape)


def batch_to_space(call: RelayCall) -> Value:
    """NIR cuts nothing off: the crops are a slice."""
    block = integers(call, "block_shape")
    if len(block) != 2 or len(call.input_shape(0)) != 4:
        call.refuse("only blocks of height and width of images have a counterpart in NIR")
    whole = call.emit("batch_to_space_nd", call.value(0), block=block)
    begin = (0, *(before for before, _ in pairs(call, "crops")), 0)
    return whole if whole.shape == call.shape else call.emit("slice", whole, begin=begin, size=call.shape)


def space_to_batch(call: RelayCall) -> Value:
    """Blocks of pixels to batches; NIR pads with real 0, other padding comes before."""
    block, padding, value = integers(call, "block_shape"), pairs(call, "paddings"), call.value(0)
    if len(block) != 2 or len(padding) != 2 or len(value.shape) != 4:
        call.refuse("only blocks of height and width of images have a counterpart in NIR")
    number = call.real("pad_value")
    if value.element.is_float and number == 0:
        return call.emit("space_to_batch_nd", value, block=block, padding=(*padding[0], *padding[1]))
    if any(before or after for before, after in padding):
        stored = number if value.element.is_float else int(number)
        value = call.emit("pad_v2", value, padding=((0, 0), *padding, (0, 0)), value=stored)
    return call.emit("space_to_batch_nd", value, block=block)


def yolo_reorg(call: RelayCall) -> Value:
    """Cells of pixels become channels in the order of Darknet's layer, which reads the data as if it had
    c / stride^2 channels of (h stride) x (w stride) pixels.
    """
    stride = call.integer("stride")
    batch, channels, height, width = call.input_shape(0)
    coarse = channels // (stride * stride) if stride > 0 else 0
    if not coarse or channels % (stride * stride):
        call.refuse(f"{channels} channels do not make cells of {stride} x {stride}")
    b, k, j, i = np.ogrid[:batch, :channels, :height, :width]
    down, right = np.divmod(k // coarse, stride)
    row = (b * coarse + k % coarse) * height * stride + j * stride + down
    places = (row * width * stride + i * stride + right).astype(np.int32).reshape(-1)
    flat = call.reshaped(call.value(0), (places.size,))
    return call.reshaped(call.emit("gather", flat, call.new_constant(places), axis=0), call.shape)


HANDLERS: HandlerTable = {
    **each(blocks, {"nn.depth_to_space": "depth_to_space", "nn.space_to_depth": "space_to_depth"}),
    "broadcast_to": broadcast_to,
    "broadcast_to_like": broadcast_to,
    "concatenate": concatenate,
    "expand_dims": expand_dims,
    "layout_transform": layout_transform,
    "nn.batch_flatten": reshape,
    "nn.batch_to_space_nd": batch_to_space,
    "nn.mirror_pad": mirror_pad,
    "nn.pad": pad,
    "nn.space_to_batch_nd": space_to_batch,
    "repeat": repeat,
    "reshape": reshape,
    "reshape_like": reshape,
    "reverse": reverse,
    "slice_like": slice_like,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "strided_slice": strided_slice,
    "tile": tile,
    "transpose": transpose,
    "vision.yolo_reorg": yolo_reorg,
}
