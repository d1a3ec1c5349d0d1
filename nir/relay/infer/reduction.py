"""Typing rules of operators that reduce, sort or scan along axes."""

from __future__ import annotations

from typing import Any

from nir.relay.infer.site import CallSite, Rule
from nir.relay.types import TensorType, TupleType, Type


def _axes(site: CallSite, rank: int) -> set[int]:
    """The axes that are reduced: all where none are named, the others with `exclude`."""
    value: Any = site.attrs["axis"]
    if value is None or value == ():
        return set(range(rank))
    named = {site.axis(axis, rank) for axis in (value if isinstance(value, tuple) else (value,))}
    return set(range(rank)) - named if site.attrs["exclude"] else named


def _reduced(site: CallSite, dtype: str | None = None) -> TensorType:
    data = site.tensor()
    axes = _axes(site, data.rank)
    if site.attrs["keepdims"]:
        shape = tuple(1 if axis in axes else extent for axis, extent in enumerate(data.shape))
    else:
        shape = tuple(extent for axis, extent in enumerate(data.shape) if axis not in axes)
    return TensorType(shape, dtype or data.dtype)


def _arg(site: CallSite) -> Type:
    return _reduced(site, "int32")


def _variance(site: CallSite) -> Type:
    site.tensor(1)
    return _reduced(site)


def _sorted(site: CallSite) -> Type:
    site.axis(site.attrs["axis"], site.tensor().rank)
    return site.tensor()


def _argsort(site: CallSite) -> Type:
    site.axis(site.attrs["axis"], site.tensor().rank)
    return TensorType(site.tensor().shape, site.dtype("dtype", "int32"))


def _topk(site: CallSite) -> Type:
    data = site.tensor()
    axis = site.axis(site.attrs["axis"], data.rank)
    count = site.attrs["k"]
    if type(count) is not int:
        raise site.error("'k' must be an integer", found=count)
    extent = data.shape[axis] if count < 1 else count
    shape = (*data.shape[:axis], extent, *data.shape[axis + 1 :])
    values, indices = TensorType(shape, data.dtype), TensorType(shape, site.dtype("dtype", "int32"))
    kinds: dict[str, Type] = {"both": TupleType((values, indices)), "values": values, "indices": indices}
    kind = site.attrs["ret_type"]
    if kind not in kinds:
        raise site.error("unknown 'ret_type'", expected=", ".join(kinds), found=kind)
    return kinds[kind]


def _scan(site: CallSite) -> Type:
    data = site.tensor()
    dtype = site.dtype("dtype", data.dtype)
    if site.attrs["axis"] is None:
        total: int | None = 1
        for extent in data.shape:
            total = None if total is None or extent is None else total * extent
        return TensorType((total,), dtype)
    site.axis(site.attrs["axis"], data.rank)
    return TensorType(data.shape, dtype)


RULES: dict[str, Rule] = {
    **dict.fromkeys(("all", "any", "max", "mean", "min", "prod", "sum"), _reduced),
    "argmax": _arg,
    "argmin": _arg,
    "argsort": _argsort,
    "cumprod": _scan,
    "cumsum": _scan,
    "sort": _sorted,
    "topk": _topk,
    "variance": _variance,
}
