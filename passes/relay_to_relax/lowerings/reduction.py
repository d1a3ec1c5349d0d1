"""Reductions over axes, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tvm import relax, topi

from nir.passes.relax_building.emitter import Value, constant, dtype_of, shape_of
from nir.passes.relay_to_relax.emitter import Lowering, Site

_NARROW = ("bool", "int8", "uint8", "int16", "uint16")


def _axes(site: Site) -> list[int]:
    """The axes to reduce over: all where none are named, the others where `exclude` is set."""
    rank = len(shape_of(site.args[0]))
    named = site.attrs["axis"]
    if named is None:
        return list(range(rank))
    named = {axis % rank if rank else axis for axis in ((named,) if isinstance(named, int) else named)}
    return sorted(set(range(rank)) - named) if site.attrs.get("exclude") else sorted(named)


def _reduction(function: Callable[..., Any]) -> Lowering:
    """The lowering to a Relax operator."""
    return lambda site: site.emit(function(site.args[0], _axes(site), site.attrs["keepdims"]))


def _program(function: Callable[..., Any]) -> Lowering:
    """The lowering to a tensor program."""
    return lambda site: site.te(function, site.args[0], _axes(site), site.attrs["keepdims"])


def _mean(site: Site) -> Value:
    """Of integers: the sum, divided by the count rounding towards zero."""
    data = site.args[0]
    axes, keepdims = _axes(site), site.attrs["keepdims"]
    if "int" not in dtype_of(data):
        return site.emit(relax.op.mean(data, axes, keepdims))
    count = int(np.prod([shape_of(data)[axis] for axis in axes], dtype=np.int64))
    total = site.emit(relax.op.sum(data, axes, keepdims))
    return site.emit(relax.op.divide(total, constant(count, dtype_of(data))))


def _variance(site: Site) -> Value:
    """The mean of squared distances from the second argument; one less is counted where it is unbiased."""
    data, mean = site.args
    axes, keepdims = _axes(site), site.attrs["keepdims"]
    count = int(np.prod([shape_of(data)[axis] for axis in axes], dtype=np.int64)) - bool(site.attrs["unbiased"])
    distance = site.emit(relax.op.subtract(data, mean))
    total = site.emit(relax.op.sum(site.emit(relax.op.multiply(distance, distance)), axes, keepdims))
    return site.emit(relax.op.divide(total, constant(count, dtype_of(data))))


def _arg(function: Callable[..., Any]) -> Lowering:
    """The position of an extreme; with several axes or none, its position in the flattened tensor.

    TVM's program starts from position -1 with the worst value of the type, and stays there when all elements are that
    value; in a wider type none is.
    """

    def lower(site: Site) -> Value:
        select_last, data = site.attrs["select_last_index"], site.args[0]
        if dtype_of(data) in _NARROW:
            data = site.emitter.cast(data, "int32")
        found = site.te(function, data, _axes(site), site.attrs["keepdims"], select_last)
        return site.emitter.cast(found, site.result_type().dtype)

    return lower


def _running(function: Callable[..., Any]) -> Lowering:
    def lower(site: Site) -> Value:
        attrs = site.attrs
        dtype = attrs["dtype"] or None
        return site.te(function, site.args[0], attrs["axis"], dtype, bool(attrs["exclusive"]))

    return lower


LOWERINGS: dict[str, Lowering] = {
    "all": _program(topi.all),
    "any": _program(topi.any),
    "argmax": _arg(topi.argmax),
    "argmin": _arg(topi.argmin),
    "cumprod": _running(topi.cumprod),
    "cumsum": _running(topi.cumsum),
    "max": _reduction(relax.op.max),
    "mean": _mean,
    "min": _reduction(relax.op.min),
    "prod": _reduction(relax.op.prod),
    "sum": _reduction(relax.op.sum),
    "variance": _variance,
}
