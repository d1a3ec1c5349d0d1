"""Folding of quantize / dequantize islands: operators on floats between them become operators on stored integers.

    nir.passes.fold_qdq(module)

Importers of quantised models write `quantize(op(dequantize(x), ...))`. NIR's operators on quantised tensors mean the
same, with the numeric profile deciding the rounding, so that every such island becomes one operation:

1. a dequantize moves down past operators that only move or choose elements (sinking.py);
2. biases and padding go into the sums of products (nir.passes.folding);
3. a quantize moves up past the same operators and past bounds (hoisting.py);
4. an operator between both takes in its neighbours, if the verifier accepts the result (islands.py);
5. bounds on stored integers become fused activations (bounds.py).

An island whose operator has no quantised form stays as it is, which means the same.
"""

from __future__ import annotations

from nir.errors import require_type
from nir.garbage import collector_paused
from nir.ir import Function, Module
from nir.passes.folding.activations import fuse_activation, name_bounds, name_hard_swish
from nir.passes.folding.editing import sweep
from nir.passes.folding.padding import fold_padding
from nir.passes.folding.sums import fold_into_sum
from nir.passes.qdq.bounds import bound_by_activation
from nir.passes.qdq.hoisting import hoist_quantize
from nir.passes.qdq.islands import fold_island
from nir.passes.qdq.sinking import sink_dequantize


def fold_qdq(module: Module | Function) -> int:
    """Folds quantize / dequantize islands, in place; returns how many operations were replaced.

    Real values become integers where they did before, in the same order, so that a float computation between exact
    ones becomes one rounding, which the numeric profile does. What stays as it was before is exact.
    """
    require_type(module, (Module, Function), "a module", "nir.load reads a file")
    functions = [module] if isinstance(module, Function) else list(module)
    with collector_paused():
        return sum(_folded(function) for function in functions)


def _folded(function: Function) -> int:
    if not any(op.name in ("quantize", "dequantize") for op in function.operations):
        return 0
    count = sweep(function, name_bounds, name_hard_swish)
    count += sweep(function, sink_dequantize)
    count += sweep(function, fold_into_sum)
    count += hoist_quantize(function)
    count += sweep(function, fold_island)
    count += sweep(function, bound_by_activation, fuse_activation, fold_padding)
    return count


__all__ = ["fold_qdq"]
