"""Tensors that are known without running anything."""

from __future__ import annotations

import math

import numpy as np

from nir.ir import Value
from nir.passes.relay_to_nir.call import HandlerTable, RelayCall

_LARGEST = 2**28
"""Elements of a constant that the conversion works out at most."""


def filled(call: RelayCall, number: float) -> Value:
    """A constant of the result's type."""
    return call.new_constant(np.full(bounded(call, call.shape), number, call.types[0].element.numpy))


def bounded(call: RelayCall, shape: tuple[int, ...]) -> tuple[int, ...]:
    """`shape`, unless a constant of it would fill the memory."""
    if math.prod(shape) > _LARGEST:
        call.refuse(f"a constant of shape {shape} is too large")
    return shape


def full(call: RelayCall) -> Value:
    """The fill value is the first argument of `full`, the second of `full_like`."""
    return filled(call, call.known(len(call.entries) - 1, "the fill value").item())


def zeros(call: RelayCall) -> Value:
    """A constant of zeros."""
    return filled(call, 0)


def ones(call: RelayCall) -> Value:
    """A constant of ones."""
    return filled(call, 1)


def arange(call: RelayCall) -> Value:
    """A constant of evenly spaced numbers; the bounds must be known."""
    start, stop, step = (call.known(index, "a bound").item() for index in range(3))
    bounded(call, call.shape)
    return call.new_constant(np.arange(start, stop, step, dtype=call.types[0].element.numpy))


def one_hot(call: RelayCall) -> Value:
    """1 where the position along the new dimension equals the index; off + that * (on - off)."""
    on, off = call.known(1, "the value of hits"), call.known(2, "the value of misses")
    element = call.types[0].element
    rank = call.type.rank
    axis = call.axis(call.integer("axis"), rank)
    indices = call.emit("expand_dims", call.value(0), axis=axis)
    (depth,) = bounded(call, (call.integer("depth"),))
    positions = np.arange(depth, dtype=indices.element.numpy)
    shape = [-1 if d == axis else 1 for d in range(rank)]
    hits = call.emit("cast", call.emit("equal", indices, call.new_constant(positions.reshape(shape))), element=element)
    if (on.item(), off.item()) == (1, 0):
        return hits
    return call.emit(
        "add", call.emit("mul", hits, call.number(on.item() - off.item(), hits)), call.number(off.item(), hits)
    )


def shape_of(call: RelayCall) -> Value:
    """The operand's shape, which is known."""
    return call.new_constant(np.array(call.input_shape(0), call.types[0].element.numpy))


def ndarray_size(call: RelayCall) -> Value:
    """The number of the operand's elements, which is known."""
    return call.new_constant(np.array(math.prod(call.input_shape(0)), call.types[0].element.numpy))


HANDLERS: HandlerTable = {
    "arange": arange,
    "full": full,
    "full_like": full,
    "ndarray_size": ndarray_size,
    "one_hot": one_hot,
    "ones": ones,
    "ones_like": ones,
    "shape_of": shape_of,
    "zeros": zeros,
    "zeros_like": zeros,
}
