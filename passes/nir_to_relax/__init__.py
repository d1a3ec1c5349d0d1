"""From NIR to Relax: a NIR module runs on LLVM, or on whatever else TVM compiles for.

All that is quantised is computed in integers, or by tables of the stored integers there are, and gives the very integers
of the interpreter under the same numeric profile. What cannot be exact is refused. Needs TVM.
"""

from __future__ import annotations

from nir.passes.tvm_requirement import require_tvm

require_tvm("converting NIR to Relax")  # before the imports that would fail less kindly

from nir.passes.nir_to_relax.converter import nir_to_relax  # noqa: E402

__all__ = ["nir_to_relax"]
