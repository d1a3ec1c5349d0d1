"""From a model file of any format to NIR, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import nir.passes
import nir.relay
from nir.ir import Module, walk
from nir.tvm.importers import recognition
from nir.tvm.importers.loading import load_model, open_model
from nir.tvm.importers.model import Shapes
from nir.verify import verify

Progress = Callable[[str], object]


def convert(
    source: Any,
    *,
    shapes: Shapes | None = None,
    params: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
    progress: Progress | None = None,
) -> Module:
    """The model in `source` as a NIR module, verified.

    `source`, `shapes`, `params` and `example_inputs` are those of `load_model`. Relay goes to NIR directly and needs no
    TVM; everything else is imported by TVM's front ends first. `progress` is called with a line before each step.

    Raises ParseError for what cannot be read, ConvertError for what cannot be converted, VerifyError where the result
    breaks rules of NIR, RunError where a package is missing.
    """
    say = progress or (lambda line: None)
    opened = open_model(source)
    if opened.format == recognition.RELAY:
        say(f"converting {opened.name} (Relay) to NIR")
        module = nir.passes.relay_to_nir(nir.relay.load(opened.path or opened.content, params))
    else:
        loaded = load_model(opened, shapes=shapes, params=params, example_inputs=example_inputs, progress=say)
        say("converting to NIR")
        module = nir.passes.relax_to_nir(loaded.module)
    say(f"verifying {sum(1 for _ in walk(module))} operations")
    verify(module)
    return module
