"""NIR modules as diagrams: a view of the whole, and one of each function that is called.

Constants are not nodes: the operation that takes one says so. A function with a target is a frame in the place of the
call, other functions stand beside the main one. Calls open the view of what they call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nir.draw import labels
from nir.draw.diagram import CONSTANT, INPUT, OPERATION, OUTPUT, Diagram, Edge, Facts, Group, Node, View
from nir.errors import RunError
from nir.ir import Function, Module, Operation, Trait, Value, callees

TARGET = "target"
"""The function attribute that names the accelerator which runs the function."""

WHOLE = "module"
"""The view of everything."""

Reasons = Mapping[str, Sequence[str]]
"""Name of an operation's first result -> why no accelerator runs it."""


def nir_diagram(module: Module, function: str | None = None, reasons: Reasons | None = None) -> Diagram:
    """The diagram of a module, or of one function and what it calls.

    Raises `RunError` where there is no such function.
    """
    if function is not None and function not in module.functions:
        raise RunError(f"there is no function @{function}", expected=", ".join(f"@{name}" for name in module.functions))
    whole = _ViewMaker(module, reasons or {}).make(function)
    views = {whole.name: whole}
    called = dict.fromkeys(name for each in module for op in each.operations for name in callees(op))
    for name in called:
        if name in module.functions and name != function and TARGET not in module.functions[name].attributes:
            views[name] = _ViewMaker(module, reasons or {}).make(name)
    return Diagram(views)


class _ViewMaker:
    """State while making one view: where each value comes from, and how many nodes there are."""

    def __init__(self, module: Module, reasons: Reasons) -> None:
        self.module = module
        self.reasons = reasons
        self.view = View(WHOLE, "module")
        self.sources: dict[Value, str] = {}
        self.count = 0

    def make(self, only: str | None) -> View:
        if only is not None:
            self.view.name, self.view.title = only, f"@{only}"
            self.view.target = _target(self.module.functions[only])
        inlined = {name for f in self.module for op in f.operations for name in callees(op) if self._has_target(name)}
        chosen = [f for f in self.module if (f.name not in inlined if only is None else f.name == only)]
        for function in chosen:
            alone = len(chosen) == 1 and (TARGET not in function.attributes or only is not None)
            self._function(function, None if alone else self._group(function))
        return self.view

    def _has_target(self, name: str) -> bool:
        return name in self.module.functions and TARGET in self.module.functions[name].attributes

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def _group(self, function: Function) -> str:
        target = _target(function)
        where, tip = (f" on {target}", f"@{function.name} runs on {target}") if target is not None else ("", "")
        name = self._name("function" if target is None else "region")
        self.view.groups[name] = Group(name, f"@{function.name}{where}", target, tip)
        return name

    def _function(self, function: Function, group: str | None) -> None:
        """Inputs, operations and outputs of one function."""
        for value in function.parameters:
            tip = labels.tensor_label(value.type)
            told: Callable[[], Facts] = functools.partial(dict, type=str(value.type)[:_LONGEST_TIP])
            node = self._add("input", INPUT, "input", words=(f"%{value.name}",), tooltip=tip, group=group, facts=told)
            self.sources[value] = node.name
        for op in function.operations:
            if Trait.CONSTANT not in op.traits:
                self._operation(op, group, self._callee(op))
        for index, value in enumerate(function.results):
            words = (str(index),) if len(function.results) > 1 else ()
            node = self._add("output", OUTPUT, "output", words=words, tooltip="output", group=group)
            self._edge(value, node.name)

    def _add(self, prefix: str, kind: str, title: str, **fields: Any) -> Node:
        return self.view.add(Node(self._name(prefix), kind, title, **fields))

    def _callee(self, op: Operation) -> Function | None:
        """The function that is drawn in the place of `op`, if any."""
        names = callees(op)
        return self.module.functions[names[0]] if len(names) == 1 and self._has_target(names[0]) else None

    def _operation(self, op: Operation, group: str | None, inline: Function | None) -> None:
        if inline is not None and len(inline.parameters) == len(op.operands):
            self._inlined(op, inline)
            return
        taken = [(index, value) for index, value in enumerate(op.operands) if value is not None]
        constants = [(_role(op, index), value) for index, value in taken if _is_constant(value)]
        known = [name for name in callees(op) if name in self.module.functions]
        node = self._add(
            "op",
            OPERATION,
            labels.title(op),
            words=tuple(labels.attribute_words(op)),
            faint=tuple(f"{role} {labels.constant(value)}" for role, value in constants),
            family=type(op).__module__.rpartition(".")[2],
            tooltip=labels.tooltip(op),
            group=group,
            target=self.view.groups[group].target if group is not None else self.view.target,
            reasons=tuple(self.reasons.get(str(op.results[0].name), ())) if op.results else (),
            opens=known[0] if known else None,
            facts=functools.partial(labels.facts, op),
            key=" ".join([op.name, *labels.attribute_words(op)]) if op.name == "foreign" else op.name,
        )
        for _, value in taken:
            if not _is_constant(value):
                self._edge(value, node.name)
        self.sources.update(dict.fromkeys(op.results, node.name))

    def _inlined(self, call: Operation, callee: Function) -> None:
        """The body of `callee` in a frame, fed by the operands of `call`; calls inside it are plain nodes."""
        group = self._group(callee)
        for parameter, value in zip(callee.parameters, call.operands, strict=True):
            if value is not None:
                self.sources[parameter] = self._source(value)
        for op in callee.operations:
            if Trait.CONSTANT not in op.traits:
                self._operation(op, group, None)
        for value, inner in zip(call.results, callee.results, strict=False):
            self.sources[value] = self._source(inner)

    def _source(self, value: Value) -> str:
        """The node that `value` comes from; a constant that is handed on as it is becomes a node."""
        if value not in self.sources:
            title, words = ("const" if value.producer else "?"), (labels.constant(value),)
            node = self._add("const", CONSTANT, title, words=words, family="constant", key=title)
            self.sources[value] = node.name
        return self.sources[value]

    def _edge(self, value: Value, node: str) -> None:
        tail = self._source(value)
        tip = f"%{value.name}: {value.type}"[:_LONGEST_TIP]
        self.view.edges.append(Edge(tail, node, str(value.name), labels.tensor_label(value.type), tip))


_LONGEST_TIP = 500


def _target(function: Function) -> str | None:
    target = function.attributes.get(TARGET)
    return None if target is None else str(target)


def _is_constant(value: Value) -> bool:
    return value.producer is not None and Trait.CONSTANT in value.producer.traits


def _role(op: Operation, index: int) -> str:
    """What an operand is called: `filter`, `bias`, ..."""
    fields = op.operand_fields
    return fields[min(index, len(fields) - 1)].name if fields else "operand"
