"""Small calls whose arguments are all known: shapes and indices, which importers compute in the graph.

They are worked out at once, so that reshapes and slices further on know their attributes. Weights are not touched:
what is larger stays in the graph and is folded by the conversion to NIR.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nir.passes.relax_to_relay.site import Array, RelaxCall
from nir.relay.ast import Constant, Expr, Tuple
from nir.relay.types import TensorType, numpy_dtype

_LARGEST = 1024
"""Elements of a result that is worked out."""


def folded(call: RelaxCall) -> Any:
    """The constant, or the numbers of a shape, that a call stands for; None where that is not known."""
    if call.name in ("shape_of", "size", "shape_to_tensor", "tensor_to_shape"):
        return _shapes(call)
    if not isinstance(call.type, TensorType) or not _is_small(call.type):
        return None
    function = _FUNCTIONS.get(call.name)
    if function is None:
        return None
    arguments = [_known(argument) for argument in call.args]
    if any(argument is None for argument in arguments):
        return None
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(function(call.attrs, *arguments))
    except (TypeError, ValueError, IndexError, KeyError):
        return None
    dtype = numpy_dtype(call.type.dtype)
    if dtype is None or array.shape != call.type.shape:
        return None
    return call.constant(array.astype(dtype, copy=False), call.type.dtype)


def _is_small(type: TensorType) -> bool:
    size = 1
    for extent in type.shape:
        if extent is None:
            return False
        size *= extent
    return size <= _LARGEST


def _known(argument: Any) -> Any:
    """An argument in numpy: an array, a list of arrays, or the number or shape that it is."""
    if isinstance(argument, Constant):
        return argument.data if argument.data.size <= _LARGEST else None
    if isinstance(argument, Tuple):
        fields = [_known(field) for field in argument.fields]
        return None if any(field is None for field in fields) else fields
    return None if isinstance(argument, Expr) else argument


def _shapes(call: RelaxCall) -> Any:
    """Shapes are tuples of numbers here, tensors of shapes constants."""
    argument = call.args[0]
    if call.name == "tensor_to_shape":
        return tuple(int(size) for size in argument.data.reshape(-1)) if isinstance(argument, Constant) else None
    if call.name == "shape_to_tensor":
        is_shape = isinstance(argument, tuple) and all(isinstance(size, int) for size in argument)
        return call.constant(argument, call.result.dtype) if is_shape else None
    if not isinstance(argument, Expr) or not isinstance(argument.checked_type, TensorType):
        return None
    shape = argument.checked_type.shape
    if call.name == "size":
        return None if None in shape else call.constant(math.prod(size or 0 for size in shape), call.result.dtype)
    return shape


def _binary(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda attrs, left, right: function(left, right)


def _strided_slice(attrs: dict[str, Any], data: Array, axes: Any, begin: Any, end: Any, strides: Any = None) -> Array:
    numbers = [np.ravel(part).tolist() for part in (axes, begin, end)]
    steps = [1] * len(numbers[0]) if strides is None else np.ravel(strides).tolist()
    places: list[slice] = [slice(None)] * data.ndim
    for axis, start, stop, step in zip(*numbers, steps, strict=True):
        places[int(axis)] = slice(int(start), None if step < 0 and stop < -data.shape[int(axis)] else int(stop), step)
    return data[tuple(places)]


def _take(attrs: dict[str, Any], data: Array, indices: Any) -> Array:
    mode = attrs.get("mode")
    chosen = np.asarray(indices)
    size = data.size if attrs["axis"] is None else data.shape[attrs["axis"]]
    if (chosen >= size).any() or (chosen < -size).any():
        raise IndexError(mode)
    return np.take(data, chosen, axis=attrs["axis"])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: _binary(function)
        for name, function in {
            "add": np.add,
            "subtract": np.subtract,
            "multiply": np.multiply,
            "maximum": np.maximum,
            "minimum": np.minimum,
            "equal": np.equal,
            "not_equal": np.not_equal,
            "less": np.less,
            "less_equal": np.less_equal,
            "greater": np.greater,
            "greater_equal": np.greater_equal,
            "logical_and": np.logical_and,
            "logical_or": np.logical_or,
        }.items()
    },
    "astype": lambda attrs, data: data.astype(numpy_dtype(attrs["dtype"])),
    "broadcast_to": lambda attrs, data, shape: np.broadcast_to(data, shape),
    "concat": lambda attrs, parts: np.concatenate(parts, axis=attrs["axis"] or 0),
    "expand_dims": lambda attrs, data: np.expand_dims(data, tuple(attrs["axis"])),
    "full": lambda attrs, shape, value: np.full(shape, value),
    "isnan": lambda attrs, data: np.isnan(data),
    "logical_not": lambda attrs, data: np.logical_not(data),
    "negative": lambda attrs, data: np.negative(data),
    "ones": lambda attrs, shape: np.ones(shape),
    "permute_dims": lambda attrs, data: np.transpose(data, attrs["axes"]),
    "prod": lambda attrs, data: np.prod(data, axis=attrs["axis"], keepdims=attrs["keepdims"]),
    "reshape": lambda attrs, data, shape: np.reshape(data, shape),
    "squeeze": lambda attrs, data: np.squeeze(data, attrs["axis"]),
    "stack": lambda attrs, parts: np.stack(parts, axis=attrs["axis"] or 0),
    "strided_slice": _strided_slice,
    "take": _take,
    "where": lambda attrs, condition, left, right: np.where(condition, left, right),
    "zeros": lambda attrs, shape: np.zeros(shape),
}
"""What small calls compute, by the operator's name: attributes, then arguments. Division is left out: that of integers
is cut off in TVM.
"""
