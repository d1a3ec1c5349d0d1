"""One entry point for models of all formats: finds out what it was given, and has it read. Needs TVM when called only."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nir.errors import ConvertError, ParseError, missing_extra
from nir.relay import load_params
from nir.tvm.importers import recognition
from nir.tvm.importers.model import MEMORY, LoadedModel, Opened, Settings, Shapes, given_shapes


def open_model(source: Any) -> Opened:
    """Finds out what `source` is (see `load_model`); needs no TVM. Raises ParseError where it is nothing known."""
    if isinstance(source, Opened):
        return source
    live = _live_format(source)
    if live is not None:
        return Opened(live, source)
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        return Opened(recognition.recognise(content, MEMORY), content)
    try:
        path = os.fspath(source)
    except TypeError:
        raise ParseError(
            "this is nothing that models are read from",
            expected="a path, bytes, or a model of onnx, torch or tvm",
            found=f"{type(source).__module__}.{type(source).__qualname__}",
        ) from None
    content = recognition.read_source(path)
    return Opened(recognition.recognise(content, path), content, path, path)


def load_model(
    source: Any,
    *,
    shapes: Shapes | None = None,
    params: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
    progress: Callable[[str], object] | None = None,
) -> LoadedModel:
    """The model in `source` as a Relax module, with names, shapes and element types of its inputs.

    `source` is the path of a file, its bytes, or an object: onnx.ModelProto, torch.export.ExportedProgram,
    torch.nn.Module (which needs `example_inputs`), tvm.IRModule. What a file is, its content says: ONNX, TFLite,
    PyTorch (.pt2), TVMScript (.py), Relax JSON, or Relay of TVM 0.6 to 0.19.

    `shapes` fixes dimensions that the model leaves open, by name of the input. `params` are weights for parameters of
    a Relax or Relay module: a mapping from names to arrays, or the path of a file in TVM's parameter format. `progress`
    is called with a line before what may take time.

    Raises ParseError for what cannot be read, ConvertError for what cannot be imported, RunError where a package is
    missing, with the extra that brings it.
    """
    opened = open_model(source)
    if params is not None and opened.format not in _TAKE_PARAMS:
        raise ConvertError(f"a model in {opened.format} has its weights with it", found="parameters from elsewhere")
    if params is not None and not isinstance(params, Mapping):
        params = load_params(params)
    if progress is not None:
        size = f", {len(opened.content) / 1e6:.1f} MB" if isinstance(opened.content, bytes) else ""
        progress(f"importing {opened.name} ({opened.format}{size}) with TVM")
    reader = _reader(opened.format)
    loaded: LoadedModel = reader(opened, Settings(given_shapes(shapes), params, example_inputs))
    return loaded


def _reader(form: str) -> Callable[[Opened, Settings], LoadedModel]:
    """What reads a format. Raises RunError where a package for it is missing, with the extra that brings it."""
    module, function = _READERS[form]
    try:
        found: Callable[[Opened, Settings], LoadedModel] = getattr(
            importlib.import_module(f"nir.tvm.importers.{module}"), function
        )
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        raise missing_extra(package, package, f"reading a model in {form}") from error
    return found


_READERS = {
    recognition.ONNX: ("onnx_loading", "load_onnx"),
    recognition.TFLITE: ("tflite_loading", "load_tflite"),
    recognition.TORCH: ("torch_loading", "load_torch"),
    recognition.SCRIPT: ("relax_loading", "load_script"),
    recognition.RELAX_JSON: ("relax_loading", "load_json"),
    recognition.RELAX: ("relax_loading", "load_module"),
    recognition.RELAY: ("relay_loading", "load_relay"),
}
"""Module and function that read a format; each imports what it needs, which may be missing."""

_EXTRAS = ("onnx", "tflite", "torch")
"""Packages that readers import, each brought by the extra of its name; TVM has words of its own."""

_TAKE_PARAMS = (recognition.SCRIPT, recognition.RELAX_JSON, recognition.RELAX, recognition.RELAY)


def _live_format(source: Any) -> str | None:
    """The format of an object in memory, told by where its classes come from; nothing is imported for it."""
    packages = {(base.__module__.partition(".")[0], base.__name__) for base in type(source).__mro__}
    if any(name == "ModelProto" and package.startswith("onnx") for package, name in packages):
        return recognition.ONNX
    if ("torch", "ExportedProgram") in packages or ("torch", "Module") in packages:
        return recognition.TORCH
    if ("tvm", "IRModule") in packages:
        return recognition.RELAX
    return None
