"""Constants of ONNX graphs: what depends on weights and on known shapes alone is computed when a model is loaded.

The arithmetic is that of ONNX's own reference implementation. Dequantised weights are left as they are: their integers
and scales are what a quantised model is made of.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from nir.errors import ConvertError
from nir.tvm.importers.onnx_graph import STANDARD_DOMAINS, Array, Node, OnnxGraph, attributes, element_name, label

_KEPT = frozenset(
    [
        "DequantizeLinear",
        "If",
        "Loop",
        "Scan",
        "RandomNormal",
        "RandomUniform",
        "RandomNormalLike",
        "RandomUniformLike",
        "Bernoulli",
        "Multinomial",
        "Dropout",
        "SequenceConstruct",
        "SequenceEmpty",
        "Optional",
        "StringNormalizer",
    ]
)
"""Operators that are never computed here: random, with subgraphs, or not about tensors."""

_ALLOWANCE = 1 << 25
"""Elements of all results together that are computed, or four times those that the model stores where that is more."""

_GROWING = frozenset(
    ["ConstantOfShape", "Expand", "Tile", "Range", "OneHot", "Pad", "Resize", "EyeLike", "Upsample", "Col2Im"]
)
"""Operators whose result can be of any size, whatever the size of their inputs: not computed unless it is known."""

_ROUNDS = 4
"""How often shapes are inferred again because folding made more of them known."""


def fold_constants(graph: OnnxGraph) -> None:
    """Computes, in place, every node whose inputs are all known, and drops weights that nothing uses any more."""
    allowance = max(_ALLOWANCE, 4 * graph.stored_elements)
    for _ in range(_ROUNDS):
        graph.infer()
        kept: list[Node] = []
        for node in graph.nodes:
            if _fold(graph, node, allowance):
                allowance -= sum(graph.weights[name].size for name in node.output if name)
            else:
                kept.append(node)
        progress = len(kept) < len(graph.nodes)
        graph.nodes = kept
        if not progress:
            break


def refuse_too_large(graph: OnnxGraph) -> None:
    """Raises ConvertError for constants that are joined to one too large to be folded: TVM would compute it."""
    for node in graph.nodes:
        if node.op_type == "Concat" and node.input and all(name in graph.weights for name in node.input):
            size = sum(graph.weights[name].size for name in node.input)
            raise ConvertError(f"ONNX: {label(node)} makes a constant that is too large", found=f"{size:,} elements")


def _fold(graph: OnnxGraph, node: Node, allowance: int) -> bool:
    """Whether the node's results, of at most so many elements, are now weights."""
    if node.domain not in STANDARD_DOMAINS or node.op_type in _KEPT:
        return False
    if node.op_type in ("Shape", "Size", "EyeLike"):
        return _fold_shape(graph, node, allowance)
    if not all(name in graph.weights for name in node.input if name) or not _is_small(graph, node, allowance):
        return False
    if not node.input and node.op_type != "Constant":
        return False
    if node.op_type == "ConstantOfShape":
        return _fold_fill(graph, node, allowance)
    results = _evaluate(graph, node)
    if results is None:
        return False
    graph.weights.update({name: array for name, array in zip(node.output, results, strict=False) if name})
    return True


def _fold_shape(graph: OnnxGraph, node: Node, allowance: int) -> bool:
    shape = graph.shape(node.input[0])
    if shape is None or None in shape:
        return False
    if node.op_type == "Size":
        graph.weights[node.output[0]] = np.array(math.prod(e or 0 for e in shape), "int64")
        return True
    given = attributes(node)
    if node.op_type == "EyeLike":
        dtype = element_name(given["dtype"]) if "dtype" in given else graph.dtype(node.input[0]) or "float32"
        rows, columns = (extent or 0 for extent in shape)
        if rows * columns > allowance:
            return False
        graph.weights[node.output[0]] = np.eye(rows, columns, given.get("k", 0), dtype)
        return True
    graph.weights[node.output[0]] = np.array(shape[given.get("start", 0) : given.get("end")], "int64")
    return True


def _fold_fill(graph: OnnxGraph, node: Node, allowance: int) -> bool:
    """A tensor of one value, which is stored once whatever its shape."""
    shape = graph.weights[node.input[0]]
    value = attributes(node).get("value")
    element = onnx.numpy_helper.to_array(value).reshape(-1)[:1] if value is not None else np.zeros(1, "float32")
    if shape.ndim != 1 or (shape < 0).any() or math.prod(map(int, shape)) > allowance or element.size == 0:
        return False
    graph.weights[node.output[0]] = np.broadcast_to(element[0], tuple(map(int, shape)))
    return True


def _is_small(graph: OnnxGraph, node: Node, allowance: int) -> bool:
    for output in filter(None, node.output):
        shape = graph.shape(output)
        if shape is None or None in shape:
            if node.op_type in _GROWING and node.op_type != "ConstantOfShape":
                return False
        elif math.prod(e or 0 for e in shape) > allowance:
            return False
    return True


def _evaluate(graph: OnnxGraph, node: Node) -> list[Array] | None:
    """The results of a node by the reference implementation; None where it has none, or fails."""
    names = list(dict.fromkeys(name for name in node.input if name))
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(graph.weights[n].dtype), None) for n in names
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    try:
        model = helper.make_model(
            helper.make_graph([node], "node", inputs, outputs), opset_imports=graph.opset_imports, ir_version=10
        )
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(model).run(None, {name: graph.weights[name] for name in names})
    except Exception:  # whatever the reference raises: then it stays a node, and TVM has its say
        return None
    by_name = dict(zip((name for name in node.output if name), found, strict=True))
    if not all(isinstance(value, np.ndarray | np.generic) for value in found):
        return None
    return [np.asarray(by_name.get(name)) for name in node.output]
