"""Arrays for the parameters of a function, in the range of the operators that read them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from nir.ir import Function, Operation, TensorType, Value
from nir.testing.choices import Choices
from nir.testing.contents import constant_array
from nir.testing.operator_hints import CONTENTS, LEADING
from nir.testing.operator_proposals import frame_of
from nir.testing.proposal import Proposal

Array: TypeAlias = "np.ndarray[Any, Any]"


def input_array(function: Function, parameter: Value, choices: Choices, unknown: int, special: bool) -> Array:
    """An array for one parameter; special floats are put in one place."""
    type = parameter.type.with_shape(unknown if size is None else size for size in parameter.shape)
    for op in function.operations:
        if parameter in op.operands:
            contents = _contents(op, op.operands.index(parameter), type, choices)
            if contents is not None:
                return contents
    array = constant_array(type, choices.below(256)).copy()
    if special and type.element.is_float and array.size and choices.flag():
        information = np.finfo(array.dtype)
        values = (np.nan, np.inf, -np.inf, information.max, information.tiny, -0.0, information.smallest_subnormal)
        array.flat[choices.below(array.size)] = choices.pick(values)
    return array


def _contents(op: Operation, index: int, type: TensorType, choices: Choices) -> Array | None:
    """Elements in the range that this operand is to have, or None where any will do."""
    fields = op.operand_fields
    names = [fields[min(place, len(fields) - 1)].name for place in range(len(op.operands))]
    make = CONTENTS.get((op.name, names[index])) if names else None
    if make is None:
        return None
    primary = frame_of(type_of(op)).primary
    proposal = Proposal(type_of(op), choices, type.element, primary, names=names)
    proposal.attributes = {name: getattr(op, name) for name in op.attribute_fields}
    proposal.shapes = [None if v is None else tuple(size or 1 for size in v.shape) for v in op.operands]
    leading = LEADING.get(op.name)
    if leading is not None and proposal.shape:
        proposal.sizes[leading] = proposal.shape[0]
    made = make(np.random.default_rng(choices.below(8)), type, proposal)
    return np.asarray(made).astype(type.element.numpy)


def type_of(op: Operation) -> type[Operation]:
    """The operator of an operation."""
    return type(op)
