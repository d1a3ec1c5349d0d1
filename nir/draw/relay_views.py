"""Relay's syntax trees as diagrams, in the same visual language as NIR.

Operators are nodes; tuples and their fields are only wiring; constants are told where they are taken. What a
partitioner made a function of its own is a frame where it is called; composite functions are frames within.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

from nir.draw.diagram import CONSTANT, INPUT, OPERATION, OUTPUT, Diagram, Edge, Facts, Group, Node, View
from nir.draw.nir_views import WHOLE
from nir.errors import NirError, RunError
from nir.relay import ast as relay
from nir.relay import infer_types
from nir.relay.visitor import post_order

FAMILIES = (
    ("conv", "convolution"),
    ("pool", "pooling"),
    ("dense", "matmul"),
    ("matmul", "matmul"),
    ("quantize", "quantise"),
    ("softmax", "softmax"),
    ("norm", "normalisation"),
    ("lrn", "normalisation"),
    ("relu", "activation"),
    ("sigmoid", "activation"),
    ("tanh", "activation"),
    ("clip", "activation"),
    ("leaky", "activation"),
    ("resize", "resize"),
    ("upsampling", "resize"),
    ("image.", "resize"),
    ("vision.", "detection"),
    ("mean", "reduction"),
    ("sum", "reduction"),
    ("argm", "search"),
    ("topk", "search"),
    ("sort", "search"),
    ("take", "lookup"),
    ("gather", "lookup"),
    ("embed", "lookup"),
    ("pad", "padding"),
    ("concatenate", "joining"),
    ("stack", "joining"),
    ("split", "joining"),
    ("slice", "slicing"),
    ("reshape", "shape"),
    ("transpose", "shape"),
    ("flatten", "shape"),
    ("squeeze", "shape"),
    ("expand_dims", "shape"),
    ("layout", "shape"),
    ("cast", "shape"),
    ("add", "elementwise"),
    ("subtract", "elementwise"),
    ("multiply", "elementwise"),
    ("divide", "elementwise"),
    ("maximum", "elementwise"),
    ("minimum", "elementwise"),
    ("power", "elementwise"),
)
"""Part of an operator's name -> family, the first that is found."""

SAID_BY_DEFAULT = frozenset({"", "None", "()", "{}", "0", "1", "False", "[1, 1]", "[0, 0, 0, 0]", "-1", "[1]"})
"""Values of attributes that a label leaves out; the tooltip has them all."""

Source = tuple[str, str, Any]
"""Node that a tensor comes from, the tensor's identity, its type."""


def relay_family(name: str) -> str:
    """The family of operators that a Relay operator looks like."""
    return next((family for part, family in FAMILIES if part in name), "unary")


def relay_diagram(module: relay.Module, function: str | None = None) -> Diagram:
    """The diagram of `@main`, or of another function. Raises `RunError` where there is no such function."""
    name = function or "main"
    if name not in module:
        raise RunError(f"there is no function @{name}", expected=", ".join(f"@{known}" for known in module.functions))
    if module[name].body.checked_type is None:
        with contextlib.suppress(NirError):  # a picture without shapes is better than none
            infer_types(module)
    return Diagram({WHOLE: _RelayView(module).make(module[name])})


