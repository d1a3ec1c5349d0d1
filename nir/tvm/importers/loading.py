"""One entry point for models of all formats: finds out what it was given, and has it read. Needs TVM when called only."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from nir.errors import ConvertError, ParseError
from nir.relay import load_params
from nir.tvm.importers import recognition
from nir.tvm.importers.model import LoadedModel, ModelInput, Shapes

_MEMORY = "<memory>"


def load_model(
    source: Any,
    *,
    shapes: Shapes | None = None,
    params: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
) -> LoadedModel:
    """The model in `source` as a Relax module, with names, shapes and element types of its inputs.

    `source` is the path of a file, its bytes, or an object: onnx.ModelProto, torch.export.ExportedProgram,
    torch.nn.Module (which needs `example_inputs`), tvm.IRModule. What a file is, its content says: ONNX, TFLite,
    PyTorch (.pt2), TVMScript (.py), Relax JSON, or Relay of TVM 0.6 to 0.19.

    `shapes` fixes dimensions that the model leaves open, by name of the input. `params` are weights for parameters of
    a Relax or Relay module: a mapping from names to arrays, or the path of a file in TVM's parameter format.

    Raises ParseError for what cannot be read, ConvertError for what cannot be imported, RunError where a package is
    missing, with the extra that brings it.
    """
    live = _live_format(source)
    if live is not None:
        return _load(live, source, _MEMORY, shapes, params, example_inputs)
    content, name = _content(source)
    form = recognition.recognise(content, name)
    given: Any = content
    if form == recognition.ONNX and not isinstance(source, bytes | bytearray | memoryview):
        given = os.fspath(source)  # weights may lie in files beside it
    if form == recognition.RELAY and name != _MEMORY:
        given = os.fspath(source)
    return _load(form, given, name, shapes, params, example_inputs)


def _content(source: Any) -> tuple[bytes, str]:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), _MEMORY
    try:
        path = os.fspath(source)
    except TypeError:
        raise ParseError(
            "this is nothing that models are read from",
            expected="a path, bytes, or a model of onnx, torch or tvm",
            found=f"{type(source).__module__}.{type(source).__qualname__}",
        ) from None
    return recognition.read_source(path), path


def _live_format(source: Any) -> str | None:
    """The format of an object in memory, told by where its classes come from; nothing is imported for it."""
    if isinstance(source, str | bytes | bytearray | memoryview | os.PathLike):
        return None
    packages = {(base.__module__.partition(".")[0], base.__name__) for base in type(source).__mro__}
    if any(name == "ModelProto" and package.startswith("onnx") for package, name in packages):
        return recognition.ONNX
    if ("torch", "ExportedProgram") in packages or ("torch", "Module") in packages:
        return recognition.TORCH
    if ("tvm", "IRModule") in packages:
        return _RELAX
    return None


_RELAX = "Relax"

_READERS = {
    recognition.ONNX: ("onnx_loading", "load_onnx"),
    recognition.TFLITE: ("tflite_loading", "load_tflite"),
    recognition.TORCH: ("torch_loading", "load_torch"),
    recognition.SCRIPT: ("relax_loading", "load_script"),
    recognition.RELAX_JSON: ("relax_loading", "load_json"),
    _RELAX: ("relax_loading", "load_module"),
    recognition.RELAY: ("relay_loading", "load_relay"),
}
"""Module and function that read a format; each imports what it needs, which may be missing."""

_TAKE_PARAMS = (recognition.SCRIPT, recognition.RELAX_JSON, _RELAX, recognition.RELAY)


def _load(
    form: str, source: Any, name: str, shapes: Shapes | None, params: Any, example_inputs: Sequence[Any] | None
) -> LoadedModel:
    if params is not None and form not in _TAKE_PARAMS:
        raise ConvertError(f"a model in {form} has its weights with it", found="parameters from elsewhere")
    if params is not None and not isinstance(params, Mapping):
        params = load_params(params)
    module, function = _READERS[form]
    reader = getattr(importlib.import_module(f"nir.tvm.importers.{module}"), function)
    if form == _RELAX:
        return reader(source, shapes, params)  # type: ignore[no-any-return]
    if form in (recognition.SCRIPT, recognition.RELAX_JSON):
        return reader(source.decode("utf-8-sig"), name, shapes, params)  # type: ignore[no-any-return]
    if form == recognition.RELAY:
        return reader(source, name, shapes, params)  # type: ignore[no-any-return]
    if form == recognition.TORCH:
        return reader(source, name, shapes, example_inputs)  # type: ignore[no-any-return]
    return reader(source, name, shapes)  # type: ignore[no-any-return]


__all__ = ["LoadedModel", "ModelInput", "load_model"]
