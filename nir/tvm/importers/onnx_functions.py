"""Operators that ONNX defines by other operators: where TVM has no reader of its own, the definition takes their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from onnx.inliner import inline_local_functions

from nir.errors import ConvertError
from nir.tvm.importers.onnx_graph import STANDARD_DOMAINS, Node, OnnxGraph, onnx, subgraphs
from nir.tvm.importers.onnx_importer import is_supported

_DOMAIN = "nir.definitions"
"""Where definitions stand while they are inlined."""

_MOST_NODES = 1_000_000
"""Nodes that a model may come to once its functions are inlined; functions that call others can make any number."""

_ROUNDS = 4
"""How often definitions are looked up again: they use other operators with definitions."""


def inline_local(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without functions of its own. Raises ConvertError for functions that call themselves or come to too much."""
    if not model.functions:
        return model
    count = _inlined_size(model)
    if count > _MOST_NODES:
        raise ConvertError(
            "ONNX: the model's functions cannot be inlined", found=f"{min(count, 10**18):,} nodes or more"
        )
    try:
        return inline_local_functions(model)
    except Exception as error:  # raised in C++
        raise ConvertError("ONNX: the model's functions cannot be inlined", found=str(error)[:200]) from None


def _inlined_size(model: onnx.ModelProto) -> int:
    """How many nodes there are once functions are inlined; those of a function that calls itself are not all counted."""
    calls = {(f.domain, f.name): [(node.domain, node.op_type) for node in _all_nodes(f.node)] for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    opened: set[tuple[str, str]] = set()
    stack = list(calls)
    while stack:
        function = stack[-1]
        missing = [called for called in calls[function] if called in calls and called not in sizes]
        if function not in sizes and function not in opened and missing:
            opened.add(function)
            stack.extend(missing)
            continue
        sizes.setdefault(function, sum(sizes.get(called, 1) for called in calls[function]))
        stack.pop()
    return sum(sizes.get((node.domain, node.op_type), 1) for node in _all_nodes(model.graph.node))


def _all_nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    """The nodes, and those in graphs inside them."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        pending.extend(inside for graph in subgraphs(node) for inside in graph.node)


def expand_functions(graph: OnnxGraph) -> None:
    """Replaces, in place, operators that TVM does not read by ONNX's own definitions of them, where there are such."""
    for _ in range(_ROUNDS):
        graph.infer()
        model = graph.to_model()
        for node in model.graph.node:
            if not is_supported(node):
                _define(graph, model, node)
        if not model.functions:
            return
        try:
            expanded = inline_local_functions(model)
        except Exception:  # raised in C++ for nodes that are malformed: what refuses them later says it better
            return
        graph.replace_nodes(expanded.graph.node)
        graph.sort()


def _define(graph: OnnxGraph, model: onnx.ModelProto, node: Node) -> None:
    """Makes `node` a call of a function of the model, if its operator has a definition."""
    version = next((entry.version for entry in graph.opset_imports if _same(entry.domain, node.domain)), 1)
    try:
        schema = onnx.defs.get_schema(node.op_type, version, "" if node.domain == "ai.onnx" else node.domain)
    except onnx.defs.SchemaError:
        return
    present = {attribute.name for attribute in node.attribute}
    for name, attribute in schema.attributes.items():
        if name not in present and attribute.default_value.type != onnx.AttributeProto.UNDEFINED:
            node.attribute.append(attribute.default_value)  # definitions refer to them
    definition = _definition(graph, schema, node)
    if definition is None:
        return
    number = len(model.functions)
    definition.domain, definition.name = _DOMAIN, f"{node.op_type}_{number}"
    if number == 0:
        model.opset_import.append(onnx.helper.make_opsetid(_DOMAIN, 1))
    _complete(definition, node)
    for entry in definition.opset_import:  # that of the operator's version, whose definition means the same since
        entry.version = next((e.version for e in graph.opset_imports if _same(e.domain, entry.domain)), entry.version)
    model.functions.append(definition)
    node.domain, node.op_type = definition.domain, definition.name


def _definition(graph: OnnxGraph, schema: onnx.defs.OpSchema, node: Node) -> onnx.FunctionProto | None:
    """The body of an operator, which may depend on the attributes and on the types of the inputs."""
    definition = onnx.FunctionProto()
    try:
        if schema.has_context_dependent_function:
            types = [_type(graph, name) for name in node.input]
            text = schema.get_context_dependent_function(node.SerializeToString(), types)
        elif schema.has_function:
            definition.CopyFrom(schema.function_body)
            return definition
        else:
            return None
    except Exception:  # raised in C++: there is no definition for these types
        return None
    if not text:
        return None
    definition.ParseFromString(text)
    return definition


def _type(graph: OnnxGraph, name: str) -> bytes:
    """The type of a value as the definitions take it."""
    dtype, shape = graph.dtype(name), graph.shape(name)
    if not name or dtype is None:
        return onnx.TypeProto().SerializeToString()
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return onnx.helper.make_tensor_type_proto(element, shape).SerializeToString()


def _complete(definition: onnx.FunctionProto, node: Node) -> None:
    """Drops nodes that refer to attributes which `node` does not have, as far as nothing uses their results."""
    present = {attribute.name for attribute in node.attribute}
    lost = [n for n in definition.node if any(a.ref_attr_name and a.ref_attr_name not in present for a in n.attribute)]
    used = {name for inside in definition.node for name in inside.input} | set(definition.output)
    for inside in lost:
        if not used.intersection(inside.output):
            definition.node.remove(inside)


def _same(left: str, right: str) -> bool:
    return left == right or (left in STANDARD_DOMAINS and right in STANDARD_DOMAINS)
