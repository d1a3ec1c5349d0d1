"""Layer 4, quantisation: do scales and zero points make sense, and do they follow the operator's rules?

For every type: only integers are quantised; scales are finite, positive and as many as the axis has slices; zero
points can be stored. For every operation: the constraints of its class that look at quantisation hold, and results
follow their QuantisationRule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nir.ir import Constraint, ElementType, Operation, Quantisation, QuantisationRule, TensorType, float32_text
from nir.verify.findings import (
    Finding,
    operand_name,
    quantisation_text,
    result_name,
    type_text,
)
from nir.verify.operators import decide, violation

_RANGES = {element: (element.minimum, element.maximum) for element in ElementType if element.is_integer}

_FIXED_RULES = frozenset(
    {
        QuantisationRule.SAME,
        QuantisationRule.NONE,
        QuantisationRule.ONE,
        QuantisationRule.UNIT_256,
        QuantisationRule.UNIT_128,
    }
)
"""Rules that leave an operation no choice."""


def type_findings(type: TensorType, what: str, place: tuple[str, int]) -> Iterator[Finding]:
    """What is wrong with the quantisation of one type, by itself; `place` is the part that has this type."""
    quantisation = type.quantisation
    if quantisation is None:
        return
    if not type.element.is_integer:
        yield Finding(f"{what} is quantised, but only integers can be", at=(*place, "type"), found=type_text(type))
        return
    yield from _axis_findings(type, quantisation, what, place)
    for number, scale in enumerate(quantisation.scales):
        if not (math.isfinite(scale) and scale > 0):
            yield Finding(
                f"{what} has a scale that is no positive number",
                at=(*place, "scale" if quantisation.axis is None else "scales"),
                expected="a finite number > 0",
                found=float32_text(scale) + (f", number {number}" if quantisation.axis is not None else ""),
            )
            break
    for zero_point in quantisation.zero_points:
        low, high = _RANGES[type.element]
        if not low <= zero_point <= high:
            yield Finding(
                f"{what} has a zero point that cannot be stored",
                at=(*place, "zero_point" if quantisation.axis is None else "zero_points"),
                expected=f"{low} to {high}, the range of {type.element.value}",
                found=str(zero_point),
            )
            break


def _axis_findings(
    type: TensorType, quantisation: Quantisation, what: str, place: tuple[str, int]
) -> Iterator[Finding]:
    axis, scales, points = quantisation.axis, len(quantisation.scales), len(quantisation.zero_points)
    if axis is None:
        if scales != 1 or points != 1:
            yield Finding(
                f"{what} has several scales or zero points, but no axis",
                at=(*place, "type"),
                expected="1 scale and 1 zero point",
                found=f"{scales} and {points}",
            )
    elif not 0 <= axis < type.rank:
        yield Finding(
            f"{what} has a quantisation axis that is no dimension",
            at=(*place, "axis"),
            expected=("0", f"0 to {type.rank - 1}")[type.rank > 1]
            if type.rank
            else "no axis: a scalar has no dimensions",
            found=f"axis={axis} of {type_text(type.with_quantisation(None))}",
        )
    elif type.shape[axis] is not None and scales != type.shape[axis]:
        yield Finding(
            f"{what} has the wrong number of scales",
            at=(*place, "scales"),
            expected=f"{type.shape[axis]}, the size of dimension {axis}",
            found=str(scales),
        )
    elif scales != points:
        yield Finding(
            f"{what} has the wrong number of zero points",
            at=(*place, "zero_points"),
            expected=f"{scales}, one per scale",
            found=str(points),
        )


def is_well_formed(type: TensorType) -> bool:
    """True where the type's quantisation is right by itself."""
    quantisation = type.quantisation
    if quantisation is None:
        return True
    if quantisation.axis is None and len(quantisation.scales) == len(quantisation.zero_points) == 1:
        low, high = _RANGES.get(type.element, (1, 0))
        return low <= quantisation.zero_points[0] <= high and 0 < quantisation.scales[0] < math.inf
    return next(type_findings(type, "", ("type", 0)), None) is None


def quantisation_findings(op: Operation, constraints: Sequence[Constraint]) -> list[Finding]:
    """What is wrong with the quantisation of an operation whose operands and shapes are right; `constraints` are
    those of its class that look at quantisation.
    """
    found: list[Finding] = []
    for index, value in enumerate(op.results):
        if not is_well_formed(value.type):
            found.extend(type_findings(value.type, f"{op.name}: result '{result_name(op, index)}'", ("type", index)))
    if found:
        return found
    undecided: Exception | None = None
    for constraint in constraints:
        holds, error = decide(op, constraint)
        if not holds and error is None:
            found.append(violation(op, constraint))
        undecided = error or undecided
    found = found or list(_rule_findings(op))
    if undecided is not None and not found:
        raise undecided  # a mistake in the operator's class, not in the module
    return found


def _rule_findings(op: Operation) -> Iterator[Finding]:
    """Results whose quantisation is not what the class's rule makes it."""
    rules = op.result_fields
    last = len(rules) - 1
    for index, value in enumerate(op.results):
        rule = rules[index if index < last else last].quantisation
        if rule not in _FIXED_RULES:
            continue
        wanted = op.result_quantisation(index)
        if value.type.quantisation != wanted:
            yield Finding(
                f"{op.name}: result '{result_name(op, index)}' has the wrong quantisation; "
                f"it is to be {_rule_text(op, index, rule)}",
                at=("type", index),
                expected=quantisation_text(wanted),
                found=quantisation_text(value.type.quantisation),
            )


def _rule_text(op: Operation, index: int, rule: QuantisationRule) -> str:
    if rule is not QuantisationRule.SAME:
        return rule.value
    like = op.result_fields[min(index, len(op.result_fields) - 1)].like
    model = next((f.index for f in op.operand_fields if f.name == like), 0)
    return f"that of operand '{operand_name(op, model)}'"
