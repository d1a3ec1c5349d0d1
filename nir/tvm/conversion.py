"""From a model file of any format to NIR, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import nir.passes
import nir.relay
from nir.errors import ConvertError
from nir.ir import Module, walk
from nir.tvm.importers import recognition
from nir.tvm.importers.loading import load_model, open_model
from nir.tvm.importers.model import Opened, Shapes, reject_unknown_names
from nir.verify import verify

Progress = Callable[[str], object]


def convert(
    source: Any,
    *,
    shapes: Shapes | None = None,
    params: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
    foreign: bool = False,
    layout: Literal["nhwc", "keep"] = "nhwc",
    tvm_version: str | None = None,
    progress: Progress | None = None,
) -> Module:
    """The model in `source` as a NIR module, verified.

    `source`, `shapes`, `params` and `example_inputs` are those of `load_model`. Relay goes to NIR directly and needs no
    TVM; everything else is imported by TVM's front ends first. With `foreign`, operators that NIR does not have stay as
    foreign ones. Images become NHWC, unless `layout` is "keep". `tvm_version` ("0.8") says whose defaults hold for a
    Relay module that does not say it. `progress` is called with a line before each step.

    Raises ParseError for what cannot be read, ConvertError for what cannot be converted, VerifyError where the result
    breaks rules of NIR, RunError where a package is missing.
    """
    say = progress or (lambda line: None)
    opened = open_model(source)
    if opened.format == recognition.RELAY:
        say(f"converting {opened.name} (Relay) to NIR")
        module = nir.passes.relay_to_nir(_relay(opened, shapes, params, tvm_version), foreign=foreign, layout=layout)
    else:
        _reject_version(opened, tvm_version)
        loaded = load_model(opened, shapes=shapes, params=params, example_inputs=example_inputs, progress=say)
        say("converting to NIR")
        module = nir.passes.relax_to_nir(loaded.module, foreign=foreign, layout=layout)
    say(f"verifying {sum(1 for _ in walk(module))} operations")
    verify(module)
    return module


def to_relay(
    source: Any,
    *,
    shapes: Shapes | None = None,
    params: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
    tvm_version: str | None = None,
    progress: Progress | None = None,
) -> nir.relay.Module:
    """The model in `source` as a Relay module, as `nir.relay.print_module` prints it. As `convert` otherwise."""
    opened = open_model(source)
    if opened.format == recognition.RELAY:
        return _relay(opened, shapes, params, tvm_version)
    _reject_version(opened, tvm_version)
    loaded = load_model(opened, shapes=shapes, params=params, example_inputs=example_inputs, progress=progress)
    module: nir.relay.Module = nir.passes.relax_to_relay(loaded.module)
    return module


def _reject_version(opened: Opened, tvm_version: str | None) -> None:
    if tvm_version is not None:
        raise ConvertError("only for Relay does it matter which TVM wrote a model", found=f"a model in {opened.format}")


def _relay(opened: Opened, shapes: Shapes | None, params: Any, tvm_version: str | None) -> nir.relay.Module:
    if shapes:
        reject_unknown_names(shapes, ())
    return nir.relay.load(opened.path or opened.content, params, tvm_version=tvm_version)
