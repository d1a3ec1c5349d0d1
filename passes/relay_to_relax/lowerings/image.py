"""Resizing of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, topi

from nir.passes.relax_building.emitter import Array, Value, constant, dtype_of, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site

_FLOOR_MARGIN = np.float32(1e-5)
"""What TVM adds before rounding down, and takes away before rounding up, against inexact coordinates."""

_LARGEST_IMAGE = 2**20
"""Elements along an axis for which indices are written into the module."""


def nearest_index(source: int, target: int, mode: str, rounding: str) -> Array:
    """For each of `target` positions along an axis, which of `source` elements is nearest: int32.

    As TVM's resize operators compute it, in float32; the rounding "round" sends halves away from zero, as it did when
    Relay existed. Where `rounding` is empty, aligned corners round and all other modes round down. Whole factors in
    asymmetric coordinates are divisions, whatever the rounding: so from TVM 0.10 to Relay's end, and no more today.
    """
    position = np.arange(target, dtype=np.float32)
    scale = np.float32(source) / np.float32(target)
    half = np.float32(0.5)
    if mode == "asymmetric" and target % source == 0:
        return np.asarray(np.arange(target) // (target // source), dtype=np.int32)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and target > 1):
        place = (position + half) * scale - half
    elif mode == "pytorch_half_pixel":
        place = np.zeros(target, dtype=np.float32)
    elif mode == "align_corners":
        place = np.float32(source - 1) / np.float32(max(target - 1, 1)) * position
    elif mode == "asymmetric":
        place = scale * position
    elif mode == "tf_half_pixel_for_nn":
        place = (position + half) * scale
    else:
        raise ValueError(f"no such coordinates: {mode}")
    rounding = rounding or ("round" if mode == "align_corners" else "floor")
    rounded = {
        "round": lambda: np.trunc(place + np.copysign(half, place)),
        "round_prefer_floor": lambda: np.ceil(place - half),
        "round_prefer_ceil": lambda: np.floor(place + half),
        "floor": lambda: np.floor(place + _FLOOR_MARGIN),
        "ceil": lambda: np.ceil(place - _FLOOR_MARGIN),
    }[rounding]()
    return np.asarray(np.clip(rounded, 0, source - 1), dtype=np.int32)


def _nearest(site: Site, layout: str, size: list[int], mode: str, rounding: str) -> relax.Expr:
    """One gather per axis that changes."""
    data = site.args[0]
    if max(size) > _LARGEST_IMAGE:
        site.fail(f"'{site.name}' gives an image that is too large", expected=f"at most {_LARGEST_IMAGE} per axis")
    for axis, target in zip([letter for letter in layout if letter in "DHW"], size, strict=True):
        place = layout.index(axis)
        source = shape_of(data)[place]
        indices = nearest_index(source, target, mode, rounding)
        if not np.array_equal(indices, np.arange(source)):
            data = site.emit(relax.op.take(data, constant(indices), place, "clip"))
    return data


def _resize(program: Callable[..., Any]) -> Lowering:
    def lower(site: Site) -> Value:
        attrs = site.attrs
        size = [int(extent) for extent in attrs["size"]]
        mode, rounding = attrs["coordinate_transformation_mode"], attrs["rounding_method"]
        out_dtype = attrs["out_dtype"] or dtype_of(site.args[0])
        if attrs["method"] == "nearest_neighbor" and mode != "tf_crop_and_resize":
            return site.emitter.cast(_nearest(site, attrs["layout"], size, mode, rounding), out_dtype)
        return site.te(
            program,
            site.args[0],
            list(attrs["roi"] or [0.0] * (2 * len(size))),
            size,
            attrs["layout"],
            attrs["method"],
            mode,
            rounding,
            attrs["cubic_alpha"],
            attrs["cubic_exclude"],
            attrs["extrapolation_value"],
            out_dtype,
        )

    return lower


def _resize_of_0_7(site: Site) -> Value:
    """image.resize, until TVM 0.7: methods are nearest_neighbor, bilinear and bicubic."""
    attrs = site.attrs
    mode, method = attrs["coordinate_transformation_mode"], attrs["method"]
    size = [int(extent) for extent in attrs["size"]]
    if method == "nearest_neighbor":
        return _nearest(site, attrs["layout"], size, mode, "")
    method = method.removeprefix("bi")
    return site.te(
        topi.image.resize2d, site.args[0], [0.0] * 4, size, attrs["layout"], method, mode, bicubic_alpha=-0.5
    )


def _upsampling(site: Site) -> Value:
    attrs = site.attrs
    layout = attrs["layout"]
    result = dict(zip(layout, site.result_shape(), strict=True))
    size = [result[axis] for axis in layout if axis in "DHW"]
    mode = attrs.get("coordinate_transformation_mode") or ("align_corners" if attrs["align_corners"] else "asymmetric")
    if attrs["method"] == "nearest_neighbor":
        return _nearest(site, layout, size, mode, "")
    program = topi.image.resize2d if len(size) == 2 else topi.image.resize3d
    return site.te(
        program,
        site.args[0],
        [0.0] * (2 * len(size)),
        size,
        layout,
        attrs["method"].removeprefix("tri").removeprefix("bi"),
        mode,
        bicubic_alpha=-0.5,
    )


def _crop_and_resize(site: Site) -> Value:
    attrs = site.attrs
    return site.te(
        topi.image.crop_and_resize,
        *site.args,
        crop_size=attrs["crop_size"],
        layout=attrs["layout"],
        method=attrs["method"],
        extrapolation_value=attrs["extrapolation_value"],
    )


def _grid_sample(site: Site) -> Value:
    attrs = site.attrs
    return site.te(
        topi.image.grid_sample,
        *site.args,
        attrs["method"],
        attrs["layout"],
        attrs["padding_mode"],
        bool(attrs["align_corners"]),
    )


def _affine_grid(site: Site) -> Value:
    return site.te(topi.image.affine_grid, site.args[0], list(site.attrs["target_shape"]))


LOWERINGS: dict[str, Lowering] = {
    "image.affine_grid": _affine_grid,
    "image.crop_and_resize": _crop_and_resize,
    "image.grid_sample": _grid_sample,
    "image.resize": _resize_of_0_7,
    "image.resize1d": _resize(topi.image.resize1d),
    "image.resize2d": _resize(topi.image.resize2d),
    "image.resize3d": _resize(topi.image.resize3d),
    "dyn.nn.upsampling": _upsampling,
    "dyn.nn.upsampling3d": _upsampling,
    "nn.upsampling": _upsampling,
    "nn.upsampling3d": _upsampling,
}
