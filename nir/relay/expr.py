"""The expressions of Relay, under the names that TVM users know.

A node that is used twice is one Python object that is referred to twice; equality is identity. Data only: reading is
`nir.relay.text` and `nir.relay.json_module`, types are `nir.relay.infer`, walking is `nir.relay.visitor`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from nir.relay.types import TensorType, Type
from nir.source import Span

Attributes: TypeAlias = "dict[str, Any]"
"""Attribute name -> None, bool, int, float, str, or tuples (never lists) of these; a dict for maps.

Element types are strings, "" where TVM has the void type. After loading, every attribute of an operator is there.
"""


class Expr:
    """Base of all expressions.

    `span` is where the expression stands in its text; `origin` names what the producer made it from (the layer of a
    TFLite file, say); `checked_type` is filled by type inference.
    """

    __slots__ = ("checked_type", "origin", "span")

    def __init__(self, span: Span | None = None, origin: str | None = None) -> None:
        self.span = span
        self.origin = origin
        self.checked_type: Type | None = None

    def children(self) -> Sequence[Expr]:
        """The expressions directly below this one, in the order in which they are evaluated."""
        return ()


class Var(Expr):
    """A local variable. Two variables of one name are two variables."""

    __slots__ = ("name_hint", "type_annotation")

    def __init__(
        self,
        name_hint: str,
        type_annotation: Type | None = None,
        span: Span | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(span, origin)
        self.name_hint = name_hint
        self.type_annotation = type_annotation

    def __repr__(self) -> str:
        return f"Var(%{self.name_hint})"


class GlobalVar(Expr):
    """A reference to a function of the module."""

    __slots__ = ("name_hint",)

    def __init__(self, name_hint: str, span: Span | None = None, origin: str | None = None) -> None:
        super().__init__(span, origin)
        self.name_hint = name_hint

    def __repr__(self) -> str:
        return f"GlobalVar(@{self.name_hint})"


class Op(Expr):
    """A reference to a primitive operator by its name, such as `nn.conv2d`; each mention has its own span."""

    __slots__ = ("name",)

    def __init__(self, name: str, span: Span | None = None, origin: str | None = None) -> None:
        super().__init__(span, origin)
        self.name = name

    def __repr__(self) -> str:
        return f"Op({self.name})"


class Constant(Expr):
    """A tensor that is known: `data` is an array (0-dimensional for scalars) whose TVM element type is `dtype`.

    `name` is what the producer called it, where that is known: bound weights keep their parameter's name.
    """

    __slots__ = ("data", "dtype", "name")

    def __init__(
        self,
        data: np.ndarray[Any, Any],
        dtype: str | None = None,
        name: str | None = None,
        span: Span | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(span, origin)
        self.data = data
        self.dtype = dtype if dtype is not None else data.dtype.name
        self.name = name

    @property
    def type(self) -> TensorType:
        """The type that the data has."""
        return TensorType(self.data.shape, self.dtype)

    def __repr__(self) -> str:
        return f"Constant({self.data if self.data.ndim == 0 else self.type})"


class ExternalConstant(Expr):
    """A constant whose value the text only points to (`meta[relay.Constant][3]`) and does not bring.

    `type_annotation` is its type where the text says it in a comment.
    """

    __slots__ = ("index", "type_annotation")

    def __init__(
        self,
        index: int,
        type_annotation: Type | None = None,
        span: Span | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(span, origin)
        self.index = index
        self.type_annotation = type_annotation

    def __repr__(self) -> str:
        return f"ExternalConstant({self.index})"


class Call(Expr):
    """`op(args..., attrs...)`, where `op` is an operator, a global function, or an expression that is a function."""

    __slots__ = ("args", "attrs", "op", "type_args")

    def __init__(
        self,
        op: Expr,
        args: Iterable[Expr],
        attrs: Attributes | None = None,
        type_args: Iterable[Type] = (),
        span: Span | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(span, origin)
        self.op = op
        self.args = tuple(args)
        self.attrs: Attributes = attrs if attrs is not None else {}
        self.type_args = tuple(type_args)

    @property
    def op_name(self) -> str | None:
        """The operator's name, or None when something else than an operator is called."""
        return self.op.name if isinstance(self.op, Op) else None

    def children(self) -> Sequence[Expr]:
        return (self.op, *self.args)

    def __repr__(self) -> str:
        return f"Call({self.op!r}, {len(self.args)} arguments)"


class Tuple(Expr):
    """Several values as one."""

    __slots__ = ("fields",)

    def __init__(self, fields: Iterable[Expr], span: Span | None = None, origin: str | None = None) -> None:
        super().__init__(span, origin)
        self.fields = tuple(fields)

    def children(self) -> Sequence[Expr]:
        return self.fields

    def __repr__(self) -> str:
        return f"Tuple({len(self.fields)} fields)"


class TupleGetItem(Expr):
    """Field `index` of a tuple."""

    __slots__ = ("index", "tuple_value")

    def __init__(self, tuple_value: Expr, index: int, span: Span | None = None, origin: str | None = None) -> None:
        super().__init__(span, origin)
        self.tuple_value = tuple_value
        self.index = index

    def children(self) -> Sequence[Expr]:
        return (self.tuple_value,)

    def __repr__(self) -> str:
        return f"TupleGetItem({self.index})"


class Let(Expr):
    """`let var = value; body`."""

    __slots__ = ("body", "value", "var")

    def __init__(self, var: Var, value: Expr, body: Expr, span: Span | None = None, origin: str | None = None) -> None:
        super().__init__(span, origin)
        self.var = var
        self.value = value
        self.body = body

    def children(self) -> Sequence[Expr]:
        return (self.var, self.value, self.body)

    def __repr__(self) -> str:
        return f"Let(%{self.var.name_hint})"


class If(Expr):
    """`if (cond) { true_branch } else { false_branch }`."""

    __slots__ = ("cond", "false_branch", "true_branch")

    def __init__(
        self,
        cond: Expr,
        true_branch: Expr,
        false_branch: Expr,
        span: Span | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(span, origin)
        self.cond = cond
        self.true_branch = true_branch
        self.false_branch = false_branch

    def children(self) -> Sequence[Expr]:
        return (self.cond, self.true_branch, self.false_branch)

    def __repr__(self) -> str:
        return "If()"


class Function(Expr):
    """A function, global or local. `attrs` holds what partitioning writes: Compiler, Composite, global_symbol, ..."""

    __slots__ = ("attrs", "body", "params", "ret_type", "type_params")

    def __init__(
        self,
        params: Iterable[Var],
        body: Expr,
        ret_type: Type | None = None,
        attrs: Attributes | None = None,
        type_params: Iterable[str] = (),
        span: Span | None = None,
        origin: str | None = None,
    ) -> None:
        super().__init__(span, origin)
        self.params = tuple(params)
        self.body = body
        self.ret_type = ret_type
        self.attrs: Attributes = attrs if attrs is not None else {}
        self.type_params = tuple(type_params)

    def children(self) -> Sequence[Expr]:
        return (*self.params, self.body)

    def __repr__(self) -> str:
        return f"Function({len(self.params)} parameters)"
