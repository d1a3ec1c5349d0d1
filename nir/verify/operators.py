"""Layer 3, operators: do the types of operands and results fit what the operator's class says?

In this order: element types and ranks of operands; element types of results; the class's constraints; inferred
against declared result shapes, where `?` goes with any size. A constraint that looks at quantisation belongs to
layer 4; which ones do is found out by watching them (watching.py). Nothing here depends on anything but the class,
types and attributes of an operation: constraints and inference are run on a copy that has nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from nir.ir import Constraint, InferenceError, Operation, Value
from nir.verify.findings import (
    Finding,
    alternatives,
    count,
    elements_text,
    list_text,
    operand_name,
    part_of_field,
    result_name,
    shape_text,
    type_text,
    value_text,
)
from nir.verify.structure import shapes_fit
from nir.verify.watching import Watched, fields_read

_MOST_SHOWN = 8
"""Operands, results and attributes that a message describes at most."""


class OperatorFindings(NamedTuple):
    """What layer 3 finds, the constraints that it leaves to layer 4, and whether all operations that differ from
    this one in quantisation only come out alike (shapes should never depend on it).
    """

    found: list[Finding]
    left: tuple[Constraint, ...] = ()
    general: bool = False


def operator_findings(op: Operation) -> OperatorFindings:
    """What is wrong with the element types, ranks and shapes of an operation whose structure is right."""
    found = [*_operand_findings(op), *_result_element_findings(op)]
    if found:
        return OperatorFindings(found)
    watched = Watched(op)
    about_quantisation: list[Constraint] = []
    undecided: Exception | None = None
    for constraint in op.constraints:
        holds, error = decide(watched.operation, constraint)
        if watched.saw_quantisation():
            about_quantisation.append(constraint)
        elif error is not None:
            undecided = error
        elif not holds:
            found.append(violation(op, constraint))
    if not found:
        found = list(_shape_findings(op, watched.operation))
    if undecided is not None and not found:
        raise undecided  # a mistake in the operator's class, not in the module
    return OperatorFindings(found, tuple(about_quantisation), not found and not watched.saw_quantisation())


def decide(op: Operation, constraint: Constraint) -> tuple[bool, Exception | None]:
    """Whether a constraint holds, or why that cannot be decided.

    A constraint may take for granted that shapes fit; where they do not, it stumbles, and inference says why.
    """
    try:
        return constraint.check(op), None
    except (InferenceError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        return False, error


def violation(op: Operation, constraint: Constraint) -> Finding:
    """The finding for a constraint that does not hold."""
    return Finding(
        f"{op.name}: {constraint.label} does not hold: {constraint.sentence}",
        at=part_of_field(op, constraint.at),
        found=_actual(op, constraint),
        rule=constraint.label,
    )


def _actual(op: Operation, constraint: Constraint) -> str | None:
    """What the fields that a constraint looks at actually are: `data is tensor<...>, axis = 3`."""
    names = fields_read(op, constraint)
    values = [*(f.name for f in op.operand_fields), *(f.name for f in op.result_fields)]
    parts = {name: _described(name, getattr(op, name)) for name in values}
    parts.update({name: f"{name} = {value_text(getattr(op, name))}" for name in op.attribute_fields})
    shown = [name for name in parts if name in names]
    if len(shown) > _MOST_SHOWN:
        shown.sort(key=lambda name: name != constraint.at)  # the one pointed at is not to be left out
    return _first([parts[name] for name in shown]) or None


def _first(parts: list[str]) -> str:
    """The parts joined by commas, those beyond the first eight only counted."""
    left_out = len(parts) - _MOST_SHOWN
    return ", ".join([*parts[:_MOST_SHOWN], *([f"and {left_out} more"] if left_out > 0 else [])])


def _described(name: str, value: Any) -> str:
    if isinstance(value, Value):
        return f"{name} is {type_text(value.type)}"
    if value is None:
        return f"{name} is left out"
    types = list_text(type_text(v.type) if v is not None else "none" for v in value)
    return f"{name} are {types}"


def _operand_findings(op: Operation) -> Iterator[Finding]:
    last = len(op.operand_fields) - 1
    for index, value in enumerate(op.operands):
        if value is None:
            continue
        operand_field = op.operand_fields[min(index, last)]
        if value.type.element not in operand_field.elements:
            yield Finding(
                f"{op.name}: operand '{operand_name(op, index)}' has the wrong element type",
                at=("operand", index),
                expected=elements_text(operand_field.elements),
                found=type_text(value.type),
            )
        elif operand_field.ranks is not None and value.type.rank not in operand_field.ranks:
            yield Finding(
                f"{op.name}: operand '{operand_name(op, index)}' has the wrong rank",
                at=("operand", index),
                expected=f"rank {alternatives([str(rank) for rank in operand_field.ranks])}",
                found=f"rank {value.type.rank}, {type_text(value.type)}",
            )


def _result_element_findings(op: Operation) -> Iterator[Finding]:
    last = len(op.result_fields) - 1
    for index, value in enumerate(op.results):
        result_field = op.result_fields[min(index, last)]
        element = value.type.element
        if result_field.elements is not None:
            if element not in result_field.elements:
                yield Finding(
                    f"{op.name}: result '{result_name(op, index)}' has the wrong element type",
                    at=("type", index),
                    expected=elements_text(result_field.elements),
                    found=type_text(value.type),
                )
            continue
        model_index = next((f.index for f in op.operand_fields if f.name == result_field.like), 0)
        model = op.operands[model_index] if model_index < len(op.operands) else None
        if model is not None and element is not model.type.element:
            yield Finding(
                f"{op.name}: result '{result_name(op, index)}' has another element type than operand "
                f"'{operand_name(op, model_index)}'",
                at=("type", index),
                expected=model.type.element.value,
                found=type_text(value.type),
            )


def _shape_findings(op: Operation, watched: Operation) -> Iterator[Finding]:
    try:
        shapes = watched.infer_shapes()
    except InferenceError as error:
        yield Finding(f"{op.name}: {error}", at=part_of_field(op, error.at), found=_operands_text(op))
        return
    if len(shapes) != len(op.results):
        yield Finding(
            f"{op.name}: the wrong number of results",
            at="result",
            expected=count(len(shapes), "result"),
            found=count(len(op.results), "result"),
        )
        return
    for index, (shape, value) in enumerate(zip(shapes, op.results, strict=True)):
        if not shapes_fit(shape, value.type.shape):
            yield Finding(
                f"{op.name}: result '{result_name(op, index)}' has another shape than its operands give",
                at=("type", index, "shape"),
                expected=shape_text(shape),
                found=shape_text(value.type.shape),
            )


def _operands_text(op: Operation) -> str | None:
    """`operands are tensor<...>, tensor<...>`."""
    types = [type_text(value.type) if value is not None else "none" for value in op.operands]
    if not types:
        return None
    return f"{'operand is' if len(types) == 1 else 'operands are'} {_first(types)}"
