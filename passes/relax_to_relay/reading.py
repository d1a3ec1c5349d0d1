"""TVM's objects as Python's: types, shapes, attributes, constants. The only file that knows their classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tvm
from tvm import relax, tirx

from nir.relay.types import Dimension, TensorType, TupleType, Type

_MOST_NESTED = 64
"""Levels of tuples in a type."""

_NARROW = {"int64": "int32", "uint64": "uint32"}


class Unreadable(Exception):
    """Something that has no counterpart among Relay's types and numpy's arrays."""


def handle(expr: Any) -> int:
    """What identifies a TVM object while its module lives. (`==` of scalar variables makes an expression.)"""
    return int(expr.__chandle__())


def dtype_text(dtype: Any, narrow: bool) -> str:
    """An element type as TVM spells it; 64-bit integers as 32-bit ones where `narrow`."""
    text = str(dtype)
    return _NARROW.get(text, text) if narrow else text


def read_type(given: Any, narrow: bool, depth: int = 0) -> Type:
    """The Relay type of a Relax type. Raises `Unreadable` for what is neither a tensor of known rank nor a tuple."""
    if isinstance(given, relax.TensorType):
        shape = given.shape
        if given.ndim < 0 or given.dtype is None:
            raise Unreadable("a tensor whose rank or element type is known only at run time")
        if not isinstance(shape, relax.ShapeExpr):
            return TensorType((None,) * int(given.ndim), dtype_text(given.dtype, narrow))
        return TensorType(tuple(map(_extent, shape.values)), dtype_text(given.dtype, narrow))
    if isinstance(given, relax.TupleType):
        if depth >= _MOST_NESTED:
            raise Unreadable("tuples nested too deeply")
        return TupleType(tuple(read_type(field, narrow, depth + 1) for field in given.fields))
    raise Unreadable(f"a value of type {type(given).__name__}")


def _extent(value: Any) -> Dimension:
    return int(value) if isinstance(value, tirx.IntImm) else None


def read_constant(value: Any) -> np.ndarray[Any, Any]:
    """The elements of a constant, in TVM's own memory where its element type is numpy's."""
    try:
        array = np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError):
        array = value.numpy()
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def read_attributes(attrs: Any) -> dict[str, Any]:
    """Attributes by name, as numbers, strings, tuples of them, or None."""
    if attrs is None:
        return {}
    if isinstance(attrs, tvm.ir.DictAttrs):
        return {str(name): read_value(attrs[name]) for name in attrs.keys()}  # noqa: SIM118  a TVM map
    return {field.name: read_value(getattr(attrs, field.name)) for field in type(attrs).__tvm_ffi_type_info__.fields}


def read_value(value: Any) -> Any:
    """One attribute."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (tirx.IntImm, tirx.FloatImm)):
        return _number(value)
    if isinstance(value, tvm.ir.Array):
        return tuple(map(read_value, value))
    return str(value)


def _number(value: Any) -> bool | int | float:
    if isinstance(value, tirx.FloatImm):
        return float(value.value)
    return bool(value.value) if str(value.ty) == "bool" else int(value.value)
