"""What targets have against the calls of a Relay function, found by converting it to NIR.

Where several Relay calls make one NIR operation (a convolution, its bias, its activation, its requantisation), they stay
together: such calls are one group, which is supported where all the NIR operations made of it are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nir.ir import Module, Operation, TensorType, Trait, Value, copy_operation
from nir.ops.common import Layout, Rounding
from nir.passes.partition.graph import Dag, execution_order
from nir.passes.partition.relay_graph import RelayGraph
from nir.passes.relay_to_nir.converter import ModuleConverter
from nir.passes.relay_to_nir.entry import NodeEntry
from nir.passes.relay_to_nir.finishing import finish
from nir.passes.relay_to_nir.table import HANDLERS
from nir.relay.ast import Call, Expr, Op
from nir.relay.ast import Module as RelayModule
from nir.targets import Reason, Target


@dataclass(frozen=True)
class RelayOperators:
    """A target that runs Relay operators by name, whatever their attributes: what TVM's annotations say."""

    name: str
    operators: frozenset[str]

    @classmethod
    def of(cls, name: str, operators: Iterable[str]) -> RelayOperators:
        """The target of these operators."""
        return cls(name, frozenset(operators))

    def objections(self, operator: str) -> tuple[Reason, ...]:
        """Why the target does not run an operator."""
        if operator in self.operators:
            return ()
        return (Reason(self.name, "operator", "The operator is one of those that the target runs", operator),)


AnyTarget = Target | RelayOperators


@dataclass(frozen=True)
class Groups:
    """Calls that stay together, as nodes of a graph of their own: members, and the NIR operations made of them."""

    members: list[list[int]]
    operations: list[list[Operation]]
    dag: Dag


class Converted:
    """A Relay module converted to NIR, and which call became what. Raises `ConvertError` for what NIR cannot hold."""

    def __init__(self, source: RelayModule) -> None:
        self.converter = ModuleConverter(source, HANDLERS, foreign=True, rounding=Rounding.UPWARD)
        self.module: Module = self.converter.convert()
        finish(self.module, self.converter, propagate=True)
        self.makers = self.converter.graphs[0].makers

    def is_constant(self, call: Call) -> bool:
        """Whether the conversion works a call out, since all its arguments are constants."""
        entry = self.converter.memos[0].get(call)
        return entry is not None and _is_constant(entry)

    def groups(self, graph: RelayGraph) -> Groups:
        """The groups of a function's nodes. A call whose result was not made, since what takes it makes both in one
        operation, belongs to what takes it.
        """
        made: list[list[Operation]] = [[] for _ in graph.nodes]
        for op in self.module.main.operations:
            expr = self.makers.get(op.results[0]) if op.results and Trait.CONSTANT not in op.traits else None
            node = None if expr is None else graph.number.get(expr, graph.inside.get(expr))
            if node is not None:
                made[node].append(op)
        joined = _Union(len(graph.nodes))
        live = {value for op in self.module.main.operations for value in op.results}
        live.update(self.module.main.parameters)
        for node, expr in enumerate(graph.nodes):
            if graph.is_operator(node) and not any(value in live for value in self._results(expr)):
                for consumer in graph.dag.successors[node]:
                    if graph.is_operator(consumer):
                        joined.union(node, consumer)
        return _runnable(graph, joined, made)

    def _results(self, expr: Expr) -> list[Value]:
        """The values that an expression became."""
        return [value for leaf in self.converter.memos[0][expr].leaves() for value in leaf.outputs]


def alone(graph: RelayGraph) -> Groups:
    """Every call is a group of its own."""
    return Groups([[node] for node in range(len(graph.nodes))], [[] for _ in graph.nodes], graph.dag)


def _is_constant(entry: NodeEntry) -> bool:
    leaves = list(entry.leaves())
    return bool(leaves) and all(leaf.constant is not None for leaf in leaves)


def _runnable(graph: RelayGraph, joined: _Union, made: list[list[Operation]]) -> Groups:
    """The groups, or every call alone where groups would wait for one another."""
    sets = joined.sets()
    try:
        execution_order(graph.dag, [members for members in sets if len(members) > 1])
    except ValueError:
        sets = [[node] for node in range(len(graph.nodes))]
    group_of = {node: index for index, members in enumerate(sets) for node in members}
    before = [
        [group_of[p] for node in members for p in graph.dag.predecessors[node] if group_of[p] != index]
        for index, members in enumerate(sets)
    ]
    return Groups(sets, [[op for node in members for op in made[node]] for members in sets], Dag(before))


def objections(graph: RelayGraph, groups: Groups, targets: Sequence[AnyTarget]) -> list[list[tuple[Reason, ...]]]:
    """For each group what each target has against it."""
    return [
        [_against(graph, members, operations, target) for target in targets]
        for members, operations in zip(groups.members, groups.operations, strict=True)
    ]


def _against(
    graph: RelayGraph, members: list[int], operations: list[Operation], target: AnyTarget
) -> tuple[Reason, ...]:
    if not all(graph.is_operator(node) for node in members):
        return (Reason(target.name, "no-calls", "Calls of functions and branches stay with the host"),)
    if isinstance(target, RelayOperators):
        found = [reason for node in members for reason in target.objections(operator_of(graph.nodes[node]))]
    else:
        found = [reason for op in operations for reason in target.reasons(as_nhwc(op))]
    return tuple(dict.fromkeys(found))


def as_nhwc(op: Operation) -> Operation:
    """The operation in the layout that it has where the region runs: converting a region brings it into NHWC."""
    if op.attributes.get("layout") is not Layout.NCHW or op.operands[0] is None:
        return op
    image = op.operands[0]
    attributes = {name: value for name, value in op.attributes.items() if name != "layout"}
    operands = (Value(_channels_last(image.type), image.name), *op.operands[1:])
    return copy_operation(op, operands, attributes, [_channels_last(value.type) for value in op.results])


def _channels_last(type: TensorType) -> TensorType:
    if type.rank != 4:
        return type
    batch, channels, height, width = type.shape
    return type.with_shape((batch, height, width, channels))


def operator_of(expr: Expr) -> str:
    """The Relay operator that is called; a word for what is none."""
    if isinstance(expr, Call):
        return expr.op.name if isinstance(expr.op, Op) else "call"
    return type(expr).__name__.lower()


class _Union:
    """Sets of numbers that are joined."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, node: int) -> int:
        while self.parent[node] != node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def union(self, one: int, other: int) -> None:
        self.parent[self.find(one)] = self.find(other)

    def sets(self) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for node in range(len(self.parent)):
            found.setdefault(self.find(node), []).append(node)
        return list(found.values())
