"""Folding: what can be worked out before the model runs, is; and what follows a sum of products becomes part of it.

    nir.passes.fold_constants(module)

Rules look at one operation each (sums.py, padding.py, activations.py, evaluation.py, moves.py); editing.py walks. All of them
keep the meaning: floats up to rounding of the folded constants, integers to the bit.
"""

from __future__ import annotations

from nir.errors import require_type
from nir.garbage import collector_paused
from nir.ir import Function, Module
from nir.passes.folding.activations import fuse_activation, name_bounds, name_hard_swish
from nir.passes.folding.editing import sweep
from nir.passes.folding.evaluation import evaluate
from nir.passes.folding.moves import merge_reshapes, name_movement
from nir.passes.folding.padding import fold_padding
from nir.passes.folding.sums import fold_into_sum

_MOST_ROUNDS = 4

_RULES = (
    evaluate,
    merge_reshapes,
    name_movement,
    name_bounds,
    name_hard_swish,
    fold_into_sum,
    fold_padding,
    fuse_activation,
)


def fold_constants(module: Module | Function) -> int:
    """Folds, in place, what is constant: operations on constants, biases and normalisations into the sums of products
    before them, padding and activations into their neighbours. Returns how many operations were replaced.
    """
    require_type(module, (Module, Function), "a module", "nir.load reads a file")
    functions = [module] if isinstance(module, Function) else list(module)
    with collector_paused():
        return sum(_folded(function) for function in functions)


def _folded(function: Function) -> int:
    count = 0
    for _ in range(_MOST_ROUNDS):
        done = sweep(function, *_RULES)
        count += done
        if not done:
            break
    return count


__all__ = ["fold_constants"]
