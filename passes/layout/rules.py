"""Which operators can work with dimensions in another order, and what becomes of their attributes then.

The dimensions that an operation ties together are its *strands*: a strand runs through one dimension, or several
neighbouring ones, of each operand and result. An order of the strands gives each of those tensors its frame. Operators
with the trait ELEMENTWISE need no line here, the others have one in `_RULES`; an operator without a rule takes and
gives tensors as the program says.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nir.ir import Operation, Shape, Trait, Value
from nir.ops.common import Layout
from nir.ops.constant import Const
from nir.passes.layout.frames import TO_NHWC, Frame, identity

Port = tuple[tuple[int, ...], ...]
"""For each strand the dimensions of one operand or result that it runs through."""

Order = tuple[int, ...]
"""The strands in the order in which they are stored."""


class Rule(NamedTuple):
    """How one operation works in any order of its strands. A port of None is a tensor that stays as it is."""

    strands: int
    operands: tuple[Port | None, ...]
    results: tuple[Port | None, ...]
    attributes: Callable[[Operation, Order], Mapping[str, Any]] | None = None
    """The attributes that depend on the order, all of them; None where there are none."""
    broadcasts: bool = False
    """Operands may lack strands, or have size 1 there."""
    reshapes: bool = False
    """The result has the elements of the operand in the same sequence."""


def rule_of(op: Operation) -> Rule | None:
    """The rule of an operation, or None where it must have its operands and results as they are."""
    if Trait.ELEMENTWISE in op.traits:
        return _elementwise(op)
    make = _RULES.get(op.name)
    return make(op) if make is not None else None


def attributes_in(op: Operation, rule: Rule, order: Order) -> dict[str, Any]:
    """All attributes of `op` in an order of its strands, in normal form."""
    if rule.attributes is None:
        return op.attributes
    changed = dict(op.attributes)
    for name, value in rule.attributes(op, order).items():
        if value == op.attribute_fields[name].default:
            changed.pop(name, None)
        else:
            changed[name] = value
    return changed


@functools.lru_cache(maxsize=4096)
def frame_in(port: Port, order: Order) -> Frame:
    """The frame of a tensor in an order of the strands."""
    return tuple([axis for strand in order for axis in port[strand]])


@functools.lru_cache(maxsize=65536)
def order_for(port: Port, frame: Frame, shape: Shape) -> Order | None:
    """An order of the strands in which a tensor of `shape` has the key of `frame`; None where there is none.

    Strands that do not run through the tensor stay behind the one before them.
    """
    place = {axis: i for i, axis in enumerate(frame)}
    position: list[float] = []
    for strand, axes in enumerate(port):
        long = [place[axis] for axis in axes if shape[axis] != 1]
        if long:
            position.append(long[0])
        elif axes:
            position.append(place[axes[0]])
        else:
            position.append(position[strand - 1] if strand else -1)
    order = tuple(sorted(range(len(port)), key=lambda strand: (position[strand], strand)))
    made = [axis for axis in frame_in(port, order) if shape[axis] != 1]
    return order if made == [axis for axis in frame if shape[axis] != 1] else None


# --- ports ---


@functools.lru_cache(maxsize=64)
def whole(rank: int) -> Port:
    """A strand for each dimension."""
    return tuple((axis,) for axis in range(rank))


@functools.lru_cache(maxsize=256)
def _trailing(rank: int, strands: int) -> Port:
    """The last dimensions, as broadcasting aligns them."""
    return ((),) * (strands - rank) + whole(rank)


def _without(dropped: frozenset[int], strands: int) -> Port:
    """All strands but some, with their dimensions numbered anew."""
    left = iter(range(strands))
    return tuple(() if strand in dropped else (next(left),) for strand in range(strands))


# --- rules by family ---


def _elementwise(op: Operation) -> Rule | None:
    rank = len(op.results[0].shape)
    operands = []
    for value in op.operands:
        if value is None or len(value.shape) > rank or (len(value.shape) < rank and not _can_gain_dimensions(value)):
            return None
        operands.append(_trailing(len(value.shape), rank))
    return Rule(rank, tuple(operands), (whole(rank),), broadcasts=len(operands) > 1)


def _can_gain_dimensions(value: Value) -> bool:
    """True where a reshape can say the shape with further dimensions of size 1."""
    return isinstance(value.producer, Const) or value.shape.count(None) <= (0 if 0 in value.shape else 1)


def _same_rank(op: Operation, attributes: Callable[[Operation, Order], Mapping[str, Any]]) -> Rule | None:
    """All operands and results have the dimensions of the first operand."""
    rank = _rank(op)
    if any(value is None or len(value.shape) != rank for value in (*op.operands, *op.results)):
        return None
    return Rule(rank, (whole(rank),) * len(op.operands), (whole(rank),) * len(op.results), attributes)


def _rank(op: Operation) -> int:
    value = op.operands[0] if op.operands else None
    return len(value.shape) if value is not None else 0


def _axis_in(op: Operation, axis: int, order: Order) -> int:
    """The place of dimension `axis`; counted from the end where that is the default."""
    place = order.index(axis % len(order))
    return -1 if place == len(order) - 1 and op.attribute_fields["axis"].default == -1 else place


def _along_axis(op: Operation) -> Rule | None:
    """Operators that treat the dimension `axis` in a way of its own, and keep it."""
    axis: int = op.attributes.get("axis", op.attribute_fields["axis"].default)
    if not -_rank(op) <= axis < _rank(op):
        return None
    return _same_rank(op, lambda op, order: {"axis": _axis_in(op, axis, order)})


def _entry_per_dimension(*names: str) -> Callable[[Operation], Rule | None]:
    """Operators with attributes that have one entry per dimension."""

    def attributes(op: Operation, order: Order) -> Mapping[str, Any]:
        return {name: tuple([op.attributes[name][axis] for axis in order]) for name in names}

    def make(op: Operation) -> Rule | None:
        if any(len(op.attributes[name]) != _rank(op) for name in names):
            return None
        return _same_rank(op, attributes)

    return make


_BOUNDS = ("begin", "end", "strides")
_MASKS = ("begin_mask", "end_mask", "shrink_mask")


def _strided_slice(op: Operation) -> Rule | None:
    rank, shrunk = _rank(op), op.attributes.get("shrink_mask", 0)
    if any(len(op.attributes[name]) != rank for name in _BOUNDS):
        return None
    dropped = frozenset(axis for axis in range(rank) if shrunk >> axis & 1)
    if len(dropped) == rank:
        return None

    def attributes(op: Operation, order: Order) -> Mapping[str, Any]:
        bounds = {name: tuple([op.attributes[name][axis] for axis in order]) for name in _BOUNDS}
        masks = {name: op.attributes.get(name, 0) for name in _MASKS}
        return bounds | {
            name: sum((mask >> axis & 1) << place for place, axis in enumerate(order)) for name, mask in masks.items()
        }

    return Rule(rank, (whole(rank),), (_without(dropped, rank),), attributes)


def _reduction(op: Operation) -> Rule | None:
    rank = _rank(op)
    axes = frozenset(axis % rank for axis in op.attributes["axes"] if -rank <= axis < rank) if rank else frozenset()

    def attributes(op: Operation, order: Order) -> Mapping[str, Any]:
        return {"axes": tuple(sorted(order.index(axis) for axis in axes))}

    if op.attributes.get("keep_dims", False):
        return Rule(rank, (whole(rank),), (whole(rank),), attributes)
    result = None if len(axes) == rank else _without(axes, rank)  # what loses all its dimensions has shape [1]
    return Rule(rank, (whole(rank),), (result,), attributes)


def _search(op: Operation) -> Rule | None:
    rank, axis = _rank(op), op.attributes["axis"]
    if not -rank <= axis < rank:
        return None
    result = None if rank == 1 else _without(frozenset({axis % rank}), rank)
    return Rule(rank, (whole(rank),), (result,), lambda op, order: {"axis": order.index(axis % rank)})


def _gather(op: Operation) -> Rule | None:
    rank, axis, indices = _rank(op), op.attributes.get("axis", 0), op.operands[1]
    if indices is None or not -rank <= axis < rank:
        return None
    axis, count = axis % rank, len(indices.shape)
    result = tuple(
        tuple(range(axis, axis + count)) if strand == axis else (strand if strand < axis else strand + count - 1,)
        for strand in range(rank)
    )
    return Rule(rank, (whole(rank), None), (result,), lambda op, order: {"axis": order.index(axis)})


def _pack(op: Operation) -> Rule | None:
    rank = _rank(op) + 1
    axis = op.attributes.get("axis", 0)
    if not -rank <= axis < rank:
        return None
    axis %= rank
    operand = _without(frozenset({axis}), rank)
    return Rule(rank, (operand,) * len(op.operands), (whole(rank),), lambda op, order: {"axis": order.index(axis)})


def _reshape(op: Operation) -> Rule | None:
    """A reshape, squeeze or expand_dims: each strand is a run of dimensions with as many elements on both sides."""
    value = op.operands[0]
    assert value is not None
    strands = _common_runs(value.shape, op.results[0].shape)
    if strands is None:
        return None
    operand, result = strands
    return Rule(len(operand), (operand,), (result,), reshapes=True)


def _common_runs(left: Shape, right: Shape) -> tuple[Port, Port] | None:
    """The finest runs of dimensions of equal size.

    Where both shapes go on with a dimension of size 1 that is a run; others of size 1 belong to the run before them.
    """
    if None in left or None in right or 0 in left or 0 in right:
        return None
    runs: tuple[list[tuple[int, ...]], list[tuple[int, ...]]] = ([], [])
    shapes, place = (left, right), [0, 0]
    while place[0] < len(left) and place[1] < len(right):
        start, sizes = list(place), [1, 1]
        for side in (0, 1):
            sizes[side] = shapes[side][place[side]] or 0
            place[side] += 1
        while sizes[0] != sizes[1]:
            side = 0 if sizes[0] < sizes[1] else 1
            if place[side] == len(shapes[side]):
                return None
            sizes[side] *= shapes[side][place[side]] or 0
            place[side] += 1
        for side in (0, 1):
            runs[side].append(tuple(range(start[side], place[side])))
    for side in (0, 1):  # what is left has size 1
        rest = tuple(range(place[side], len(shapes[side])))
        if runs[side]:
            runs[side][-1] += rest
        elif rest:
            return (tuple(range(len(left))),), (tuple(range(len(right))),)
    return tuple(runs[0]), tuple(runs[1])


_RULES: dict[str, Callable[[Operation], Rule | None]] = {
    "softmax": _along_axis,
    "log_softmax": _along_axis,
    "l2_normalization": _along_axis,
    "local_response_normalization": _along_axis,
    "channel_shuffle": _along_axis,
    "reverse": _along_axis,
    "concatenation": _along_axis,
    "split": _along_axis,
    "pad": _entry_per_dimension("padding"),
    "pad_v2": _entry_per_dimension("padding"),
    "mirror_pad": _entry_per_dimension("padding"),
    "slice": _entry_per_dimension("begin", "size"),
    "tile": _entry_per_dimension("multiples"),
    "strided_slice": _strided_slice,
    "mean": _reduction,
    "reduce_sum": _reduction,
    "reduce_prod": _reduction,
    "reduce_max": _reduction,
    "reduce_min": _reduction,
    "reduce_all": _reduction,
    "reduce_any": _reduction,
    "argmax": _search,
    "argmin": _search,
    "gather": _gather,
    "pack": _pack,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
}


# --- operators with a layout ---


def is_nchw(op: Operation) -> bool:
    """True for an operation that says `layout = nchw`."""
    return op.attributes.get("layout") is Layout.NCHW


def image_operands(op: Operation) -> tuple[bool, ...]:
    """Which operands of an operation with a layout are images: those that must have four dimensions, but no filter."""
    fields = op.operand_fields
    return tuple(
        fields[min(i, len(fields) - 1)].ranks == (4,) and fields[min(i, len(fields) - 1)].name != "filter"
        for i in range(len(op.operands))
    )


def image_frame(is_image: bool, rank: int) -> Frame:
    """The frame of an operand or result of an operation that was NCHW."""
    return TO_NHWC if is_image and rank == 4 else identity(rank)
