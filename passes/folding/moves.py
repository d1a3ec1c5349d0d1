"""Reshapes and transposes that say together what one operator says.

Importers write channel shuffles, pixel shuffles and their like as a reshape that splits dimensions, a transpose, and a
reshape that joins them. What the three do to the elements has a shortest form: sizes of runs of dimensions that stay
together, and the order in which the runs come; runs of one element are left out. Two ways of writing it have equal
shortest forms if and only if they move the elements in the same way, so that an operator is found by comparison with
its own form. Where there is none, the shortest form itself is written if the tensors had more than four dimensions,
which accelerators do not take.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nir.ir import Operation, Value
from nir.ops.common import Layout
from nir.passes.folding.editing import Sweep, maker

RESHAPING = ("reshape", "squeeze", "expand_dims")
"""Operators that keep all elements in their order."""

_MOST_DIMENSIONS = 4
"""What accelerators take."""


class Movement(NamedTuple):
    """Sizes of what a tensor is split into, and which of them come first, second, ... in the result."""

    sizes: tuple[int, ...]
    order: tuple[int, ...]


def shortest(sizes: Sequence[int], order: Sequence[int]) -> Movement:
    """The same movement of elements with the fewest dimensions."""
    runs: list[list[int]] = []
    left = [d for d in range(len(sizes)) if sizes[d] != 1]
    place = {d: i for i, d in enumerate(left)}
    for d in (d for d in order if sizes[d] != 1):
        if runs and place[runs[-1][-1]] + 1 == place[d]:
            runs[-1].append(d)
        else:
            runs.append([d])
    lengths = {run[0]: math.prod(sizes[d] for d in run) for run in runs}
    starts = sorted(lengths)
    return Movement(tuple(lengths[d] for d in starts), tuple(starts.index(run[0]) for run in runs))


def merge_reshapes(sweep: Sweep, op: Operation) -> bool:
    """The rule for reshapes behind others, and for those that change nothing."""
    if op.name not in RESHAPING or not _is_plain(op):
        return False
    source, result = op.operands[0], op.results[0]
    if source is not None and source.type == result.type and result not in sweep.function.results:
        sweep.alias(op, source)
        return True
    inner = maker(source, *RESHAPING)
    if inner is None or not sweep.is_only_user(source) or not _is_plain(inner):
        return False
    sweep.supersede(op, _reshaped(sweep, inner.operands[0], op, _extents(result)))
    return True


def name_movement(sweep: Sweep, op: Operation) -> bool:
    """The rule for a reshape behind a transpose behind a reshape."""
    if op.name not in RESHAPING or not _is_plain(op):
        return False
    transpose = maker(op.operands[0], "transpose")
    split = None if transpose is None else maker(transpose.operands[0], *RESHAPING)
    if transpose is None or split is None or not (_is_plain(split) and _is_plain(transpose)):
        return False
    if not sweep.is_only_user(op.operands[0]) or not sweep.is_only_user(transpose.operands[0]):
        return False
    source, sizes = split.operands[0], _extents(split.results[0])
    if source is None or 0 in sizes:
        return False
    movement = shortest(sizes, transpose.attributes["permutation"])
    found = next(_candidates(movement, _extents(source), _extents(op.results[0])), None)
    if found is None and len(sizes) <= max(_MOST_DIMENSIONS, len(movement.sizes)):
        return False
    sweep.supersede(op, _written(sweep, source, op, found) if found else _shortened(sweep, source, op, movement))
    return True


def _is_plain(op: Operation) -> bool:
    """True where all that is moved has a known shape, and means the same wherever it goes."""
    values = [value for value in (op.operands[0], *op.results) if value is not None]
    quantisations = [value.type.quantisation for value in values]
    return not any(None in value.shape for value in values) and (
        all(quantisation is None or not quantisation.is_per_channel for quantisation in quantisations)
        and len({value.element for value in values}) == 1
        and all(quantisation == quantisations[0] for quantisation in quantisations)
    )


def _extents(value: Value) -> tuple[int, ...]:
    """The shape, which `_is_plain` has found to be known."""
    return tuple(size or 0 for size in value.shape)


def _reshaped(sweep: Sweep, value: Value | None, op: Operation, shape: tuple[int, ...]) -> Operation:
    return sweep.emit("reshape", value, like=op, type=op.results[0].type.with_shape(shape), shape=shape)


def _shortened(sweep: Sweep, source: Value, op: Operation, movement: Movement) -> Operation:
    """Reshape, transpose and reshape with the fewest dimensions, which give what `op` gives."""
    split = _reshaped(sweep, source, op, movement.sizes)
    type = source.type.with_shape(tuple(movement.sizes[d] for d in movement.order))
    moved = sweep.emit("transpose", split.results[0], like=op, type=type, permutation=movement.order)
    return _reshaped(sweep, moved.results[0], op, _extents(op.results[0]))


# --- operators ---

Step = tuple[str, dict[str, Any]]
"""An operator's name, and its attributes."""