class _RelayView:
    """State while making the view: what each expression gave, and the frames."""

    def __init__(self, module: relay.Module) -> None:
        self.module = module
        self.view = View(WHOLE, "module")
        self.gave: dict[relay.Expr, list[Source]] = {}
        self.count = 0

    def make(self, function: relay.Function) -> View:
        for parameter in function.params:
            type = parameter.checked_type or parameter.type_annotation
            node = self._add("input", INPUT, "input", words=(f"%{parameter.name_hint}",), tooltip=str(type))
            self.gave[parameter] = [(node.name, node.name, type)]
        self._body(function, None)
        results = self.gave.get(function.body, [])
        for index, source in enumerate(results):
            words = (str(index),) if len(results) > 1 else ()
            self._edge(source, self._add("output", OUTPUT, "output", words=words).name)
        return self.view

    def _add(self, prefix: str, kind: str, title: str, **fields: Any) -> Node:
        self.count += 1
        return self.view.add(Node(f"{prefix}{self.count}", kind, title, **fields))

    def _body(self, function: relay.Function, group: str | None) -> list[Source]:
        """What a function's body gives; its parameters have been given before."""
        for expr in post_order(function.body, _outside_functions):
            if expr not in self.gave:
                self.gave[expr] = self._sources(expr, group)
        return self.gave[function.body]

    def _sources(self, expr: relay.Expr, group: str | None) -> list[Source]:
        if isinstance(expr, relay.Call):
            return self._call(expr, group)
        if isinstance(expr, relay.Tuple):
            return [source for field in expr.fields for source in self.gave.get(field, [])]
        if isinstance(expr, relay.TupleGetItem):
            fields = self.gave.get(expr.tuple_value, [])
            return fields[expr.index : expr.index + 1]
        if isinstance(expr, relay.Let):
            self.gave[expr.var] = self.gave.get(expr.value, [])
            return self.gave.get(expr.body, [])
        if isinstance(expr, relay.If):
            node = self._add("op", OPERATION, "if", group=group, key="if")
            for part in (expr.cond, expr.true_branch, expr.false_branch):
                for source in self.gave.get(part, []):
                    self._edge(source, node.name)
            return [(node.name, node.name, expr.checked_type)]
        return []

    def _call(self, call: relay.Call, group: str | None) -> list[Source]:
        name = call.op.name_hint if isinstance(call.op, relay.GlobalVar) else None
        callee = call.op if name is None else self.module[name]
        if isinstance(callee, relay.Function):
            return self._inlined(call, callee, group, name)
        name = call.op_name or "call"
        words = [f"{key} {_value(value)}" for key, value in call.attrs.items() if _value(value) not in SAID_BY_DEFAULT]
        constants = [arg for arg in call.args if isinstance(arg, (relay.Constant, relay.ExternalConstant))]
        node = self._add(
            "op",
            OPERATION,
            name,
            words=tuple(words),
            faint=tuple(_constant(arg) for arg in constants),
            family=relay_family(name),
            tooltip="\n".join([name, *(f"{key} = {_value(value)}" for key, value in call.attrs.items())]),
            group=group,
            target=None if group is None else self.view.groups[group].target,
            facts=functools.partial(_facts, call),
            key=name,
        )
        for arg in call.args:
            for source in self.gave.get(arg, []):
                self._edge(source, node.name)
        types = getattr(call.checked_type, "fields", None) or (call.checked_type,)
        return [(node.name, f"{node.name}.{index}", type) for index, type in enumerate(types)]

    def _inlined(self, call: relay.Call, callee: relay.Function, group: str | None, name: str | None) -> list[Source]:
        """The body of a function in a frame: of its compiler, or, for a composite in one, in the same frame."""
        compiler = callee.attrs.get("Compiler")
        if compiler is not None or group is None:
            self.count += 1
            label = name or callee.attrs.get("Composite") or "function"
            target = None if compiler is None else str(callee.attrs.get("nir_target") or compiler)
            group = f"region{self.count}"
            self.view.groups[group] = Group(
                group, f"@{label} on {target}" if target else str(label), target, str(label)
            )
        inner = list(post_order(callee.body, _outside_functions))
        kept = {expr: self.gave.pop(expr) for expr in inner if expr in self.gave}  # a function that is called again
        for parameter, argument in zip(callee.params, call.args, strict=True):
            self.gave[parameter] = self.gave.get(argument) or self._constant_node(argument)
        sources = self._body(callee, group)
        for expr in inner:
            self.gave.pop(expr, None)
        self.gave.update(kept)
        return sources

    def _constant_node(self, expr: relay.Expr) -> list[Source]:
        if not isinstance(expr, (relay.Constant, relay.ExternalConstant)):
            return []
        node = self._add("const", CONSTANT, "const", words=(_constant(expr),), family="constant", key="const")
        return [(node.name, node.name, expr.checked_type)]

    def _edge(self, source: Source, head: str) -> None:
        tail, value, type = source
        text = "" if type is None else str(type)
        self.view.edges.append(Edge(tail, head, value, _tensor(type), text[:500]))


def _outside_functions(expr: relay.Expr) -> Sequence[relay.Expr]:
    """What is below an expression, but for the bodies of functions."""
    return () if isinstance(expr, relay.Function) else expr.children()


def _tensor(type: Any) -> str:
    if not isinstance(type, relay.TensorType):
        return ""
    dimensions = "x".join("?" if size is None else str(size) for size in type.shape)
    return f" {dimensions} {type.dtype} "


def _constant(constant: relay.Constant | relay.ExternalConstant) -> str:
    if isinstance(constant, relay.ExternalConstant):
        return f"meta[relay.Constant][{constant.index}]"
    if constant.data.size == 1:
        return f"= {constant.data.reshape(-1)[0]!s}"
    return _tensor(constant.type).strip()


def _value(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)


def _facts(call: relay.Call) -> Facts:
    told: Facts = {"attributes": [f"{key} = {_value(value)}" for key, value in call.attrs.items()]}
    told["operands"] = [str(arg.checked_type)[:300] for arg in call.args]
    told["results"] = [str(call.checked_type)[:300]]
    if call.origin:
        told["made from"] = call.origin
    if call.span is not None:
        told["source"] = str(call.span.location())
    return told
