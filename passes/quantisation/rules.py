"""Which tensors of an operation have the same scale and zero point.

They follow from the operator's class: the rule of its results, and whether it only moves elements. What an operator
does otherwise stands in a small table here. Nothing here walks a graph.
"""

from __future__ import annotations

from collections.abc import Collection

from nir.ir import Operation, QuantisationRule, Trait, Value

_MOVED_OPERANDS: dict[str, tuple[int, ...]] = {"gather": (0,), "embedding_lookup": (1,), "hashtable_lookup": (2,)}
"""Operands that are moved, of operators that have other operands (indices) of the same element type."""

_DEFAULTS = frozenset(
    {
        QuantisationRule.SAME_BY_DEFAULT,
        QuantisationRule.UNIT_256,
        QuantisationRule.UNIT_128,
        QuantisationRule.UNIT_256_BY_DEFAULT,
        QuantisationRule.UNIT_128_BY_DEFAULT,
    }
)
"""Rules by which parameters of a result follow from the operands being quantised at all."""


def shared(op: Operation, raw: Collection[Operation] = ()) -> list[Value]:
    """The operands and results of `op` that have the same parameters; none or one where nothing is tied.

    An operation in `raw` is known to handle stored integers as they are: all its tensors of one type are tied, even
    where the operator could rescale (concatenation, maximum, select).
    """
    if op in raw:
        return _together(op)
    results = [
        value
        for index, value in enumerate(op.results)
        if op.result_fields[min(index, len(op.result_fields) - 1)].quantisation is QuantisationRule.SAME
    ]
    model = _model(op)
    if not results or model is None:
        return []
    if Trait.MOVES in op.traits and op.operand_fields[0].variadic:
        return _together(op)
    return _integers([model, *results], model)


def follows(op: Operation) -> bool:
    """True where a result that has no parameters takes them from the operator's rule, once its operand has some."""
    return any(field.quantisation in _DEFAULTS for field in op.result_fields)


def _together(op: Operation) -> list[Value]:
    """All operands that are data, and all results, of the element type of the first operand that is data."""
    indices = _MOVED_OPERANDS.get(op.name, range(len(op.operands)))
    data = [op.operands[index] for index in indices]
    values = [value for value in data if value is not None and value.element.is_integer]
    return _integers([*values, *op.results], values[0]) if values else []


def _integers(values: list[Value], model: Value) -> list[Value]:
    """Those of `values` that are integers of the type of `model`, each once."""
    return [value for value in dict.fromkeys(values) if value.element is model.element and value.element.is_integer]


def _model(op: Operation) -> Value | None:
    """The operand that results of the rule SAME are like: the first, or the one that the result field names."""
    like = op.result_fields[0].like
    index = next((field.index for field in op.operand_fields if field.name == like), 0)
    return op.operands[index] if index < len(op.operands) else None
