"""Neuron IR: a textual, quantisation-aware graph IR for mobile neural accelerators, and the toolkit around it.

    import nir

    module = nir.load("model.nir")                     # or nir.parse(text)
    nir.check(module)                                  # raises VerifyError with all that is wrong
    outputs = nir.run(module, {"image": image}, profile="tflite")
    nir.save(module, "copy.nir")

Names and subpackages (`nir.relay`, `nir.passes`, ...) are imported when first used: importing `nir` costs
milliseconds, and `nir.tvm` is the only part that needs TVM.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nir.version import __version__ as __version__

_NAMES = {
    "__version__": "nir.version",
}
"""Every public name with the module that defines it."""

_SUBPACKAGES = (
    "cli",
    "draw",
    "errors",
    "grammar",
    "interp",
    "ir",
    "ops",
    "passes",
    "relay",
    "source",
    "text",
    "tvm",
    "verify",
)

__all__ = [*_NAMES, *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(_NAMES[name]), name)
    elif name in _SUBPACKAGES:
        value = importlib.import_module(f"nir.{name}")
    else:
        raise AttributeError(f"module 'nir' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
