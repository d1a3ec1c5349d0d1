"""Running Relax modules on the installed TVM.

    relax_module = nir.passes.relay_to_relax(nir.relay.load("model.relay", "model.params"))
    compiled = nir.tvm.compile(relax_module)
    outputs = compiled.run({"input": image})                # or nir.tvm.run(relax_module, {...}), for a single run

TVM itself is imported by the first call; without it, or with another version, that call raises a RunError. In this
package `import tvm` means TVM.
"""

from __future__ import annotations

from nir.tvm.compilation import compile, run
from nir.tvm.execution import Compiled, Parameter

__all__ = ["Compiled", "Parameter", "compile", "run"]
