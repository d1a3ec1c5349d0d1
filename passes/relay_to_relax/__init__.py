"""From Relay to Relax: a Relay module, read by `nir.relay`, runs on a TVM that has no Relay any more.

Operators become operators of Relax where it has them with the same meaning, and small tensor programs where it has
not: all that is quantised is computed in integers, bit for bit as Relay's own lowering computed it. Needs TVM.
"""

from __future__ import annotations

from nir.errors import missing_extra

try:
    from nir.passes.relay_to_relax.converter import relay_to_relax
except ModuleNotFoundError as error:
    if error.name is None or error.name.split(".")[0] not in ("tvm", "tvm_ffi"):
        raise
    raise missing_extra("apache-tvm", "tvm", "converting Relay to Relax") from error


__all__ = ["relay_to_relax"]
