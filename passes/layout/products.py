"""Matrix products that do without a transpose before them.

A fully connected layer with constant weights does not mind in which order a flattened image comes: its weights can be
sorted instead. This holds through elementwise operators between the flattening and the product. A batch_matmul can
exchange the last two dimensions of its operands by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nir.ir import Function, Operation, Trait, Value, users
from nir.ops.constant import Const
from nir.passes.layout.frames import Frame, inverse, key, through

_RESHAPES = frozenset({"reshape", "squeeze", "expand_dims"})


class Absorption:
    """Which tensors of a function only meet constant weights, row by row."""

    def __init__(self, function: Function) -> None:
        self.columns: dict[Value, int] = {}
        """Tensors whose rows may be sorted in any way, and how long those are."""
        self.chain: set[Operation] = set()
        """Flattenings of images for such products, and what lies between the two."""
        taken = users(function)
        returned = set(function.results)
        for op in reversed(function.operations):
            for value in op.results:
                columns = None if value in returned else _common_columns(self, taken.get(value, ()))
                if columns is not None:
                    self.columns[value] = columns
        for op in function.operations:
            if op.results and op.results[0] in self.columns and self._is_flat(op):
                self.chain.add(op)

    def _is_flat(self, op: Operation) -> bool:
        """True for the flattening of an image, and for an elementwise operation on one that is flat."""
        source = op.operands[0] if op.operands else None
        if source is None:
            return False
        if op.name in _RESHAPES:
            return (
                source.type.is_static
                and len(source.shape) > 2
                and _leading(source.shape, self.columns[op.results[0]]) is not None
            )
        return Trait.ELEMENTWISE in op.traits and any(
            value is not None and value.producer in self.chain for value in op.operands
        )

    def acceptance(self, op: Operation, place: int, view: Frame | None) -> Callable[[Frame], bool] | None:
        """Tells the frames that operand `place` may have because its rows can be sorted; None where they cannot."""
        value = op.operands[place]
        assert value is not None
        columns = None
        if op in self.chain and value.producer not in self.chain:
            columns = self.columns[op.results[0]]
        elif place == 0 and value.producer not in self.chain:
            columns = columns_of(op)
        leading = None if columns is None or not value.type.is_static else _leading(value.shape, columns)
        if leading is None:
            return None
        batch, shape = leading, value.shape

        def accepts(frame: Frame) -> bool:
            own = key(frame if view is None else through(inverse(view), frame), shape)
            first = [axis for axis in range(batch) if shape[axis] != 1]
            return list(own[: len(first)]) == first

        return accepts


def _common_columns(
    absorption: Absorption, uses: tuple[tuple[Operation, int], ...] | list[tuple[Operation, int]]
) -> int | None:
    """The length of the rows that all users of a tensor take; None where one of them needs the order."""
    found = set()
    for op, place in uses:
        if place == 0 and op.name == "fully_connected":
            found.add(columns_of(op))
        elif Trait.ELEMENTWISE in op.traits and _is_plain(op, place):
            found.add(absorption.columns.get(op.results[0]))
        else:
            return None
    return found.pop() if len(found) == 1 else None


def columns_of(op: Operation) -> int | None:
    """How long the rows are that a fully connected layer with constant weights takes; None for anything else."""
    if op.name != "fully_connected" or op.operands[1] is None or not isinstance(op.operands[1].producer, Const):
        return None
    parameters = op.operands[1].type.quantisation
    if parameters is not None and parameters.axis == 1:
        return None
    return op.operands[1].shape[1]


def _is_plain(op: Operation, place: int) -> bool:
    """True where every element of an operand is treated alike."""
    value, result = op.operands[place], op.results[0]
    assert value is not None
    if value.shape != result.shape or any(has_channels(v) for v in (value, result)):
        return False
    return all(
        other is None or other is value or (isinstance(other.producer, Const) and other.type.size == 1)
        for other in op.operands
    )


def _leading(shape: tuple[int | None, ...], columns: int) -> int | None:
    """How many dimensions come before those that make one row."""
    for leading in range(len(shape) + 1):
        if math.prod(size or 0 for size in shape[leading:]) == columns:
            return leading
    return None


def rows_sorted(
    shape: tuple[int | None, ...], columns: int, frame: Frame
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The dimensions that make a row, and the permutation of them that brings a row into the order that it is stored
    in when the tensor has `frame`; None where it is stored as it is.
    """
    leading = _leading(shape, columns)
    assert leading is not None
    own = [axis for axis in frame if axis >= leading and shape[axis] != 1]
    if own == sorted(own):
        return None
    row = tuple(sorted(own))
    return tuple(shape[axis] or 0 for axis in row), tuple(row.index(axis) for axis in own)


def accepts_exchanged_rows(value: Value, view: Frame | None) -> Callable[[Frame], bool] | None:
    """Tells the frames in which a matrix is stored as it is or with its last two dimensions exchanged."""
    rank = len(value.shape)
    if rank < 2:
        return None
    straight = tuple(range(rank))
    exchanged = (*straight[:-2], rank - 1, rank - 2)

    def accepts(frame: Frame) -> bool:
        own = frame if view is None else through(inverse(view), frame)
        return own in (straight, exchanged)

    return accepts


def has_channels(value: Value) -> bool:
    """True for a tensor with a scale per channel."""
    return value.type.quantisation is not None and value.type.quantisation.is_per_channel
