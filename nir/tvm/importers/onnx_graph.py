"""An ONNX model taken apart for rewriting: nodes in a protobuf that stays small, weights as arrays beside it.

Protobufs end at two gibibytes and are copied at every turn; arrays are neither. Raises ParseError for what is no ONNX
model and ConvertError for what of ONNX is not converted. Rewriting is `onnx_rewrites`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from nir.errors import ConvertError, ParseError

Array: TypeAlias = "np.ndarray[Any, Any]"
Node: TypeAlias = onnx.NodeProto

STANDARD_DOMAINS = ("", "ai.onnx")
_KNOWN_TO_INFERENCE = 4096
"""Elements up to which a weight's values are shown to ONNX's shape inference, for shapes and axes among them."""

_MOST_PROPAGATED = 1 << 21
"""Elements of all vectors together up to which ONNX's shape inference follows their values; it has no bound itself."""

_LARGEST_SPARSE = 1 << 28
"""Elements up to which a sparse tensor is written out; 1 GiB in float32."""


class OnnxGraph:
    """The graph of a model. `nodes` are in an order in which every value is known before it is used.

    `weights` are the initialisers, in whatever way the file states them; `stored_elements` says how many elements the
    file has of them. `types` has the element type (numpy's name)
    and the shape (None where it is open or unknown) of values, as far as inference finds them.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        _check_names(model.graph)
        _check_given_once(model.graph)
        self.opset = _opset(model)
        self.opset_imports = list(model.opset_import)
        self.ir_version = model.ir_version
        self.weights: dict[str, Array] = {}
        graph = model.graph
        for tensor in graph.initializer:
            self.weights[tensor.name] = _array(tensor)
        for sparse in graph.sparse_initializer:
            self.weights[sparse.values.name] = _dense(sparse)
        self.inputs = [value for value in graph.input if value.name not in self.weights]
        self.outputs = list(graph.output)
        self.nodes: list[Node] = []
        for node in graph.node:
            self._adopt(node)
        self.stored_elements = sum(array.size for array in self.weights.values())
        self.types: dict[str, tuple[str, tuple[int | None, ...] | None]] = {}
        self._count = 0

    def _adopt(self, node: Node) -> None:
        if not self.absorb(node):
            self.nodes.append(node)

    def absorb(self, node: Node) -> bool:
        """Makes a weight of a constant, whatever attribute holds it. Whether `node` was one."""
        if node.op_type != "Constant" or node.domain not in STANDARD_DOMAINS:
            return False
        value = _constant_value(node)
        if value is not None:
            self.weights[node.output[0]] = value
        return value is not None

    def replace_nodes(self, nodes: Iterable[Node]) -> None:
        """Puts `nodes` in the place of all there are; constants among them become weights."""
        self.nodes = []
        for node in nodes:
            self._adopt(node)

    def fresh(self, stem: str) -> str:
        """A name for a value that no other has."""
        self._count += 1
        return f"{stem}#{self._count}"

    def add_weight(self, array: Array, stem: str = "constant") -> str:
        """Makes a weight of `array`; returns its name."""
        name = self.fresh(stem)
        self.weights[name] = array
        return name

    def weight(self, name: str) -> Array | None:
        """The array of that name, or None for values that are computed and for inputs that are left out."""
        return self.weights.get(name)

    def shape(self, name: str) -> tuple[int | None, ...] | None:
        """The shape of a value, as far as it is known."""
        if name in self.weights:
            return self.weights[name].shape
        return self.types.get(name, ("", None))[1]

    def dtype(self, name: str) -> str | None:
        """The element type of a value as numpy calls it, if known."""
        if name in self.weights:
            return self.weights[name].dtype.name
        return self.types.get(name, (None, None))[0]

    def to_model(self) -> onnx.ModelProto:
        """The graph as a model without large weights, which become inputs; for ONNX's own tools."""
        stand_ins = []
        initialisers = []
        for name, array in self.weights.items():
            if array.size <= _KNOWN_TO_INFERENCE:
                initialisers.append(numpy_helper.from_array(array, name))
            else:
                element = helper.np_dtype_to_tensor_dtype(array.dtype)
                stand_ins.append(helper.make_tensor_value_info(name, element, array.shape))
        graph = helper.make_graph(self.nodes, "graph", [*self.inputs, *stand_ins], self.outputs, initialisers)
        return helper.make_model(graph, opset_imports=self.opset_imports, ir_version=max(self.ir_version, 4))

    def infer(self) -> None:
        """Fills `types`, by ONNX's own shape inference. What it cannot say, stays unknown.

        Following values, it takes memory for every element of every vector, however long: only where they are short.
        """
        model = self.to_model()
        self._infer(model, follow_values=False)
        vectors = (shape[0] or 0 for _, shape in self.types.values() if shape is not None and len(shape) == 1)
        if sum(map(abs, vectors)) <= _MOST_PROPAGATED:
            self._infer(model, follow_values=True)

    def _infer(self, model: onnx.ModelProto, follow_values: bool) -> None:
        with contextlib.suppress(Exception):  # inference in C++ raises many things; then types of inputs must do
            model = shape_inference.infer_shapes(model, data_prop=follow_values)
        graph = model.graph
        self.types = {}
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.type.HasField("tensor_type") and value.type.tensor_type.elem_type:
                self.types[value.name] = (element_name(value.type.tensor_type.elem_type), open_shape(value))

    def sort(self) -> None:
        """Puts the nodes into an order in which values are known before they are used, and drops unused nodes.

        Raises ParseError where there is no such order.
        """
        producers = {output: node for node in self.nodes for output in node.output if output}
        known = {*self.weights, *(value.name for value in self.inputs), ""}
        order: list[Node] = []
        placed: set[int] = set()
        open_nodes: set[int] = set()
        stack = [producers[v.name] for v in reversed(self.outputs) if v.name in producers]
        while stack:
            node = stack[-1]
            if id(node) in placed:
                stack.pop()
                continue
            missing = [name for name in used_names(node) if name not in known]
            if not missing:
                stack.pop()
                order.append(node)
                placed.add(id(node))
                known.update(node.output)
                continue
            unknown = next((name for name in missing if name not in producers), None)
            if unknown is not None:
                raise ParseError(f"ONNX: {label(node)} uses the value '{unknown[:100]}', which nothing gives")
            if id(node) in open_nodes:
                raise ParseError(f"ONNX: {label(node)} needs its own result, directly or through others")
            open_nodes.add(id(node))
            stack.extend(producers[name] for name in reversed(missing))
        self.nodes = order
        for value in self.outputs:
            if value.name not in known:
                raise ParseError(f"ONNX: nothing gives the output '{value.name[:100]}'")


