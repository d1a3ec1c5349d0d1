"""From Relay to NIR, in the manner of the paper: a walk in post order, an entry per node, a table of handlers.

    module = nir.passes.relay_to_nir(nir.relay.load("model.relay", "model.params"))

The converter (converter.py) walks; the handlers (handlers_*.py, joined in table.py) say what one Relay operator is in
NIR, and fuse it with what came before where that is exact; the scales and zero points that `qnn` operators state go
onto the tensors' types (statements.py), and from there to all others (nir.passes.quantisation). To add an operator,
write a function from a `RelayCall` to a value and give it a row in its family's `HANDLERS`.
"""

from __future__ import annotations

from nir.errors import ConvertError, VerifyError, require_type
from nir.garbage import collector_paused
from nir.ir import Module
from nir.ops.common import Rounding
from nir.passes.layout import to_nhwc
from nir.passes.relay_to_nir.converter import ModuleConverter
from nir.passes.relay_to_nir.entry import NodeEntry
from nir.passes.relay_to_nir.finishing import finish
from nir.passes.relay_to_nir.table import HANDLERS
from nir.relay import infer_types
from nir.relay.ast import Module as RelayModule
from nir.verify import verify

_LAYOUTS = ("nhwc", "keep")


def relay_to_nir(
    relay_module: RelayModule,
    *,
    foreign: bool = False,
    propagate: bool = True,
    rounding: Rounding | str = Rounding.UPWARD,
    layout: str = "nhwc",
) -> Module:
    """The NIR module of a Relay module's `@main` and of what it calls; parameters keep their names.

    `foreign` keeps operators that NIR does not have, as `foreign "relay.<name>"`. Without `propagate` only those
    tensors are quantised for which a `qnn` operator states it, and the module is not verified: a look at what
    propagation starts from, in the module's own layout. `rounding` is for `qnn` operators that do not say how they round (TVM's own default is
    upward). Where the module says that it rescales in floating point, `@main` says so in the attribute `profile`: the
    numeric profile under which it gives Relay's integers.

    `layout` "nhwc" brings NCHW networks into NHWC (see `to_nhwc`; parameters and results keep their shapes), "keep"
    leaves every operator in the layout that Relay gives it.

    Raises `ConvertError` with everything that cannot be converted, each once, and with how often it occurs.
    """
    require_type(relay_module, RelayModule, "a Relay module", "nir.relay.load reads a file")
    if "main" not in relay_module:
        known = ", ".join(f"@{name}" for name in relay_module.functions) or "no function at all"
        raise ConvertError("the module has no function @main", expected="def @main(...) { ... }", found=known)
    if relay_module.main.body.checked_type is None:
        infer_types(relay_module)
    if layout not in _LAYOUTS:
        raise ConvertError(
            f"there is no layout '{layout}'", expected=" or ".join(map(repr, _LAYOUTS)), found=repr(layout)
        )
    converter = ModuleConverter(relay_module, HANDLERS, foreign, Rounding(rounding))
    with collector_paused():
        module = converter.convert()
        finish(module, converter, propagate)
    if propagate:
        if layout == "nhwc":
            to_nhwc(module)
        try:
            verify(module)
        except VerifyError as error:
            raise ConvertError(error.diagnostics) from error  # NIR's operators are narrower here; notes say where
    return module


__all__ = ["HANDLERS", "NodeEntry", "relay_to_nir"]
