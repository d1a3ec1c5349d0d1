"""From a module to a graph for Graphviz: one node per operation, one edge per tensor that one hands to another.

Constants are not nodes: the operation that takes one says so in its label. A function with a target is drawn as a
box in the place of the call, other functions stand beside the main one.
"""

from __future__ import annotations

from nir.draw import labels, style
from nir.draw.columns import columns
from nir.draw.dot import Attributes, Graph
from nir.errors import RunError
from nir.ir import Function, Module, Operation, Trait, Value, callees

TARGET = "target"
"""The function attribute that names the accelerator which runs the function."""


def picture(module: Module, function: str | None = None) -> Graph:
    """The graph of a whole module, or of one function and what it calls.

    Raises `RunError` where there is no such function.
    """
    if function is not None and function not in module.functions:
        raise RunError(f"there is no function @{function}", expected=", ".join(f"@{name}" for name in module.functions))
    return _Painter(module).paint(function)


class _Painter:
    """State while drawing: where each value comes from, and how many nodes there are."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.graph = Graph("nir", style.GRAPH, node_defaults=style.NODE, edge_defaults=style.EDGE)
        self.sources: dict[Value, str] = {}
        self.labelled: set[tuple[str, Value]] = set()
        self.columns: dict[str, int] = {}
        self.count = 0
        self.targets: dict[str, str] = {}

    def paint(self, only: str | None) -> Graph:
        inlined = {name for f in self.module for op in f.operations for name in callees(op) if self._has_target(name)}
        chosen = [f for f in self.module if (f.name not in inlined if only is None else f.name == only)]
        for function in chosen:
            alone = len(chosen) == 1 and TARGET not in function.attributes
            home = self.graph if alone else self._box(self.graph, function)
            self._function(function, home)
        return self.graph

    def _has_target(self, name: str) -> bool:
        return name in self.module.functions and TARGET in self.module.functions[name].attributes

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def _box(self, parent: Graph, function: Function) -> Graph:
        """A cluster for a function, outlined in its target's colour."""
        target = function.attributes.get(TARGET)
        if target is None:
            return parent.cluster(self._name("function"), label=f"@{function.name}", color=style.LINE, style="rounded")
        colour = self.targets.setdefault(str(target), style.TARGETS[len(self.targets) % len(style.TARGETS)])
        return parent.cluster(
            self._name("region"),
            label=f"@{function.name} on {target}",
            labeljust="l",
            color=colour,
            bgcolor=style.tint(colour, 0.08),
            style="rounded",
            penwidth=1.6,
            tooltip=f"@{function.name} runs on {target}",
        )

    def _function(self, function: Function, home: Graph) -> None:
        """Inputs, operations and outputs of one function, folded into columns unless there are boxes in it."""
        boxes = any(self._callee(op) for op in function.operations)
        placed = {} if boxes else columns(function)
        first_column = {v: placed[op] for op in reversed(function.operations) if op in placed for v in op.operands if v}
        for value in function.parameters:
            node = self._terminal(home, "input", f"%{value.name}", labels.tensor_label(value.type))
            self.sources[value] = node
            self.columns[node] = first_column.get(value, 0)
        for op in function.operations:
            if Trait.CONSTANT not in op.traits:
                self._operation(op, home, placed.get(op, 0), self._callee(op))
        last = max(placed.values(), default=0)
        for index, value in enumerate(function.results):
            node = self._terminal(home, "output", str(index) if len(function.results) > 1 else "", "")
            self.columns[node] = last
            self._edge(value, node, home)

    def _callee(self, op: Operation) -> Function | None:
        """The function that is drawn in the place of `op`, if any."""
        names = callees(op)
        return self.module.functions[names[0]] if len(names) == 1 and self._has_target(names[0]) else None

    def _operation(self, op: Operation, home: Graph, column: int, inline: Function | None) -> None:
        if inline is not None and len(inline.parameters) == len(op.operands):
            self._inlined(op, inline, home, column)
            return
        taken = [(index, value) for index, value in enumerate(op.operands) if value is not None]
        constants = [(_role(op, index), value) for index, value in taken if self._is_constant(value)]
        colours = style.FAMILIES.get(type(op).__module__.rpartition(".")[2], style.OTHER)
        node = home.node(
            self._name("op"),
            label=labels.operation_label(op, constants),
            fillcolor=colours.fill,
            color=colours.border,
            tooltip=labels.tooltip(op),
        )
        self.columns[node] = column
        for _, value in taken:
            if not self._is_constant(value):
                self._edge(value, node, home)
        self.sources.update(dict.fromkeys(op.results, node))

    def _inlined(self, call: Operation, callee: Function, home: Graph, column: int) -> None:
        """The body of `callee` in a box, fed by the operands of `call`; calls inside it are plain nodes."""
        box = self._box(home, callee)
        for parameter, value in zip(callee.parameters, call.operands, strict=True):
            if value is not None:
                self.sources[parameter] = self._source(value, home)
        for op in callee.operations:
            if Trait.CONSTANT not in op.traits:
                self._operation(op, box, column, None)
        for value, inner in zip(call.results, callee.results, strict=False):
            self.sources[value] = self._source(inner, box)

    def _is_constant(self, value: Value) -> bool:
        return value.producer is not None and Trait.CONSTANT in value.producer.traits

    def _source(self, value: Value, home: Graph) -> str:
        """The node that `value` comes from; a constant that is handed on as it is becomes a node."""
        if value not in self.sources:
            colours = style.FAMILIES["constant"]
            label = labels.terminal_label("const" if value.producer else "?", labels.constant(value))
            self.sources[value] = home.node(
                self._name("const"), label=label, fillcolor=colours.fill, color=colours.border
            )
        return self.sources[value]

    def _terminal(self, home: Graph, word: str, name: str, tip: str) -> str:
        look: Attributes = {"shape": "box", "style": "filled", "fillcolor": style.TERMINAL.fill}
        label = labels.terminal_label(word, name)
        return home.node(self._name(word), label=label, tooltip=tip or word, color=style.TERMINAL.border, **look)

    def _edge(self, value: Value, node: str, home: Graph) -> None:
        """An edge for one use of a value; only the first use carries the label, all of them the tooltip."""
        tail = self._source(value, home)
        look: Attributes = {"tooltip": f"%{value.name}: {value.type}"[:500]}
        if (tail, value) not in self.labelled:
            self.labelled.add((tail, value))
            look["label"] = labels.tensor_label(value.type)
        if self.columns.get(tail, self.columns[node]) != self.columns[node]:
            look["constraint"] = "false"
        self.graph.edge(tail, node, **look)


def _role(op: Operation, index: int) -> str:
    """What an operand is called: `filter`, `bias`, ..."""
    fields = op.operand_fields
    return fields[min(index, len(fields) - 1)].name if fields else "operand"
