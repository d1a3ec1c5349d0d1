"""TVM's ONNX reader with arrays beside the graph, and readings of its own for operators that TVM reads badly.

Importing this module imports TVM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from nir.passes.tvm_requirement import require_tvm
from nir.tvm.importers.onnx_graph import STANDARD_DOMAINS, Node, OnnxGraph, helper, onnx, qualified

require_tvm("reading ONNX models")  # before the imports that would fail less kindly

import tvm  # noqa: E402
from tvm import relax  # noqa: E402
from tvm.relax.frontend.onnx import onnx_frontend  # noqa: E402

_MISREAD = ("Attention",)
"""Operators that TVM takes for those of the same name that ONNX Runtime has in its own domain."""

_ONE_RESULT = ("LayerNormalization",)
"""Operators of which TVM reads the first result only, and makes up the others."""

_TVM_READS = frozenset(onnx_frontend._get_convert_map()).difference(_MISREAD)


def is_supported(node: Node) -> bool:
    """Whether TVM reads the operator of `node`."""
    if node.domain not in STANDARD_DOMAINS or (node.op_type in _ONE_RESULT and any(node.output[1:])):
        return False
    return node.op_type in _TVM_READS or node.op_type in READINGS or node.op_type == "If"


def unsupported(graph: OnnxGraph) -> dict[str, int]:
    """Operators of the graph that TVM does not read, and how often they occur."""
    return dict(sorted(Counter(qualified(node) for node in graph.nodes if not is_supported(node)).items()))


def import_graph(graph: OnnxGraph) -> tvm.IRModule:
    """The graph as a Relax module. Raises whatever TVM raises."""
    return _Importer(graph.weights).from_onnx(_proto(graph), graph.opset)


def _proto(graph: OnnxGraph) -> onnx.GraphProto:
    return helper.make_graph(graph.nodes, "graph", graph.inputs, graph.outputs)


class _Importer(onnx_frontend.ONNXGraphImporter):
    """TVM's importer, which takes weights from arrays and asks READINGS first. Names stay as the model has them."""

    def __init__(self, weights: dict[str, np.ndarray[Any, Any]]) -> None:
        super().__init__({}, {}, keep_params_in_input=False, sanitize=False)
        self.weights = weights

    def _parse_graph_initializers(self, graph: onnx.GraphProto) -> None:
        used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        inner = any(attribute.HasField("g") for node in graph.node for attribute in node.attribute)
        for name, array in self.weights.items():
            if name in used or inner:
                self._nodes[name] = relax.const(tvm.runtime.tensor(np.require(array, requirements="C")))

    def _convert_operator(self, op_name: str, inputs: list[Any], attrs: dict[str, Any], opset: int) -> Any:
        reading = READINGS.get(op_name)
        found = reading(self.bb, list(inputs), attrs) if reading is not None else None
        if found is None:
            return super()._convert_operator(op_name, inputs, attrs, opset)
        return self.bb.normalize(found)


# --- readings ---

Reading: TypeAlias = Callable[[Any, "list[Any]", "dict[str, Any]"], Any]
"""Builder, inputs and attributes of a node; gives a Relax expression, or None to leave the node to TVM."""


def _clip(builder: Any, inputs: list[Any], attrs: dict[str, Any]) -> Any:
    """One clip where the bounds are known; TVM makes anonymous loops of it, which no pattern finds."""
    value, *bounds = inputs
    dtype = str(value.ty.dtype)
    if len(bounds) == 0:
        return relax.op.clip(value, float(attrs.get("min", -np.inf)), float(attrs.get("max", np.inf)))
    if dtype.startswith("float") and all(map(_is_known, bounds)):
        known = [
            bound.value.numpy().reshape(-1)[0].item() if bound is not None else np.nan for bound in (*bounds, None)
        ]
        low, high = (edge if bound != bound else bound for bound, edge in zip(known, (-np.inf, np.inf), strict=False))
        return relax.op.clip(value, float(low), float(high))
    for bound, operator in zip(bounds, (relax.op.maximum, relax.op.minimum), strict=False):
        if bound is not None:
            value = builder.normalize(operator(value, bound))
    return value


def _pairwise(operator: Callable[[Any, Any], Any]) -> Reading:
    """A reading of an operator of many inputs as one of two, again and again; TVM stacks them, and reduces."""

    def reading(builder: Any, inputs: list[Any], attrs: dict[str, Any]) -> Any:
        if not all(isinstance(value, relax.Expr) and isinstance(value.ty, relax.TensorType) for value in inputs):
            return None
        return reduce(lambda left, right: builder.normalize(operator(left, right)), inputs)

    return reading


def _mean(builder: Any, inputs: list[Any], attrs: dict[str, Any]) -> Any:
    dtype = str(inputs[0].ty.dtype)
    if len(inputs) == 1:
        return inputs[0]
    total = _pairwise(relax.op.add)(builder, inputs, attrs)
    if total is None:
        return None
    return relax.op.divide(builder.normalize(total), relax.const(len(inputs), dtype))


def _pad(builder: Any, inputs: list[Any], attrs: dict[str, Any]) -> Any:
    """The operator for padding with a constant, instead of TVM's loops."""
    value, pads, filling, axes = [*inputs, None, None, None][:4]
    if attrs.get("mode", b"constant") != b"constant" or any(not _is_known(given) for given in (pads, filling, axes)):
        return None
    cells = [int(cell) for cell in (pads.value.numpy() if pads is not None else attrs["pads"])]
    number = float(filling.value.numpy().reshape(-1)[0]) if filling is not None else float(attrs.get("value", 0.0))
    rank, half = len(value.ty.shape), len(cells) // 2
    widths = [0] * (2 * rank)
    for index, axis in enumerate(range(rank) if axes is None else axes.value.numpy().tolist()):
        widths[2 * (axis % rank) : 2 * (axis % rank) + 2] = cells[index], cells[half + index]
    return relax.op.nn.pad(value, widths, "constant", number) if min(widths, default=0) >= 0 else None


def _tile(builder: Any, inputs: list[Any], attrs: dict[str, Any]) -> Any:
    """The operator, instead of TVM's loops."""
    if len(inputs) != 2 or not _is_known(inputs[1]):
        return None
    return relax.op.tile(inputs[0], [int(count) for count in inputs[1].value.numpy()])


def _is_known(value: Any) -> bool:
    """Whether an input is left out or constant."""
    return value is None or isinstance(value, tvm.ir.GenericConst)


def _cast(builder: Any, inputs: list[Any], attrs: dict[str, Any]) -> Any:
    """A plain conversion; TVM spells out how integers wrap around, which ONNX leaves open."""
    value = inputs[0]
    if not isinstance(value, relax.Expr) or isinstance(value, tvm.ir.GenericConst):
        return None
    if not isinstance(value.ty, relax.TensorType) or "to" not in attrs:
        return None
    return relax.op.astype(value, onnx_frontend.get_type(attrs["to"]))


READINGS: dict[str, Reading] = {
    "Cast": _cast,
    "Clip": _clip,
    "Max": _pairwise(relax.op.maximum),
    "Mean": _mean,
    "Min": _pairwise(relax.op.minimum),
    "Pad": _pad,
    "Sum": _pairwise(relax.op.add),
    "Tile": _tile,
}
"""Readings that come before TVM's; one that gives None leaves the operator to TVM."""
