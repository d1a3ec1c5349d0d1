"""Rows for choosing elements by indices, for resizing images, and for tensors that are known without running."""

from __future__ import annotations

import functools

import numpy as np

from nir.passes.relax_to_relay.site import RelaxCall, RowTable
from nir.relay.ast import Constant, Expr


def take(call: RelaxCall) -> Expr:
    """Elements along a dimension; of the flat tensor where none is stated."""
    x, indices = call.expr(0), call.expr(1)
    rank = call.tensor_type(x).rank
    axis = None if call.attrs["axis"] is None else call.axis(rank)
    return call.relay("take", x, _from_end(call, x, indices, axis), axis=axis, mode=_mode(call))


def _mode(call: RelaxCall) -> str:
    mode = call.attrs.get("mode", "fast")
    return mode if mode in ("clip", "wrap", "fast") else "clip"


def _from_end(call: RelaxCall, x: Expr, indices: Expr, axis: int | None) -> Expr:
    """Indices that are known and count from the end, counted from the front."""
    if not isinstance(indices, Constant) or axis is None or not (indices.data < 0).any():
        return indices
    if call.attrs.get("mode") in ("clip", "wrap"):
        return indices
    size = call.shape(x)[axis]
    return call.constant(np.where(indices.data < 0, indices.data + size, indices.data).astype(indices.data.dtype))


def gather_elements(call: RelaxCall) -> Expr:
    """Indices of the shape of the result, each for its own place."""
    x = call.expr(0)
    return call.relay("gather", x, call.expr(1), axis=call.axis(call.tensor_type(x).rank))


def gather_nd(call: RelaxCall) -> Expr:
    """Positions stand along the last dimension of the indices in Relax and along the first in Relay."""
    if call.attrs.get("batch_dims"):
        call.refuse("batch dimensions have no counterpart")
    rank = call.tensor_type(call.expr(1)).rank
    return call.relay("gather_nd", call.expr(0), call.transpose(call.expr(1), (rank - 1, *range(rank - 1))))


def one_hot(call: RelaxCall) -> Expr:
    """Values of hits and misses are numbers in Relax."""
    on, off = call.number(1, "the value of hits"), call.number(2, "the value of misses")
    dtype = call.result.dtype
    axis = call.axis(call.result.rank)
    return call.relay(
        "one_hot",
        call.expr(0),
        call.constant(on, dtype),
        call.constant(off, dtype),
        depth=call.attrs["depth"],
        axis=axis,
        dtype=dtype,
    )


# --- images ---


def resize2d(call: RelaxCall) -> Expr:
    """A resize to a size that is an argument in Relax."""
    size = call.integers(1, "the size of the resized image")
    names = (
        "layout",
        "method",
        "coordinate_transformation_mode",
        "rounding_method",
        "cubic_alpha",
        "cubic_exclude",
        "extrapolation_value",
    )
    attrs = {name: call.attrs[name] for name in names}
    return call.relay("image.resize2d", call.expr(0), size=size, roi=tuple(call.attrs["roi"]), **attrs)


# --- known tensors ---


def filled(call: RelaxCall) -> Expr:
    """A number in a given shape."""
    value = call.expr(1) if len(call.args) > 1 else None
    if value is None:
        call.refuse("the value must be given")
    scalar = call.cast(call.reshape(value, ()), call.result.dtype)
    return call.relay("full", scalar, shape=call.result_shape, dtype=call.result.dtype)


def of_number(number: int, call: RelaxCall) -> Expr:
    """Zeros or ones."""
    scalar = call.constant(number, call.result.dtype)
    return call.relay("full", scalar, shape=call.result_shape, dtype=call.result.dtype)


def arange(call: RelaxCall) -> Expr:
    """Evenly spaced numbers, bounds included as the sum of steps says."""
    start, stop, step = (call.number(index, "a bound") for index in range(3))
    dtype = call.result.dtype
    return call.constant(np.arange(start, stop, step, dtype=dtype), dtype)


def eye(call: RelaxCall) -> Expr:
    """Ones along a diagonal."""
    like = call.name == "eye_like"
    rows, columns = call.result_shape
    k = int(call.number(1 if like else 2, "the diagonal"))
    return call.constant(np.eye(rows, columns, k), call.result.dtype)


ROWS: RowTable = {
    "arange": arange,
    "eye": eye,
    "eye_like": eye,
    "full": filled,
    "full_like": filled,
    "gather_elements": gather_elements,
    "gather_nd": gather_nd,
    "image.resize2d": resize2d,
    "one_hot": one_hot,
    "ones": functools.partial(of_number, 1),
    "ones_like": functools.partial(of_number, 1),
    "take": take,
    "zeros": functools.partial(of_number, 0),
    "zeros_like": functools.partial(of_number, 0),
}
