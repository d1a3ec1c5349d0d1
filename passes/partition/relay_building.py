"""Regions of a Relay function as functions of their own, in the form that TVM's PartitionGraph gives them.

A region is a global function with the attributes Compiler, global_symbol, Primitive and Inline, and nir_target; calls in it
that make one NIR operation are a local function with Composite and PartitionedFromPattern. Its parameters are what it
takes from outside; weights that are constants stay inside. It returns a tensor, or a tuple of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nir.passes.partition.relay_graph import RelayGraph
from nir.passes.partition.relay_support import operator_of
from nir.relay.ast import Call, Expr, Function, GlobalVar, If, Let, Op, Tuple, TupleGetItem, Var
from nir.relay.expr import Attributes
from nir.relay.types import TupleType, Type
from nir.relay.visitor import ExprMutator

Key = tuple[Expr, "int | None"]
"""One tensor: a parameter or the node that gives it, and the field where that gives a tuple."""


@dataclass
class Group:
    """Nodes that become a function, in an order in which they run: a region (with a name) or a composite."""

    nodes: list[Expr]
    attributes: Attributes
    name: str | None = None
    composites: list[Group] = field(default_factory=list)
    inputs: list[Key] = field(default_factory=list)
    outputs: list[Key] = field(default_factory=list)
    callee: Expr | None = None


def region(name: str, target: str, nodes: list[Expr], composites: list[Group]) -> Group:
    """A region; `global_symbol` is its name."""
    attributes: Attributes = {
        "Compiler": "nir",
        "Primitive": 1,
        "Inline": 1,
        "global_symbol": name,
        "nir_target": target,
    }
    return Group(nodes, attributes, name, composites)


def composite(nodes: list[Expr], operator: str) -> Group:
    """Calls that make one NIR operation."""
    pattern = "".join(f"{operator_of(node)}_" for node in nodes)
    return Group(nodes, {"Composite": f"nir.{operator}", "PartitionedFromPattern": pattern})


def build(graph: RelayGraph, regions: Sequence[Group]) -> tuple[Function, dict[str, Function]]:
    """The function with calls of the regions, and the regions' functions by name."""
    taken = {node: _taken(graph, node) for node in graph.nodes}
    returned = _Scope(graph, own=set())
    returned.visit(graph.function.body)
    functions = {}
    for number, each in enumerate(regions):
        for inner in each.composites:
            _find_border(inner, taken, returned.parameters)
        each.composites = [inner for inner in each.composites if len(inner.outputs) == 1]
        for inner in each.composites:
            inner.callee = _function(graph, inner, f"FunctionVar_{number}", ())
        _find_border(each, taken, returned.parameters)
        assert each.name is not None, "regions have names"
        functions[each.name] = _function(graph, each, f"nir_{number}", each.composites)
        each.callee = GlobalVar(each.name)
    source = graph.function
    body = _Scope(graph, groups=regions).visit(source.body)
    main = Function(source.params, body, source.ret_type, source.attrs, source.type_params, source.span, source.origin)
    return main, functions


def _taken(graph: RelayGraph, node: Expr) -> list[Key]:
    """The tensors that a node takes, parameters among them."""
    scope = _Scope(graph, own={node})
    scope.visit(node)
    return list(scope.parameters)


def _find_border(group: Group, taken: dict[Expr, list[Key]], returned: dict[Key, Var]) -> None:
    """What crosses the boundary of a group: what its nodes take from outside, and what others take from it."""
    own = set(group.nodes)
    group.inputs = list(dict.fromkeys(key for node in group.nodes for key in taken[node] if key[0] not in own))
    place = {node: index for index, node in enumerate(group.nodes)}
    wanted = {key for node, keys in taken.items() if node not in own for key in keys if key[0] in own}
    wanted |= {key for key in returned if key[0] in own}
    group.outputs = sorted(wanted, key=lambda key: (place[key[0]], key[1] or 0))


def _function(graph: RelayGraph, group: Group, prefix: str, composites: Sequence[Group]) -> Function:
    scope = _Scope(graph, own=set(group.nodes), groups=composites, prefix=prefix)
    parameters = [scope.parameter(key) for key in group.inputs]
    results = [scope.value(key) for key in group.outputs]
    types = tuple(type_of(key) for key in group.outputs)
    body, kind = (results[0], types[0]) if len(results) == 1 else (Tuple(results), TupleType(types))
    return Function(parameters, body, kind, group.attributes)


def keys_of(expr: Expr) -> list[Key]:
    """The tensors that a node gives."""
    if isinstance(expr.checked_type, TupleType):
        return [(expr, index) for index in range(len(expr.checked_type.fields))]
    return [(expr, None)]


def type_of(key: Key) -> Type:
    """The type of one tensor. The types of the module have been inferred."""
    expr, index = key
    found = expr.checked_type or (expr.type_annotation if isinstance(expr, Var) else None)
    if index is not None and isinstance(found, TupleType):
        found = found.fields[index]
    assert found is not None, "types are inferred before a module is partitioned"
    return found


