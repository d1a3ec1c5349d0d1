"""Quantised operators of ONNX and ONNX Runtime as float operators between DequantizeLinear and QuantizeLinear.

TVM reads none of them. The form with float operators in between says the same, and becomes one quantised operator again
when it is converted to NIR. Parameters stand as in ONNX Runtime: value, scale, zero point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nir.tvm.importers.onnx_graph import Node, OnnxGraph, attributes, make_node

_MICROSOFT = "com.microsoft."


class _Island:
    """Nodes in the place of a quantised one."""

    def __init__(self, graph: OnnxGraph, node: Node) -> None:
        self.graph = graph
        self.node = node
        self.nodes: list[Node] = []

    def input(self, index: int) -> str:
        """The name of an input; empty where it is left out."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def emit(self, kind: str, inputs: Sequence[str], **given: Any) -> str:
        """Adds a node of one result; returns the result's name."""
        name = self.graph.fresh(self.node.output[0])
        self.nodes.append(make_node(kind, inputs, [name], **given))
        return name

    def real(self, value: int, scale: int, zero_point: int, axis: int | None = None) -> str:
        """The real values of a quantised input; the three are positions among the inputs."""
        parameters = [self.input(value), self._parameter(scale, axis), self._parameter(zero_point, axis)]
        return self.emit("DequantizeLinear", [name for name in parameters if name], axis=self._axis(scale, axis))

    def _axis(self, scale: int, axis: int | None) -> int | None:
        """`axis` where there is a scale for each of its elements."""
        array = self.graph.weight(self.input(scale))
        return axis if array is not None and array.size > 1 else None

    def _parameter(self, index: int, axis: int | None) -> str:
        """A scale or zero point: a single one without dimensions, several in one dimension."""
        name = self.input(index)
        array = self.graph.weight(name)
        if array is None or (array.ndim == 0 or (array.ndim == 1 and array.size > 1)):
            return name
        return self.graph.add_weight(array.reshape(() if array.size == 1 else -1), name)

    def finish(self, result: str, scale: int, zero_point: int) -> list[Node]:
        """Quantises `result` into the node's own; `scale` and `zero_point` are positions among the inputs."""
        parameters = [result, self._parameter(scale, None), self._parameter(zero_point, None)]
        self.nodes.append(make_node("QuantizeLinear", [n for n in parameters if n], self.node.output[:1]))
        return self.nodes

    def bias(self, index: int, data_scale: int, weight_scale: int) -> str:
        """The real values of an integer bias whose scale is the product of the scales of data and weights."""
        data, weights = (self.graph.weight(self.input(scale)) for scale in (data_scale, weight_scale))
        if data is None or weights is None:
            scale = self.emit("Mul", [self._parameter(data_scale, None), self._parameter(weight_scale, 0)])
            return self.emit("Mul", [self.emit("Cast", [self.input(index)], to=1), scale])
        product = np.asarray(data.astype("float32").reshape(-1) * weights.astype("float32").reshape(-1), "float32")
        flat = product.reshape(() if product.size == 1 else -1)
        zero = self.graph.add_weight(np.zeros(flat.shape, "int32"), "zero_point")
        scale = self.graph.add_weight(flat, "bias_scale")
        return self.emit("DequantizeLinear", [self.input(index), scale, zero], axis=0 if flat.ndim else None)


def _convolution(graph: OnnxGraph, node: Node) -> list[Node]:
    island = _Island(graph, node)
    operands = [island.real(0, 1, 2), island.real(3, 4, 5, axis=0)]
    if island.input(8):
        operands.append(island.bias(8, 1, 4))
    return island.finish(island.emit("Conv", operands, **attributes(node)), 6, 7)


def _product(graph: OnnxGraph, node: Node) -> list[Node]:
    island = _Island(graph, node)
    columns = len(graph.shape(node.input[3]) or (0, 0)) - 1
    result = island.emit("MatMul", [island.real(0, 1, 2), island.real(3, 4, 5, axis=columns)])
    return island.finish(result, 6, 7)


def _gemm(graph: OnnxGraph, node: Node) -> list[Node] | None:
    island = _Island(graph, node)
    given = attributes(node)
    operands = [island.real(0, 1, 2), island.real(3, 4, 5, axis=0 if given.get("transB") else 1)]
    if island.input(6):
        operands.append(island.bias(6, 1, 4))
    settings = {name: given.get(name) for name in ("alpha", "transA", "transB")}
    result = island.emit("Gemm", operands, **settings)
    if not island.input(7):
        island.nodes[-1].output[0] = node.output[0]
        return island.nodes
    return island.finish(result, 7, 8)


def _binary(kind: str) -> Callable[[OnnxGraph, Node], list[Node]]:
    def apply(graph: OnnxGraph, node: Node) -> list[Node]:
        island = _Island(graph, node)
        return island.finish(island.emit(kind, [island.real(0, 1, 2), island.real(3, 4, 5)]), 6, 7)

    return apply


