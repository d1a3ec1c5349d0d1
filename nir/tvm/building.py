"""Building: a Relax module, regions and all, to an executable that runs here or is exported."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import nir.passes
from nir.errors import RunError
from nir.ir import Module
from nir.ops.profiles import DEFAULT_PROFILE
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.execution import Compiled, Parameter, parameter, summary
from nir.tvm.export import Compiler, export_library
from nir.tvm.noise import without_log_lines
from nir.tvm.regions import lower_regions


@dataclass(frozen=True)
class Build:
    """A compiled module: `load` makes it ready to run in this process, `export` writes it to a shared library.

    `executable` is TVM's; `parameters` are those of `function`; `target` is what it was built for.
    """

    executable: Any = field(repr=False)
    parameters: tuple[Parameter, ...]
    target: Any = field(repr=False)
    function: str = "main"

    def load(self) -> Compiled:
        """`function`, ready to run in this process. Raises `RunError` where it was built for another machine."""
        tvm = require_tvm("running on TVM")
        importlib.import_module("nir.tvm.runtime")  # registers what regions call; imports tvm_ffi, so not at the top
        try:
            with without_log_lines():
                machine = tvm.relax.VirtualMachine(self.executable, tvm.cpu())
        except Exception as error:  # TVM raises whatever its C++ code throws
            raise RunError("TVM cannot run this module", found=summary(error)) from error
        return Compiled(machine, self.parameters, self.function)

    def export(self, path: str | os.PathLike[str], compiler: Compiler = None) -> None:
        """Writes a shared library, or for a `path` that ends in .tar the objects for one; see `export_library`."""
        export_library(self.executable, self.target, path, compiler)


def build(
    module: Any,
    target: Any = "llvm",
    *,
    function: str = "main",
    profile: str | None = None,
    embed: bool = False,
    progress: Callable[[str], object] | None = None,
) -> Build:
    """Compiles a Relax module (a `tvm.IRModule`), or a NIR module: regions for NIR's runtime, all else by LLVM.

    `target` is "llvm" or what `tvm.target.Target` takes, such as {"kind": "llvm", "mtriple": "aarch64-linux-gnu"}.
    `function` is the one that is run. `profile` says how real values become integers: in a NIR module as in the
    interpreter (default: its own, "tflite"), in the regions of a Relax module ("qdq"). `embed` is that of
    `lower_regions`. `progress` is called with a line before and after, since large models take seconds:
    `progress=print`.

    Raises `RunError` when TVM is missing or of another version, when the module has no such function, and when TVM
    refuses it; `ConvertError` for a region that NIR cannot express, and for a NIR module that Relax cannot.
    """
    tvm = require_tvm("running on TVM")
    if isinstance(module, Module):
        entry = None if function == "main" else function
        module = nir.passes.nir_to_relax(module, profile=profile or DEFAULT_PROFILE, function=entry)
        function = "main"
    if not isinstance(module, tvm.IRModule):
        raise RunError(
            "this is no Relax module",
            expected="a tvm.IRModule, such as nir.passes.relay_to_relax gives, or a nir.Module",
            found=type(module).__name__,
        )
    names = {variable.name_hint: variable for variable in module.get_global_vars()}
    if function not in names:
        raise RunError(f"the module has no function '{function}'", found=", ".join(sorted(names)) or "no function")
    parameters = tuple(parameter(tvm, variable) for variable in module[names[function]].params)
    lowered = lower_regions(module, profile=profile or "qdq", embed=embed)
    if progress is not None:
        progress(f"TVM {tvm.__version__} compiles {count_operators(tvm, lowered)} operators for {target} ...")
    started = time.perf_counter()
    try:
        with without_log_lines():
            chosen = tvm.target.Target(target)
            executable = tvm.compile(lowered, chosen)
    except Exception as error:  # TVM raises whatever its C++ code throws
        raise RunError("TVM cannot compile this module", found=summary(error)) from error
    if progress is not None:
        progress(f"compiled in {time.perf_counter() - started:.1f} s")
    return Build(executable, parameters, chosen, function)


def count_operators(tvm: Any, module: Any) -> int:
    """How many calls the Relax functions of `module` make."""
    functions = (f for _, f in module.functions_items() if isinstance(f, tvm.relax.Function))
    blocks = (block for f in functions if hasattr(f.body, "blocks") for block in f.body.blocks)
    return sum(isinstance(binding.value, tvm.ir.Call) for block in blocks for binding in block.bindings)
