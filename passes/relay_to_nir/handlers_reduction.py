"""Reductions along dimensions, and searches for the largest and smallest element."""

from __future__ import annotations

import math

from nir.ir import Value
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall
from nir.passes.relay_to_nir.handlers_elementwise import each
from nir.passes.relay_to_nir.handlers_pooling import widened_operand
from nir.passes.relay_to_nir.parameters import integers


def axes_of(call: RelayCall) -> tuple[int, ...]:
    """The dimensions to reduce: those of `axis`, all where there is none, the others with `exclude`."""
    rank = call.input_type(0).rank
    if call.attrs["axis"] is None:
        return tuple(range(rank))
    named = {call.axis(axis, rank) for axis in integers(call, "axis")}
    return tuple(d for d in range(rank) if (d in named) != bool(call.attrs.get("exclude")))


def reduction(operator: str, call: RelayCall) -> Value:
    """One operator for one."""
    axes = axes_of(call)
    if not axes:
        return call.value(0)
    return call.emit(operator, call.value(0), axes=axes, keep_dims=call.flag("keepdims"))


def arithmetic(operator: str, call: RelayCall) -> Value:
    """A sum or a product: of integers as they are stored."""
    return call.plain(reduction(operator, call))


def selection(operator: str, call: RelayCall) -> Value:
    """The largest or smallest element is one of the elements, whatever it stands for."""
    return call.raw(reduction(operator, call))


def mean(call: RelayCall) -> Value:
    """The mean of widened 8-bit integers is taken before the widening: cut off it is an 8-bit integer itself."""
    axes, value = axes_of(call), call.value(0)
    if not axes:
        return value
    keep_dims = call.flag("keepdims")
    narrow = widened_operand(value)
    if narrow is not None:
        return call.emit("cast", call.raw(call.emit("mean", narrow, axes=axes, keep_dims=keep_dims)), element="i32")
    return call.raw(call.emit("mean", value, axes=axes, keep_dims=keep_dims))


def variance(call: RelayCall) -> Value:
    """The mean of squared differences from argument 1, which keeps its dimensions."""
    if call.attrs.get("unbiased"):
        call.refuse("the unbiased variance has no counterpart in NIR")
    difference = call.emit("sub", call.value(0), call.value(1))
    square = call.emit("mul", difference, difference)
    return call.emit("mean", square, axes=axes_of(call), keep_dims=call.flag("keepdims"))


def search(operator: str, call: RelayCall) -> Value:
    """Index of the first extreme element along one dimension, or of the whole tensor."""
    if call.attrs.get("select_last_index"):
        call.refuse("the last index of several has no counterpart in NIR")
    axes, value = axes_of(call), call.value(0)
    if len(axes) == len(call.input_shape(0)):
        value, axes = call.reshaped(value, (math.prod(call.input_shape(0)),)), (0,)
    if len(axes) != 1:
        call.refuse("a search along several dimensions has no counterpart in NIR")
    return call.emit(operator, value, axis=axes[0])


HANDLERS: HandlerTable = {
    **each(reduction, {"all": "reduce_all", "any": "reduce_any"}),
    **each(arithmetic, {"prod": "reduce_prod", "sum": "reduce_sum"}),
    **each(selection, {"max": "reduce_max", "min": "reduce_min"}),
    **each(search, {"argmax": "argmax", "argmin": "argmin"}),
    "mean": mean,
    "variance": variance,
}
