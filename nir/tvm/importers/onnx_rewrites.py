"""ONNX to ONNX: forms that TVM does not read, or reads into something that no longer shows what it was.

REWRITES is the table; each row says why it is there. Quantised operators have rows of their own in `onnx_quantised`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from nir.errors import ConvertError
from nir.tvm.importers.onnx_graph import (
    Node,
    OnnxGraph,
    attributes,
    helper,
    label,
    make_node,
    onnx,
    qualified,
    renamed,
)
from nir.tvm.importers.onnx_quantised import QUANTISED
from nir.tvm.importers.onnx_resize import resize, upsample
from nir.tvm.importers.onnx_windows import explicit_padding, pad_by_indices, transposed_padding

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
    if len(node.input) > 2 and node.input[2]:
        training, ratio = graph.weight(node.input[2]), graph.weight(node.input[1])
        if training is None or (training.any() and (ratio is None or ratio.any())):
            raise ConvertError(f"ONNX: {label(node)} drops values at random", hint="export the model for inference")
    identity = make_node("Identity", node.input[:1], node.output[:1])
    if not any(node.output[1:]):
        return [identity]
    shape = graph.shape(node.input[0])
    if shape is None or None in shape:
        return None
    graph.weights[node.output[1]] = np.ones([extent or 0 for extent in shape], "bool")
    return [identity]


def _lp_normalization(graph: OnnxGraph, node: Node) -> Result:
    """A division by the norm; where that is zero the values are, and stay, zero."""
    given = attributes(node)
    kind = {1: "ReduceL1", 2: "ReduceL2"}.get(given.get("p", 2))
    if kind is None:
        return None
    axis = given.get("axis", -1)
    norm, divisor = graph.fresh(node.output[0]), graph.fresh(node.output[0])
    if graph.opset >= 18:
        axes = graph.add_weight(np.array([axis], "int64"), "axes")
        reduced = make_node(kind, [node.input[0], axes], [norm], keepdims=1)
    else:
        reduced = make_node(kind, [node.input[0]], [norm], axes=[axis], keepdims=1)
    dtype = np.dtype(graph.dtype(node.input[0]) or "float32")
    least = graph.add_weight(np.array(np.finfo(dtype).tiny, dtype), "least")
    return [
        reduced,
        make_node("Max", [norm, least], [divisor]),
        make_node("Div", [node.input[0], divisor], [node.output[0]]),
    ]


def _infinite(graph: OnnxGraph, node: Node) -> Result:
    given = attributes(node)
    signs = [sign for sign, name in ((1, "detect_positive"), (-1, "detect_negative")) if given.get(name, 1)]
    if len(signs) != 1:
        return None
    edge = graph.add_weight(np.array(signs[0] * np.inf, graph.dtype(node.input[0]) or "float32"), "infinity")
    return [make_node("Equal", [node.input[0], edge], node.output)]


def _space_to_depth(graph: OnnxGraph, node: Node) -> Result:
    """Depth in the order column, row, depth: what DepthToSpace of that mode takes apart."""
    given, shape = attributes(node), graph.shape(node.input[0])
    if given.get("mode", b"DCR") != b"CRD" or shape is None or None in shape:
        return None
    block = given["blocksize"]
    count, depth, height, width = (extent or 0 for extent in shape)
    apart = graph.add_weight(np.array([count, depth, height // block, block, width // block, block]), "shape")
    joined = graph.add_weight(np.array([count, depth * block * block, height // block, width // block]), "shape")
    split, moved = graph.fresh(node.output[0]), graph.fresh(node.output[0])
    return [
        make_node("Reshape", [node.input[0], apart], [split]),
        make_node("Transpose", [split], [moved], perm=[0, 1, 3, 5, 2, 4]),
        make_node("Reshape", [moved, joined], node.output),
    ]


def _power(graph: OnnxGraph, node: Node) -> Result:
    """Both operands as float32 where they are of different types; the result is of the base's type."""
    base, exponent = (graph.dtype(name) for name in node.input)
    if base is None or exponent is None or (base == exponent and np.dtype(base).kind == "f"):
        return None
    working = base if np.dtype(base).kind == "f" else "float32"
    operands, nodes = [], []
    for name, dtype in zip(node.input, (base, exponent), strict=True):
        operands.append(name if dtype == working else graph.fresh(name))
        if dtype != working:
            nodes.append(make_node("Cast", [name], [operands[-1]], to=_element(working)))
    if base == working:
        return [*nodes, make_node("Pow", operands, node.output)]
    result = graph.fresh(node.output[0])
    return [
        *nodes,
        make_node("Pow", operands, [result]),
        make_node("Cast", [result], node.output, to=_element(base)),
    ]


def _element(dtype: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


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


_CELLS = "TVM pads by loops of its own, which no pattern finds; the cells are known"

REWRITES: tuple[Rewrite, ...] = (
    Rewrite("AveragePool", _CELLS, explicit_padding),
    Rewrite("Conv", _CELLS, explicit_padding),
    Rewrite("ConvTranspose", "TVM ignores the size that is asked for", transposed_padding),
    Rewrite("Dropout", "leaves values as they are once training is over; TVM's operator gives a pair", _dropout),
    Rewrite("If", "the branch is known when the model is loaded", _branch),
    Rewrite("IsInf", "TVM ignores which of the two infinities is asked for", _infinite),
    Rewrite("LpNormalization", "TVM has no reader; it is a division by a norm", _lp_normalization),
    Rewrite("LpPool", _CELLS, explicit_padding),
    Rewrite("MaxPool", _CELLS, explicit_padding),
    Rewrite("Pad", "TVM pads by loops of its own, which no pattern finds", pad_by_indices),
    Rewrite("Pow", "TVM wants operands of one type", _power),
    Rewrite("Resize", "TVM takes scales for ratios of whole sizes, and ignores antialiasing", resize),
    Rewrite("SpaceToDepth", "TVM ignores the mode", _space_to_depth),
    Rewrite("Upsample", "TVM reads one of its three versions", upsample),
    *(Rewrite(operator, reason, apply) for operator, reason, apply in QUANTISED),
)
"""All rewrites, by operator; operators of other domains than ONNX's own have theirs in front."""
