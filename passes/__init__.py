"""Passes: what turns a module into another one. The public names; each pass is a module or package of its own.

`relay_to_relax` needs TVM and is imported on first use, so that the others work without.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

if __name__ != "nir.passes":
    raise ImportError("import this package as nir.passes")

from nir.passes.dead_code import eliminate_dead_code
from nir.passes.layout import reduce_transposes, to_nhwc
from nir.passes.quantisation import propagate_quantisation
from nir.passes.relay_to_nir import relay_to_nir

if TYPE_CHECKING:
    from nir.passes.relay_to_relax import relay_to_relax


class _Passes(types.ModuleType):
    """This module, with one name that is looked up when it is asked for."""

    @property
    def relay_to_relax(self) -> Any:
        """The function of that name; importing it imports TVM."""
        return importlib.import_module("nir.passes.relay_to_relax").relay_to_relax

    @relay_to_relax.setter
    def relay_to_relax(self, package: Any) -> None:
        """Python puts a package here once it is imported; the function keeps its name all the same."""

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), "relay_to_relax"})


sys.modules[__name__].__class__ = _Passes

__all__ = [
    "eliminate_dead_code",
    "propagate_quantisation",
    "reduce_transposes",
    "relay_to_nir",
    "relay_to_relax",
    "to_nhwc",
]