def used_names(node: Node) -> Iterator[str]:
    """Names of values that a node uses, those of the graph around its subgraphs too."""
    yield from node.input
    pending: list[tuple[onnx.GraphProto, frozenset[str]]] = [(graph, frozenset()) for graph in subgraphs(node)]
    while pending:
        graph, outer = pending.pop()
        inner = outer.union(
            (value.name for value in graph.input),
            (tensor.name for tensor in graph.initializer),
            (output for inside in graph.node for output in inside.output),
        )
        used = [name for inside in graph.node for name in inside.input] + [value.name for value in graph.output]
        yield from (name for name in used if name not in inner)
        pending.extend((below, inner) for inside in graph.node for below in subgraphs(inside))


def subgraphs(node: Node) -> list[onnx.GraphProto]:
    """The graphs that a node holds: branches and bodies."""
    return [graph for a in node.attribute for graph in ([a.g] if a.type == onnx.AttributeProto.GRAPH else a.graphs)]


def label(node: Node) -> str:
    """A node as messages name it."""
    name = node.name or (node.output[0] if node.output else "")
    return f"{qualified(node)} '{name[:100]}'"


def qualified(node: Node) -> str:
    """The operator of a node, with its domain where it is not ONNX's own."""
    return node.op_type if node.domain in STANDARD_DOMAINS else f"{node.domain}.{node.op_type}"


def attributes(node: Node) -> dict[str, Any]:
    """The attributes of a node as Python values. Raises ParseError for one that has none."""
    try:
        return {a.name: helper.get_attribute_value(a) for a in node.attribute}
    except ValueError as error:
        raise ParseError(f"ONNX: {label(node)} has an attribute without a value", found=str(error)[:200]) from None


