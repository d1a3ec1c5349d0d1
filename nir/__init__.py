"""Neuron IR: a textual, quantisation-aware graph IR for mobile neural accelerators, and the toolkit around it.

    import nir

    module = nir.load("model.nir")                     # or nir.parse(text)
    nir.check(module)                                  # all that is wrong; nir.verify.verify raises it
    outputs = nir.run(module, {"image": image}, profile="tflite")
    nir.save(module, "copy.nir")

Names and subpackages (`nir.relay`, `nir.passes`, ...) are imported when first used: importing `nir` costs
milliseconds, and only what needs TVM imports it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nir.errors import ConvertError as ConvertError
    from nir.errors import NirError as NirError
    from nir.errors import ParseError as ParseError
    from nir.errors import PartitionError as PartitionError
    from nir.errors import RunError as RunError
    from nir.errors import VerifyError as VerifyError
    from nir.interp import compare as compare
    from nir.interp import run as run
    from nir.ir import ElementType as ElementType
    from nir.ir import Function as Function
    from nir.ir import Module as Module
    from nir.ir import Operation as Operation
    from nir.ir import Quantisation as Quantisation
    from nir.ir import TensorType as TensorType
    from nir.ir import Value as Value
    from nir.ir import first_difference as first_difference
    from nir.ir import same as same
    from nir.ir import tensor as tensor
    from nir.ops.builder import Builder as Builder
    from nir.text import format_text as format_text
    from nir.text import load as load
    from nir.text import parse as parse
    from nir.text import print_module as print_module
    from nir.text import save as save
    from nir.tvm.dispatch import partition_for_nir as partition_for_nir
    from nir.verify import check as check
    from nir.version import __version__ as __version__

# The same for run time. tests/test_packages.py holds the two lists equal.
_NAMES = {
    "nir.errors": ("ConvertError", "NirError", "ParseError", "PartitionError", "RunError", "VerifyError"),
    "nir.interp": ("compare", "run"),
    "nir.ir": (
        "ElementType",
        "Function",
        "Module",
        "Operation",
        "Quantisation",
        "TensorType",
        "Value",
        "first_difference",
        "same",
        "tensor",
    ),
    "nir.ops.builder": ("Builder",),
    "nir.text": ("format_text", "load", "parse", "print_module", "save"),
    "nir.tvm.dispatch": ("partition_for_nir",),
    "nir.verify": ("check",),
    "nir.version": ("__version__",),
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}
_SUBPACKAGES = (
    "cli",
    "conformance",
    "display",
    "draw",
    "errors",
    "filetests",
    "grammar",
    "interp",
    "ir",
    "nnapi",
    "ops",
    "passes",
    "reduction",
    "relay",
    "source",
    "targets",
    "testing",
    "text",
    "tflite",
    "tvm",
    "verify",
)

__all__ = [*_MODULE_OF, *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    elif name in _SUBPACKAGES:
        value = importlib.import_module(f"nir.{name}")
    else:
        raise AttributeError(f"module 'nir' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
