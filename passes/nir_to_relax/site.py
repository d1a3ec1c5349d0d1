"""What lowerings build with: one operation of a NIR function as they see it. This file names no operator but `const`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from tvm import relax

from nir.errors import ConvertError
from nir.ir import Operation, Origin, TensorType
from nir.ir import Value as NirValue
from nir.ops.constant import Const
from nir.ops.profiles import Profile
from nir.passes.relax_building.emitter import Array, Emitter, Value, dtype_of, shape_of
from nir.passes.relax_building.programs import Program
from nir.source import Span


@dataclass
class Site:
    """One operation: what a lowering gets.

    `args` are its lowered operands (None where omitted), `profile` says how real values become integers, `emitter`
    takes the bindings. A lowering returns one Relax expression, or a tuple of them where there are several results.
    """

    op: Any
    args: tuple[Any, ...]
    emitter: Emitter
    profile: Profile

    def emit(self, expr: relax.Expr) -> relax.Var:
        """Binds `expr` to a new variable."""
        return self.emitter.emit(expr)

    def te(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Value:
        """Binds the result of a tensor program, see `Emitter.te`."""
        return self.emitter.te(function, *arguments, **keywords)

    def program(self, shape: Sequence[int] | None = None) -> Program:
        """An element-by-element program; its result has the shape of the operation's unless another is given."""
        return Program(self.emitter, self.shape if shape is None else shape)

    def map(self, formula: Callable[..., Any], *values: relax.Expr, name: str = "map") -> relax.Expr:
        """Binds `formula` of the elements of tensors, which broadcast to the shape of the first."""
        program = self.program(shape_of(values[0]))
        terms = [program.operand(value) for value in values]
        return program.emit(lambda: formula(*(term.value for term in terms)), name)

    @property
    def type(self) -> TensorType:
        """The declared type of the first result."""
        found: TensorType = self.op.results[0].type
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return static_shape(self.type)

    @property
    def dtype(self) -> str:
        """The element type of the first result, as TVM spells it."""
        return dtype_name(self.type)

    def operand_type(self, index: int) -> TensorType:
        """The declared type of an operand that is there."""
        value = self.op.operands[index]
        found: TensorType = value.type
        return found

    def constant(self, value: NirValue | None) -> Array | None:
        """The elements of a value that is a constant of the same function, else None."""
        producer = value.producer if value is not None else None
        return producer.value.array if isinstance(producer, Const) else None

    def widened(self, value: relax.Expr) -> relax.Expr:
        """float16 as float32, which holds it exactly; anything else as it is."""
        return self.emitter.cast(value, "float32") if dtype_of(value) == "float16" else value

    def refuse(self, reason: str, **details: Any) -> NoReturn:
        """Raises a ConvertError that points at the operation and says why it does not compile."""
        raise ConvertError(
            f"'{self.op.name}' does not compile through Relax here: {reason}", span_of(self.op), **details
        )


Lowering: TypeAlias = Callable[[Site], Value]
"""Emits what one operation means, and returns its result or results."""


def static_shape(type: TensorType) -> tuple[int, ...]:
    """The dimensions of a type, all of which are known."""
    return tuple(int(size) for size in type.shape if size is not None)


def dtype_name(type: TensorType) -> str:
    """The element type as TVM spells it."""
    return str(type.element.numpy.name)


def span_of(op: Operation) -> Span | None:
    """Where the operation stands in some text, if it does."""
    return op.location.span if isinstance(op.location, Origin) else op.location
