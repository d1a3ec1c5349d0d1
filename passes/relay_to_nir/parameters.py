"""Attributes and arguments of Relay operators in the form that NIR's operators take."""

from __future__ import annotations

from typing import Any

import numpy as np

from nir.ir import Quantisation
from nir.ops.common import Layout
from nir.passes.relay_to_nir.call import RelayCall

_LAYOUTS = {"NHWC": Layout.NHWC, "NCHW": Layout.NCHW}


def layout_of(call: RelayCall, attribute: str = "layout") -> Layout:
    """The layout of images. Refuses packed layouts and those of other ranks."""
    name = call.word(attribute)
    if name not in _LAYOUTS:
        call.refuse(f"{attribute} {name} has no counterpart in NIR", "NHWC and NCHW have")
    return _LAYOUTS[name]


def channel_axis(layout: Layout) -> int:
    """The dimension of channels in an image of this layout."""
    return 3 if layout is Layout.NHWC else 1


def spatial_axes(layout: Layout) -> tuple[int, int]:
    """The dimensions of height and width in an image of this layout."""
    return (1, 2) if layout is Layout.NHWC else (2, 3)


def pair(call: RelayCall, attribute: str) -> tuple[int, int]:
    """An attribute for height and width; one number is for both."""
    value = integers(call, attribute)
    if len(value) not in (1, 2):
        call.refuse(f"{attribute} = {value} is not for two dimensions")
    return value[0], value[-1]


def integers(call: RelayCall, attribute: str) -> tuple[int, ...]:
    """An attribute that is an integer or several."""
    value = call.attrs.get(attribute)
    items = value if isinstance(value, (tuple, list)) else (value,)
    if not all(isinstance(item, (int, np.integer)) and not isinstance(item, bool) for item in items):
        call.refuse(f"{attribute} = {value!r} is no list of integers")
    return tuple(int(item) for item in items)


def pairs(call: RelayCall, attribute: str) -> tuple[tuple[int, int], ...]:
    """An attribute that is a list of pairs of integers."""
    value = call.attrs.get(attribute)
    items = value if isinstance(value, (tuple, list)) else ()
    for item in items:
        if (
            not isinstance(item, (tuple, list))
            or len(item) != 2
            or not all(isinstance(i, (int, np.integer)) for i in item)
        ):
            call.refuse(f"{attribute} = {value!r} is no list of pairs of integers")
    return tuple((int(before), int(after)) for before, after in items)


def padding_of(call: RelayCall) -> tuple[int, int, int, int]:
    """Cells added at top, bottom, left, right. Relay has one number, (height, width), or top, left, bottom, right."""
    given = integers(call, "padding")
    if len(given) == 1:
        return (given[0],) * 4
    if len(given) == 2:
        return given[0], given[0], given[1], given[1]
    if len(given) != 4:
        call.refuse(f"padding = {given} is not for an image")
    top, left, bottom, right = given
    return top, bottom, left, right


def padding_attribute(cells: tuple[int, int, int, int]) -> dict[str, Any]:
    """The attribute `padding` of NIR's windows; without cells its default, `valid`."""
    return {"padding": cells} if any(cells) else {}


def quantisation_of(call: RelayCall, scale: int, zero_point: int, axis: int | None = None) -> Quantisation:
    """The parameters that arguments number `scale` and `zero_point` state.

    Several scales lie along `axis`; one is per tensor. Refuses what is known only at run time.
    """
    scales = call.known(scale, "a scale").astype(np.float32)
    points = call.known(zero_point, "a zero point")
    return quantisation_from(call, scales, points, axis)


def quantisation_from(call: RelayCall, scales: np.ndarray, points: np.ndarray, axis: int | None) -> Quantisation:
    """Quantisation parameters from arrays of one or several scales and zero points."""
    if scales.size == 1 and points.size == 1:
        return Quantisation.per_tensor(scales.item(), points.item())
    if axis is None or scales.ndim > 1 or points.ndim > 1:
        call.refuse("several scales or zero points stand where NIR has one")
    count = max(scales.size, points.size)
    return Quantisation.per_channel(
        np.broadcast_to(scales.reshape(-1), (count,)), axis, np.broadcast_to(points.reshape(-1), (count,)).tolist()
    )
