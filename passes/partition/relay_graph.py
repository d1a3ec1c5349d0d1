"""A Relay function as a graph of calls for partitioning.

Nodes are the calls of operators, and whatever the host has to do itself: calls of functions, and branches with all that
is in them. Tuples, their fields and what a let binds are no nodes: values pass through them. Constants, and calls that
are worked out from constants alone, are no nodes either: they go along with what takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nir.passes.partition.graph import Dag
from nir.relay.ast import Call, Constant, Expr, ExternalConstant, Function, If, Let, Op, Tuple, TupleGetItem, Var
from nir.relay.visitor import post_order

IsConstant = Callable[[Call], bool]


class RelayGraph:
    """The nodes of a function, each with the nodes that it takes from.

    `nodes` are in an order in which they can run; `inside[expr]` is the node that contains `expr`, for what stands in
    branches and local functions.
    """

    def __init__(self, function: Function, is_constant: IsConstant = lambda call: False) -> None:
        self.function = function
        self.is_constant = is_constant
        self.bound: dict[Var, Expr] = {}
        for expr in post_order(function.body):
            if isinstance(expr, Let) and not isinstance(expr.value, Function):
                self.bound[expr.var] = expr.value
        self.outer = list(post_order(function.body, self.children))
        self._outer = set(self.outer)
        self.nodes: list[Expr] = [expr for expr in self.outer if self.is_node(expr)]
        self.number = {expr: index for index, expr in enumerate(self.nodes)}
        self.inside: dict[Expr, int] = {}
        self.dag = Dag(self._edges())

    def children(self, expr: Expr) -> Sequence[Expr]:
        """What has to be there before `expr`, branches and bodies of local functions left out."""
        if isinstance(expr, Var):
            return (self.bound[expr],) if expr in self.bound else ()
        if isinstance(expr, Let):
            return (expr.value, expr.body) if isinstance(expr.value, Function) else (expr.body,)
        if isinstance(expr, If):
            return (expr.cond,)
        if isinstance(expr, Call):
            return expr.args if isinstance(expr.op, Op) else expr.children()
        return () if isinstance(expr, Function) else expr.children()

    def is_node(self, expr: Expr) -> bool:
        """Whether `expr` is something that is run."""
        if isinstance(expr, Call):
            return not isinstance(expr.op, Op) or not self.is_constant(expr)
        return isinstance(expr, If)

    def is_operator(self, node: int) -> bool:
        """Whether a node is the call of an operator, which a region can hold."""
        expr = self.nodes[node]
        return isinstance(expr, Call) and isinstance(expr.op, Op)

    def passes_on(self, expr: Expr) -> bool:
        """Whether `expr` only hands values on: a tuple, a field of one, a variable, or constants."""
        return not self.is_node(expr)

    def _edges(self) -> list[list[int]]:
        sources: dict[Expr, tuple[int, ...]] = {}
        before: list[list[int]] = []
        for expr in self.outer:
            given = self.children(expr)
            if isinstance(expr, (If, Function)) or (isinstance(expr, Call) and not isinstance(expr.op, Op)):
                given = [*given, *self._taken_inside(expr)]
            found = tuple(dict.fromkeys(node for child in given for node in sources.get(child, ())))
            if isinstance(expr, TupleGetItem):
                found = self._field_sources(expr, sources, found)
            if expr in self.number:
                before.append(list(found))
                found = (self.number[expr],)
            elif isinstance(expr, (Constant, ExternalConstant)) or (isinstance(expr, Call) and self.is_constant(expr)):
                found = ()
            sources[expr] = found
        return before

    def _field_sources(
        self, item: TupleGetItem, sources: dict[Expr, tuple[int, ...]], otherwise: tuple[int, ...]
    ) -> tuple[int, ...]:
        value = self.resolved(item.tuple_value)
        if isinstance(value, Tuple) and 0 <= item.index < len(value.fields):
            return sources[value.fields[item.index]]
        return otherwise

    def resolved(self, expr: Expr) -> Expr:
        """What a variable or let stands for."""
        while True:
            if isinstance(expr, Var) and expr in self.bound:
                expr = self.bound[expr]
            elif isinstance(expr, Let) and not isinstance(expr.value, Function):
                expr = expr.body
            else:
                return expr

    def _taken_inside(self, expr: Expr) -> list[Expr]:
        """What branches or the body of a local function take from outside of them."""
        stop = self._outer

        def below(inner: Expr) -> Sequence[Expr]:
            if inner is not expr and inner in stop:
                return ()
            if isinstance(inner, Var):
                return (self.bound[inner],) if inner in self.bound else ()
            return inner.children()

        found = []
        number = self.number.get(expr)
        for inner in post_order(expr, below):
            if inner is expr:
                continue
            if inner in stop:
                found.append(inner)
            elif number is not None:
                self.inside.setdefault(inner, number)
        return found
