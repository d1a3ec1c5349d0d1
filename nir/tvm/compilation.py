"""From a Relax module to something that runs in this process: TVM's compiler, without its chatter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nir.tvm.building import build
from nir.tvm.execution import Array, Compiled


def compile(
    module: Any,
    target: Any = "llvm",
    *,
    function: str = "main",
    profile: str | None = None,
    progress: Callable[[str], object] | None = None,
) -> Compiled:
    """Compiles a Relax module (a `tvm.IRModule`) or a NIR module, and makes `function` ready to run.

    Regions of a Relax module run on NIR; of a NIR module all is compiled. `profile` is that of `build`.

    `target` is "llvm" or what `tvm.target.Target` takes, such as {"kind": "llvm", "mcpu": "core-avx2"}. With plain
    "llvm" floats are computed without fused multiplications, as in results recorded on other machines. `progress` is
    called with a line before and after, since large models take seconds: `progress=print`.

    Raises RunError when TVM is missing or of another version, when the module has no such function, and when TVM
    refuses it; ConvertError for a NIR module that Relax cannot express.
    """
    return build(module, target, function=function, profile=profile, progress=progress).load()


def run(module: Any, inputs: Mapping[str, Any] | Sequence[Any], target: Any = "llvm") -> list[Array]:
    """Runs `main` of a Relax or NIR module, or what `compile` made of one, on arrays by parameter name, or in order.

    To run a module more than once, compile it once. Results and errors are those of `Compiled.run` and `compile`.
    """
    compiled = module if isinstance(module, Compiled) else compile(module, target)
    return compiled.run(inputs)
