"""Operations whose operands are all constants become constants."""

from __future__ import annotations

import numpy as np

from nir.errors import NirError
from nir.ir import ConstantData, Operation, Trait
from nir.ops.profiles import get_profile
from nir.passes.folding.editing import Sweep, maker

_LARGEST = 2**24
"""Elements of a result that is worked out at most, unless the operands are as large."""


def evaluate(sweep: Sweep, op: Operation) -> bool:
    """The rule for operations on constants of floats, and for those that only move elements. Integers that stand for
    real values are rescaled when the model runs, by the numeric profile.
    """
    operands = [maker(value, "const") for value in op.operands]
    if not operands or any(operand is None for operand in operands) or len(op.results) != 1:
        return False
    if Trait.CALLS in op.traits or op.name in ("foreign", "dequantize", "quantize", "requantize"):
        return False
    arrays = [operand.attributes["value"].array for operand in operands if operand is not None]
    moves = Trait.MOVES in op.traits
    parameters = {value.type.quantisation for value in op.operands if value is not None}
    if parameters != {None} and not (moves and parameters == {op.results[0].type.quantisation}):
        return False
    if op.results[0].type.size > max(_LARGEST, *(array.size for array in arrays)):
        return False
    try:
        outcome = op.reference(get_profile(), *arrays)
    except NirError:
        return False
    name = next((o.attributes["value"].name for o in operands if o is not None), None) if len(arrays) == 1 else None
    array = outcome[0] if isinstance(outcome, tuple) else outcome
    data = ConstantData(np.ascontiguousarray(array).reshape(array.shape), name)
    sweep.supersede(op, sweep.emit("const", like=op, type=op.results[0].type, value=data))
    return True
