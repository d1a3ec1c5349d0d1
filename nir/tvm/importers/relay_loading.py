"""Relay modules of TVM 0.6 to 0.19 as Relax modules: read by nir.relay, lowered by nir.passes.relay_to_relax."""

from __future__ import annotations

import time

from nir.passes.relay_to_relax import relay_to_relax
from nir.relay import load
from nir.tvm.importers.model import LoadedModel, Opened, Settings
from nir.tvm.importers.relax_inputs import fixed_inputs


def load_relay(opened: Opened, settings: Settings) -> LoadedModel:
    """The module that `nir.relay.load` reads. Relay's shapes are fixed in the file."""
    relay_module = load(opened.path or opened.content, settings.params)
    started = time.perf_counter()
    module = relay_to_relax(relay_module)
    seconds = time.perf_counter() - started
    module, inputs = fixed_inputs(module, settings.shapes)
    return LoadedModel(module, "Relay", inputs, import_seconds=seconds)
