"""From Relay to Relax: a Relay module, read by `nir.relay`, runs on a TVM that has no Relay any more.

Operators become operators of Relax where it has them with the same meaning, and small tensor programs where it has
not: all that is quantised is computed in integers, bit for bit as Relay's own lowering computed it. Needs TVM.
"""

from __future__ import annotations

from nir.passes.tvm_requirement import require_tvm

require_tvm("converting Relay to Relax")  # before the imports that would fail less kindly

from nir.passes.relay_to_relax.converter import relay_to_relax  # noqa: E402

__all__ = ["relay_to_relax"]