class _Scope(ExprMutator):
    """Copies expressions into one function. Lets are replaced with what they bind.

    `own` are the nodes that the function holds; what other nodes and the parameters of the whole give become parameters.
    None stands for the host, which holds everything. Nodes of `groups` are not copied: the group is called.
    """

    def __init__(
        self, graph: RelayGraph, own: set[Expr] | None = None, groups: Sequence[Group] = (), prefix: str = "p"
    ) -> None:
        super().__init__()
        self.graph = graph
        self.own = own
        self.prefix = prefix
        self.parameters: dict[Key, Var] = {}
        self.group_of = {node: group for group in groups for node in group.nodes}
        self._outer_variables = set(graph.function.params) if own is not None else set()
        self._calls: dict[int, Call] = {}
        self._fields: dict[Key, Expr] = {}

    # --- tensors ---

    def value(self, key: Key) -> Expr:
        """The expression of a tensor here."""
        expr, index = key
        group = self.group_of.get(expr)
        if group is not None:
            call = self._call(group)
            return call if len(group.outputs) == 1 else self._field(call, group.outputs.index(key))
        if self._is_outside(expr):
            return self.parameter(key)
        copied = self.visit(expr)
        return copied if index is None else self._field(copied, index)

    def parameter(self, key: Key) -> Var:
        """The parameter for a tensor that comes from outside."""
        if key not in self.parameters:
            variable = Var(f"{self.prefix}_i{len(self.parameters)}", type_of(key))
            variable.checked_type = variable.type_annotation
            self.parameters[key] = variable
        return self.parameters[key]

    def _call(self, group: Group) -> Call:
        if id(group) not in self._calls:
            assert group.callee is not None, "functions are made before they are called"
            self._calls[id(group)] = Call(group.callee, [self.value(key) for key in group.inputs])
        return self._calls[id(group)]

    def _field(self, value: Expr, index: int) -> Expr:
        if (value, index) not in self._fields:
            self._fields[value, index] = TupleGetItem(value, index)
        return self._fields[value, index]

    def _is_outside(self, expr: Expr) -> bool:
        if expr in self._outer_variables:
            return True
        return self.own is not None and expr in self.graph.number and expr not in self.own

    def _is_border(self, expr: Expr) -> bool:
        return expr in self.group_of or self._is_outside(expr)

    def _whole(self, expr: Expr) -> Expr:
        """All of what a node or variable gives."""
        kind = expr.checked_type
        if isinstance(kind, TupleType):
            return Tuple([self.value((expr, index)) for index in range(len(kind.fields))])
        return self.value((expr, None))

    # --- the walk ---

    def children(self, expr: Expr) -> Sequence[Expr]:
        graph = self.graph
        if isinstance(expr, TupleGetItem):
            value = graph.resolved(expr.tuple_value)
            return self._before(value) if self._is_border(value) else (value,)
        if self._is_border(expr):
            return self._before(expr)
        if isinstance(expr, Var):
            return (graph.bound[expr],) if expr in graph.bound else ()
        if isinstance(expr, Let) and expr.var in graph.bound:
            return (expr.body,)
        if isinstance(expr, Call) and isinstance(expr.op, Op):
            return () if graph.is_constant(expr) else expr.args
        return expr.children()

    def _before(self, expr: Expr) -> Sequence[Expr]:
        """What has to be copied before something at the border is asked for: what the group's call takes."""
        group = self.group_of.get(expr)
        return [key[0] for key in group.inputs] if group is not None else ()

    def visit_call(self, call: Call) -> Expr:
        if self._is_border(call):
            return self._whole(call)
        if not isinstance(call.op, Op):
            return super().visit_call(call)
        if self.graph.is_constant(call):
            return call
        args = [self.visit(argument) for argument in call.args]
        return Call(call.op, args, call.attrs, call.type_args, call.span, call.origin)

    def visit_var(self, var: Var) -> Expr:
        if self._is_border(var):
            return self._whole(var)
        return self.visit(self.graph.bound[var]) if var in self.graph.bound else var

    def visit_let(self, let: Let) -> Expr:
        return self.visit(let.body) if let.var in self.graph.bound else super().visit_let(let)

    def visit_if(self, branch: If) -> Expr:
        return self._whole(branch) if self._is_border(branch) else super().visit_if(branch)

    def visit_tuple_getitem(self, item: TupleGetItem) -> Expr:
        value = self.graph.resolved(item.tuple_value)
        if self._is_border(value):
            return self.value((value, item.index))
        copied = self.visit(value)
        if isinstance(copied, Tuple) and 0 <= item.index < len(copied.fields) and not isinstance(value, Tuple):
            return copied.fields[item.index]
        return TupleGetItem(copied, item.index, item.span, item.origin)
