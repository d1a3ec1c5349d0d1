"""What builds Relax: an emitter of bindings, and what it asks of types. It names no operator, of Relay or of NIR.

A value is a Relax expression, or a Python tuple of values where the source has a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import tvm
from tvm import relax

from nir.relay.types import numpy_dtype

Array: TypeAlias = "np.ndarray[Any, Any]"
Value: TypeAlias = Any
"""A Relax expression, or a tuple of values."""


class Emitter:
    """Adds bindings to the Relax function under construction."""

    def __init__(self, builder: relax.BlockBuilder) -> None:
        self.builder = builder

    def emit(self, expr: relax.Expr) -> relax.Var:
        """Binds `expr` to a new variable, with its type inferred."""
        return self.builder.emit(expr)

    def te(self, function: Callable[..., Any], *arguments: Any, name: str | None = None, **keywords: Any) -> Value:
        """Binds the result of a tensor program: `function` gets a tensor for every Relax expression.

        A program with several results gives a tuple of values.
        """
        hint = name if name is not None else function.__name__.strip("_")
        result = self.builder.emit_te(function, *arguments, primfunc_name_hint=hint, **keywords)
        if isinstance(result.ty, relax.TupleType):
            return tuple(self.emit(relax.TupleGetItem(result, index)) for index in range(len(result.ty.fields)))
        return result

    def cast(self, value: relax.Expr, dtype: str) -> relax.Expr:
        """`value` with elements of `dtype`; itself where it has them already."""
        return value if dtype_of(value) == dtype else self.emit(relax.op.astype(value, dtype))


def shape_of(value: relax.Expr) -> tuple[int, ...]:
    """The shape of a tensor value."""
    return tuple(int(extent) for extent in value.ty.shape)


def dtype_of(value: relax.Expr) -> str:
    """The element type of a tensor value, as TVM spells it."""
    return str(value.ty.dtype)


def integer_limits(dtype: str) -> tuple[int, int] | None:
    """The least and the greatest integer of `dtype`, or None where it is no integer type."""
    numpy_type: Any = numpy_dtype(dtype)
    if numpy_type is None or numpy_type.kind not in "iu":
        return None
    limits = np.iinfo(numpy_type)
    return int(limits.min), int(limits.max)


def constant(data: Any, dtype: str | None = None) -> relax.Constant:
    """A Relax constant that holds `data`, which need not be contiguous."""
    return relax.const(np.ascontiguousarray(data) if np.ndim(data) else np.asarray(data), dtype)


def elements_of(value: relax.Expr) -> Array | None:
    """The elements of a Relax constant, else None."""
    return value.value.numpy() if isinstance(value, tvm.ir.GenericConst) else None


def summary(error: Exception) -> str:
    """The last line of what TVM says, without its stack."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
