"""What lowerings build with: an emitter of Relax bindings, and one call of the Relay module as they see it.

A value is a Relax expression, or a Python tuple of values where Relay has a tuple. This file names no operator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from tvm import relax

from nir.errors import ConvertError
from nir.relay.ast import Attributes, Call, Constant, Expr
from nir.relay.types import TensorType, numpy_dtype

Array: TypeAlias = "np.ndarray[Any, Any]"
Value: TypeAlias = Any
"""A Relax expression, or a tuple of values."""


@dataclass(frozen=True)
class RequantizeConfig:
    """What a requantisation does that does not say it itself; the defaults are those of TVM's plain `llvm` target."""

    rounding: str = "UPWARD"
    compute_dtype: str = "int64"


class Emitter:
    """Adds bindings to the Relax function under construction."""

    def __init__(self, builder: relax.BlockBuilder, config: RequantizeConfig) -> None:
        self.builder = builder
        self.config = config

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


@dataclass
class Site:
    """One call of an operator: what a lowering gets.

    `args` are the lowered arguments, `call` is the Relay call, `emitter` takes the bindings. `resolve` looks through
    lets to the expression that stands for an argument.
    """

    call: Call
    args: tuple[Value, ...]
    emitter: Emitter
    resolve: Callable[[Expr], Expr]

    @property
    def attrs(self) -> Attributes:
        """The attributes of the call, complete."""
        return self.call.attrs

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.call.op_name or "?"

    def emit(self, expr: relax.Expr) -> relax.Var:
        """Binds `expr` to a new variable."""
        return self.emitter.emit(expr)

    def te(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Value:
        """Binds the result of a tensor program, see `Emitter.te`."""
        return self.emitter.te(function, *arguments, **keywords)

    def result_type(self) -> TensorType:
        """The type that Relay gives the result. Raises ConvertError when it is not known or no tensor."""
        stated = self.call.checked_type
        if not isinstance(stated, TensorType):
            self.fail(f"the type of '{self.name}' is not known", hint="read the module with nir.relay.load")
        return stated

    def result_shape(self) -> tuple[int, ...]:
        """The shape that Relay gives the result. Raises ConvertError when an extent is not known."""
        extents = tuple(extent for extent in self.result_type().shape if extent is not None)
        if len(extents) != len(self.result_type().shape):
            self.fail(f"the shape of '{self.name}' is known only at run time", found=str(self.result_type()))
        return extents

    def static(self, argument: int, meaning: str) -> Array:
        """The value of an argument that has to be known now. Raises ConvertError when it is not a constant."""
        return self.static_value(self.call.args[argument], meaning)

    def static_value(self, expr: Expr, meaning: str) -> Array:
        """The value of `expr`, a part of an argument that has to be known now."""
        resolved = self.resolve(expr)
        if not isinstance(resolved, Constant):
            self.fail(f"{meaning} of '{self.name}' is not a constant", expected="a constant", found=repr(resolved))
        return resolved.data

    def fail(self, message: str, **details: Any) -> NoReturn:
        """Raises a ConvertError that points at the call."""
        raise ConvertError(message, self.call.span, **details)


Lowering: TypeAlias = Callable[[Site], Value]
"""Emits what one call means, and returns its value."""
