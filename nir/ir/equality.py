"""Structural equality: do two modules say the same, whatever their values are called? If not, where first?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nir.ir.function import Function, Module
from nir.ir.operation import Operation
from nir.ir.values import Value
from nir.source import printable


@dataclass(frozen=True)
class Difference:
    """The first place where two modules differ; `str()` is a sentence for people."""

    where: str
    left: str
    right: str

    def __str__(self) -> str:
        return printable(f"{self.where}: {self.left} on the left, {self.right} on the right")


def same(left: Module | Function, right: Module | Function, *, names: bool = False) -> bool:
    """True where both are structurally equal. With `names`, value names must agree too."""
    return first_difference(left, right, names=names) is None


def first_difference(left: Module | Function, right: Module | Function, *, names: bool = False) -> Difference | None:
    """The first structural difference, or None.

    Compared are functions by name and order, types, operators, operands, attributes (constants by their bits)
    and results; not compared are locations, comments, whether a constant is inline or named, and, unless
    `names`, what values are called.
    """
    if isinstance(left, Function) and isinstance(right, Function):
        return _function_difference(left, right, names)
    if not isinstance(left, Module) or not isinstance(right, Module):
        return Difference("kind", type(left).__name__, type(right).__name__)
    if list(left.functions) != list(right.functions):
        return Difference("functions", _names(left), _names(right))
    for name, function in left.functions.items():
        difference = _function_difference(function, right.functions[name], names)
        if difference is not None:
            return difference
    return None


def _names(module: Module) -> str:
    return ", ".join("@" + name for name in module.functions) or "none"


def _function_difference(left: Function, right: Function, names: bool) -> Difference | None:
    where = f"@{left.name}"
    signatures = (
        ("number of parameters", len(left.parameters), len(right.parameters)),
        ("attributes", left.attributes, right.attributes),
        ("result types", left.result_types, right.result_types),
    )
    for what, expected, found in signatures:
        if expected != found:
            return Difference(f"{where}, {what}", str(expected), str(found))
    partner: dict[Value, Value] = {}
    for index, (mine, other) in enumerate(zip(left.parameters, right.parameters, strict=True)):
        partner[mine] = other
        difference = _value_difference(f"{where}, parameter {index}", mine, other, names)
        if difference is not None:
            return difference
    for index, (op, other_op) in enumerate(zip(left.operations, right.operations, strict=False)):
        difference = _operation_difference(f"{where}, operation {index}", op, other_op, partner, names)
        if difference is not None:
            return difference
        partner.update(zip(op.results, other_op.results, strict=True))
    if len(left.operations) != len(right.operations):
        return Difference(f"{where}, number of operations", str(len(left)), str(len(right)))
    return _operands_difference(f"{where}, returned value", left.results, right.results, partner)


def _operation_difference(
    where: str, left: Operation, right: Operation, partner: dict[Value, Value], names: bool
) -> Difference | None:
    if type(left) is not type(right):
        return Difference(where, _describe(left), _describe(right))
    where = f"{where} ({_describe(left)})"
    difference = _operands_difference(f"{where}, operand", left.operands, right.operands, partner)
    if difference is not None:
        return difference
    if left.attributes != right.attributes:
        for name in sorted({*left.attributes, *right.attributes}):
            mine, other = (op.attributes.get(name, "default") for op in (left, right))
            if mine != other and not (mine != mine and other != other):  # NaN is equal to itself here
                return Difference(f"{where}, attribute {name}", _written(mine), _written(other))
    if len(left.results) != len(right.results):
        return Difference(f"{where}, number of results", str(len(left.results)), str(len(right.results)))
    for index, (mine_value, other_value) in enumerate(zip(left.results, right.results, strict=True)):
        difference = _value_difference(f"{where}, result {index}", mine_value, other_value, names)
        if difference is not None:
            return difference
    return None


def _written(value: Any) -> str:
    """An attribute's value as the text has it, as far as `str` does not say so."""
    if isinstance(value, Enum):
        return str(value.value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _describe(op: Operation) -> str:
    return f"%{op.results[0].name} = {op.name}" if op.results and op.results[0].name else op.name


def _value_difference(where: str, left: Value, right: Value, names: bool) -> Difference | None:
    if left.type != right.type:
        return Difference(f"{where}, type", str(left.type), str(right.type))
    if names and left.name != right.name:
        return Difference(f"{where}, name", f"%{left.name}", f"%{right.name}")
    return None


def _operands_difference(
    where: str, left: Sequence[Value | None], right: Sequence[Value | None], partner: dict[Value, Value]
) -> Difference | None:
    if len(left) != len(right):
        return Difference(f"{where}s", f"{len(left)}", f"{len(right)}")
    for index, (mine, other) in enumerate(zip(left, right, strict=True)):
        if (partner.get(mine, mine) if mine is not None else None) is not other:
            return Difference(f"{where} {index}", repr(mine), repr(other))
    return None
