"""Resizing of images.

NIR has bilinear resizing in three coordinate modes. A nearest neighbour is a choice of rows and columns that can be
worked out now, so every mode and rounding of Relay's can be expressed, as a gather where NIR's own rule differs.
"""

from __future__ import annotations

import numpy as np

from nir.ir import Value
from nir.ops.common import Layout
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.parameters import layout_of, spatial_axes

_MODES = {
    "half_pixel": {"half_pixel_centers": True},
    "align_corners": {"align_corners": True},
    "asymmetric": {},
}
"""Relay's coordinate modes as attributes of NIR's operators."""


def resize2d(call: RelayCall) -> Value:
    """A resize to a given size."""
    mode = call.word("coordinate_transformation_mode")
    method = call.word("method")
    rounding = call.word("rounding_method") or ("round" if mode == "align_corners" else "floor")
    return _resized(call, method, mode, rounding)


def upsampling(call: RelayCall) -> Value:
    """A resize by factors: corners aligned or not, the nearest neighbour by rounding down."""
    mode = "align_corners" if call.flag("align_corners") else "asymmetric"
    method = {"bilinear": "linear", "bicubic": "cubic"}.get(call.word("method"), call.word("method"))
    return _resized(call, method, mode, "round" if mode == "align_corners" else "floor")


def _resized(call: RelayCall, method: str, mode: str, rounding: str) -> Value:
    layout = layout_of(call)
    if mode not in _MODES:
        call.refuse(f"coordinate_transformation_mode {mode} has no counterpart in NIR")
    rows, columns = spatial_axes(layout)
    if method == "linear":
        size = (call.shape[rows], call.shape[columns])
        return call.emit("resize_bilinear", call.value(0), size=size, layout=layout, **_MODES[mode])
    if method != "nearest_neighbor":
        call.refuse(f"method {method} has no counterpart in NIR")
    value = _nearest(call, layout, mode, rounding)
    if value is not None:
        return value
    value = call.value(0)
    for axis in (rows, columns):
        chosen = nearest_indices(call.input_shape(0)[axis], call.shape[axis], mode, rounding)
        value = call.emit("gather", value, call.new_constant(chosen.astype(np.int32)), axis=axis)
    return value


def _nearest(call: RelayCall, layout: Layout, mode: str, rounding: str) -> Value | None:
    """NIR's own operator where it chooses the same rows and columns."""
    size = []
    for axis in spatial_axes(layout):
        given, made = call.input_shape(0)[axis], call.shape[axis]
        wanted = nearest_indices(given, made, mode, rounding)
        if not np.array_equal(wanted, _nir_indices(given, made, mode)):
            return None
        size.append(made)
    return call.emit("resize_nearest_neighbor", call.value(0), size=tuple(size), layout=layout, **_MODES[mode])


def nearest_indices(given: int, made: int, mode: str, rounding: str) -> np.ndarray:
    """The row (or column) of the image that each row of the result is, as TVM's topi computes it in float32.

    From TVM 0.10 to Relay's end, whole factors in asymmetric coordinates were divisions that left the rounding out.
    """
    if mode == "asymmetric" and made % given == 0:
        return np.arange(made) // (made // given)
    position = np.arange(made, dtype=np.float32)
    if mode == "align_corners":
        scale = np.float32(given - 1) / np.float32(made - 1) if made > 1 else np.float32(0)
    else:
        scale = np.float32(given) / np.float32(made)
    half = np.float32(0.5)
    place = scale * (position + half) - half if mode == "half_pixel" else scale * position
    if rounding == "round":
        chosen = np.copysign(np.floor(np.abs(place) + half), place)
    elif rounding == "round_prefer_floor":
        chosen = np.ceil(place - half)
    elif rounding == "round_prefer_ceil":
        chosen = np.floor(place + half)
    elif rounding == "ceil":
        chosen = np.ceil(place - np.float32(1e-5))
    else:
        chosen = np.floor(place + np.float32(1e-5))
    return np.clip(chosen, 0, given - 1).astype(np.int64)


def _nir_indices(given: int, made: int, mode: str) -> np.ndarray:
    """The same by NNAPI's rule: the coordinate rounded where corners are aligned, else rounded down."""
    position = np.arange(made, dtype=np.float32)
    if mode == "align_corners" and made > 1:
        place = np.floor(position * (np.float32(given - 1) / np.float32(made - 1)) + np.float32(0.5))
    elif mode == "half_pixel":
        place = np.floor((position + np.float32(0.5)) * (np.float32(given) / np.float32(made)))
    else:
        place = np.floor(position * (np.float32(given) / np.float32(made)))
    return np.minimum(place, given - 1).astype(np.int64)


HANDLERS: HandlerTable = {"image.resize2d": resize2d, "nn.upsampling": upsampling}