def _written(sweep: Sweep, source: Value, op: Operation, steps: Sequence[Step]) -> Operation:
    """The operations that `steps` are, the last one with the type of `op`'s result."""
    value, made = source, None
    for name, attributes in steps:
        type = value.type if name == "channel_shuffle" else op.results[0].type
        made = sweep.emit(name, value, like=op, type=type, **attributes)
        value = made.results[0]
    assert made is not None
    return made


def _candidates(movement: Movement, before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[Sequence[Step]]:
    """Operators that take a tensor of shape `before` to one of shape `after` by `movement`."""
    if movement.order == tuple(range(len(movement.order))):
        yield [("reshape", {"shape": after})]
    elif before == after:
        yield from _shuffles(movement, before)
    elif len(before) == len(after) == 4 and before[0] == after[0]:
        for layout in (Layout.NHWC, Layout.NCHW):
            yield from _blocks(movement, before, after, layout)


def _shuffles(movement: Movement, shape: tuple[int, ...]) -> Iterator[Sequence[Step]]:
    """channel_shuffle: two runs that make up one dimension change places."""
    for axis, channels in enumerate(shape):
        lead, rest = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        for groups in (size for size in movement.sizes if channels % size == 0):
            if shortest((lead, groups, channels // groups, rest), (0, 2, 1, 3)) == movement:
                yield [("channel_shuffle", {"groups": groups, "axis": axis})]


def _blocks(
    movement: Movement, before: tuple[int, ...], after: tuple[int, ...], layout: Layout
) -> Iterator[Sequence[Step]]:
    """depth_to_space, the channel below or above the position in the block, and space_to_depth."""
    small, large = (_image(shape, layout) for shape in (before, after))
    spreads = small[1] < large[1]
    if not spreads:
        small, large = large, small
    (batch, rows, columns, depth), side = small, large[1] // max(small[1], 1)
    if side < 2 or large != (batch, rows * side, columns * side, depth // side**2) or depth % side**2:
        return
    channels = large[3]
    block: Step = ("depth_to_space" if spreads else "space_to_depth", {"block": side, "layout": layout})
    if _cells(small, side, channels, layout, spreads, above=False) == movement:
        yield [block]
    if _cells(small, side, channels, layout, spreads, above=True) == movement:
        axis = 3 if layout is Layout.NHWC else 1
        shuffle: Step = ("channel_shuffle", {"groups": channels if spreads else side**2, "axis": axis})
        yield [shuffle, block] if spreads else [block, shuffle]


def _image(shape: tuple[int, ...], layout: Layout) -> tuple[int, int, int, int]:
    """Images, rows, columns, channels."""
    order = (0, 1, 2, 3) if layout is Layout.NHWC else (0, 2, 3, 1)
    batch, rows, columns, channels = (shape[d] for d in order)
    return batch, rows, columns, channels


def _cells(
    small: tuple[int, int, int, int], side: int, channels: int, layout: Layout, spreads: bool, above: bool
) -> Movement:
    """What spreading channels over blocks is, or gathering them, the channel above the position in the block or not."""
    batch, rows, columns, _ = small
    depth = ["c", "down", "across"] if above else ["down", "across", "c"]
    extents = {"n": batch, "y": rows, "x": columns, "c": channels, "down": side, "across": side}
    space = ["y", "down", "x", "across"]
    apart = ["n", "y", "x", *depth] if layout is Layout.NHWC else ["n", *depth, "y", "x"]
    whole = ["n", *space, "c"] if layout is Layout.NHWC else ["n", "c", *space]
    first, then = (apart, whole) if spreads else (whole, apart)
    return shortest([extents[name] for name in first], [first.index(name) for name in then])
