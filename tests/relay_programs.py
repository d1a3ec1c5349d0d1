"""A strategy for Relay programs of every shape the syntax tree can have. They are not well-typed: no operator is run."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nir.relay import Call, Constant, Expr, Function, GlobalVar, If, Let, Module, Op, Tuple, TupleGetItem, Var
from nir.relay.schema import complete, operators
from nir.relay.types import FuncType, TensorType, TupleType, Type

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
PLAIN_NAMES = st.sampled_from(("x", "y", "input", "data", "w1", "x1", "x", "Tensor", "True"))
ODD_NAMES = st.sampled_from(
    (
        "conv1.weight",
        "x:0",
        "a-b",
        "x y",
        "é",
        "let",
        "fn",
        "0",
        "12",
        "1abc",
        "_",
        "",
        'q"',
        "a/b",
        "inffoo",
        "a//b",
        "x.0",
    )
) | st.text(max_size=6)

types: st.SearchStrategy[Type] = st.deferred(
    lambda: (
        st.builds(
            TensorType,
            st.lists(st.none() | st.integers(0, 300), max_size=4).map(tuple),
            st.sampled_from((*DTYPES, "bfloat16", "uint16")),
        )
        | st.builds(TupleType, st.lists(types, max_size=3).map(tuple))
        | st.builds(FuncType, st.lists(types, max_size=2).map(tuple), types)
    )
)

attribute_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_subnormal=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@st.composite
def constants(draw: st.DrawFn) -> Constant:
    """A constant of rank 0 to 2; NaN, infinities and the smallest numbers included."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(st.sampled_from(((), (), (1,), (2, 3), (0,))))
    return Constant(draw(hnp.arrays(dtype, shape)))


class _Drawer:
    """Draws expressions; every expression that was drawn may be used again where it is visible."""

    def __init__(self, draw: st.DrawFn, names: st.SearchStrategy[str], functions: list[str]) -> None:
        self.draw = draw
        self.names = names
        self.functions = functions
        self.budget = draw(st.integers(1, 14))

    def expression(self, visible: list[Expr], depth: int) -> Expr:
        """One more expression over what is visible, which it is added to."""
        self.budget -= 1
        kinds = ["call", "call", "call", "tuple", "item", "constant", "again", "global"]
        if depth < 4:
            kinds += ["let", "let", "if", "function", "closure"]
        kind = "again" if self.budget <= 0 else self.draw(st.sampled_from(kinds))
        found: Expr = getattr(self, kind)(visible, depth)
        visible.append(found)
        return found

    def several(self, visible: list[Expr], depth: int) -> list[Expr]:
        return [self.expression(visible, depth) for _ in range(self.draw(st.integers(0, 3)))]

    def again(self, visible: list[Expr], _depth: int) -> Expr:
        return self.draw(st.sampled_from(visible)) if visible else Constant(np.float32(1))

    def constant(self, _visible: list[Expr], _depth: int) -> Expr:
        return self.draw(constants())

    def call(self, visible: list[Expr], depth: int) -> Expr:
        name = self.draw(st.sampled_from(("add", "nn.relu", "clip", "nn.conv2d", "concatenate", "my.own")))
        schema = operators().get(name)
        written: dict[str, Any] = {}
        if name == "clip":
            written = {"a_min": self.draw(st.floats(allow_nan=False)), "a_max": 6.0}
        if name == "nn.conv2d":
            written = {"padding": (1, 2), "kernel_layout": self.draw(st.sampled_from(("OIHW", "HWIO", 'a"b')))}
        attrs = complete(schema, written, lambda _name: None) if schema else {}
        call = Call(Op(name), self.several(visible, depth), attrs)
        if schema is None:
            call.checked_type = TensorType((), "float32")
        return call

    def tuple(self, visible: list[Expr], depth: int) -> Expr:
        return Tuple(self.several(visible, depth))

    def item(self, visible: list[Expr], depth: int) -> Expr:
        return TupleGetItem(self.expression(visible, depth), self.draw(st.integers(0, 3)))

    def let(self, visible: list[Expr], depth: int) -> Expr:
        variable = self.variable()
        recursive = self.draw(st.booleans())
        value = self.function(visible, depth, itself=variable) if recursive else self.expression(visible, depth + 1)
        return Let(variable, value, self.expression([*visible, variable], depth + 1))

    def if_(self, visible: list[Expr], depth: int) -> Expr:
        branches = [self.expression(list(visible), depth + 1) for _ in range(2)]
        return If(self.expression(visible, depth), *branches)

    def function(self, visible: list[Expr], depth: int, itself: Var | None = None) -> Function:
        parameters = [self.variable() for _ in range(self.draw(st.integers(0, 2)))]
        body = self.expression([*visible, *([itself] if itself else []), *parameters], depth + 1)
        names = st.sampled_from(("Compiler", "Composite", "global_symbol", "n"))
        attrs = self.draw(st.dictionaries(names, attribute_values, max_size=2))
        return Function(parameters, body, self.draw(st.none() | types), attrs)

    def closure(self, visible: list[Expr], depth: int) -> Expr:
        function = self.function(visible, depth)
        return Call(function, self.several(visible, depth))

    def __getattr__(self, name: str) -> Any:
        return {"if": self.if_, "global": self.global_}[name]

    def global_(self, visible: list[Expr], depth: int) -> Expr:
        return Call(GlobalVar(self.draw(st.sampled_from(self.functions))), self.several(visible, depth))

    def variable(self) -> Var:
        return Var(self.draw(self.names), self.draw(st.none() | types))


@st.composite
def modules(draw: st.DrawFn, names: st.SearchStrategy[str] = PLAIN_NAMES) -> Module:
    """A module of one or two functions, whose local variables have `names`."""
    functions = ["main", "other"][: draw(st.integers(1, 2))]
    return Module({name: _Drawer(draw, names, functions).function([], 0) for name in functions})
