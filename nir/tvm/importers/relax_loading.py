"""Relax modules: in memory, as TVMScript, and as JSON that `tvm.ir.save_json` of this TVM wrote."""

from __future__ import annotations

from typing import Any

from nir.errors import ConvertError, ParseError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.importers.guarding import front_end
from nir.tvm.importers.model import LoadedModel, Opened, Settings
from nir.tvm.importers.probing import survives
from nir.tvm.importers.relax_inputs import bind_weights, fixed_inputs, relax, tvm
from nir.tvm.importers.script_source import script_parts

require_tvm("reading Relax modules")  # before the imports that would fail less kindly

from tvm.script.parser.core import entry as parser  # noqa: E402


def load_module(opened: Opened, settings: Settings) -> LoadedModel:
    """A `tvm.IRModule` in memory, with parameters of `main` bound by name."""
    return _loaded(opened.content, settings, "Relax", 0.0)


def load_json(opened: Opened, settings: Settings) -> LoadedModel:
    """A module from JSON. Raises ParseError for JSON of another TVM, and of anything else than a module."""
    text = opened.content.decode("utf-8-sig")
    survives(lambda: _checked_json(text), opened.name, "damaged JSON")
    with front_end("JSON", opened.name) as watch:
        module = _checked_json(text)
    if not isinstance(module, tvm.IRModule):
        raise ParseError(
            f"{opened.name}: this JSON holds no module", expected="a tvm.IRModule", found=type(module).__name__
        )
    return _loaded(module, settings, "Relax JSON", watch.seconds)


def _checked_json(text: str) -> Any:
    """What the JSON holds; a module only if it is well formed. Raises whatever TVM raises, and may crash."""
    module = tvm.ir.load_json(text)
    if isinstance(module, tvm.IRModule):
        if not relax.analysis.check_well_formed(module):
            raise ConvertError("the module is not well formed")
        module.script(show_meta=False)
    return module


def load_script(opened: Opened, settings: Settings) -> LoadedModel:
    """A module from a Python file in TVMScript.

    The file is not executed, but TVM's parser evaluates the expressions in it; `script_source` lets only those through
    that TVMScript consists of.
    """
    source, metadata = script_parts(opened.content.decode("utf-8-sig"), opened.name)
    with front_end("TVMScript", opened.name) as watch:
        names = dict(parser._default_globals())
        if metadata is not None:
            names["metadata"] = tvm.ir.load_json(metadata)
        module = tvm.script.from_source(source, names)
    if not isinstance(module, tvm.IRModule):
        module = tvm.IRModule({"main": module})
    return _loaded(module, settings, "TVMScript", watch.seconds)


def _loaded(module: Any, settings: Settings, form: str, seconds: float) -> LoadedModel:
    if settings.params:
        module = bind_weights(module, settings.params)
    module, inputs = fixed_inputs(module, settings.shapes)
    return LoadedModel(module, form, inputs, import_seconds=seconds)