def make_node(kind: str, inputs: Iterable[str], outputs: Iterable[str], domain: str = "", **attributes: Any) -> Node:
    """A new node; attributes that are None are left out."""
    given = {name: value for name, value in attributes.items() if value is not None}
    return helper.make_node(kind, list(inputs), list(outputs), domain=domain, **given)


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """A copy of the node whose values, those of graphs inside it too, have other names."""
    copy = Node()
    copy.CopyFrom(node)
    pending = [copy]
    while pending:
        current = pending.pop()
        for field in (current.input, current.output):
            field[:] = [names.get(name, name) for name in field]
        for graph in subgraphs(current):
            for value in graph.output:
                value.name = names.get(value.name, value.name)
            pending.extend(graph.node)
    return copy


def open_shape(value: onnx.ValueInfoProto) -> tuple[int | None, ...] | None:
    """The shape of a value, None for open dimensions; None where not even the number of dimensions is known."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)


def element_name(code: int) -> str:
    """numpy's name of ONNX's element type. Raises ConvertError for what numpy does not have."""
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(code)).name
    except (KeyError, TypeError, ValueError):
        raise ConvertError(f"ONNX: tensors have the element type {code}, which is unknown") from None


def _check_names(graph: onnx.GraphProto) -> None:
    """Raises ParseError for names that are no text: protobuf hands these out as bytes."""
    pending = [graph]
    while pending:
        graph = pending.pop()
        names = [value.name for values in (graph.input, graph.output, graph.initializer) for value in values]
        for node in graph.node:
            names += [
                node.op_type,
                node.domain,
                node.name,
                *node.input,
                *node.output,
                *(a.name for a in node.attribute),
            ]
            pending.extend(subgraphs(node))
        wrong = next((name for name in names if not isinstance(name, str)), None)
        if wrong is not None:
            raise ParseError("ONNX: a name is not UTF-8, so this file is damaged", found=repr(wrong)[:100])


def _check_given_once(graph: onnx.GraphProto) -> None:
    """Raises ParseError where two nodes, or a node and an input, give one value."""
    given = {value.name for value in graph.input}
    for node in graph.node:
        for name in filter(None, node.output):
            if name in given:
                raise ParseError(f"ONNX: {label(node)} gives the value '{name[:100]}', which is given already")
            given.add(name)


def _opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's operators. Raises ConvertError for one that the onnx package does not know."""
    versions = [entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS]
    version, latest = versions[0] if versions else 1, onnx.defs.onnx_opset_version()
    if version > latest:
        raise ConvertError(
            f"ONNX: version {version} of the operators is unknown", expected=f"version {latest} or earlier"
        )
    return version


def _array(tensor: onnx.TensorProto) -> Array:
    """The values of a tensor. Raises ParseError where there are not as many as its shape says, or none at all."""
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # malformed tensors raise whatever their decoding runs into
        raise ParseError(f"ONNX: the tensor '{tensor.name[:100]}' cannot be read", found=str(error)[:200]) from None


def _dense(sparse: onnx.SparseTensorProto) -> Array:
    """A sparse tensor with its zeros written out."""
    values, indices, shape = _array(sparse.values), _array(sparse.indices), tuple(sparse.dims)
    if math.prod(shape) > _LARGEST_SPARSE:
        raise ConvertError(f"ONNX: the sparse tensor '{sparse.values.name[:100]}' is too large to be written out")
    try:
        dense = np.zeros(shape, values.dtype)
        if indices.ndim == 1:
            dense.reshape(-1)[indices] = values
        else:
            dense[tuple(indices.T)] = values
    except (ValueError, IndexError, MemoryError) as error:
        raise ParseError(
            f"ONNX: the sparse tensor '{sparse.values.name[:100]}' is malformed", found=str(error)
        ) from None
    return dense


def _constant_value(node: Node) -> Array | None:
    """The array that a Constant node stands for; None for strings, which stay nodes."""
    given: Mapping[str, Any] = attributes(node)
    if "value" in given:
        return _array(given["value"])
    if "sparse_value" in given:
        return _dense(given["sparse_value"])
    for name, dtype in (
        ("value_float", "float32"),
        ("value_floats", "float32"),
        ("value_int", "int64"),
        ("value_ints", "int64"),
    ):
        if name in given:
            return np.array(given[name], dtype)
    return None
