"""ONNX to ONNX: forms that TVM does not read, or reads into something that no longer shows what it was.

REWRITES is the table; each row says why it is there. Quantised operators have rows of their own in `onnx_quantised`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nir.tvm.importers.onnx_graph import Node, OnnxGraph, attributes, make_node, onnx, qualified, renamed
from nir.tvm.importers.onnx_quantised import QUANTISED

Result: TypeAlias = "list[Node] | None"


@dataclass(frozen=True)
class Rewrite:
    """What replaces the nodes of an operator, and why. `apply` gives None for a node that it leaves alone."""

    operator: str
    reason: str
    apply: Callable[[OnnxGraph, Node], Result]


def rewrite(graph: OnnxGraph) -> None:
    """Applies the table to every node, in place, and to what that gives."""
    table = {row.operator: row for row in REWRITES}
    done: list[Node] = []
    pending = list(reversed(graph.nodes))
    while pending:
        node = pending.pop()
        row = table.get(qualified(node))
        found = row.apply(graph, node) if row is not None else None
        if found is None:
            done.append(node)
        else:
            pending.extend(reversed(found))
    graph.nodes = done


def _dropout(graph: OnnxGraph, node: Node) -> Result:
    if any(node.output[1:]) or attributes(node).get("is_test", 1) == 0:
        return None
    if len(node.input) > 2 and node.input[2]:
        training = graph.weight(node.input[2])
        if training is None or training.any():
            return None
    return [make_node("Identity", node.input[:1], node.output[:1])]


def _lp_normalization(graph: OnnxGraph, node: Node) -> Result:
    given = attributes(node)
    axis, order = given.get("axis", -1), given.get("p", 2)
    norm = graph.fresh(node.output[0])
    kind = {1: "ReduceL1", 2: "ReduceL2"}.get(order)
    if kind is None:
        return None
    if graph.opset >= 18:
        axes = graph.add_weight(np.array([axis], "int64"), "axes")
        reduced = make_node(kind, [node.input[0], axes], [norm], keepdims=1)
    else:
        reduced = make_node(kind, [node.input[0]], [norm], axes=[axis], keepdims=1)
    return [reduced, make_node("Div", [node.input[0], norm], [node.output[0]])]


def _branch(graph: OnnxGraph, node: Node) -> Result:
    """The nodes of the branch that is taken, with names of their own."""
    condition = graph.weight(node.input[0])
    if condition is None or condition.size != 1:
        return None
    branch = attributes(node)["then_branch" if condition.reshape(-1)[0] else "else_branch"]
    names: dict[str, str] = {}
    for tensor in branch.initializer:
        names[tensor.name] = graph.add_weight(onnx.numpy_helper.to_array(tensor), tensor.name)
    for inside in branch.node:
        names.update((output, graph.fresh(output)) for output in inside.output if output)
    nodes = [renamed(inside, names) for inside in branch.node]
    for given, wanted in zip(branch.output, node.output, strict=False):
        if wanted:
            nodes.append(make_node("Identity", [names.get(given.name, given.name)], [wanted]))
    return [inside for inside in nodes if not graph.absorb(inside)]


REWRITES: tuple[Rewrite, ...] = (
    Rewrite("Dropout", "leaves values as they are once training is over; TVM's operator gives a pair", _dropout),
    Rewrite("If", "the branch is known when the model is loaded", _branch),
    Rewrite("LpNormalization", "TVM has no reader; it is a division by a norm", _lp_normalization),
    *(Rewrite(operator, reason, apply) for operator, reason, apply in QUANTISED),
)
"""All rewrites, by operator; operators of other domains than ONNX's own have theirs in front."""
