"""Running Relax modules on the installed TVM, and their regions on NIR.

    relax_module = nir.passes.relay_to_relax(nir.relay.load("model.relay", "model.params"))
    compiled = nir.tvm.compile(relax_module)
    outputs = compiled.run({"input": image})                # or nir.tvm.run(relax_module, {...}), for a single run
    nir.tvm.build(relax_module).export("model.so")          # runs in a process that imports nir.tvm.runtime

TVM itself is imported by the first call; without it, or with another version, that call raises a RunError. In this
package `import tvm` means TVM. Names are looked up when they are used, so that `import nir.tvm.runtime` costs a process
that only runs models no more than it needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nir.tvm.building import Build as Build
    from nir.tvm.building import build as build
    from nir.tvm.compilation import compile as compile
    from nir.tvm.compilation import run as run
    from nir.tvm.conversion import convert as convert
    from nir.tvm.conversion import to_relay as to_relay
    from nir.tvm.drawing import diagram as diagram
    from nir.tvm.execution import Compiled as Compiled
    from nir.tvm.execution import Parameter as Parameter
    from nir.tvm.importers.loading import load_model as load_model
    from nir.tvm.importers.model import LoadedModel as LoadedModel
    from nir.tvm.importers.model import ModelInput as ModelInput
    from nir.tvm.partitioning import RelaxPartition as RelaxPartition
    from nir.tvm.partitioning import partition_relax as partition_relax
    from nir.tvm.partitioning_building import inline_relax_regions as inline_relax_regions
    from nir.tvm.regions import lower_regions as lower_regions
    from nir.tvm.runtime_loading import Library as Library
    from nir.tvm.runtime_loading import load_library as load_library

# The same for run time.
_MODULE_OF = {
    "Build": "building",
    "Compiled": "execution",
    "Library": "runtime_loading",
    "LoadedModel": "importers.model",
    "ModelInput": "importers.model",
    "Parameter": "execution",
    "RelaxPartition": "partitioning",
    "build": "building",
    "compile": "compilation",
    "convert": "conversion",
    "diagram": "drawing",
    "inline_relax_regions": "partitioning_building",
    "load_library": "runtime_loading",
    "load_model": "importers.loading",
    "lower_regions": "regions",
    "partition_relax": "partitioning",
    "run": "compilation",
    "to_relay": "conversion",
}

_SUBMODULES = ("runtime",)

__all__ = sorted([*_MODULE_OF, *_SUBMODULES])


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"nir.tvm.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'nir.tvm' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"nir.tvm.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
