"""Operators that ONNX defines by other operators: where TVM has no reader of its own, the definition takes their place."""

from __future__ import annotations

from onnx.inliner import inline_local_functions, inline_selected_functions

from nir.errors import ConvertError
from nir.tvm.importers.onnx_graph import STANDARD_DOMAINS, OnnxGraph, onnx
from nir.tvm.importers.onnx_importer import is_supported

_OWN_DEFINITION = ("ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training")
_ROUNDS = 4
"""How often definitions are looked up again: they use other operators with definitions."""


def inline_local(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without functions of its own. Raises ConvertError for functions that call themselves."""
    if not model.functions:
        return model
    try:
        return inline_local_functions(model)
    except Exception as error:  # raised in C++
        raise ConvertError("ONNX: the model's functions cannot be inlined", found=str(error)[:200]) from None


def expand_functions(graph: OnnxGraph) -> None:
    """Replaces, in place, operators that TVM does not read by ONNX's own definitions of them, where there are such."""
    for _ in range(_ROUNDS):
        wanted = {(node.domain, node.op_type) for node in graph.nodes if not is_supported(node)}
        wanted = {
            ("" if d in STANDARD_DOMAINS else d, k) for d, k in wanted if d in STANDARD_DOMAINS or d in _OWN_DEFINITION
        }
        if not wanted:
            return
        try:
            expanded = inline_selected_functions(graph.to_model(), sorted(wanted), inline_schema_functions=True)
        except Exception:  # raised in C++ for nodes that are malformed: TVM or the table of rewrites says it better
            return
        before = len(graph.nodes)
        graph.replace_nodes(expanded.graph.node)
        if len(graph.nodes) == before:
            return
