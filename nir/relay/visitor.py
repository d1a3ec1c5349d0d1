"""Walking and rewriting Relay expressions without recursion, each shared node once.

`ExprVisitor` and `ExprMutator` have the methods that TVM's classes of these names have. The difference: when a
`visit_*` method runs, everything below its node has been visited already, so `self.visit(child)` is a look-up and the
depth of a graph does not matter. To stay out of a part of the graph, override `children`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nir.relay.expr import (
    Call,
    Constant,
    Expr,
    ExternalConstant,
    Function,
    GlobalVar,
    If,
    Let,
    Op,
    Tuple,
    TupleGetItem,
    Var,
)


def post_order(
    root: Expr, children: Callable[[Expr], Sequence[Expr]] | None = None, *, seen: set[Expr] | None = None
) -> Iterator[Expr]:
    """Yields every expression under `root`, children before parents, each object once, function bodies included.

    `children` replaces `Expr.children`, to leave parts out. `seen` holds what counts as visited, and is updated.
    """
    visited: set[Expr] = seen if seen is not None else set()
    stack: list[tuple[Expr, bool]] = [(root, False)]
    while stack:
        expr, expanded = stack.pop()
        if expanded:
            yield expr
            continue
        if expr in visited:
            continue
        visited.add(expr)
        below = expr.children() if children is None else children(expr)
        if not below:
            yield expr
            continue
        stack.append((expr, True))
        stack.extend((child, False) for child in reversed(below) if child not in visited)


class ExprVisitor:
    """Calls `visit_call`, `visit_var`, ... for every expression, children first; remembers what each returned."""

    def __init__(self) -> None:
        self.memo: dict[Expr, Any] = {}

    def children(self, expr: Expr) -> Sequence[Expr]:
        """What to visit before `expr`. Override it to leave parts out."""
        return expr.children()

    def visit(self, expr: Expr) -> Any:
        """Visits all below `expr` that was not visited yet, then `expr`; returns what its method returned."""
        memo = self.memo
        if expr not in memo:
            for node in post_order(expr, self._pending):
                if node not in memo:
                    memo[node] = getattr(self, _METHODS[type(node)])(node)
        return memo[expr]

    def _pending(self, expr: Expr) -> Sequence[Expr]:
        return () if expr in self.memo else self.children(expr)

    def visit_call(self, call: Call) -> Any:
        """A call, after its operator and arguments."""

    def visit_var(self, var: Var) -> Any:
        """A variable: a parameter, or one that a let binds."""

    def visit_global_var(self, global_var: GlobalVar) -> Any:
        """A reference to a function of the module."""

    def visit_op(self, op: Op) -> Any:
        """A mention of an operator."""

    def visit_constant(self, constant: Constant) -> Any:
        """A constant."""

    def visit_external_constant(self, constant: ExternalConstant) -> Any:
        """A constant whose value the text does not bring."""

    def visit_tuple(self, tup: Tuple) -> Any:
        """A tuple, after its fields."""

    def visit_tuple_getitem(self, item: TupleGetItem) -> Any:
        """A field of a tuple, after the tuple."""

    def visit_let(self, let: Let) -> Any:
        """A let, after its variable, value and body."""

    def visit_if(self, branch: If) -> Any:
        """An if, after its condition and both branches."""

    def visit_function(self, function: Function) -> Any:
        """A function, after its parameters and body."""


_METHODS: dict[type[Expr], str] = {
    Call: "visit_call",
    Constant: "visit_constant",
    ExternalConstant: "visit_external_constant",
    Function: "visit_function",
    GlobalVar: "visit_global_var",
    If: "visit_if",
    Let: "visit_let",
    Op: "visit_op",
    Tuple: "visit_tuple",
    TupleGetItem: "visit_tuple_getitem",
    Var: "visit_var",
}


class ExprMutator(ExprVisitor):
    """Rebuilds an expression: each method returns the replacement, by default the node itself if nothing below changed.

    Sharing is kept: a node that is used twice is replaced by one node that is used twice. Replacements have no
    `checked_type`.
    """

    def visit_call(self, call: Call) -> Expr:
        op = self.visit(call.op)
        args = tuple(self.visit(argument) for argument in call.args)
        if op is call.op and _same(args, call.args):
            return call
        return Call(op, args, call.attrs, call.type_args, call.span, call.origin)

    def visit_var(self, var: Var) -> Expr:
        return var

    def visit_global_var(self, global_var: GlobalVar) -> Expr:
        return global_var

    def visit_op(self, op: Op) -> Expr:
        return op

    def visit_constant(self, constant: Constant) -> Expr:
        return constant

    def visit_external_constant(self, constant: ExternalConstant) -> Expr:
        return constant

    def visit_tuple(self, tup: Tuple) -> Expr:
        fields = tuple(self.visit(field) for field in tup.fields)
        return tup if _same(fields, tup.fields) else Tuple(fields, tup.span, tup.origin)

    def visit_tuple_getitem(self, item: TupleGetItem) -> Expr:
        value = self.visit(item.tuple_value)
        if value is item.tuple_value:
            return item
        return TupleGetItem(value, item.index, item.span, item.origin)

    def visit_let(self, let: Let) -> Expr:
        var, value, body = (self.visit(child) for child in (let.var, let.value, let.body))
        if var is let.var and value is let.value and body is let.body:
            return let
        return Let(var, value, body, let.span, let.origin)

    def visit_if(self, branch: If) -> Expr:
        cond, when_true, when_false = (self.visit(child) for child in branch.children())
        if _same((cond, when_true, when_false), branch.children()):
            return branch
        return If(cond, when_true, when_false, branch.span, branch.origin)

    def visit_function(self, function: Function) -> Expr:
        params = tuple(self.visit(parameter) for parameter in function.params)
        body = self.visit(function.body)
        if body is function.body and _same(params, function.params):
            return function
        return Function(
            params,
            body,
            function.ret_type,
            function.attrs,
            function.type_params,
            function.span,
            function.origin,
        )


def _same(new: Sequence[Expr], old: Sequence[Expr]) -> bool:
    return all(left is right for left, right in zip(new, old, strict=True))