def _unary(kind: str, *dropped: str) -> Callable[[OnnxGraph, Node], list[Node] | None]:
    """A rewrite of an operator of one input with the same attributes but those `dropped`."""

    def apply(graph: OnnxGraph, node: Node) -> list[Node] | None:
        given = attributes(node)
        if given.get("channels_last", 0):
            return None
        island = _Island(graph, node)
        kept = {name: value for name, value in given.items() if name not in ("channels_last", *dropped)}
        return island.finish(island.emit(kind, [island.real(0, 1, 2)], **kept), 3, 4)

    return apply


def _softmax(graph: OnnxGraph, node: Node) -> list[Node]:
    """`opset` says which of ONNX's two definitions of softmax is meant; the older flattens from the axis on."""
    given = attributes(node)
    island = _Island(graph, node)
    rank = len(graph.shape(node.input[0]) or ())
    axis = given.get("axis", -1)
    last = axis in (-1, rank - 1)
    old = given.get("opset", 13) < 13
    if old and not last:
        flat = island.emit("Flatten", [island.real(0, 1, 2)], axis=axis)
        back = graph.add_weight(np.array(graph.shape(node.input[0]), "int64"), "shape")
        result = island.emit("Reshape", [island.emit("Softmax", [flat], axis=1), back])
    else:
        result = island.emit("Softmax", [island.real(0, 1, 2)], axis=axis)
    return island.finish(result, 3, 4)


def _concatenation(graph: OnnxGraph, node: Node) -> list[Node]:
    """The inputs are the result's scale and zero point, then three for every part."""
    island = _Island(graph, node)
    parts = [island.real(index, index + 1, index + 2) for index in range(2, len(node.input) - 2, 3)]
    return island.finish(island.emit("Concat", parts, axis=attributes(node).get("axis", 1)), 0, 1)


def _integer_convolution(graph: OnnxGraph, node: Node) -> list[Node]:
    """Sums of products as float32, which are exact below 2**24, cast to integers."""
    island = _Island(graph, node)
    operands = [_shifted(island, 0, 2, None), _shifted(island, 1, 3, 0)]
    result = island.emit("Conv", operands, **attributes(node))
    island.nodes.append(make_node("Cast", [result], node.output[:1], to=6))
    return island.nodes


def _integer_product(graph: OnnxGraph, node: Node) -> list[Node]:
    """As `_integer_convolution`, for matrices; a zero point per row or per column stands in a dimension of its own."""
    island = _Island(graph, node)
    left_rank, right_rank = (len(graph.shape(name) or (0, 0)) for name in node.input[:2])
    operands = [_shifted(island, 0, 2, left_rank - 2), _shifted(island, 1, 3, right_rank - 1)]
    island.nodes.append(make_node("Cast", [island.emit("MatMul", operands)], node.output[:1], to=6))
    return island.nodes


def _shifted(island: _Island, value: int, zero_point: int, axis: int | None) -> str:
    """An integer input minus its zero point, as float32: dequantised with scale one where that says the same."""
    name, zero = island.input(value), island.graph.weight(island.input(zero_point))
    if not island.input(zero_point) or (zero is not None and zero.size == 1):
        one = island.graph.add_weight(np.array(1, "float32"), "one")
        shift = [island.graph.add_weight(zero.reshape(()), "zero_point")] if zero is not None else []
        return island.emit("DequantizeLinear", [name, one, *shift])
    real = island.emit("Cast", [name], to=1)
    shift_by = island.emit("Cast", [island.input(zero_point)], to=1)
    shape = island.graph.shape(island.input(zero_point))
    rank = len(island.graph.shape(name) or ())
    if axis is not None and shape is not None and len(shape) == 1 and shape[0] != 1:
        extents = np.array([-1 if index == axis else 1 for index in range(rank)], "int64")
        shift_by = island.emit("Reshape", [shift_by, island.graph.add_weight(extents, "shape")])
    return island.emit("Sub", [real, shift_by])


_QDQ = "TVM has no reader; the same between DequantizeLinear and QuantizeLinear is folded back by the conversion"
_FLOAT = "TVM has no reader; the integers are multiplied as float32 between casts"

QUANTISED: tuple[tuple[str, str, Callable[[OnnxGraph, Node], Any]], ...] = (
    ("QLinearConv", _QDQ, _convolution),
    ("QLinearMatMul", _QDQ, _product),
    ("ConvInteger", _FLOAT, _integer_convolution),
    ("MatMulInteger", _FLOAT, _integer_product),
    (_MICROSOFT + "QLinearConv", _QDQ, _convolution),
    (_MICROSOFT + "QGemm", _QDQ, _gemm),
    (_MICROSOFT + "QLinearAdd", _QDQ, _binary("Add")),
    (_MICROSOFT + "QLinearMul", _QDQ, _binary("Mul")),
    (_MICROSOFT + "QLinearAveragePool", _QDQ, _unary("AveragePool")),
    (_MICROSOFT + "QLinearGlobalAveragePool", _QDQ, _unary("GlobalAveragePool")),
    (_MICROSOFT + "QLinearLeakyRelu", _QDQ, _unary("LeakyRelu")),
    (_MICROSOFT + "QLinearSigmoid", _QDQ, _unary("Sigmoid")),
    (_MICROSOFT + "QLinearSoftmax", _QDQ, _softmax),
    (_MICROSOFT + "QLinearConcat", _QDQ, _concatenation),
)
"""Operator, reason, and what writes the nodes in its place."""
