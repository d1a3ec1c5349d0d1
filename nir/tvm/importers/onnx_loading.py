"""ONNX models as Relax modules, through TVM's front end."""

from __future__ import annotations

import os

from google.protobuf.message import DecodeError
from onnx import external_data_helper

from nir.errors import ConvertError, ParseError
from nir.tvm.importers.guarding import front_end
from nir.tvm.importers.model import LoadedModel, ModelInput, Opened, Settings, fixed_shape, reject_unknown_names
from nir.tvm.importers.onnx_folding import fold_constants, refuse_too_large
from nir.tvm.importers.onnx_functions import expand_functions, inline_local
from nir.tvm.importers.onnx_graph import OnnxGraph, element_name, onnx, open_shape
from nir.tvm.importers.onnx_importer import import_graph, unsupported
from nir.tvm.importers.onnx_rewrites import rewrite


def load_onnx(opened: Opened, settings: Settings) -> LoadedModel:
    """The model in bytes, with weights that lie in files beside its own, or in memory.

    Raises ParseError for what is no ONNX model, ConvertError for what cannot be converted.
    """
    graph = OnnxGraph(inline_local(_parsed(opened)))
    inputs = _fix_inputs(graph, settings.shapes)
    prepare(graph)
    with front_end("ONNX", opened.name) as watch:
        module = import_graph(graph)
    outputs = tuple(value.name for value in graph.outputs)
    return LoadedModel(module, "ONNX", inputs, outputs, tuple(watch.notes), watch.seconds)


def prepare(graph: OnnxGraph) -> None:
    """Rewrites `graph`, in place, into what TVM imports well.

    Raises ConvertError naming every operator that then remains and that TVM does not have, and for constants that are
    too large to be computed.
    """
    graph.sort()
    fold_constants(graph)
    rewrite(graph)
    expand_functions(graph)
    graph.sort()
    fold_constants(graph)
    rewrite(graph)
    graph.sort()
    refuse_too_large(graph)
    missing = unsupported(graph)
    if missing:
        listed = ", ".join(f"{kind} ({count})" if count > 1 else kind for kind, count in missing.items())
        raise ConvertError("operators that neither TVM nor NIR reads from ONNX", found=listed)


def _parsed(opened: Opened) -> onnx.ModelProto:
    """The model with all its weights. Raises ParseError, and ConvertError for files of before ONNX 1.1."""
    model, name = opened.content, opened.name
    if isinstance(model, bytes):
        try:
            model = onnx.load_model_from_string(model)
        except DecodeError as error:
            raise ParseError(f"{name}: not an ONNX model, or a damaged one", found=str(error)[:200]) from None
    if not model.HasField("graph") or not model.graph.output:
        raise ParseError(f"{name}: an ONNX model without a graph that gives anything")
    if model.ir_version < 3:
        raise ConvertError(f"{name}: version {model.ir_version} of ONNX's file format", expected="version 3 or later")
    if any(map(external_data_helper.uses_external_data, model.graph.initializer)):
        _read_external(model, opened)
    return model


def _read_external(model: onnx.ModelProto, opened: Opened) -> None:
    """Reads weights from the files that the model names, in place; onnx keeps to the model's folder."""
    if opened.path is None:
        raise ParseError(
            f"{opened.name}: its weights are in another file", hint="give the path of the model, so that it is found"
        )
    try:
        external_data_helper.load_external_data_for_model(model, os.path.dirname(opened.path) or ".")
    except Exception as error:  # missing files, files outside the folder, and so on
        raise ParseError(f"{opened.name}: its weights cannot be read", found=str(error)[:200]) from None


def _fix_inputs(graph: OnnxGraph, shapes: dict[str, tuple[int, ...]]) -> tuple[ModelInput, ...]:
    """Gives every input a fixed shape, in place."""
    reject_unknown_names(shapes, (value.name for value in graph.inputs))
    inputs = []
    for value in graph.inputs:
        if not value.type.HasField("tensor_type"):
            raise ConvertError(
                f"ONNX: input '{value.name}' is no tensor", found=value.type.WhichOneof("value") or "no type"
            )
        shape = open_shape(value)
        given = shapes.get(value.name)
        if shape is None:
            if given is None:
                raise ConvertError(
                    f"ONNX: not even the rank of input '{value.name}' is known", hint=f"--shape {value.name}=..."
                )
            shape = given
        fixed = fixed_shape(value.name, shape, given)
        element = value.type.tensor_type.elem_type
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, element, fixed))
        inputs.append(ModelInput(value.name, fixed, element_name(element)))
    return tuple(inputs)
