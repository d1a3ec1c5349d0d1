"""Typing rules of operators that pick, place or number elements: slices, gather, take, scatter, one_hot."""

from __future__ import annotations

from typing import Any

from nir.relay.infer.site import CallSite, CannotInfer, Rule
from nir.relay.types import Dimension, TensorType, Type

_SLICE_MODES = ("end", "size")


def _strided_slice(site: CallSite) -> Type:
    data = site.tensor()
    begins = site.integers("begin")
    axes = range(len(begins))
    if site.attrs["axes"] is not None:
        axes_named = site.integers("axes", len(begins))
        positions = [site.axis(axis, data.rank, "axes") for axis in axes_named]
    else:
        positions = list(axes)
    if len(begins) > data.rank:
        raise site.error("'begin' is longer than the data has dimensions", expected=data.rank, found=begins)
    if site.attrs["slice_mode"] not in _SLICE_MODES:
        raise site.error("unknown 'slice_mode'", expected="end or size", found=site.attrs["slice_mode"])
    ends = site.integers("end")
    strides = site.integers("strides") if site.attrs["strides"] is not None else ()
    if len(strides) == 1:
        strides = strides * len(begins)
    shape: list[Dimension] = list(data.shape)
    for index, (position, begin) in enumerate(zip(positions, begins, strict=True)):
        extent = shape[position]
        if extent is None:
            continue
        end = ends[index] if index < len(ends) else extent
        stride = strides[index] if index < len(strides) else 1
        if site.attrs["slice_mode"] == "size":
            shape[position] = _sized(site, extent, begin, end)
        else:
            shape[position] = _strided(site, extent, begin, end, stride)
    return TensorType(tuple(shape), data.dtype)


def _sized(site: CallSite, extent: int, begin: int, size: int) -> int:
    """The extent when `size` elements from `begin` on are taken; a negative size takes all that follow."""
    start = begin + extent if begin < 0 else begin
    if not 0 <= start <= extent:
        raise site.error("'begin' lies outside", expected=f"0 to {extent}", found=begin)
    return extent - start if size < 0 else min(size, extent - start)


def _strided(site: CallSite, extent: int, begin: int, end: int, stride: int) -> int:
    """The extent of a slice as Python takes it."""
    if stride == 0:
        raise site.error("a stride is 0")
    return len(range(*slice(begin, end, stride).indices(extent)))


def _slice_like(site: CallSite) -> Type:
    data, like = site.tensor(0), site.tensor(1)
    if site.attrs["axes"]:
        axes = [site.axis(axis, data.rank, "axes") for axis in site.integers("axes")]
    else:
        axes = list(range(like.rank))
    shape = list(data.shape)
    for axis in axes:
        if axis >= like.rank or axis >= data.rank:
            raise site.error("the tensors have different ranks", expected=data, found=like)
        extent, wanted = shape[axis], like.shape[axis]
        if extent is not None and wanted is not None and wanted > extent:
            raise site.error(f"axis {axis} is longer in the example than in the data", expected=extent, found=wanted)
        shape[axis] = wanted
    return TensorType(tuple(shape), data.dtype)


def _take(site: CallSite) -> Type:
    data, indices = site.tensor(0), site.tensor(1)
    axis: Any = site.attrs["axis"]
    batch = site.attrs["batch_dims"] or 0
    if axis is None:
        return TensorType(indices.shape, data.dtype)
    position = site.axis(axis, data.rank)
    batch = batch + indices.rank if batch < 0 else batch
    if not 0 <= batch <= min(position, indices.rank):
        raise site.error("'batch_dims' is too large", expected=f"at most {min(position, indices.rank)}", found=batch)
    return TensorType((*data.shape[:position], *indices.shape[batch:], *data.shape[position + 1 :]), data.dtype)


def _gather(site: CallSite) -> Type:
    data, indices = site.tensor(0), site.tensor(1)
    site.axis(site.attrs["axis"], data.rank)
    site.ranked(data.rank, 1)
    return TensorType(indices.shape, data.dtype)


def _gather_nd(site: CallSite) -> Type:
    data, indices = site.tensor(0), site.tensor(1)
    batch = site.attrs["batch_dims"] or 0
    if indices.rank == 0 or indices.shape[0] is None:
        raise CannotInfer
    depth = indices.shape[0]
    if batch < 0 or batch + depth > data.rank:
        raise site.error("the indices are longer than the data has dimensions", expected=data, found=indices)
    return TensorType((*indices.shape[1:], *data.shape[depth + batch :]), data.dtype)


def _one_hot(site: CallSite) -> Type:
    indices = site.tensor(0)
    axis = site.axis(site.attrs["axis"], indices.rank + 1)
    shape = (*indices.shape[:axis], site.attrs["depth"], *indices.shape[axis:])
    return TensorType(shape, site.dtype("dtype", site.tensor(1).dtype))


def _scatter_elements(site: CallSite) -> Type:
    data, indices, updates = (site.tensor(index) for index in range(3))
    site.axis(site.attrs["axis"], data.rank)
    if indices.shape != updates.shape or data.dtype != updates.dtype:
        raise site.error("indices and updates do not fit", expected=indices, found=updates)
    return data


def _scatter_nd(site: CallSite) -> Type:
    site.tensor(1), site.tensor(2)
    return site.tensor(0)


def _first(site: CallSite) -> Type:
    return site.tensor()


RULES: dict[str, Rule] = {
    "gather": _gather,
    "gather_nd": _gather_nd,
    "matrix_set_diag": _first,
    "one_hot": _one_hot,
    "scatter": _scatter_nd,
    "scatter_add": _scatter_nd,
    "scatter_elements": _scatter_elements,
    "scatter_nd": _scatter_nd,
    "slice_like": _slice_like,
    "strided_set": _first,
    "strided_slice": _strided_slice,
    "take": _take,
}
