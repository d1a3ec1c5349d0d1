"""From a Relax module to something that runs: TVM's compiler, without its chatter."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from nir.errors import RunError
from nir.passes.tvm_requirement import require_tvm
from nir.tvm.execution import Array, Compiled, parameter, summary
from nir.tvm.noise import without_log_lines


def compile(
    module: Any,
    target: Any = "llvm",
    *,
    function: str = "main",
    progress: Callable[[str], object] | None = None,
) -> Compiled:
    """Compiles a Relax module (a `tvm.IRModule`) and makes `function` ready to run.

    `target` is "llvm" or what `tvm.target.Target` takes, such as {"kind": "llvm", "mcpu": "core-avx2"}. With plain
    "llvm" floats are computed without fused multiplications, as in results recorded on other machines. `progress` is
    called with a line before and after, since large models take seconds: `progress=print`.

    Raises RunError when TVM is missing or of another version, when the module has no such function, and when TVM
    refuses it.
    """
    tvm = require_tvm("running on TVM")
    if not isinstance(module, tvm.IRModule):
        raise RunError(
            "this is no Relax module",
            expected="a tvm.IRModule, such as nir.passes.relay_to_relax gives",
            found=type(module).__name__,
        )
    names = {variable.name_hint: variable for variable in module.get_global_vars()}
    if function not in names:
        raise RunError(f"the module has no function '{function}'", found=", ".join(sorted(names)) or "no function")
    parameters = tuple(parameter(tvm, variable) for variable in module[names[function]].params)
    if progress is not None:
        progress(f"TVM {tvm.__version__} compiles {count_operators(tvm, module)} operators for {target} ...")
    started = time.perf_counter()
    try:
        with without_log_lines():
            executable = tvm.compile(module, tvm.target.Target(target))
            machine = tvm.relax.VirtualMachine(executable, tvm.cpu())
    except Exception as error:  # TVM raises whatever its C++ code throws
        raise RunError("TVM cannot compile this module", found=summary(error)) from error
    if progress is not None:
        progress(f"compiled in {time.perf_counter() - started:.1f} s")
    return Compiled(machine, parameters, function)


def run(module: Any, inputs: Mapping[str, Any], target: Any = "llvm") -> list[Array]:
    """Runs `main` of a Relax module, or what `compile` made of one, on arrays by parameter name.

    To run a module more than once, compile it once. Results and errors are those of `Compiled.run` and `compile`.
    """
    compiled = module if isinstance(module, Compiled) else compile(module, target)
    return compiled.run(inputs)


def count_operators(tvm: Any, module: Any) -> int:
    """How many calls the Relax functions of `module` make."""
    functions = (f for _, f in module.functions_items() if isinstance(f, tvm.relax.Function))
    blocks = (block for f in functions if hasattr(f.body, "blocks") for block in f.body.blocks)
    return sum(isinstance(binding.value, tvm.ir.Call) for block in blocks for binding in block.bindings)
