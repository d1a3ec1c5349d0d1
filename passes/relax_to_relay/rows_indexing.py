"""Rows for choosing elements by indices, for resizing images, and for tensors that are known without running."""

from __future__ import annotations

import functools

import numpy as np

from nir.passes.relax_to_relay.site import Array, RelaxCall, RowTable
from nir.passes.relay_to_nir.handlers_image import nearest_indices
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


_ROUNDINGS = ("floor", "round", "round_prefer_floor", "round_prefer_ceil", "ceil")


def resize2d(call: RelaxCall) -> Expr:
    """A resize to a size that is an argument in Relax."""
    size = call.integers(1, "the size of the resized image")
    if len(size) == 1:
        size = size * 2
    mode, method = str(call.attrs["coordinate_transformation_mode"]), str(call.attrs["method"])
    if mode == "pytorch_half_pixel" and min(size) > 1:
        mode = "half_pixel"  # that is all that differs
    if method == "nearest_neighbor":
        return _nearest(call, size, mode)
    names = ("layout", "cubic_alpha", "cubic_exclude", "extrapolation_value")
    attrs = {name: call.attrs[name] for name in names}
    return call.relay(
        "image.resize2d",
        call.expr(),
        size=size,
        roi=tuple(call.attrs["roi"]),
        method=method,
        coordinate_transformation_mode=mode,
        rounding_method=call.attrs["rounding_method"],
        **attrs,
    )


def _nearest(call: RelaxCall, size: tuple[int, ...], mode: str) -> Expr:
    """Relay's resize with a rounding that chooses the same pixels; else a choice of rows and one of columns.

    Since Relay's time TVM has changed what "round" does with halves, so names are no guide.
    """
    x, layout = call.expr(), str(call.attrs["layout"])
    shape = call.shape(x)
    pairs = [(layout.index(letter), made) for letter, made in zip("HW", size, strict=True)]
    rounding = str(call.attrs["rounding_method"])
    known = [_nearest_pixels(shape[axis], made, mode, rounding) for axis, made in pairs]
    wanted = [indices for indices in known if indices is not None]
    if len(wanted) < len(known):
        call.refuse(f"coordinate_transformation_mode {mode} has no counterpart")
    for candidate in _ROUNDINGS if mode in ("half_pixel", "asymmetric", "align_corners") else ():
        chosen = [nearest_indices(shape[axis], made, mode, candidate) for axis, made in pairs]
        if all(np.array_equal(one, other) for one, other in zip(chosen, wanted, strict=True)):
            return call.relay(
                "image.resize2d",
                x,
                size=size,
                roi=tuple(call.attrs["roi"]),
                layout=layout,
                method="nearest_neighbor",
                coordinate_transformation_mode=mode,
                rounding_method=candidate,
            )
    for (axis, _), indices in zip(pairs, wanted, strict=True):
        x = call.relay("take", x, call.constant(indices, "int32"), axis=axis, mode="fast")
    return x


def _nearest_pixels(given: int, made: int, mode: str, rounding: str) -> Array | None:
    """The pixel that each one of the result is, as today's TVM computes it in float32."""
    position = np.arange(made, dtype=np.float32)
    scale, half = np.float32(given) / np.float32(made), np.float32(0.5)
    if mode == "asymmetric" and made % given == 0 and rounding in ("", "floor"):
        return np.arange(made) // (made // given)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and made > 1):
        place = (position + half) * scale - half
    elif mode == "pytorch_half_pixel":
        place = np.zeros(made, np.float32)
    elif mode == "align_corners":
        place = np.float32(given - 1) / np.float32(max(made - 1, 1)) * position
    elif mode == "asymmetric":
        place = scale * position
    elif mode == "tf_half_pixel_for_nn":
        place = (position + half) * scale
    else:
        return None
    rounding = rounding or ("round" if mode == "align_corners" else "floor")
    margin = np.float32(1e-5)
    rounded = {
        "round": lambda: np.rint(place),
        "round_prefer_floor": lambda: np.ceil(place - half),
        "round_prefer_ceil": lambda: np.floor(place + half),
        "floor": lambda: np.floor(place + margin),
        "ceil": lambda: np.ceil(place - margin),
    }.get(rounding)
    return None if rounded is None else np.clip(rounded(), 0, given - 1).astype(np.int64)


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
