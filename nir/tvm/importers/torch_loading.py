"""PyTorch programs as Relax modules, through TVM's front end: exported programs, and modules with example inputs."""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from nir.errors import ConvertError, ParseError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.importers.guarding import front_end, reason
from nir.tvm.importers.model import LoadedModel, Opened, Settings
from nir.tvm.importers.relax_inputs import fixed_inputs

require_tvm("reading PyTorch programs")

from tvm.relax.frontend.torch import from_exported_program  # noqa: E402

from nir.tvm.importers.torch_quantised import conversions  # noqa: E402


def load_torch(opened: Opened, settings: Settings) -> LoadedModel:
    """The program in the bytes of a `.pt2` file, an ExportedProgram, or a module that is exported here.

    A module needs `example_inputs` in the settings, tensors of the shapes that it is to take. Reading a file runs `torch.export.load`,
    which may unpickle: read files of people you trust. Raises ParseError for a damaged file, ConvertError for programs
    that cannot be exported or imported.
    """
    source, name = opened.content, opened.name
    if isinstance(source, torch.nn.Module):
        program = _exported(source, settings.example_inputs)
    elif isinstance(source, bytes):
        program = _read(source, name)
    else:
        program = source
    with front_end("PyTorch programs", name) as watch:
        program = program.run_decompositions()
        module = from_exported_program(
            program,
            unwrap_unit_return_tuple=True,
            custom_convert_map=conversions(program),
            run_ep_decomposition=False,
        )
    module, inputs = fixed_inputs(module, settings.shapes)
    outputs = tuple(
        str(spec.arg.name) for spec in program.graph_signature.output_specs if spec.kind.name == "USER_OUTPUT"
    )
    return LoadedModel(module, "PyTorch", inputs, outputs, tuple(watch.notes), watch.seconds)


_QUANTISED_OPERATORS = ("torch.ao.quantization.fx._decomposed", "torchao.quantization.pt2e")
"""Modules that tell torch of the operators in quantised programs; the first that there is will do."""


def _read(content: bytes, name: str) -> torch.export.ExportedProgram:
    for module in _QUANTISED_OPERATORS:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
            break
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(io.BytesIO(content))
    except Exception as error:  # torch raises whatever the archive makes it
        raise ParseError(
            f"{name}: PyTorch {torch.__version__} cannot read this program",
            found=reason(error),
            hint="programs of other versions of PyTorch may have to be exported again",
        ) from error


def _exported(module: torch.nn.Module, example_inputs: Sequence[Any] | None) -> torch.export.ExportedProgram:
    if example_inputs is None:
        raise ConvertError(
            "a PyTorch module is exported with example inputs",
            expected="example_inputs, a tuple of tensors of the shapes that it takes",
        )
    if module.training:
        raise ConvertError("the module is in training mode", hint="module.eval() switches to inference")
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return torch.export.export(module, tuple(example_inputs))
    except Exception as error:  # whatever the module's own code raises, or torch about it
        raise ConvertError("torch.export cannot export this module", found=reason(error)) from error
