"""What lowerings of Relay build with: one call of the Relay module as they see it. This file names no operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from tvm import relax

from nir.errors import ConvertError
from nir.passes.relax_building.emitter import Array, Emitter, Value
from nir.relay.ast import Attributes, Call, Constant, Expr
from nir.relay.types import TensorType


@dataclass(frozen=True)
class RequantizeConfig:
    """What a requantisation does that does not say it itself; the defaults are those of TVM's plain `llvm` target."""

    rounding: str = "UPWARD"
    compute_dtype: str = "int64"


@dataclass
class Site:
    """One call of an operator: what a lowering gets.

    `args` are the lowered arguments, `call` is the Relay call, `emitter` takes the bindings. `resolve` looks through
    lets to the expression that stands for an argument, `config` says what requantisations do.
    """

    call: Call
    args: tuple[Value, ...]
    emitter: Emitter
    resolve: Callable[[Expr], Expr]
    config: RequantizeConfig

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
