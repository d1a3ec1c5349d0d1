"""Operators that choose elements by indices, and those that find indices by sorting.

NIR's gather takes indices that are in range; Relay moves others into it first.
"""

from __future__ import annotations

import math

import numpy as np

from nir.ir import Value
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall


def take(call: RelayCall) -> Value:
    """Relay moves indices that are out of range into it; constant ones are moved now."""
    if call.attrs.get("batch_dims"):
        call.refuse("take with batch dimensions has no counterpart in NIR")
    data, shape = call.value(0), call.input_shape(0)
    if call.attrs["axis"] is None:
        data, shape, axis = call.reshaped(data, (math.prod(shape),)), (math.prod(shape),), 0
    else:
        axis = call.axis(call.integer("axis"), len(shape))
    return call.emit("gather", data, _indices(call, shape[axis]), axis=axis)


def _indices(call: RelayCall, size: int) -> Value:
    mode = call.attrs.get("mode", "clip")
    array = call.constant(1)
    if array is not None:
        bounded = np.mod(array, size) if mode == "wrap" else np.clip(array, 0, size - 1) if mode == "clip" else array
        return call.new_constant(bounded.astype(np.int32))
    indices = call.value(1)
    if mode == "wrap":
        turns = call.emit("div", indices, call.number(size, indices))  # rounded down
        return call.emit("sub", indices, call.emit("mul", turns, call.number(size, indices)))
    if mode == "clip":
        indices = call.emit("maximum", indices, call.number(0, indices))
        indices = call.emit("minimum", indices, call.number(size - 1, indices))
    return indices


def gather(call: RelayCall) -> Value:
    """Indices of the shape of the result, each for its own place: one gather from the flat data."""
    shape, places = call.input_shape(0), call.input_shape(1)
    axis = call.axis(call.integer("axis"), len(shape))
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    grid = np.indices(places, np.int32)
    rest = sum((grid[d] * strides[d] for d in range(len(shape)) if d != axis), np.zeros(places, np.int32))
    indices = call.value(1)
    step = call.emit("mul", indices, call.number(strides[axis], indices))
    flat = call.emit("add", step, call.new_constant(rest.astype(indices.element.numpy)))
    return call.emit("gather", call.reshaped(call.value(0), (math.prod(shape),)), flat, axis=0)


def gather_nd(call: RelayCall) -> Value:
    """Elements at positions that stand along the first dimension of the indices: one gather from the flat data."""
    if call.attrs.get("batch_dims"):
        call.refuse("gather_nd with batch dimensions has no counterpart in NIR")
    shape, places = call.input_shape(0), call.input_shape(1)
    depth = places[0]
    rows = math.prod(shape[:depth])
    flat = None
    for d in range(depth):
        size = (1, *places[1:])
        part = call.emit("slice", call.value(1), begin=(d,) + (0,) * (len(places) - 1), size=size)
        step = math.prod(shape[d + 1 : depth])
        part = part if step == 1 else call.emit("mul", part, call.number(step, part))
        flat = part if flat is None else call.emit("add", flat, part)
    if flat is None:
        call.refuse("gather_nd without indices has no counterpart in NIR")
    data = call.reshaped(call.value(0), (rows, *shape[depth:]))
    return call.emit("gather", data, call.reshaped(flat, places[1:]), axis=0)


# --- sorting ---


def ordered(call: RelayCall, count: int, ascending: bool) -> tuple[Value, Value]:
    """The first `count` elements along the call's axis in order, and their indices; of equals the first comes first.

    NIR sorts downwards and has the last of equals first: so the data is reversed, and negated for the other order.
    """
    shape = call.input_shape(0)
    axis = call.axis(call.integer("axis"), len(shape))
    if not call.is_float(0):
        call.refuse("sorting integers has no counterpart in NIR")
    order = [d for d in range(len(shape)) if d != axis] + [axis]
    back = [order.index(d) for d in range(len(shape))]
    data = call.transposed(call.emit("reverse", call.value(0), axis=axis), order)
    top = call.operation("topk_v2", call.emit("neg", data) if ascending else data, k=count)
    values, found = top.results
    values = call.emit("neg", values) if ascending else values
    indices = call.emit("sub", call.number(shape[axis] - 1, found), found)
    return call.transposed(values, back), call.transposed(indices, back)


def topk(call: RelayCall) -> Value | list[Value]:
    """Values, indices, or both."""
    shape = call.input_shape(0)
    axis = call.axis(call.integer("axis"), len(shape))
    count = call.integer("k")
    values, indices = ordered(call, count if count > 0 else shape[axis], call.flag("is_ascend"))
    wanted = call.word("ret_type")
    if wanted == "values":
        return values
    indices = _as(call, indices, len(call.types) - 1)
    return indices if wanted == "indices" else [values, indices]


def argsort(call: RelayCall) -> Value:
    """Indices in the order of the elements."""
    axis = call.axis(call.integer("axis"), call.type.rank)
    return _as(call, ordered(call, call.input_shape(0)[axis], call.flag("is_ascend"))[1], 0)


def sort(call: RelayCall) -> Value:
    """Elements in order."""
    axis = call.axis(call.integer("axis"), call.type.rank)
    return ordered(call, call.input_shape(0)[axis], call.flag("is_ascend"))[0]


def _as(call: RelayCall, indices: Value, result: int) -> Value:
    """Indices in the type that the call asks for."""
    element = call.types[result].element
    return indices if indices.element is element else call.emit("cast", indices, element=element)


HANDLERS: HandlerTable = {
    "argsort": argsort,
    "gather": gather,
    "gather_nd": gather_nd,
    "sort": sort,
    "take": take,
    "topk": topk,
}
