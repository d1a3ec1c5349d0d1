"""Dimension numbers: counting from the end, lists of them, and sizes that may be unknown. Defines no operator."""

from __future__ import annotations

from collections.abc import Sequence

from nir.ir import InferenceError, Shape
from nir.ir.types import Dimension
from nir.ops.broadcasting import shape_text


def normal_axis(axis: int, rank: int, at: str = "axis") -> int:
    """`axis` counted from the front. Raises `InferenceError` where it is not in [-rank, rank)."""
    if not -rank <= axis < rank:
        raise InferenceError(f"axis {axis} is not a dimension of a tensor of rank {rank}", at=at)
    return axis % rank


def normal_axes(axes: Sequence[int], rank: int, at: str = "axes") -> tuple[int, ...]:
    """`axes` counted from the front, each once, ascending. Raises `InferenceError` for one out of range."""
    return tuple(sorted({normal_axis(axis, rank, at) for axis in axes}))


def without_axes(shape: Shape, axes: Sequence[int], keep: bool = False) -> Shape:
    """`shape` without `axes` (or with 1 in their place). NNAPI's rule: what loses all its dimensions has shape [1]."""
    dropped = frozenset(axes)
    if keep:
        return tuple(1 if d in dropped else size for d, size in enumerate(shape))
    left = tuple(size for d, size in enumerate(shape) if d not in dropped)
    return left if left or not shape else (1,)


def merge_dimension(left: Dimension, right: Dimension, message: str, at: str) -> Dimension:
    """The size that two dimensions share, known where one of them is. Raises `InferenceError` where they differ."""
    if left is None or right is None or left == right:
        return right if left is None else left
    raise InferenceError(message, at=at)


def merge_shapes(shapes: Sequence[Shape], at: str, except_axis: int | None = None) -> list[Dimension]:
    """The one shape that `shapes` agree on, whatever they have at `except_axis` (there the first one's size stays).

    Raises `InferenceError` where they do not agree.
    """
    merged = list(shapes[0])
    for shape in shapes[1:]:
        elsewhere = "" if except_axis is None else f" in more than dimension {except_axis}"
        message = f"{shape_text(shapes[0])} and {shape_text(shape)} differ{elsewhere}"
        if len(shape) != len(merged):
            raise InferenceError(message, at=at)
        for d, size in enumerate(shape):
            if d != except_axis:
                merged[d] = merge_dimension(merged[d], size, message, at)
    return merged


def check_length(values: Sequence[object], shape: Shape, at: str) -> None:
    """Raises `InferenceError` unless there is one entry of the attribute `at` for each dimension."""
    if len(values) != len(shape):
        raise InferenceError(f"{len(values)} entries for the {len(shape)} dimensions of {shape_text(shape)}", at=at)


def divide(size: Dimension, divisor: int, what: str, at: str) -> Dimension:
    """size / divisor, unknown where size is. Raises `InferenceError` where it is not a whole number."""
    if size is None:
        return None
    if divisor < 1 or size % divisor:
        raise InferenceError(f"{what} {size} is not a multiple of {divisor}", at=at)
    return size // divisor


def times(size: Dimension, factor: int) -> Dimension:
    """size x factor, unknown where size is."""
    return None if size is None else size * factor
