"""Many modules as one: compiling costs far more per module than per operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

import nir.tvm
from nir.interp import run
from nir.interp.plan import find_function
from nir.ir import Function, Module, Symbol, Value, copy_function
from nir.ops.control import Call
from nir.passes.nir_to_relax import nir_to_relax

Array: TypeAlias = "np.ndarray[Any, Any]"


def joined(modules: Sequence[Module]) -> Module:
    """A module whose `main` calls the main function of each, with the parameters and results of all."""
    functions: list[Function] = []
    main = Function("main")
    for index, module in enumerate(modules):
        for function in module:
            functions.append(_renamed(function, f"m{index}_"))
        entry = find_function(module, None)
        arguments = [Value(p.type, f"m{index}_{i}", None, i) for i, p in enumerate(entry.parameters)]
        call = Call.create(*arguments, callee=f"m{index}_{entry.name}", types=entry.result_types)
        main.parameters += arguments
        main.operations.append(call)
        main.results += call.results
    return Module([main, *functions])


def _renamed(function: Function, prefix: str) -> Function:
    """A copy in which it and the functions that it refers to have a prefix."""
    renamed = copy_function(function, prefix + function.name)
    for op in renamed.operations:
        op.attributes = {
            name: Symbol(prefix + value) if isinstance(value, Symbol) else value
            for name, value in op.attributes.items()
        }
    return renamed


def compiled_results(
    modules: Sequence[Module], inputs: Sequence[Mapping[str, Array]], profile: str
) -> list[list[Array]]:
    """The results of every module on its inputs, all compiled in one."""
    whole = joined(modules)
    arrays: dict[str, Array] = {}
    for index, (module, given) in enumerate(zip(modules, inputs, strict=True)):
        for i, parameter in enumerate(find_function(module, None).parameters):
            arrays[f"m{index}_{i}"] = given[str(parameter.name)]
    flat = iter(nir.tvm.compile(nir_to_relax(whole, profile=profile)).run(arrays))
    return [[next(flat) for _ in find_function(module, None).results] for module in modules]


def interpreted(module: Module, inputs: Mapping[str, Array], profile: str) -> list[Array]:
    """The interpreter's results."""
    return list(run(module, inputs, profile).values())
