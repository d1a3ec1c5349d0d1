"""Rows for reductions, searches and sorting."""

from __future__ import annotations

import functools
from typing import Any

from nir.passes.relax_to_relay.site import RelaxCall, RowTable
from nir.relay.ast import Call, Expr
from nir.relay.types import TensorType, TupleType


def reduction(relay_name: str, call: RelaxCall) -> Expr:
    """One operator for one; no axes means all."""
    x = call.expr()
    rank = call.tensor_type(x).rank
    axes = call.axes(rank)
    if axes == () or rank == 0:
        return x
    return _reduced(call, relay_name, x, axes)


def _reduced(call: RelaxCall, relay_name: str, x: Expr, axes: tuple[int, ...] | None, keep: Any = None) -> Call:
    return call.relay(relay_name, x, axis=axes, keepdims=bool(call.attrs["keepdims"] if keep is None else keep))


def variance(call: RelaxCall) -> Expr:
    """The mean of squared differences from the mean."""
    x = call.expr()
    axes = call.axes(call.tensor_type(x).rank)
    mean = _reduced(call, "mean", x, axes, keep=True)
    difference = call.subtract(x, mean)
    return _reduced(call, "mean", call.multiply(difference, difference), axes)


def deviation(call: RelaxCall) -> Expr:
    """The square root of the variance."""
    return call.relay("sqrt", variance(call))


def search(relay_name: str, call: RelaxCall) -> Expr:
    """The index of the first extreme element; Relay's is of 32 bits."""
    x = call.expr()
    axis = None if call.attrs["axis"] is None else (call.axis(call.tensor_type(x).rank),)
    return _reduced(call, relay_name, x, axis)


def topk(call: RelaxCall) -> Expr:
    """Elements and indices in order."""
    x = call.expr()
    return call.relay(
        "topk",
        x,
        k=call.attrs["k"],
        axis=call.axis(call.tensor_type(x).rank),
        ret_type=call.attrs["ret_type"],
        is_ascend=not call.attrs["largest"],
        dtype=_index_dtype(call),
    )


def _index_dtype(call: RelaxCall) -> str:
    """The type of indices, as it stands in the result's type."""
    last = call.type.fields[-1] if isinstance(call.type, TupleType) else call.type
    return last.dtype if isinstance(last, TensorType) and call.attrs.get("ret_type") != "values" else "int32"


def argsort(call: RelaxCall) -> Expr:
    """Indices in the order of the elements."""
    x = call.expr()
    axis = call.axis(call.tensor_type(x).rank)
    return call.relay("argsort", x, axis=axis, is_ascend=not call.attrs["descending"], dtype=call.result.dtype)


def sort(call: RelaxCall) -> Expr:
    """Elements in order."""
    x = call.expr()
    return call.relay("sort", x, axis=call.axis(call.tensor_type(x).rank), is_ascend=not call.attrs["descending"])


ROWS: RowTable = {
    **{name: functools.partial(reduction, name) for name in ("max", "mean", "min", "prod", "sum")},
    "argmax": functools.partial(search, "argmax"),
    "argmin": functools.partial(search, "argmin"),
    "argsort": argsort,
    "sort": sort,
    "std": deviation,
    "topk": topk,
    "variance": variance,
}
