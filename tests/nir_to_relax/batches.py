"""Many modules as one: compiling costs far more per module than per operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

import nir.tvm
from nir.interp import run
from nir.interp.plan import find_function
from nir.ir import Module
from nir.passes.nir_to_relax import nir_to_relax
from nir.testing.fuzzing.back_end_oracles import joined

Array: TypeAlias = "np.ndarray[Any, Any]"


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
