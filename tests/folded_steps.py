"""How far each folded operator is from what it was folded from, given the same inputs: rounding, without what follows of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import nir
from nir.interp import Trace
from nir.ops.profiles import get_profile

_ORDER = "keep"  # images lie alike in both modules


class Steps(NamedTuple):
    """The largest difference in steps, and how many of the elements differ."""

    steps: int
    differing: int
    total: int


def steps_by_operator(relax_module: Any, inputs: list[np.ndarray[Any, Any]], profile: str) -> dict[str, Steps]:
    """How each quantised operation differs, by the name of its result.

    The module is run unfolded, as floats between quantize and dequantize. Each folded operation then takes the values
    that its operands had there (its own where they have none), and is compared with the value that its result had.
    """
    folded = nir.passes.relax_to_nir(relax_module, layout=_ORDER)
    trace = Trace(arrays=True)
    nir.run(nir.passes.relax_to_nir(relax_module, layout=_ORDER, fold=False), inputs, profile="tvm", trace=trace)
    recorded = {record.name: record.array for record in trace.records}
    (main,) = folded
    values: dict[Any, Any] = dict(zip(main.parameters, inputs, strict=True))
    found = {}
    for op in main.operations:
        operands = [None if value is None else values[value] for value in op.operands]
        results = op.reference(get_profile(profile), *operands)
        (array,) = results if isinstance(results, (list, tuple)) else (results,)
        (result,) = op.results
        known = recorded.get(str(result.name))
        matches = known is not None and known.shape == array.shape and known.dtype == array.dtype
        if matches and result.type.quantisation is not None and op.name != "const":
            distance = np.abs(array.astype(int) - known.astype(int))
            steps = Steps(int(distance.max()), np.count_nonzero(distance), distance.size)
            found[f"{op.name} {result.name}"] = steps
        values[result] = known if matches and op.name != "const" else array
    return found
