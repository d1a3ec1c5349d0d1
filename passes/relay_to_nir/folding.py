"""Calls whose arguments are all constants are worked out now, with Relay's numbers: their results are constants too.

Importers leave such calls behind: weights that are quantised or transposed in the graph, products of scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nir.errors import NirError
from nir.ir import Operation, Trait, Value
from nir.ops.constant import Const
from nir.ops.profiles import Profile, get_profile
from nir.passes.relay_to_nir.entry import NodeEntry
from nir.relay.ast import Constant

_LARGEST = 2**24
"""Elements of a result that is worked out at most, unless the arguments are as large."""


def folded(
    entries: Sequence[NodeEntry], operations: Sequence[Operation], results: Sequence[Value], profile: str = "relay"
) -> list[Constant] | None:
    """The constants that `results` are, when `operations` made them of `entries`; None where they are no constants,
    or are better worked out when the model runs. `profile` rounds them.
    """
    constants = [leaf.constant for entry in entries for leaf in entry.leaves()]
    if not constants or not results or any(constant is None for constant in constants):
        return None
    given = sum(constant.data.size for constant in constants if constant is not None)
    arrays = _evaluated(operations, max(given, _LARGEST), get_profile(profile))
    if arrays is None:
        return None
    name = next((constant.name for constant in constants if constant is not None and constant.name), None)
    made = [_array(value, arrays) for value in results]
    return (
        None
        if any(array is None for array in made)
        else [Constant(array, name=name) for array in made if array is not None]
    )


def _evaluated(operations: Sequence[Operation], limit: int, profile: Profile) -> dict[Value, np.ndarray] | None:
    """The results of operations that depend on constants alone; None where one of them cannot be worked out."""
    arrays: dict[Value, np.ndarray] = {}
    for op in operations:
        if Trait.CALLS in op.traits or op.name == "foreign" or any(value.type.size > limit for value in op.results):
            return None
        operands = [None if value is None else _array(value, arrays) for value in op.operands]
        if any(a is None and v is not None for a, v in zip(operands, op.operands, strict=True)):
            return None
        try:
            outcome = op.reference(profile, *operands)
        except NirError:
            return None
        arrays.update(zip(op.results, outcome if isinstance(outcome, tuple) else (outcome,), strict=True))
    return arrays


def _array(value: Value, arrays: dict[Value, np.ndarray]) -> np.ndarray | None:
    """The elements of a value: worked out here, or those of a constant that was there before."""
    if value in arrays:
        return arrays[value]
    return value.producer.value.array if isinstance(value.producer, Const) else None
