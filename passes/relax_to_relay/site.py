"""What a row of the table sees of one Relax call, and what it builds Relay with.

Arguments are Relay expressions, or Python values where Relax has shapes, numbers and strings. A row returns the Relay
expression of the call; it raises `Refused` (through `refuse`) where Relay has none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from nir.errors import ConvertError
from nir.relay import schema
from nir.relay.ast import Call, Constant, Expr, Op, Tuple, TupleGetItem
from nir.relay.infer import RULES
from nir.relay.infer.site import CallSite, CannotInfer
from nir.relay.types import TensorType, TupleType, Type

Array = np.ndarray[Any, Any]
Row = Callable[["RelaxCall"], Expr]
RowTable = dict[str, Row]
"""Relax operator name, without `relax.` -> what it is in Relay."""


class Refused(Exception):
    """Relay cannot express a call; the message says why."""


class RelaxCall:
    """One call: its name, arguments, attributes and result type, and Relay calls to make of them."""

    def __init__(self, name: str, args: Sequence[Any], attrs: dict[str, Any], type: Type | None, origin: str) -> None:
        self.name = name
        self.args = tuple(args)
        self.attrs = attrs
        self.type = type
        self.origin = origin
        self.made: list[Call] = []

    def refuse(self, reason: str) -> NoReturn:
        """Says that Relay cannot express this call."""
        raise Refused(reason)

    # --- arguments ---

    def expr(self, index: int = 0) -> Expr:
        """Argument `index`, which must be a tensor or a tuple."""
        value = self.args[index] if index < len(self.args) else None
        if not isinstance(value, Expr):
            self.refuse(f"argument {index} is no tensor")
        return value

    def fields(self, index: int = 0) -> tuple[Expr, ...]:
        """The fields of argument `index`, a tuple."""
        value = self.expr(index)
        if isinstance(value, Tuple):
            return value.fields
        if not isinstance(value.checked_type, TupleType):
            return (value,)
        return tuple(self.item(value, i) for i in range(len(value.checked_type.fields)))

    def integers(self, index: int, what: str) -> tuple[int, ...]:
        """Argument `index`, a shape, a tuple of numbers or a constant, as integers."""
        value = self.args[index] if index < len(self.args) else None
        if isinstance(value, Constant):
            value = tuple(value.data.reshape(-1).tolist())
        if isinstance(value, Tuple) and all(isinstance(field, Constant) for field in value.fields):
            value = tuple(field.data.item() for field in value.fields if isinstance(field, Constant))
        if not isinstance(value, tuple) or not all(isinstance(item, int) for item in value):
            self.refuse(f"{what} must be known")
        return value

    def number(self, index: int, what: str) -> float | int | bool:
        """Argument `index`, a number or a constant of one element."""
        value = self.args[index] if index < len(self.args) else None
        if isinstance(value, Constant) and value.data.size == 1:
            value = value.data.item()
        if not isinstance(value, (bool, int, float)):
            self.refuse(f"{what} must be known")
        return value

    def tensor_type(self, expr: Expr) -> TensorType:
        """The type of a tensor."""
        if not isinstance(expr.checked_type, TensorType):
            self.refuse(f"a tensor of known rank is expected, not {expr.checked_type}")
        return expr.checked_type

    def shape(self, expr: Expr) -> tuple[int, ...]:
        """The shape of a tensor. Refuses dimensions that are known only at run time."""
        shape = self.tensor_type(expr).shape
        if None in shape:
            self.refuse("its shape must be known")
        return tuple(size for size in shape if size is not None)

    def dtype(self, expr: Expr) -> str:
        """The element type of a tensor."""
        return self.tensor_type(expr).dtype

    def is_float(self, expr: Expr) -> bool:
        """True for tensors of floats."""
        return self.dtype(expr).startswith(("float", "bfloat"))

    @property
    def result(self) -> TensorType:
        """The type of the call, a tensor."""
        if not isinstance(self.type, TensorType):
            self.refuse(f"a tensor of known rank is expected as the result, not {self.type}")
        return self.type

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape of the call's result. Refuses dimensions that are known only at run time."""
        if None in self.result.shape:
            self.refuse("the shape of its result must be known")
        return tuple(size for size in self.result.shape if size is not None)

    # --- attributes ---

    def axis(self, rank: int, name: str = "axis") -> int:
        """The attribute `name` as a dimension counted from the front."""
        value = self.attrs.get(name)
        if not isinstance(value, int) or not -rank <= value < rank:
            self.refuse(f"{name} = {value} is no dimension of a tensor of rank {rank}")
        return value % rank

    def axes(self, rank: int, name: str = "axis") -> tuple[int, ...] | None:
        """The attribute `name` as dimensions counted from the front; None for all."""
        value = self.attrs.get(name)
        if value is None:
            return None
        given = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(item, int) and -rank <= item < rank for item in given):
            self.refuse(f"{name} = {value} are no dimensions of a tensor of rank {rank}")
        return tuple(item % rank for item in given)

    # --- building ---

    def relay(self, name: str, *args: Expr, **attrs: Any) -> Call:
        """A call of the Relay operator `name`, with all its attributes and its type."""
        described = schema.operators()[name].attributes
        call = Call(Op(name), args, {**described.defaults, **attrs}, origin=self.origin)
        types = [argument.checked_type for argument in args]
        if any(found is None for found in types):
            self.refuse("an argument has no type")
        site = CallSite(call, [found for found in types if found is not None])
        try:
            call.checked_type = RULES[name](site)
        except CannotInfer:
            call.checked_type = self.type
        except ConvertError as error:
            self.refuse(str(error.diagnostics[0].message))
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
            self.refuse(f"its attributes are not what Relay's '{name}' takes ({error})")
        self.made.append(call)
        return call

    def item(self, tuple_value: Expr, index: int) -> TupleGetItem:
        """Field `index` of a tuple."""
        item = TupleGetItem(tuple_value, index, origin=self.origin)
        if isinstance(tuple_value.checked_type, TupleType):
            item.checked_type = tuple_value.checked_type.fields[index]
        return item

    def tuple(self, fields: Sequence[Expr]) -> Tuple:
        """A tuple of expressions."""
        made = Tuple(fields, origin=self.origin)
        made.checked_type = TupleType(tuple(field.checked_type for field in fields if field.checked_type is not None))
        return made

    def constant(self, value: Any, dtype: str | None = None) -> Constant:
        """A constant; of the element type `dtype` if given."""
        array = np.asarray(value, dtype)
        made = Constant(array, dtype if dtype == "bfloat16" else None, origin=self.origin)
        made.checked_type = made.type
        return made

    def like(self, value: float, expr: Expr) -> Constant:
        """A scalar constant of the element type of `expr`."""
        return self.constant(value, self.dtype(expr))

    def reshape(self, expr: Expr, shape: Sequence[int]) -> Expr:
        """`expr` in another shape of as many elements."""
        if self.tensor_type(expr).shape == tuple(shape):
            return expr
        if isinstance(expr, Constant) and math.prod(shape) == expr.data.size:
            return self.named(expr.data.reshape(tuple(shape)), expr)
        return self.relay("reshape", expr, newshape=tuple(shape))

    def transpose(self, expr: Expr, axes: Sequence[int]) -> Expr:
        """`expr` with dimension i taken from dimension `axes[i]`."""
        if list(axes) == list(range(len(axes))):
            return expr
        if isinstance(expr, Constant):
            return self.named(expr.data.transpose(tuple(axes)), expr)
        return self.relay("transpose", expr, axes=tuple(axes))

    def named(self, array: Array, source: Constant) -> Constant:
        """A constant with other elements that keeps the name of `source`."""
        made = Constant(array, source.dtype, source.name, origin=source.origin)
        made.checked_type = made.type
        return made

    def cast(self, expr: Expr, dtype: str) -> Expr:
        """`expr` with elements of `dtype`."""
        return expr if self.dtype(expr) == dtype else self.relay("cast", expr, dtype=dtype)

    def add(self, left: Expr, right: Expr) -> Expr:
        return self.relay("add", left, right)

    def subtract(self, left: Expr, right: Expr) -> Expr:
        return self.relay("subtract", left, right)

    def multiply(self, left: Expr, right: Expr) -> Expr:
        return self.relay("multiply", left, right)

    def divide(self, left: Expr, right: Expr) -> Expr:
        return self.relay("divide", left, right)
