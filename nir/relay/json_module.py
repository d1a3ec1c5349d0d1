"""Relay modules from JSON, as `tvm.ir.save_json` of TVM 0.6 to 0.19 writes them. All numbers in it are exact.

What the versions differ in is known to `JsonGraph` (the container) and to `nir.relay.dialect` (operators).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nir.relay.expr import (
    Call,
    Constant,
    Expr,
    Function,
    GlobalVar,
    If,
    Let,
    Op,
    Tuple,
    TupleGetItem,
    Var,
)
from nir.relay.json_graph import JsonGraph
from nir.relay.module import Module
from nir.relay.provenance import Provenance
from nir.source import Span


def module_from_json(content: Any, name: str, tvm_version: str | None = None) -> Module:
    """The module that decoded JSON holds; an expression alone becomes the function `main`.

    `tvm_version` replaces the version that the JSON states. Calls have all their attributes; `checked_type` is what the file states. Functions of other kinds (TIR) are left
    out. Raises ParseError for dangling and cyclic references and for values that contradict the schema.
    """
    graph = JsonGraph(content, name, tvm_version=tvm_version)
    reader = _ModuleReader(graph)
    root_key = graph.type_key(graph.root)
    if root_key != "IRModule":
        expr = reader.expression(graph.root)
        main = expr if isinstance(expr, Function) else Function((), expr)
        return Module({"main": main}, provenance=_provenance(graph, tvm_version))
    functions: dict[str, Function] = {}
    for key, value in graph.entries(graph.reference(graph.root, "functions")):
        if graph.type_key(value) == "relay.Function":
            function = reader.expression(value)
            assert isinstance(function, Function)
            functions[key if isinstance(key, str) else reader.global_name(key)] = function
    for global_name in reader.mentioned:
        if global_name not in functions:
            raise graph.fail(f"there is no function '@{global_name}'")
    attributes = graph.attributes(graph.optional_reference(graph.root, "attrs"))
    return Module(
        {name: functions[name] for name in sorted(functions)},
        attrs=attributes,
        provenance=_provenance(graph, tvm_version),
    )


def _provenance(graph: JsonGraph, wanted: str | None) -> Provenance:
    stated = graph.tvm_version
    if wanted is not None:
        evidence = "the version that was asked for"
    elif stated is not None:
        evidence = f"the JSON states version {stated[:40]}"
    else:
        evidence = "the JSON states no version" + ("; its nodes have the names of 0.6" if graph.dialect.table else "")
    return Provenance("JSON graph (save_json)", stated, graph.dialect.version, evidence)


class _ModuleReader:
    """Builds expressions from nodes, each node once."""

    def __init__(self, graph: JsonGraph) -> None:
        self.graph = graph
        self.built: dict[int, Expr] = {}
        self.mentioned: dict[str, None] = {}
        self._operators = graph.dialect.operators

    def expression(self, root: int) -> Expr:
        """The expression of node `root`; nodes below are built first, without recursion."""
        open_nodes: set[int] = set()
        stack = [(root, False)]
        while stack:
            index, expanded = stack.pop()
            if index in self.built:
                continue
            if expanded:
                open_nodes.discard(index)
                self.built[index] = self._build(index)
                continue
            if index in open_nodes:
                raise self.graph.fail(f"node {index} contains itself")
            open_nodes.add(index)
            stack.append((index, True))
            stack.extend((child, False) for child in reversed(self._children(index)) if child not in self.built)
        return self.built[root]

    def _children(self, index: int) -> list[int]:
        graph = self.graph
        children: list[int] = []
        for name, is_list in self._form(index)[0]:
            reference = graph.reference(index, name)
            children += graph.items(reference) if is_list else [reference]
        return children

    def _form(self, index: int) -> tuple[tuple[tuple[str, bool], ...], Callable[[_ModuleReader, int], Expr]]:
        form = _FORMS.get(self.graph.type_key(index))
        if form is None:
            raise self.graph.fail(
                f"node {index} is no expression that is supported",
                expected=", ".join(_FORMS),
                found=self.graph.type_key(index) or "the null node",
            )
        return form

    def _build(self, index: int) -> Expr:
        expr = self._form(index)[1](self, index)
        checked = self.graph.optional_reference(index, "_checked_type_") if expr.checked_type is None else 0
        if checked:
            expr.checked_type = self.graph.type(checked)
        return expr

    def _child(self, index: int, name: str) -> Expr:
        return self.built[self.graph.reference(index, name)]

    def _list(self, index: int, name: str) -> list[Expr]:
        return [self.built[item] for item in self.graph.items(self.graph.reference(index, name))]

    def global_name(self, index: int) -> str:
        """The name of the function that node `index` refers to."""
        return self.graph.name_in(index, "name_hint")

    def _call(self, index: int) -> Call:
        graph = self.graph
        op = self._child(index, "op")
        if isinstance(op, Op):
            op = Op(op.name)  # one for each mention, as in text
        attributes = graph.attributes(graph.reference(index, "attrs"))
        arguments = self._list(index, "args")
        if isinstance(op, Op) and op.name in self._operators:
            call = graph.dialect.call(op, arguments, attributes, _nowhere, strict=False)
            call.origin = graph.origin(index)
            return call
        return Call(op, arguments, attributes, origin=graph.origin(index))

    def _function(self, index: int) -> Function:
        graph = self.graph
        parameters = self._list(index, "params")
        variables = [parameter for parameter in parameters if isinstance(parameter, Var)]
        if len(variables) != len(parameters):
            raise graph.fail(f"node {index} has parameters that are no variables")
        return Function(
            variables,
            self._child(index, "body"),
            graph.type(graph.reference(index, "ret_type")),
            graph.attributes(graph.optional_reference(index, "attrs")),
            origin=graph.origin(index),
        )

    def _var(self, index: int) -> Var:
        graph = self.graph
        name = graph.name_in(graph.reference(index, "vid"), "name_hint")
        return Var(name, graph.type(graph.reference(index, "type_annotation")), origin=graph.origin(index))

    def _global_var(self, index: int) -> GlobalVar:
        name = self.global_name(index)
        self.mentioned[name] = None
        return GlobalVar(name, origin=self.graph.origin(index))

    def _op(self, index: int) -> Op:
        return Op(self.graph.string(index))

    def _constant(self, index: int) -> Constant:
        return self.graph.constant(index)

    def _tuple(self, index: int) -> Tuple:
        return Tuple(self._list(index, "fields"), origin=self.graph.origin(index))

    def _item(self, index: int) -> TupleGetItem:
        graph = self.graph
        position = graph.literal("int", graph.field(index, "index"), f"field 'index' of node {index}")
        return TupleGetItem(self._child(index, "tuple_value"), position, origin=graph.origin(index))

    def _let(self, index: int) -> Let:
        variable = self._child(index, "var")
        if not isinstance(variable, Var):
            raise self.graph.fail(f"node {index} binds something that is no variable")
        return Let(variable, self._child(index, "value"), self._child(index, "body"), origin=self.graph.origin(index))

    def _if(self, index: int) -> If:
        return If(
            self._child(index, "cond"),
            self._child(index, "true_branch"),
            self._child(index, "false_branch"),
            origin=self.graph.origin(index),
        )


def _nowhere(_name: str | None) -> Span | None:
    """JSON is not written by people: there is no place worth showing."""
    return None


_FORMS: dict[str, tuple[tuple[tuple[str, bool], ...], Callable[[_ModuleReader, int], Expr]]] = {
    "relay.Call": ((("op", False), ("args", True)), _ModuleReader._call),
    "relay.Function": ((("params", True), ("body", False)), _ModuleReader._function),
    "relay.Var": ((), _ModuleReader._var),
    "relay.Constant": ((), _ModuleReader._constant),
    "relay.Tuple": ((("fields", True),), _ModuleReader._tuple),
    "relay.TupleGetItem": ((("tuple_value", False),), _ModuleReader._item),
    "relay.Let": ((("var", False), ("value", False), ("body", False)), _ModuleReader._let),
    "relay.If": ((("cond", False), ("true_branch", False), ("false_branch", False)), _ModuleReader._if),
    "GlobalVar": ((), _ModuleReader._global_var),
    "Op": ((), _ModuleReader._op),
}
"""For each kind of node: the fields that refer to expressions (and whether to a list of them), and its builder."""
