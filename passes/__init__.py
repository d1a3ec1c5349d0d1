"""Passes: what turns a module into another one. The public names; each pass is a module or package of its own.

Those that need TVM are imported on first use, so that the others work without.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if __name__ != "nir.passes":
    raise ImportError("import this package as nir.passes")

from nir.passes.dead_code import eliminate_dead_code
from nir.passes.folding import fold_constants
from nir.passes.layout import reduce_transposes, to_nhwc
from nir.passes.partition import inline_regions, partition
from nir.passes.qdq import fold_qdq
from nir.passes.quantisation import propagate_quantisation
from nir.passes.relay_to_nir import relay_to_nir

if TYPE_CHECKING:
    from nir.passes.nir_to_relax import nir_to_relax
    from nir.passes.relax_to_nir import relax_to_nir
    from nir.passes.relax_to_relay import relax_to_relay
    from nir.passes.relay_to_relax import relay_to_relax

_NEED_TVM = frozenset({"nir_to_relax", "relax_to_nir", "relax_to_relay", "relay_to_relax"})
"""Functions that lie in packages of their own names and import TVM."""


class _Passes(types.ModuleType):
    """This module, with names that are looked up when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in _NEED_TVM:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"nir.passes.{name}"), name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in _NEED_TVM:
            return  # Python would put a package here once it is imported; the function keeps its name
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_NEED_TVM})


sys.modules[__name__].__class__ = _Passes

__all__ = [
    "eliminate_dead_code",
    "fold_constants",
    "fold_qdq",
    "inline_regions",
    "nir_to_relax",
    "partition",
    "propagate_quantisation",
    "reduce_transposes",
    "relax_to_nir",
    "relax_to_relay",
    "relay_to_nir",
    "relay_to_relax",
    "to_nhwc",
]
