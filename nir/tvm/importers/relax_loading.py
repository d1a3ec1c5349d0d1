"""Relax modules: in memory, as TVMScript, and as JSON that `tvm.ir.save_json` of this TVM wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nir.errors import ParseError
from nir.tvm.importers.guarding import front_end
from nir.tvm.importers.model import LoadedModel, Shapes, given_shapes
from nir.tvm.importers.relax_inputs import bind_weights, fixed_inputs, tvm
from nir.tvm.importers.script_source import script_parts


def load_module(
    module: Any, shapes: Shapes | None, params: Mapping[str, Any] | None, form: str = "Relax", seconds: float = 0.0
) -> LoadedModel:
    """A `tvm.IRModule` in memory, with `params` bound to parameters of `main` by name."""
    if params:
        module = bind_weights(module, params)
    module, inputs = fixed_inputs(module, given_shapes(shapes))
    return LoadedModel(module, form, inputs, import_seconds=seconds)


def load_json(text: str, name: str, shapes: Shapes | None, params: Mapping[str, Any] | None) -> LoadedModel:
    """A module from JSON. Raises ParseError for JSON of another TVM, and of anything else than a module."""
    with front_end("JSON", name) as watch:
        module = tvm.ir.load_json(text)
    if not isinstance(module, tvm.IRModule):
        raise ParseError(f"{name}: this JSON holds no module", expected="a tvm.IRModule", found=type(module).__name__)
    return load_module(module, shapes, params, "Relax JSON", watch.seconds)


def load_script(text: str, name: str, shapes: Shapes | None, params: Mapping[str, Any] | None) -> LoadedModel:
    """A module from a Python file in TVMScript.

    The file is not executed, but TVM's parser evaluates the expressions in it; `script_source` lets only those through
    that TVMScript consists of.
    """
    source, metadata = script_parts(text, name)
    with front_end("TVMScript", name) as watch:
        extra = dict(tvm.script.parser.core.entry._default_globals())
        if metadata is not None:
            extra["metadata"] = tvm.ir.load_json(metadata)
        module = tvm.script.from_source(source, extra)
    if not isinstance(module, tvm.IRModule):
        module = tvm.IRModule({"main": module})
    return load_module(module, shapes, params, "TVMScript", watch.seconds)
