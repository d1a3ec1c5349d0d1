"""Shapes of broadcast operands, where dimensions may be unknown. Arrays are broadcast by numpy itself."""

from __future__ import annotations

from nir.ir import InferenceError, Shape
from nir.ir.types import Dimension


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape of operands aligned at their last dimensions, each pair equal or one of them 1.

    An unknown dimension beside 1 or another unknown one stays unknown; beside a size other than 1 it must turn
    out to be that size or 1, so the result is known. Raises `InferenceError` where shapes do not fit.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(_common(dimensions, shapes) for dimensions in zip(*padded, strict=True))


def shape_text(shape: Shape) -> str:
    """A shape as the text has it: `1x?x3`, or `scalar`."""
    return "x".join("?" if size is None else str(size) for size in shape) or "scalar"


def _common(dimensions: tuple[Dimension, ...], shapes: tuple[Shape, ...]) -> Dimension:
    sizes = {size for size in dimensions if size != 1}
    known = sizes - {None}
    if len(known) > 1:
        raise InferenceError(f"shapes {' and '.join(map(shape_text, shapes))} do not broadcast")
    if known:
        return known.pop()
    return None if sizes else 1
