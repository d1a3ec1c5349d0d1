"""From Relax to Relay's syntax tree: what today's TVM front ends make becomes what NIR's handlers read.

    relay_module = nir.passes.relax_to_relay(tvm.relax.frontend.onnx.from_onnx(model))

Every operator of Relax has one row in a table (rows_*.py, joined in table.py): its name in Relay and how its attributes
are called there, or a few Relay operators that make it up. Types are taken from Relax and compared with what Relay's
own rules say. Variables keep their names as the origin of expressions; constants share the memory of TVM's. The walk
is in converter.py, what is known of TVM's objects in reading.py. Needs TVM.
"""

from __future__ import annotations

from typing import Any

from nir.passes.tvm_requirement import require_tvm

require_tvm("converting Relax")  # before the imports that would fail less kindly

from nir.passes.relax_to_relay.converter import RelaxConverter  # noqa: E402
from nir.passes.relax_to_relay.table import ROWS  # noqa: E402
from nir.relay.ast import Module  # noqa: E402


def relax_to_relay(relax_module: Any, *, function: str = "main", narrow: bool = False) -> Module:
    """The Relay module of a Relax function, as its `@main`, and of all that it calls.

    With `narrow` 64-bit integers become 32-bit ones, as NIR stores them. An operator that Relay does not have stays as
    a call of `relax.<name>` with the type that Relax gives it.

    Raises `ConvertError` where the module has no such function, and for what is no expression of tensors.
    """
    return RelaxConverter(relax_module, narrow=narrow).convert(function)


__all__ = ["ROWS", "RelaxConverter", "relax_to_relay"]
